#include "teacher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "class_match.h"
#include "cluster.h"
#include "core/base/hash.h"
#include "core/net/fold.h"
#include "files.h"
#include "io/base/file_hash.h"
#include "io/base/parallel.h"
#include "io/config/settings.h"
#include "io/run/origin.h"
#include "io/run/run_names.h"

/* Puts the setting in front of an error. */
static cream_status named(const teacher *t, cream_status status, cream_error *err) {
  const cream_error reason = *err;
  return status == CREAM_OK ? status : cream_fail(err, status, "%s: %s", t->key, reason.text);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* The files of the settings. */
static cream_status find_files(teacher *t, cream_error *err) {
  const cream_external_config *config = t->config;
  if (*config->run && (*config->arch || *config->weights))
    return cream_fail(err, CREAM_BAD_CONFIG, "got run and %s; expected run, or arch and weights",
                      *config->arch ? "arch" : "weights");
  if (!*config->run && (!*config->arch || !*config->weights))
    return cream_fail(err, CREAM_BAD_CONFIG, "got %s without %s; expected both, or run",
                      *config->arch ? "arch" : "weights", *config->arch ? "weights" : "arch");
  if (!*config->run) {
    snprintf(t->arch, sizeof t->arch, "%s", config->arch);
    snprintf(t->weights, sizeof t->weights, "%s", config->weights);
    return CREAM_OK;
  }
  cream_status status = files_join(t->arch, sizeof t->arch, config->run, CREAM_RUN_ARCH, err);
  if (status == CREAM_OK)
    status = files_join(t->weights, sizeof t->weights, config->run, CREAM_RUN_WEIGHTS, err);
  return status == CREAM_OK ? cream_model_check_weights(t->weights, err) : status;
}

static cream_status match_classes(teacher *t, const run_data *data, cream_error *err) {
  const cream_dataset *dataset = data->dataset;
  cream_status status = class_match_train(t->weights, data, &t->row_of, err);
  for (int c = 0; t->row_of && c < dataset->classes && status == CREAM_OK; c++)
    if (t->row_of[c] < 0)
      status =
          cream_fail(err, CREAM_BAD_DATA,
                     "%.200s lacks the class '%.60s' of the data; expected a network of the same classes, "
                     "in any order",
                     t->weights, dataset->class_names[c]);
  if (status != CREAM_OK || t->model.arch.net.classes == dataset->classes) return status;
  return cream_fail(err, CREAM_BAD_DATA,
                    "%.200s has %d classes, the data (%s) %d; expected a network of the same classes",
                    t->weights, t->model.arch.net.classes, dataset->name, dataset->classes);
}

/* Of both files and the resolution. A built-in architecture has no file but its name. */
static cream_status fingerprint(teacher *t, cream_error *err) {
  uint64_t arch = CREAM_FNV1A_START;
  cream_status status = cream_file_hash(t->weights, &t->fingerprint, err);
  if (status == CREAM_OK && !t->model.arch.builtin) status = cream_file_hash(t->arch, &arch, err);
  if (t->model.arch.builtin) arch = cream_fnv1a(arch, t->arch, strlen(t->arch));
  t->fingerprint ^= arch << 1 ^ arch >> 63 ^ (uint64_t)t->model.arch.net.resolution << 32;
  return status;
}

static cream_status read_files(teacher *t, const cream_config *config, const run_data *data,
                               cream_error *err) {
  cream_status status = find_files(t, err);
  if (status == CREAM_OK) status = cream_arch_load(t->arch, &t->model.arch, err);
  int side = t->config->resolution;
  if (status == CREAM_OK && side && side < 8)
    status = cream_fail(err, CREAM_BAD_CONFIG, "resolution: got %d, expected 8 to 4096, or 0", side);
  if (status == CREAM_OK && side) cream_arch_set_resolution(&t->model.arch, side);
  if (status == CREAM_OK) status = cream_model_read(&t->model, t->weights, &config->augment, err);
  if (status == CREAM_OK) status = match_classes(t, data, err);
  if (status == CREAM_OK) status = fingerprint(t, err);
  char what[sizeof t->weights + 40];
  snprintf(what, sizeof what, "the weights and architecture of %s", t->weights);
  return status == CREAM_OK ? cluster_agree_on_files(t->fingerprint, what, err) : status;
}

cream_status teacher_read(teacher *t, const char *key, const cream_external_config *config,
                          const cream_config *all, const run_data *data, int side, cream_error *err) {
  *t = (teacher){.config = config, .side = side, .workers = data->workers > 0 ? data->workers : 1};
  if (!cream_external_given(config)) {
    if (!*config->cache && !config->epochs) return CREAM_OK;
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s.%s: there is no teacher; expected %s.run, or %s.arch and %s.weights", key,
                      *config->cache ? "cache" : "epochs", key, key, key);
  }
  if (config->epochs && !*config->cache)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s.epochs: got %d without %s.cache; expected the file that holds so many epochs, or 0",
                      key, config->epochs, key);
  t->key = key;
  return named(t, read_files(t, all, data, err), err);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

typedef struct resampling {
  teacher *teacher;
  const cream_batch *batch;
  int side;
  uint8_t *out;
  bool failed;
} resampling;

static void resample_image(void *self, int thread, size_t i) {
  resampling *r = self;
  int from = r->batch->side;
  const cream_resize resize = {.pixels = r->batch->pixels + i * (size_t)from * (size_t)from * 3,
                               .width = from,
                               .height = from,
                               .stride = (size_t)from * 3,
                               .out_width = r->side,
                               .out_height = r->side,
                               .filter = CREAM_FILTER_BICUBIC};
  cream_error ignored; /* out of memory */
  if (cream_resample(&r->teacher->scratch[thread], &resize,
                     r->out + i * (size_t)r->side * (size_t)r->side * 3, &ignored) != CREAM_OK)
    r->failed = true;
}

static cream_status resample(void *self, const cream_batch *batch, int side, uint8_t *out, cream_error *err) {
  resampling r = {.teacher = self, .batch = batch, .side = side, .out = out};
  cream_parallel(r.teacher->workers, (size_t)batch->n, resample_image, &r);
  return r.failed ? cream_fail_memory(err, (size_t)side * (size_t)side * 3, "the images of the teacher")
                  : CREAM_OK;
}

static int top_of(const teacher *t) {
  int classes = t->model.arch.net.classes;
  return t->config->top < classes ? t->config->top : classes;
}

static cream_external_options options_of(const teacher *t, const teacher_use *use) {
  const cream_weights_info *info = &t->model.info;
  cream_external_options options = {.skeleton = &t->model.arch.net,
                                    .batch = use->batch,
                                    .classes = t->model.arch.net.classes,
                                    .side = t->side,
                                    .weight = t->config->weight,
                                    .temperature = t->config->temperature,
                                    .mixed = use->mixup > 0,
                                    .top = top_of(t),
                                    .fingerprint = t->fingerprint,
                                    .resample = resample};
  memcpy(options.mean, info->mean, sizeof info->mean);
  memcpy(options.std, info->std, sizeof info->std);
  return options;
}

cream_status teacher_count(const teacher *t, cream_backend *backend, const teacher_use *use,
                           cream_error *err) {
  if (!t->key) return CREAM_OK;
  const cream_external_store none = {0};
  cream_external_options options = options_of(t, use);
  if (*t->config->cache) options.store = &none;
  cream_external *external;
  cream_status status = cream_external_create(backend, &options, &external, err);
  cream_external_destroy(external);
  return status;
}

/* What the outputs depend on, as lines for the head of the cache; NULL: out of memory. */
static char *describe(const teacher *t, const cream_config *config, const run_data *data,
                      const teacher_use *use, const char *fingerprint_of_data) {
  char *text = NULL, value[256];
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fprintf(out, "teacher %016" PRIx64 "\n", t->fingerprint);
  fprintf(out, "data %s\nimages %zu\nseed %" PRIu64 "\n", fingerprint_of_data, data->n_rest, config->seed);
  fprintf(out, "#images of %d pixels\nbatches-of-an-epoch %" PRIu64 "\nmixup %g\n", t->side, use->batches,
          use->mixup);
  for (int i = 0; cream_settings_key(i); i++) {
    const char *key = cream_settings_key(i);
    if (strncmp(key, "augment.", 8) != 0 || strcmp(key, "augment.test_crop") == 0) continue;
    fprintf(out, "%s %s\n", key, cream_settings_get(config, key, value, sizeof value));
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

static cream_status open_file(teacher *t, const cream_config *config, const run_data *data,
                              const teacher_use *use, const cream_teacher_cache_shape *shape,
                              cream_error *err) {
  char hex[33];
  cream_status status = cream_data_fingerprint(data->dataset, hex, err);
  if (status != CREAM_OK) return status;
  char *key = describe(t, config, data, use, hex);
  if (!key) return cream_fail_memory(err, 4096, "the cache of the teacher");
  status = cream_teacher_cache_open(t->config->cache, shape, key, &t->cache, err);
  free(key);
  if (status != CREAM_OK) return named(t, status, err);
  t->cached = cream_teacher_cache_count(t->cache);
  if (*cream_teacher_cache_remark(t->cache))
    fprintf(stderr, "%s.cache: the outputs are those for %s, of the same crops\n", t->key,
            cream_teacher_cache_remark(t->cache));
  return CREAM_OK;
}

cream_status teacher_open_cache(teacher *t, const cream_config *config, const run_data *data,
                                const teacher_use *use, cream_error *err) {
  const cream_teacher_cache_shape shape = {use->batch, top_of(t), t->model.arch.net.classes,
                                           use->batches * use->epochs};
  if (!t->key || !*t->config->cache) return CREAM_OK;
  cream_status status = cluster_leads() ? open_file(t, config, data, use, &shape, err) : CREAM_OK;
  status = cluster_share_status(status, err);
  if (status != CREAM_OK || cream_cluster_alone(cluster_ranks())) return status;
  return teacher_ranks_open(&t->ranks, cluster_ranks(), t->cache, &shape, use->parts, &t->cached, err);
}

static cream_status load(teacher *t, cream_backend *backend, cream_error *err) {
  cream_net *net = cream_external_net(t->external);
  cream_weights_report loaded = {0};
  if (!net) return CREAM_OK;
  cream_status status =
      t->row_of ? cream_weights_load_any_classes(t->weights, backend, net, t->row_of, &loaded, err)
                : cream_weights_load(t->weights, backend, net, &loaded, err);
  if (t->row_of) fprintf(stderr, "%s: the classes are matched by name\n", t->key);
  if (loaded.text[0] && !t->row_of) fprintf(stderr, "%s: %s\n", t->weights, loaded.text);
  return status == CREAM_OK ? cream_net_fold(net, err) : status;
}

cream_status teacher_open(teacher *t, cream_backend *backend, const teacher_use *use, cream_error *err) {
  if (!t->key) return CREAM_OK;
  cream_external_options options = options_of(t, use);
  cream_external_store store = {0};
  options.self = t;
  if (t->ranks.cluster)
    store = teacher_ranks_store(&t->ranks);
  else if (t->cache)
    store = cream_teacher_cache_store(t->cache);
  if (store.get) options.store = &store;
  if (store.get && t->cached >= use->batches * use->epochs) options.skeleton = NULL;
  t->scratch = calloc((size_t)t->workers, sizeof *t->scratch);
  if (!t->scratch) return cream_fail_memory(err, (size_t)t->workers * sizeof *t->scratch, "the teacher");
  cream_status status = cream_external_create(backend, &options, &t->external, err);
  return named(t, status == CREAM_OK ? load(t, backend, err) : status, err);
}

void teacher_close(teacher *t) {
  cream_external_destroy(t->external);
  teacher_ranks_close(&t->ranks);
  cream_teacher_cache_close(t->cache);
  cream_model_close(&t->model);
  for (int i = 0; t->scratch && i < t->workers; i++) cream_scratch_free(&t->scratch[i]);
  free(t->scratch);
  free(t->row_of);
  *t = (teacher){0};
}
