#include "network.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "io/config/latency_table.h"
#include "io/config/space_yaml.h"
#include "io/run/run.h"
#include "tools/lib/model.h"

cream_status run_backend(const cream_config *config, cream_backend **backend, cream_error *err) {
  device_options options = device_options_of(config);
  return device_open(&options, backend, err);
}

cream_range run_range(const cream_config *config) {
  return (cream_range){config->flops.min * 1e6, config->flops.max * 1e6};
}

cream_status run_limits(const cream_config *config, cream_budget budgets[CREAM_MAX_BUDGETS], int *n,
                        cream_error *err) {
  cream_status status =
      cream_budgets_parse(config->search.budgets, config->search.budget_share, budgets, n, err);
  if (status != CREAM_OK) return status;
  if (*n == 0) budgets[(*n)++] = (cream_budget){.limits = {.flops = run_range(config)}};
  for (int i = 0; i < *n; i++) cream_limits_cap(&budgets[i].limits, config->search.latency.max);
  return CREAM_OK;
}

/* A table with the name that errors give it. */
typedef struct named_table {
  const cream_latency_table *table;
  const char *name;
} named_table;

static cream_status find_latencies(const void *self, const cream_skeleton *skeleton,
                                   cream_latencies *latencies, cream_error *err) {
  const named_table *named = self;
  return cream_latency_table_apply(named->table, named->name, skeleton, NULL, latencies, err);
}

cream_status run_supernet(const cream_config *config, int classes, cream_skeleton *skeleton,
                          cream_error *err) {
  cream_space space;
  cream_status status = cream_space_load(config->space, &space, err);
  if (status != CREAM_OK) return status;
  if (classes == 0) classes = space.head.classes;
  int resolution = config->resolution, depth[CREAM_MAX_STAGES];
  memcpy(depth, config->depth, sizeof depth);
  int given = 0;
  while (given < CREAM_MAX_STAGES && depth[given]) given++;
  if (given && given != space.n_stages)
    return cream_fail(err, CREAM_BAD_CONFIG, "depth: got %d numbers, but space `%s` has %d stages", given,
                      space.name, space.n_stages);
  cream_budget budgets[CREAM_MAX_BUDGETS];
  cream_limits limits[CREAM_MAX_BUDGETS];
  int n;
  status = run_limits(config, budgets, &n, err);
  static cream_latency_table table;
  const char *file = config->search.latency.table;
  bool timed = false;
  for (int i = 0; i < n && status == CREAM_OK; i++) {
    limits[i] = budgets[i].limits;
    timed |= limits[i].ms.max > 0;
  }
  timed = timed && *file;
  if (timed && status == CREAM_OK) status = cream_latency_table_load(file, &table, err);
  const named_table named = {&table, file};
  const cream_latency_source source = {find_latencies, &named, table.resolution};
  if (status == CREAM_OK)
    status =
        cream_limits_resolve(&space, limits, n, timed ? &source : NULL, classes, &resolution, depth, err);
  if (status != CREAM_OK) return status;
  return cream_skeleton_init(skeleton, &space, depth, resolution, classes, err);
}

cream_status run_latencies(const cream_config *config, const cream_skeleton *skeleton,
                           cream_latencies *latencies, bool *known, cream_error *err) {
  const char *file = config->search.latency.table;
  *known = *file != '\0';
  if (!*known) return CREAM_OK;
  cream_latency_table table;
  cream_status status = cream_latency_table_load(file, &table, err);
  return status != CREAM_OK ? status
                            : cream_latency_table_apply(&table, file, skeleton, NULL, latencies, err);
}

cream_status run_arch(const cream_config *config, cream_arch *arch, cream_error *err) {
  if (!*config->arch)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "no network: expected --arch NAME|FILE, or --run DIR, the folder of an earlier run");
  const char *name = strrchr(config->arch, '/');
  if (*config->search.budgets && name && strcmp(name, "/" CREAM_RUN_ARCH) == 0 && access(config->arch, F_OK))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%.*s has networks for several budgets (%s); choose one with --budget",
                      (int)(name - config->arch), config->arch, config->search.budgets);
  cream_status status = cream_arch_load(config->arch, arch, err);
  if (status != CREAM_OK || !config->resolution) return status;
  if (config->resolution < 8)
    return cream_fail(err, CREAM_BAD_CONFIG, "resolution: got %d, expected 8 to 4096", config->resolution);
  cream_arch_set_resolution(arch, config->resolution);
  return CREAM_OK;
}

cream_status run_check_weights(const cream_config *config, cream_error *err) {
  if (*config->weights) return cream_model_check_weights(config->weights, err);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "no weights: expected --weights FILE, or --run DIR, the folder of a retraining");
}

void run_take_classes(cream_arch *arch, const run_data *data) {
  cream_skeleton *skeleton = &arch->net;
  if (!arch->builtin && skeleton->classes != data->dataset->classes)
    fprintf(stderr, "the network has %d classes and the data (%s) %d: it is trained with %d\n",
            skeleton->classes, data->dataset->name, data->dataset->classes, data->dataset->classes);
  skeleton->classes = skeleton->space.head.classes = data->dataset->classes;
}

cream_status run_check_classes(cream_arch *arch, const run_data *data, cream_error *err) {
  cream_skeleton *skeleton = &arch->net;
  if (arch->builtin) skeleton->classes = skeleton->space.head.classes = data->dataset->classes;
  if (skeleton->classes == data->dataset->classes) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "the network has %d classes, but the data (%s) has %d; a built-in --arch takes the data's "
      "number, any other needs data with its own number",
      skeleton->classes, data->dataset->name, data->dataset->classes);
}
