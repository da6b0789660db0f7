/* Random boxes for the images of bench_data, and the steps of a detector with them. */
#ifndef CREAM_TOOLS_BENCH_BOXES_H
#define CREAM_TOOLS_BENCH_BOXES_H

#include "core/train/detect_evaluate.h"
#include "core/train/train_boxes.h"

/* Boxes of an image: COCO's mean is 7.3. */
enum { BENCH_BOXES = 7 };

typedef struct bench_boxes {
  cream_train_boxes losses; /* of a net that trains */
  cream_detector detector;  /* of one for inference */
  cream_box_source source;
  cream_box *boxes, *found;
  size_t *first;
  float (*scale)[2], (*offset)[2];
  int32_t (*size)[2], *counts;
  const uint8_t *pixels; /* not owned */
} bench_boxes;

/* For a net whose skeleton is a detector and batches of up to `batch` images. bench_boxes_close takes a zeroed one too, and
 * one that failed to open. A backend that only counts memory will do. */
cream_status bench_boxes_open(bench_boxes *, cream_net *, const cream_source *images, const uint8_t *pixels,
                              int batch, bool train, uint64_t seed, cream_error *);
void bench_boxes_close(bench_boxes *);
/* Uploads n images with their boxes, and computes outputs and losses: what a backward pass needs. */
void bench_boxes_forward(bench_boxes *, cream_train *, const cream_path *, int n);
/* Detections on n images. */
cream_status bench_boxes_detect(bench_boxes *, int n, cream_error *);

#endif
