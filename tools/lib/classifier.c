#include "classifier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "core/base/elementary.h"
#include "core/net/fold.h"
#include "cpu/cpu.h"
#include "io/base/file.h"
#include "io/config/settings.h"
#include "io/run/run_names.h"

enum { DIGITS = 12 }; /* of a label */

struct cream_classifier {
  cream_model model;
  cream_config config;
  cream_transforms transforms;
  cream_reader reader;
  uint8_t *pixels;     /* [side, side, 3] */
  float *logits;       /* [classes] */
  int *order;          /* [classes] */
  double *probability; /* [classes] */
  char *numbers;       /* [classes, DIGITS]: names where the file has none */
  const char **names;  /* [classes] */
  bool folded;
};

/* Files of a run folder, or those of the options, as settings. */
static cream_status name_files(cream_config *config, const cream_classifier_options *options,
                               cream_error *err) {
  cream_config_defaults(config);
  const size_t size = sizeof config->arch;
  const char *run = options->run;
  if (!run && (!options->arch || !options->weights))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "no network: expected `run`, the folder of a retraining, or `arch` and `weights`");
  if (!run) {
    const bool fits = (size_t)snprintf(config->arch, size, "%s", options->arch) < size &&
                      (size_t)snprintf(config->weights, size, "%s", options->weights) < size;
    if (fits) return CREAM_OK;
    return cream_fail(err, CREAM_BAD_CONFIG, "%.200s: the name of a file is longer than %zu bytes",
                      options->arch, size - 1);
  }
  char settings[CREAM_MAX_FILE_NAME];
  if (strlen(run) + 32 > size)
    return cream_fail(err, CREAM_BAD_CONFIG, "%.200s: the name is longer than %zu bytes", run, size - 32);
  snprintf(settings, sizeof settings, "%s/" CREAM_RUN_CONFIG, run);
  const cream_status status = cream_settings_load(config, settings, err);
  snprintf(config->arch, size, "%s/" CREAM_RUN_ARCH, run);
  snprintf(config->weights, size, "%s/" CREAM_RUN_WEIGHTS, run);
  return status;
}

static cream_status allocate(cream_classifier *c, cream_error *err) {
  const size_t side = (size_t)c->model.arch.net.resolution, classes = (size_t)c->model.arch.net.classes;
  c->pixels = malloc(side * side * 3);
  c->logits = malloc(classes * sizeof *c->logits);
  c->order = malloc(classes * sizeof *c->order);
  c->probability = malloc(classes * sizeof *c->probability);
  c->numbers = malloc(classes * DIGITS);
  c->names = malloc(classes * sizeof *c->names);
  if (!c->pixels || !c->logits || !c->order || !c->probability || !c->numbers || !c->names)
    return cream_fail_memory(err, side * side * 3, "images");
  const cream_weights_info *info = &c->model.info;
  for (size_t i = 0; i < classes; i++) {
    snprintf(c->numbers + i * DIGITS, DIGITS, "%d", (int)i);
    c->names[i] = info->n_classes ? info->class_names[i] : c->numbers + i * DIGITS;
  }
  return CREAM_OK;
}

static cream_status open_all(cream_classifier *c, const cream_classifier_options *options, cream_error *err) {
  cream_config *config = &c->config;
  cream_model *m = &c->model;
  if (options->batch < 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, expected at least 1, or 0 for 1",
                      options->batch);
  cream_status status = name_files(config, options, err);
  if (status == CREAM_OK) status = cream_model_check_weights(config->weights, err);
  if (status == CREAM_OK) status = cream_arch_load(config->arch, &m->arch, err);
  if (status == CREAM_OK) status = cream_model_read(m, config->weights, &config->augment, err);
  if (status == CREAM_OK)
    status = cream_cpu_create(&(cream_cpu_options){.threads = options->threads,
                                                   .exact = config->exact,
                                                   .precision = config->precision},
                              &m->backend, err);
  const int batch = options->batch ? options->batch : 1;
  if (status == CREAM_OK) status = cream_model_load_unfolded(m, config->weights, batch, NULL, err);
  if (status == CREAM_OK && !options->unfolded) status = cream_classifier_fold(c, err);
  if (status == CREAM_OK) status = cream_classify_transforms(m, &config->augment, &c->transforms, err);
  return status == CREAM_OK ? allocate(c, err) : status;
}

cream_status cream_classifier_open(const cream_classifier_options *options, cream_classifier **out,
                                   cream_error *err) {
  cream_classifier *c = calloc(1, sizeof *c);
  if (!c) return cream_fail_memory(err, sizeof *c, "the classifier");
  const cream_status status = open_all(c, options, err);
  if (status == CREAM_OK)
    *out = c;
  else
    cream_classifier_close(c);
  return status;
}

cream_status cream_classifier_run(cream_classifier *c, const char *image, cream_class top[], int *count,
                                  cream_error *err) {
  CREAM_ASSERT(*count > 0);
  const int classes = c->model.arch.net.classes, n = *count < classes ? *count : classes;
  cream_status status = cream_classify_read(&c->transforms, &c->reader, image, c->pixels, err);
  if (status == CREAM_OK) status = cream_classify_forward(&c->model, 1, c->pixels, c->logits, err);
  if (status != CREAM_OK) return status;
  cream_classify_sort(c->logits, classes, n, c->order, c->probability);
  for (int i = 0; i < n; i++) {
    const int label = c->order[i];
    top[i] = (cream_class){label, c->names[label], c->probability[i]};
  }
  *count = n;
  return CREAM_OK;
}

/* ---- in steps ------------------------------------------------------------------------------------- */

cream_classifier_info cream_classifier_describe(const cream_classifier *c) {
  const cream_weights_info *known = &c->model.info;
  cream_classifier_info info = {.classes = c->model.arch.net.classes,
                                .side = c->model.arch.net.resolution,
                                .batch = cream_net_batch(c->model.net),
                                .folded = c->folded,
                                .test_crop = known->test_crop,
                                .interpolation = known->interpolation,
                                .names = c->names,
                                .named = known->n_classes > 0};
  memcpy(info.mean, known->mean, sizeof info.mean);
  memcpy(info.std, known->std, sizeof info.std);
  return info;
}

cream_status cream_classifier_read(cream_classifier *c, const char *image, uint8_t *pixels,
                                   cream_error *err) {
  return cream_classify_read(&c->transforms, &c->reader, image, pixels, err);
}

cream_status cream_classifier_prepare(cream_classifier *c, const uint8_t *rgb, int height, int width,
                                      uint8_t *pixels, cream_error *err) {
  if (height < 1 || width < 1 || (int64_t)height * width > CREAM_MAX_PIXELS)
    return cream_fail(err, CREAM_BAD_DATA, "an image of %d x %d pixels: expected 1 to %d pixels", width,
                      height, CREAM_MAX_PIXELS);
  const cream_image image = {.width = width, .height = height, .pixels = (uint8_t *)rgb};
  cream_transform_work work = cream_transform_begin(&c->transforms, NULL, ~0u);
  return cream_transform_finish(&work, &image, &c->reader.memory, pixels, err);
}

cream_status cream_classifier_forward(cream_classifier *c, int n, const uint8_t *pixels, float *logits,
                                      cream_error *err) {
  CREAM_ASSERT(n > 0 && n <= cream_net_batch(c->model.net));
  return cream_classify_forward(&c->model, n, pixels, logits, err);
}

void cream_classifier_softmax(const cream_classifier *c, int n, const float *logits, double *probabilities) {
  const int classes = c->model.arch.net.classes;
  for (int i = 0; i < n; i++) {
    const float *row = logits + (size_t)i * (size_t)classes;
    double *shares = probabilities + (size_t)i * (size_t)classes;
    float largest = row[0];
    for (int k = 1; k < classes; k++)
      if (row[k] > largest) largest = row[k];
    const double sum = cream_classify_sum(row, classes, largest);
    for (int k = 0; k < classes; k++) shares[k] = cream_exp((double)row[k] - largest) / sum;
  }
}

cream_status cream_classifier_fold(cream_classifier *c, cream_error *err) {
  const cream_status status = c->folded ? CREAM_OK : cream_net_fold(c->model.net, err);
  if (status == CREAM_OK) c->folded = true;
  return status;
}

cream_status cream_classifier_save(const cream_classifier *c, const char *weights, cream_error *err) {
  cream_weights_metadata metadata;
  cream_status status = cream_weights_metadata_init(&metadata, &c->model.info, err);
  if (status != CREAM_OK) return status;
  status = cream_weights_save(weights, c->model.backend, c->model.net, NULL, 0, metadata.pairs,
                              metadata.count, err);
  cream_weights_metadata_free(&metadata);
  return status;
}

void cream_classifier_close(cream_classifier *c) {
  if (!c) return;
  cream_model_close(&c->model);
  cream_reader_free(&c->reader);
  free(c->pixels);
  free(c->logits);
  free(c->order);
  free(c->probability);
  free(c->numbers);
  free(c->names);
  free(c);
}
