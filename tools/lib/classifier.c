#include "classifier.h"

#include <stdlib.h>
#include <string.h>

#include "classify.h"
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
  if (!c->pixels || !c->logits || !c->order || !c->probability || !c->numbers)
    return cream_fail_memory(err, side * side * 3, "images");
  for (size_t i = 0; i < classes; i++) snprintf(c->numbers + i * DIGITS, DIGITS, "%d", (int)i);
  return CREAM_OK;
}

static cream_status open_all(cream_classifier *c, const cream_classifier_options *options, cream_error *err) {
  cream_config *config = &c->config;
  cream_model *m = &c->model;
  cream_status status = name_files(config, options, err);
  if (status == CREAM_OK) status = cream_model_check_weights(config->weights, err);
  if (status == CREAM_OK) status = cream_arch_load(config->arch, &m->arch, err);
  if (status == CREAM_OK) status = cream_model_read(m, config->weights, &config->augment, err);
  if (status == CREAM_OK)
    status = cream_cpu_create(&(cream_cpu_options){.threads = options->threads}, &m->backend, err);
  if (status == CREAM_OK) status = cream_model_load(m, config->weights, 1, NULL, err);
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
  const cream_weights_info *info = &c->model.info;
  for (int i = 0; i < n; i++) {
    const int label = c->order[i];
    const char *name = info->n_classes ? info->class_names[label] : c->numbers + (size_t)label * DIGITS;
    top[i] = (cream_class){label, name, c->probability[i]};
  }
  *count = n;
  return CREAM_OK;
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
  free(c);
}
