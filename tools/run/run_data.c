#include "run_data.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/detect/box_set.h"
#include "io/weights/weights_info.h"
#include "old_paths.h"

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

static cream_status split(run_data *data, const cream_config *config, cream_error *err) {
  size_t count = data->dataset->count[CREAM_PART_TRAIN];
  data->n_heldout = (size_t)llround(config->heldout * (double)count);
  data->n_rest = count - data->n_heldout;
  data->heldout = malloc((data->n_heldout + 1) * sizeof *data->heldout);
  data->rest = malloc((data->n_rest + 1) * sizeof *data->rest);
  if (!data->heldout || !data->rest) return cream_fail_memory(err, count * sizeof *data->rest, "the split");
  cream_split(data->dataset->labels[CREAM_PART_TRAIN], count, data->dataset->classes, config->seed,
              data->n_heldout, data->heldout, data->rest);
  return CREAM_OK;
}

cream_status run_data_take(const cream_config *config, cream_dataset *dataset, run_data *data,
                           cream_error *err) {
  memset(data, 0, sizeof *data);
  data->dataset = dataset;
  data->original = *data->dataset;
  data->augment = config->augment;
  data->workers = workers_for(config, data->dataset);
  cream_status status = split(data, config, err);
  if (status == CREAM_OK)
    status =
        cream_skipped_create(data->dataset->count, config->max_bad, print_skipped, NULL, &data->skipped, err);
  if (status != CREAM_OK) {
    run_data_close(data);
    return status;
  }
  for (int i = 0; i < data->dataset->notes.count; i++)
    fprintf(stderr, "data: %s\n", data->dataset->notes.lines[i]);
  return CREAM_OK;
}

static cream_status open_data(const cream_config *config, bool train, run_data *data, cream_error *err) {
  cream_dataset *dataset;
  memset(data, 0, sizeof *data);
  cream_status status = old_paths_check(config, err);
  if (status != CREAM_OK) return status;
  status = train ? cream_dataset_open(config->data, &dataset, err)
                 : cream_dataset_open_to_test(config->data, &dataset, err);
  if (status != CREAM_OK) return status;
  if (!train || dataset->classes > 1) return run_data_take(config, dataset, data, err);
  status = cream_fail(err, CREAM_BAD_DATA,
                      "data: %.300s has only one class, '%.80s'; expected at least two: name the folder or "
                      "list that has them all",
                      config->data, dataset->class_names[0]);
  dataset->destroy(dataset);
  return status;
}

cream_status run_data_open(const cream_config *config, run_data *data, cream_error *err) {
  return open_data(config, true, data, err);
}

cream_status run_data_open_to_test(const cream_config *config, run_data *data, cream_error *err) {
  return open_data(config, false, data, err);
}

/* Frees what run_data_relabel made; the data set has its own labels and names again. */
static void restore_labels(run_data *data) {
  cream_dataset *dataset = data->dataset;
  for (int i = 0; data->class_names && i < dataset->classes; i++) free(data->class_names[i]);
  free(data->class_names);
  data->class_names = NULL;
  for (int part = 0; part < CREAM_PARTS; part++) {
    free(data->labels[part]);
    data->labels[part] = NULL;
  }
  free(data->tested);
  data->tested = NULL;
  if (dataset) *dataset = data->original;
}

void run_data_close(run_data *data) {
  cream_skipped_destroy(data->skipped);
  restore_labels(data);
  if (data->dataset) data->dataset->destroy(data->dataset);
  free(data->heldout);
  free(data->rest);
  memset(data, 0, sizeof *data);
}

/* ---- other labels ------------------------------------------------------------------------------------ */

static cream_status copy_names(run_data *data, const char *const *names, int classes, cream_error *err) {
  data->class_names = calloc((size_t)classes + 1, sizeof *data->class_names);
  data->dataset->classes = classes;
  for (int i = 0; data->class_names && i < classes; i++)
    if (!(data->class_names[i] = strdup(names[i])))
      return cream_fail_memory(err, strlen(names[i]), "the names of the classes");
  if (!data->class_names)
    return cream_fail_memory(err, (size_t)classes * sizeof(char *), "the names of the classes");
  data->dataset->class_names = (const char *const *)data->class_names;
  return CREAM_OK;
}

/* Drops the indices of images without a label; returns their new number. */
static size_t keep_labelled(uint32_t *indices, size_t n, const int32_t *labels) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (labels[indices[i]] >= 0) indices[kept++] = indices[i];
  return kept;
}

cream_status run_data_relabel(run_data *data, const int *label_of, const char *const *names, int classes,
                              cream_error *err) {
  cream_dataset *dataset = data->dataset;
  CREAM_ASSERT(!data->class_names);
  cream_status status = copy_names(data, names, classes, err);
  for (int part = 0; part < CREAM_PARTS && !status; part++) {
    size_t count = dataset->count[part];
    data->labels[part] = malloc((count + 1) * sizeof *data->labels[part]);
    if (!data->labels[part]) return cream_fail_memory(err, count * sizeof **data->labels, "the labels");
    for (size_t i = 0; i < count; i++) data->labels[part][i] = label_of[dataset->labels[part][i]];
    dataset->labels[part] = data->labels[part];
  }
  size_t count = dataset->count[CREAM_PART_TEST];
  if (!status && !(data->tested = malloc((count + 1) * sizeof *data->tested)))
    status = cream_fail_memory(err, count * sizeof *data->tested, "the labels");
  if (status) return status;
  for (size_t i = 0; i < count; i++) data->tested[i] = (uint32_t)i;
  data->n_tested = keep_labelled(data->tested, count, data->labels[CREAM_PART_TEST]);
  data->n_heldout = keep_labelled(data->heldout, data->n_heldout, data->labels[CREAM_PART_TRAIN]);
  data->n_rest = keep_labelled(data->rest, data->n_rest, data->labels[CREAM_PART_TRAIN]);
  if (data->n_tested) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA,
                    "data: no test image is of a class of the network; expected at least one");
}

/* ---- normalisation ----------------------------------------------------------------------------------- */

void run_data_normalise(run_data *data, const float mean[3], const float std[3]) {
  memcpy(data->dataset->mean, mean, sizeof data->dataset->mean);
  memcpy(data->dataset->std, std, sizeof data->dataset->std);
}

cream_status run_data_normalise_for(const cream_config *config, run_data *data, cream_error *err) {
  const cream_dataset *dataset = data->dataset;
  cream_weights_info info;
  if (!*config->weights) return CREAM_OK;
  cream_status status = cream_weights_info_load(config->weights, &info, err);
  if (status) return status;
  if (info.has_normalisation &&
      (memcmp(dataset->mean, info.mean, sizeof info.mean) || memcmp(dataset->std, info.std, sizeof info.std)))
    fprintf(stderr, "data: images are normalised with the mean and std of %s, not with those of the data\n",
            config->weights);
  if (info.has_normalisation) run_data_normalise(data, info.mean, info.std);
  cream_weights_info_free(&info);
  return CREAM_OK;
}

/* ---- paths ------------------------------------------------------------------------------------------- */

/* Makes the name of an existing file absolute; a name that is none stays. */
static void make_absolute(char *path, size_t size) {
  char whole[2 * PATH_MAX];
  if (*path && *path != '/' && strstr(path, "{seed}") && getcwd(whole, PATH_MAX)) { /* names no file yet */
    snprintf(whole + strlen(whole), PATH_MAX, "/%s", path);
    if (strlen(whole) < size) strcpy(path, whole);
    return;
  }
  if (!*path || *path == '/' || access(path, F_OK) || !realpath(path, whole) || strlen(whole) >= size) return;
  strcpy(path, whole);
}

void run_absolute_paths(cream_config *config) {
  cream_error ignored; /* too long: the path stays as it is */
  char boxes[sizeof config->data];
  if (config->detect.head == CREAM_DETECT_NONE)
    cream_dataset_absolute(config->data, config->data, sizeof config->data, &ignored);
  else if (cream_box_spec_absolute(config->data, boxes, sizeof boxes, &ignored) == CREAM_OK)
    strcpy(config->data, boxes);
  make_absolute(config->space, sizeof config->space);
  make_absolute(config->weights, sizeof config->weights);
  make_absolute(config->inherit, sizeof config->inherit);
  cream_external_config *teachers[] = {&config->search.external, &config->retrain.teacher};
  for (size_t i = 0; i < sizeof teachers / sizeof *teachers; i++) {
    make_absolute(teachers[i]->run, sizeof teachers[i]->run);
    make_absolute(teachers[i]->arch, sizeof teachers[i]->arch);
    make_absolute(teachers[i]->weights, sizeof teachers[i]->weights);
    make_absolute(teachers[i]->cache, sizeof teachers[i]->cache);
  }
  make_absolute(config->search.latency.table, sizeof config->search.latency.table);
  make_absolute(config->rank.table, sizeof config->rank.table);
  make_absolute(config->rank.truth, sizeof config->rank.truth);
  make_absolute(config->search.oracle, sizeof config->search.oracle);
  make_absolute(config->search.teacher_run, sizeof config->search.teacher_run);
}

/* ---- sources ----------------------------------------------------------------------------------------- */

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
  cream_loader_options options = {.part = CREAM_PART_TEST,
                                  .indices = data->tested,
                                  .count = data->n_tested,
                                  .batch = batch,
                                  .side = side,
                                  .workers = data->workers};
  return open_source(data, &options, source, err);
}
