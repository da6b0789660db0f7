/* random_weights NAME SEED RESOLUTION FOLDER [plain]: FOLDER/arch.json and FOLDER/weights.safetensors of a
 * built-in network, or of a random path of a space, with random weights and batch statistics. RESOLUTION 0:
 * the network's own, or the least of the space. Paths have TEN classes, whose names and normalisation are in the
 * metadata unless it is to be plain. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "cpu/cpu.h"
#include "io/base/file.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"
#include "io/weights/weights.h"
#include "io/weights/weights_info.h"

enum { TEN = 10 };

static void check(cream_status status, const cream_error *err) {
  if (status == CREAM_OK) return;
  fprintf(stderr, "random_weights: %s\n", err->text);
  exit(1);
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && !strcmp(text + length - tail, end);
}

/* A network that a path of the space gives, its depths drawn too. */
static cream_skeleton draw_path(const char *name, int resolution, cream_rng *rng) {
  static cream_space space;
  static cream_skeleton skeleton;
  cream_error err;
  check(cream_space_load(name, &space, &err), &err);
  int depth[CREAM_MAX_STAGES] = {0};
  for (int s = 0; s < space.n_stages; s++) {
    uint32_t span = (uint32_t)(space.stages[s].depth_max - space.stages[s].depth_min + 1);
    depth[s] = space.stages[s].depth_min + (int)cream_rng_below(rng, span);
  }
  if (resolution == 0) resolution = space.resolution.min;
  check(cream_skeleton_init(&skeleton, &space, depth, resolution, TEN, &err), &err);
  cream_path path = cream_skeleton_first_path(&skeleton);
  for (int l = 0; l < skeleton.n_layers; l++)
    path.choice[l] = (uint8_t)cream_rng_below(rng, (uint32_t)skeleton.layers[l].n_options);
  return cream_skeleton_fix(&skeleton, &path);
}

static void draw_values(const cream_param *param, cream_rng *rng, float *values) {
  const bool scale = ends_with(param->name, "running_var") || ends_with(param->name, ".weight");
  const double deviation = sqrt(1.5 * param->dims[0] / (double)param->count);
  for (size_t i = 0; i < param->count; i++)
    values[i] = param->n_dims > 1 ? (float)(deviation * cream_rng_normal(rng))
                : scale           ? cream_rng_range(rng, 0.5f, 1.5f)
                                  : (float)(0.2 * cream_rng_normal(rng));
}

static void draw_weights(cream_backend *backend, cream_net *net, cream_rng *rng) {
  int count;
  cream_error err;
  const cream_param *params = cream_net_params(net, &count);
  for (int i = 0; i < count; i++) {
    float *values = malloc(params[i].count * sizeof *values);
    if (!values) exit(1);
    draw_values(&params[i], rng, values);
    cream_buf block = params[i].statistic ? cream_net_statistics(net) : cream_net_weights(net);
    backend->upload(backend, cream_buf_at(block, params[i].offset), values, params[i].count);
    check(backend->synchronise(backend, &err), &err);
    free(values);
  }
}

static void save(const char *path, cream_backend *backend, const cream_net *net, bool named) {
  static const char *const names[TEN] = {"ash",        "beech",  "cedar", "Douglas fir",     "elm",
                                         "f\u00f6hre", "ginkgo", "hazel", "ivy, \"hedera\"", "juniper"};
  cream_weights_info info = {
      .has_normalisation = named, .mean = {0.4f, 0.5f, 0.6f}, .std = {0.3f, 0.2f, 0.25f}};
  cream_weights_metadata metadata;
  cream_error err;
  if (named) check(cream_weights_info_set_classes(&info, names, TEN, &err), &err);
  check(cream_weights_metadata_init(&metadata, &info, &err), &err);
  check(cream_weights_save(path, backend, net, NULL, 0, metadata.pairs, metadata.count, &err), &err);
  cream_weights_metadata_free(&metadata);
  cream_weights_info_free(&info);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  static cream_arch arch;
  cream_error err;
  char file[CREAM_MAX_FILE_NAME];
  cream_rng rng = cream_rng_at(strtoull(argv[2], NULL, 10), CREAM_RNG_TEST, 0);
  const int resolution = atoi(argv[3]);
  bool builtin = false;
  for (const char *const *name = cream_arch_names(); *name; name++) builtin |= !strcmp(*name, argv[1]);
  if (builtin) {
    check(cream_arch_load(argv[1], &arch, &err), &err);
    if (resolution) arch.net.resolution = resolution;
  } else {
    arch.net = draw_path(argv[1], resolution, &rng);
  }
  snprintf(file, sizeof file, "%s/arch.json", argv[4]);
  check(cream_arch_save(file, &arch.net, NULL, &err), &err);

  cream_backend *backend;
  cream_net *net;
  cream_net_options options = {.batch = 1};
  check(cream_cpu_create(&(cream_cpu_options){.threads = 1}, &backend, &err), &err);
  check(cream_net_create(backend, &arch.net, &options, &net, &err), &err);
  draw_weights(backend, net, &rng);
  snprintf(file, sizeof file, "%s/weights.safetensors", argv[4]);
  save(file, backend, net, !builtin && argc == 5);
  cream_net_destroy(net);
  backend->destroy(backend);
  return 0;
}
