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
  uint32_t *tested; /* indices of the test part; NULL: all */
  size_t n_tested;
  cream_dataset original;       /* the data set before run_data_relabel */
  int32_t *labels[CREAM_PARTS]; /* of run_data_relabel */
  char **class_names;
} run_data;

/* Opens config->data, prints its notes on stderr, and draws config->heldout of its training images by config->seed.
 * CREAM_BAD_DATA where the set cannot be used for a training: no training images, or only one class. */
cream_status run_data_open(const cream_config *, run_data *, cream_error *);
/* The same for a test, which needs test images only. */
cream_status run_data_open_to_test(const cream_config *, run_data *, cream_error *);
/* Takes a data set that is open, which run_data_close ends (also here after a failure), splits it and prints its notes. */
cream_status run_data_take(const cream_config *, cream_dataset *, run_data *, cream_error *);
/* Gives class c of the data the label label_of[c] among `classes` classes with these names, which are copied. Images of
 * classes with the label -1 are left out of all sources. CREAM_BAD_DATA: no test image remains. */
cream_status run_data_relabel(run_data *, const int *label_of, const char *const *names, int classes,
                              cream_error *);
/* Normalises the images with the mean and the deviation that are in the metadata of config->weights, if there are any; a line
 * on stderr says so where the data has others. Before sources are made. */
cream_status run_data_normalise_for(const cream_config *, run_data *, cream_error *);
/* The same with a mean and a deviation that are known. */
void run_data_normalise(run_data *, const float mean[3], const float std[3]);
/* Makes the relative paths of data, space, weights and tables absolute, so that the settings of a run have the same
 * meaning in any current folder. */
void run_absolute_paths(cream_config *);
void run_data_close(run_data *);
/* Sources of batches: training (shuffled, augmented), held out, test. Ended by cream_source_destroy. */
cream_status run_train_source(const run_data *, const cream_config *, int batch, int side, cream_source **,
                              cream_error *);
cream_status run_heldout_source(const run_data *, int batch, int side, cream_source **, cream_error *);
cream_status run_test_source(const run_data *, int batch, int side, cream_source **, cream_error *);

#endif
