/* The images of a run: the data set, its split, and sources of batches. */
#ifndef CREAM_TOOLS_RUN_DATA_H
#define CREAM_TOOLS_RUN_DATA_H

#include "io/dataset/data.h"
#include "io/dataset/loader.h"
#include "io/dataset/skipped_images.h"

/* The held-out images come out of the training part; both lists of indices are sorted. */
typedef struct run_data {
  cream_dataset *dataset;
  cream_skipped *skipped; /* unreadable images, printed on stderr */
  cream_augment_config augment;
  int workers; /* threads that make the batches of a source */
  uint32_t *heldout, *rest;
  size_t n_heldout, n_rest;
} run_data;

/* Opens config->data and draws config->heldout of its training images by config->seed. */
cream_status run_data_open(const cream_config *, run_data *, cream_error *);
void run_data_close(run_data *);
/* Sources of batches: training (shuffled, augmented), held out, test. Ended by cream_source_destroy. */
cream_status run_train_source(const run_data *, const cream_config *, int batch, int side, cream_source **,
                              cream_error *);
cream_status run_heldout_source(const run_data *, int batch, int side, cream_source **, cream_error *);
cream_status run_test_source(const run_data *, int batch, int side, cream_source **, cream_error *);

#endif
