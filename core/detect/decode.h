/* From the outputs of a detector to detections. */
#ifndef CREAM_CORE_DETECT_DECODE_H
#define CREAM_CORE_DETECT_DECODE_H

#include "anchors.h"

typedef struct cream_detect_limits {
  float score;    /* detections score more; RetinaNet: 0.05 */
  int candidates; /* of a level, the best; 1,000 */
  float overlap;  /* IoU with a better detection of the same class, at most; 0.5 */
  int detections; /* of an image, the best; 100 */
} cream_detect_limits;

/* The published numbers above. */
cream_detect_limits cream_detect_limits_default(void);

/* What a detector gave for a batch, on the host. */
typedef struct cream_detect_outputs {
  const cream_detect_spec *spec;
  const cream_detect_grid *grid;
  const float (*anchors)[4];
  int n, classes;
  const float *logits;      /* [entries][classes] */
  const float (*deltas)[4]; /* [entries] */
} cream_detect_outputs;

/* Detections of image i, best first, in pixels of the input, cut to width x height: at most limits->detections boxes, for
 * which `boxes` has room. Of equal scores the one of the earlier level, anchor and class is better. *count: their number.
 * CREAM_FAILED: no memory. */
cream_status cream_detect_decode_image(const cream_detect_outputs *, const cream_detect_limits *, int i,
                                       float width, float height, cream_box *boxes, int *count,
                                       cream_error *);

/* Non-maximum suppression by class of `count` boxes, best first: keeps, in their order, those whose IoU with every better
 * kept box of the same label is at most `overlap`, `most` of them. Returns their number. */
int cream_detect_suppress(cream_box *boxes, int count, float overlap, int most);

#endif
