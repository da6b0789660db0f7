/* Non-maximum suppression at the end of a detector's ONNX model. */
#ifndef CREAM_IO_ONNX_SUPPRESS_H
#define CREAM_IO_ONNX_SUPPRESS_H

#include "core/detect/anchors.h"
#include "core/detect/decode.h"
#include "onnx_build.h"

/* At most: for each level, and after all of them. */
enum {
  ONNX_SUPPRESS_NODES = 6 * CREAM_DETECT_LEVELS + 25,
  ONNX_SUPPRESS_INITIALIZERS = 16,
  ONNX_SUPPRESS_OUTPUTS = 4
};

/* The values of the initializers, which live as long as the model. */
typedef struct onnx_suppress {
  onnx_model *onnx;
  cream_detect_limits limits;
  int64_t candidates, detections, flat[2], rows[3], axis[2], anchors, none;
  float nothing, zero;
} onnx_suppress;

/* anchors, classes: of an image, and of an anchor. */
void onnx_suppress_init(onnx_suppress *, onnx_model *, const cream_detect_limits *, size_t anchors,
                        int classes);
/* Logits of a level [batch, anchors, classes] without those that are no candidates, of which there are more than
 * limits.candidates; the others are minus infinity. */
char *onnx_suppress_level(onnx_suppress *, int level, char *logits);
/* From boxes [batch, anchors, 4] and scores [batch, anchors, classes] to the outputs `count` [batch], `boxes` [batch, n, 4],
 * `scores` [batch, n] and `classes` [batch, n] with n = limits.detections: of each image the best, best first; rows from
 * `count` on are 0, of the class -1. */
void onnx_suppress_add(onnx_suppress *, char *boxes, char *scores,
                       onnx_output outputs[ONNX_SUPPRESS_OUTPUTS]);

#endif
