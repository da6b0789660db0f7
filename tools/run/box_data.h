/* The images with boxes of a run: the data set, its split, and sources of batches. */
#ifndef CREAM_TOOLS_BOX_DATA_H
#define CREAM_TOOLS_BOX_DATA_H

#include "core/detect/coco_eval.h"
#include "core/detect/spec.h"
#include "io/detect/box_loader.h"
#include "run_data.h"

/* A set of images with boxes as one of images with labels: an image has the label of its first box (0 without boxes), and
 * its boxes are drawn on it, so that the set's fingerprint is also that of the boxes. */
typedef struct box_images {
  cream_dataset base;
  const cream_box_set *set;
  int32_t *labels[CREAM_PARTS];
} box_images;

typedef struct box_data {
  cream_box_set *set;
  box_images as_images;
  run_data images; /* names, counts, split and normalisation, for what is the same in all runs */
  struct {         /* of the held-out images; boxes are those of the set */
    cream_coco_input input;
    cream_box *boxes;
    double *areas;
    size_t *first;
  } truth;
} box_data;

/* Opens config->data, prints its notes on stderr, and draws config->heldout of its training images by config->seed. Ended by
 * box_data_close, also after a failure; zeroed before. */
cream_status box_data_open(const cream_config *, cream_box_use, box_data *, cream_error *);
void box_data_close(box_data *);
/* Normalises the images as data->images does. Before sources are made. */
void box_data_normalise(box_data *);

/* A line on stderr where the smallest anchors are too large for many boxes of the training part, resized to `side` pixels: a
 * square of 0.63 of an anchor's side has an IoU of 0.4 with it, and counts as background below (cream_detect_match). */
void box_data_warn_of_small(const box_data *, const cream_detect_spec *, int side);

/* Sources of batches; ended by cream_box_source_destroy. Without held-out images *source is NULL. */
cream_status box_data_train_source(const box_data *, const cream_config *, int batch, int side,
                                   cream_box_source **source, cream_error *);
cream_status box_data_heldout_source(const box_data *, int batch, int side, cream_box_source **source,
                                     cream_error *);
cream_status box_data_test_source(const box_data *, int batch, int side, cream_box_source **source,
                                  cream_error *);

#endif
