#include "int8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/base/parallel.h"
#include "jobs.h"

#define WORD(name, word) [CREAM_CALIBRATION_##name] = word,
const char *const int8_calibrations[] = {CREAM_CALIBRATIONS(WORD) NULL};
#undef WORD

cream_status int8_check(const int8_options *options, cream_config *config, cream_error *err) {
  if (!options->on && (options->images || options->calibration >= 0))
    return cream_fail(err, CREAM_BAD_CONFIG, "%s needs --int8",
                      options->images ? "--calibration-images" : "--calibration");
  if (!options->on) return CREAM_OK;
  if (!*config->data)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "--int8 needs --data SPEC, the training images that the ranges of values are measured on");
  if (strcmp(config->device, "cpu") != 0 && strcmp(config->device, "auto") != 0)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "--int8 computes on the CPU, but the device is %.80s; expected cpu: --set device=cpu",
                      config->device);
  strcpy(config->device, "cpu");
  return CREAM_OK;
}

/* ---- calibration ----------------------------------------------------------------------------------------- */

static int by_index(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* The indices of the training images that have a class of the network; *n is their number. */
static uint32_t *labelled(const run_data *data, size_t *n) {
  const size_t count = data->dataset->count[CREAM_PART_TRAIN];
  uint32_t *indices = malloc((count + 1) * sizeof *indices);
  *n = 0;
  for (size_t i = 0; indices && i < count; i++)
    if (data->dataset->labels[CREAM_PART_TRAIN][i] >= 0) indices[(*n)++] = (uint32_t)i;
  return indices;
}

/* Draws `n` of the `count` indices and sorts them. */
static void draw(uint32_t *indices, size_t count, size_t n, uint64_t seed) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_CALIBRATION, 0);
  cream_rng_shuffle(&rng, indices, count);
  qsort(indices, n, sizeof *indices, by_index);
}

static cream_status open_source(const run_data *data, const cream_config *config, size_t wanted, int batch,
                                int side, cream_source **source, cream_error *err) {
  size_t count;
  uint32_t *indices = labelled(data, &count);
  if (!indices) return cream_fail_memory(err, count * sizeof *indices, "the images of the calibration");
  if (count == 0) {
    free(indices);
    return cream_fail(err, CREAM_BAD_DATA,
                      "--int8: %.300s has no training images, on which the ranges of values are measured; "
                      "expected at least one",
                      config->data);
  }
  size_t n = wanted < count ? wanted : count;
  if (n < wanted)
    fprintf(stderr, "calibration: %zu training images instead of %zu, all that there are\n", n, wanted);
  draw(indices, count, n, config->seed);
  cream_loader_options options = {.part = CREAM_PART_TRAIN,
                                  .indices = indices,
                                  .count = n,
                                  .batch = batch,
                                  .side = side,
                                  .transforms = &data->augment,
                                  .skipped = data->skipped,
                                  .workers = data->workers};
  cream_status status = cream_loader_create(data->dataset, &options, source, err);
  free(indices);
  return status;
}

/* Replaces the data's normalisation by that of the weights. */
static void normalise_by(cream_source *source, const float *mean, const float *std) {
  bool same = true;
  for (int c = 0; c < 3; c++) {
    same = same && fabsf(source->mean[c] - mean[c]) < 1e-4f && fabsf(source->std[c] - std[c]) < 1e-4f;
    source->mean[c] = mean[c];
    source->std[c] = std[c];
  }
  if (!same)
    fputs(
        "calibration: images are normalised with the mean and std of the model, not with those of the data\n",
        stderr);
}

cream_status int8_create(const int8_options *options, cream_net *net, const run_data *data,
                         const cream_config *config, const float *mean, const float *std, cream_int8 **out,
                         cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  const size_t wanted = (size_t)(options->images ? options->images : INT8_IMAGES);
  cream_source *source;
  cream_status status =
      open_source(data, config, wanted, cream_net_batch(net), skeleton->resolution, &source, err);
  if (status != CREAM_OK) return status;
  if (mean) normalise_by(source, mean, std);
  cream_path path = cream_skeleton_first_path(skeleton);
  status = cream_int8_create(
      net, &path, source, options->calibration < 0 ? 0 : (cream_calibration)options->calibration, out, err);
  cream_source_destroy(source);
  return status;
}

/* ---- the test -------------------------------------------------------------------------------------------- */

typedef struct testing {
  const cream_int8 *net;
  const cream_source *source;
  cream_batch batch;
  uint8_t *workspaces; /* one for each thread */
  size_t workspace;
  float *logits; /* [batch, classes] */
} testing;

static void run_image(void *self, int thread, size_t image) {
  const testing *t = self;
  const size_t bytes = (size_t)t->batch.side * (size_t)t->batch.side * 3;
  cream_int8_run(t->net, t->batch.pixels + image * bytes, t->source->mean, t->source->std,
                 t->workspaces + (size_t)thread * t->workspace, t->logits + image * (size_t)t->net->classes);
}

static cream_status run_batches(testing *t, cream_source *source, int threads, cream_score *score,
                                cream_error *err) {
  *score = (cream_score){0};
  for (uint64_t step = 0; score->count < source->count; step++) {
    cream_status status = source->read(source, 0, step, &t->batch, err);
    if (status != CREAM_OK) return status;
    const size_t left = source->count - score->count;
    const size_t n = (size_t)t->batch.n < left ? (size_t)t->batch.n : left;
    cream_parallel(threads, n, run_image, t);
    cream_score_add(score, t->logits, t->batch.labels, (int)n, t->net->classes);
  }
  return CREAM_OK;
}

cream_status int8_test(const cream_int8 *net, const run_data *data, const cream_config *config, int side,
                       cream_score *score, cream_error *err) {
  cream_source *source;
  cream_status status = run_test_source(data, config->retrain.batch, side, &source, err);
  if (status != CREAM_OK) return status;
  int share;
  const int threads = jobs_share(config->threads, 0, source->batch, &share);
  testing t = {.net = net, .source = source, .workspace = cream_int8_workspace(net)};
  const size_t bytes = t.workspace * (size_t)threads;
  t.workspaces = malloc(bytes);
  t.logits = malloc((size_t)source->batch * (size_t)net->classes * sizeof *t.logits);
  status = t.workspaces && t.logits ? run_batches(&t, source, threads, score, err)
                                    : cream_fail_memory(err, bytes, "the values in 8 bits");
  free(t.workspaces);
  free(t.logits);
  cream_source_destroy(source);
  return status;
}
