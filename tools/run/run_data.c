#include "run_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_skipped(void *context, cream_part part, size_t index, const char *line) {
  (void)context, (void)part, (void)index;
  fprintf(stderr, "skipped: %s\n", line);
}

/* A data set that makes its own small images needs one thread; others get one for each thread that trains. */
static int workers_for(const cream_config *config, const cream_dataset *dataset) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int threads = config->threads ? config->threads : (int)cores;
  return dataset->decode ? 1 : threads < 1 ? 1 : threads > 64 ? 64 : threads;
}

cream_status run_data_open(const cream_config *config, run_data *data, cream_error *err) {
  memset(data, 0, sizeof *data);
  cream_status status = cream_dataset_open(config->data, &data->dataset, err);
  if (status != CREAM_OK) return status;
  data->augment = config->augment;
  data->workers = workers_for(config, data->dataset);
  size_t count = data->dataset->count[CREAM_PART_TRAIN];
  data->n_heldout = (size_t)llround(config->heldout * (double)count);
  data->n_rest = count - data->n_heldout;
  data->heldout = malloc((data->n_heldout + 1) * sizeof *data->heldout);
  data->rest = malloc((data->n_rest + 1) * sizeof *data->rest);
  status = data->heldout && data->rest ? cream_skipped_create(data->dataset, config->max_bad, print_skipped,
                                                              NULL, &data->skipped, err)
                                       : cream_fail_memory(err, count * sizeof *data->rest, "the split");
  if (status != CREAM_OK) {
    run_data_close(data);
    return status;
  }
  cream_split(data->dataset->labels[CREAM_PART_TRAIN], count, data->dataset->classes, config->seed,
              data->n_heldout, data->heldout, data->rest);
  return CREAM_OK;
}

void run_data_close(run_data *data) {
  cream_skipped_destroy(data->skipped);
  if (data->dataset) data->dataset->destroy(data->dataset);
  free(data->heldout);
  free(data->rest);
  memset(data, 0, sizeof *data);
}

static cream_status open_source(const run_data *data, cream_loader_options *options, cream_source **source,
                                cream_error *err) {
  options->transforms = &data->augment;
  options->skipped = data->skipped;
  return cream_loader_create(data->dataset, options, source, err);
}

cream_status run_train_source(const run_data *data, const cream_config *config, int batch, int side,
                              cream_source **source, cream_error *err) {
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = data->rest,
                                  .count = data->n_rest,
                                  .batch = batch,
                                  .side = side,
                                  .seed = config->seed,
                                  .train = true,
                                  .augment = config->augment.enabled,
                                  .workers = data->workers};
  return open_source(data, &options, source, err);
}

cream_status run_heldout_source(const run_data *data, int batch, int side, cream_source **source,
                                cream_error *err) {
  if (data->n_heldout == 0)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "heldout: none of the %zu training images are held out, expected some; raise heldout",
                      data->n_rest);
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = data->heldout,
                                  .count = data->n_heldout,
                                  .batch = batch,
                                  .side = side,
                                  .workers = data->workers};
  return open_source(data, &options, source, err);
}

cream_status run_test_source(const run_data *data, int batch, int side, cream_source **source,
                             cream_error *err) {
  cream_loader_options options = {
      .part = CREAM_PART_TEST, .batch = batch, .side = side, .workers = data->workers};
  return open_source(data, &options, source, err);
}
