/* The losses of a detector in a training step: matches the boxes of a batch with anchors on the host, and computes the
 * losses on the device. */
#ifndef CREAM_CORE_TRAIN_BOXES_H
#define CREAM_CORE_TRAIN_BOXES_H

#include "core/base/boxes.h"
#include "core/detect/match.h"
#include "train.h"

typedef struct cream_train_boxes {
  cream_backend *backend;
  cream_net *net;
  cream_box_loss terms; /* labels and targets: owned */
  cream_detect_matching matching;
  cream_detect_grid grid;
  float (*anchors)[4]; /* of the net's resolution */
  float *scratch;
  int32_t *match, *labels; /* of an image; of a batch */
  float (*targets)[CREAM_DETECT_TARGET];
} cream_train_boxes;

/* RetinaNet's: alpha 0.25, gamma 2, L1 (retina); smooth L1 with beta 0.1 (lite); IoU 0.5 and 0.4. */
cream_box_loss cream_train_boxes_terms(cream_detect_kind);
cream_detect_matching cream_train_boxes_matching(void);

/* For batches of up to `batch` images at the net's resolution. On failure nothing stays allocated; destroy takes a zeroed
 * one too. A backend that only counts memory will do. */
cream_status cream_train_boxes_init(cream_train_boxes *, cream_net *, int batch, const cream_box_loss *terms,
                                    const cream_detect_matching *, cream_error *);
void cream_train_boxes_destroy(cream_train_boxes *);

/* Uploads images and what is to be found on them. Returns the images [n,H,W,3], normalised, in the net's own memory. */
cream_tensor cream_train_boxes_upload(cream_train_boxes *, const cream_box_source *, const cream_box_batch *);
/* The losses of outputs of the images that were uploaded last: their gradient to the net's dlogits, and result [4] as
 * box_loss writes it (cream_train.result: cream_train_result then reports loss, hard = classes, soft = boxes). */
void cream_train_boxes_loss(cream_train_boxes *, cream_buf outputs, int n, cream_buf result);

#endif
