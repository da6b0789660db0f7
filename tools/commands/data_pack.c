/* cream data pack, and cream data speed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data.h"
#include "io/base/json.h"
#include "io/dataset/loader.h"
#include "io/dataset/pack.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"

static void print_skipped(void *context, cream_part part, size_t index, const char *line) {
  (void)context, (void)part, (void)index;
  fprintf(stderr, "skipped: %s\n", line);
}

static void print_progress(void *context, size_t done, size_t all) {
  (void)context;
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%zu of %zu images%s", done, all, done == all ? "\n" : "");
}

cream_status data_pack(const data_options *options, const cream_dataset *dataset, cream_error *err) {
  cream_skipped *skipped;
  cream_status status =
      cream_skipped_create(dataset->count, options->config.max_bad, print_skipped, NULL, &skipped, err);
  if (status) return status;
  cream_pack_options pack = {.kind = options->quality ? CREAM_PACK_JPEG : CREAM_PACK_RAW,
                             .shorter = options->shorter,
                             .quality = options->quality,
                             .threads = options->threads,
                             .skipped = skipped,
                             .progress = print_progress,
                             .stop = signals_catch()};
  status = cream_pack_write(options->config.out, dataset, &pack, err);
  cream_skipped_destroy(skipped);
  if (!status) printf("next        --data pack:%s\n", options->config.out);
  return status;
}

enum { RUN = 48 }; /* values that the compiler handles at a time: a multiple of 3 channels and of a vector */

/* Pixels to what a network reads: (pixel / 255 - mean) / std. */
typedef struct normaliser {
  float scale[RUN], shift[RUN];
  float *values; /* [batch, side, side, 3] */
} normaliser;

static cream_status normaliser_init(normaliser *self, const cream_dataset *dataset, size_t values,
                                    cream_error *err) {
  for (int i = 0; i < RUN; i++) {
    self->scale[i] = 1 / (255 * dataset->std[i % 3]);
    self->shift[i] = -dataset->mean[i % 3] / dataset->std[i % 3];
  }
  self->values = malloc(values * sizeof *self->values);
  return self->values ? CREAM_OK : cream_fail_memory(err, values * sizeof *self->values, "a batch");
}

static void normalise(const normaliser *self, const cream_batch *batch) {
  size_t count = (size_t)batch->n * (size_t)batch->side * (size_t)batch->side * 3, i = 0;
  for (; i + RUN <= count; i += RUN)
    for (int j = 0; j < RUN; j++)
      self->values[i + (size_t)j] = (float)batch->pixels[i + (size_t)j] * self->scale[j] + self->shift[j];
  for (; i < count; i++)
    self->values[i] = (float)batch->pixels[i] * self->scale[i % RUN] + self->shift[i % RUN];
}

typedef struct speed {
  double images, seconds;
} speed;

/* Reads batches of a training source after the first, which starts the workers and touches the memory. */
static cream_status measure(cream_source *source, const data_options *options, const normaliser *to_values,
                            speed *out, cream_error *err) {
  uint64_t steps = cream_source_steps(source, 1);
  cream_batch batch;
  cream_status status = source->read(source, 0, 0, &batch, err);
  if (status) return status;
  normalise(to_values, &batch);
  double start = progress_now();
  for (uint64_t i = 1; i <= (uint64_t)options->count && !status; i++) {
    status = source->read(source, i / steps, i % steps, &batch, err);
    if (status) break;
    normalise(to_values, &batch);
    out->images += batch.n;
  }
  out->seconds = progress_now() - start;
  return status;
}

cream_status data_speed(const data_options *options, const cream_dataset *dataset, cream_error *err) {
  cream_skipped *skipped;
  cream_status status =
      cream_skipped_create(dataset->count, options->config.max_bad, print_skipped, NULL, &skipped, err);
  if (status) return status;
  size_t count = dataset->count[CREAM_PART_TRAIN];
  cream_loader_options loader = {.part = CREAM_PART_TRAIN,
                                 .batch = (size_t)options->batch < count ? options->batch : (int)count,
                                 .side = options->side,
                                 .seed = options->config.seed,
                                 .train = true,
                                 .augment = options->config.augment.enabled,
                                 .workers = options->threads > 1 ? options->threads : 0,
                                 .transforms = &options->config.augment,
                                 .skipped = skipped};
  cream_source *source = NULL;
  speed measured = {0};
  static normaliser to_values;
  size_t values = (size_t)loader.batch * (size_t)options->side * (size_t)options->side * 3;
  status = normaliser_init(&to_values, dataset, values, err);
  if (!status) status = cream_loader_create(dataset, &loader, &source, err);
  if (!status) status = measure(source, options, &to_values, &measured, err);
  cream_source_destroy(source);
  free(to_values.values);
  cream_skipped_destroy(skipped);
  if (status) return status;
  if (!options->json) {
    printf("%.0f images/s on %d threads, %dx%d pixels\n", measured.images / measured.seconds,
           options->threads, options->side, options->side);
    return CREAM_OK;
  }
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_number(&json, "images_per_second", measured.images / measured.seconds);
  cream_json_number(&json, "images", measured.images);
  cream_json_number(&json, "seconds", measured.seconds);
  cream_json_integer(&json, "threads", (uint64_t)options->threads);
  cream_json_end(&json);
  putchar('\n');
  return CREAM_OK;
}
