/* What a detector finds on images, and how good that is. */
#ifndef CREAM_CORE_DETECT_EVALUATE_H
#define CREAM_CORE_DETECT_EVALUATE_H

#include "core/cluster/cluster.h"
#include "core/detect/coco_eval.h"
#include "core/detect/decode.h"
#include "core/net/net.h"
#include "evaluate.h"

/* Of the settings. */
cream_detect_limits cream_detect_limits_of(const cream_detect_config *);

/* Decodes the outputs of a network for batches. */
typedef struct cream_detector {
  cream_net *net; /* not owned */
  cream_detect_limits limits;
  cream_detect_grid grid;
  float (*anchors)[4];
  float *outputs; /* of a batch */
} cream_detector;

/* On failure nothing stays allocated; destroy takes a zeroed one too. */
cream_status cream_detector_init(cream_detector *, cream_net *, const cream_detect_limits *, cream_error *);
void cream_detector_destroy(cream_detector *);

/* Detections on a batch of a source that is not augmented, in pixels of the original images: of image i
 * boxes[i * limits.detections] and those that follow, counts[i] of them. */
cream_status cream_detector_run(cream_detector *, const cream_box_source *, const cream_box_batch *,
                                cream_box *boxes, int32_t *counts, cream_error *);

/* Detections on all images of a source, in pixels of the original images. */
typedef struct cream_detections {
  size_t images;
  cream_box *boxes;
  size_t *first; /* [images+1] */
} cream_detections;
void cream_detections_free(cream_detections *);

/* By all ranks, with the same result: each runs some of the batches. NULL: alone. The net must take batches of
 * source->batch. */
cream_status cream_detect_all(cream_cluster *, cream_net *, cream_box_source *, const cream_detect_limits *,
                              cream_detections *, cream_error *);

/* AP and AP50 of what was measured on so many images. */
cream_score cream_detect_score_of(const cream_coco_result *, size_t images);
/* The score of detections: AP and AP50 of COCO. truth: the same images in the same order; its detections are not read. */
cream_status cream_detect_score(const cream_coco_input *truth, const cream_detections *, cream_score *,
                                cream_error *);

#endif
