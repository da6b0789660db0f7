/* Exports networks as ONNX models, with ONNX's own schema (io/weights/onnx.proto). See docs/export.md. */
#ifndef CREAM_IO_ONNX_H
#define CREAM_IO_ONNX_H

#include "core/detect/decode.h"
#include "core/net/net.h"
#include "safetensors.h"

/* The versions of ONNX 1.12 (2022), the oldest that the models need. */
enum { CREAM_ONNX_OPSET = 17, CREAM_ONNX_IR = 8 };

/* Writes a path of a folded network (core/net/fold.h) atomically. The input is "input" [batch, 3, side, side], normalised;
 * the output is "logits" [batch, classes]; the folded weights have their names of the parameter table; the metadata become
 * metadata_props. A detector has the outputs "boxes" [batch, anchors, 4] (x1, y1, x2, y2 in pixels of the input, cut to it)
 * and "scores" [batch, anchors, classes] (probabilities), image by image in the order of core/detect/anchors.h. With
 * `suppress`, its detections by these limits: "count" [batch], "boxes" [batch, n, 4], "scores" [batch, n] and "classes"
 * [batch, n] for n = limits.detections (onnx_suppress.h); it then has a second input, "size" [batch, 2], the width and height
 * of each image in the input, to which boxes are cut. NULL: without. The same network and metadata give the same bytes.
 * CREAM_FAILED for a model of 2 GB or more, which one file cannot hold. */
cream_status cream_onnx_save(const char *path, const cream_net *, const cream_path *,
                             const cream_detect_limits *suppress, const cream_pair *metadata, int n_metadata,
                             cream_error *);

#endif
