/* Networks as ONNX models, through ONNX's own schema (io/weights/onnx.proto). docs/export.md describes them. */
#ifndef CREAM_IO_ONNX_H
#define CREAM_IO_ONNX_H

#include "core/net/net.h"
#include "safetensors.h"

/* Of ONNX 1.12 (2022): what is written needs no newer one. */
enum { CREAM_ONNX_OPSET = 17, CREAM_ONNX_IR = 8 };

/* Writes a path of a folded network (core/net/fold.h) atomically: input "input" [batch, 3, side, side],
 * normalised; output "logits" [batch, classes]; weights under their names of the parameter table, folded; the
 * metadata as metadata_props. The same network and metadata give the same bytes. CREAM_FAILED for a model of
 * 2 GB or more, which one file cannot hold. */
cream_status cream_onnx_save(const char *path, const cream_net *, const cream_path *,
                             const cream_pair *metadata, int n_metadata, cream_error *);

#endif
