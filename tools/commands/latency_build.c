/* cream latency build: runs random paths, which together contain every block equally often, in rounds, and times each
 * part in its place in the network, with the caches as its neighbours leave them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/driver.h"
#include "io/config/space_yaml.h"
#include "latency.h"
#include "tools/bench/bench.h"
#include "tools/cli/progress.h"
#include "tools/run/device.h"

/* Milliseconds, all [paths][rounds] of each part, then of passes with and without marks. */
typedef struct build_times {
  int paths, rounds, n_parts;
  double *values;
} build_times;

static double *times_of(const build_times *times, int part, int path) {
  return times->values + ((size_t)part * (size_t)times->paths + (size_t)path) * (size_t)times->rounds;
}

static double *marked_of(const build_times *times, int path) {
  return times_of(times, times->n_parts, path);
}

static double *whole_of(const build_times *times, int path) {
  return times_of(times, times->n_parts + 1, path);
}

/* Every layer takes its options in an order of its own, each once before any is repeated. */
static cream_path path_of(const cream_skeleton *skeleton, uint64_t seed, int index) {
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < skeleton->n_layers; l++) {
    uint32_t order[CREAM_MAX_OPS], n = (uint32_t)skeleton->layers[l].n_options;
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    cream_rng rng =
        cream_rng_at(seed, CREAM_RNG_TEST, (uint64_t)((uint32_t)index / n * CREAM_MAX_LAYERS) + (uint64_t)l);
    cream_rng_shuffle(&rng, order, n);
    path.choice[l] = (uint8_t)order[(uint32_t)index % n];
  }
  return path;
}

static cream_status measure(latency_rig *rig, const cream_skeleton *skeleton, uint64_t seed,
                            build_times *times, cream_error *err) {
  double parts[LATENCY_MAX_PARTS], total;
  for (int r = 0; r < times->rounds; r++) {
    if (isatty(2)) fprintf(stderr, "\rround %d of %d", r + 1, times->rounds);
    for (int p = 0; p < times->paths; p++) {
      cream_path path = path_of(skeleton, seed, p);
      cream_status status = latency_rig_run(rig, &path, NULL, &total, err); /* warms up */
      if (status == CREAM_OK) status = latency_rig_run(rig, &path, parts, &marked_of(times, p)[r], err);
      if (status == CREAM_OK) status = latency_rig_run(rig, &path, NULL, &whole_of(times, p)[r], err);
      if (status != CREAM_OK) return status;
      for (int i = 0; i < times->n_parts; i++) times_of(times, i, p)[r] = parts[i];
    }
  }
  if (isatty(2)) fputs("\r\033[K", stderr);
  return CREAM_OK;
}

/* Median and quartiles of the samples, which are sorted. `mark`: milliseconds that a mark takes. */
static void summarise(cream_latency *latency, double *samples, int count, double mark) {
  latency->samples = count;
  latency->ms = fmax(0, bench_median(samples, count) - mark);
  latency->iqr = samples[count - 1 - count / 4] - samples[count / 4];
}

/* Milliseconds that waiting at a mark adds to each part: 0 where ops run synchronously. */
static double cost_of_mark(const build_times *times, double *scratch) {
  for (int p = 0; p < times->paths; p++)
    scratch[p] =
        bench_median(marked_of(times, p), times->rounds) - bench_median(whole_of(times, p), times->rounds);
  return fmax(0, bench_median(scratch, times->paths)) / times->n_parts;
}

typedef struct build_shape {
  const cream_layer *layer;
  int side, op;
} build_shape;

static build_shape shape_at(const cream_skeleton *skeleton, const int *sides, const cream_path *path, int l) {
  const cream_layer *layer = &skeleton->layers[l];
  return (build_shape){layer, sides[l], layer->options[path->choice[l]]};
}

static bool same_shape(const build_shape *a, const build_shape *b) {
  return a->side == b->side && a->op == b->op && a->layer->cin == b->layer->cin &&
         a->layer->cout == b->layer->cout && a->layer->stride == b->layer->stride;
}

/* Medians of the path's rounds at all places where the shape ran. */
static int gather(const cream_skeleton *skeleton, const int *sides, uint64_t seed, const build_shape *shape,
                  const build_times *times, double *samples) {
  int count = 0;
  for (int p = 0; p < times->paths; p++) {
    cream_path path = path_of(skeleton, seed, p);
    for (int l = 0; l < skeleton->n_layers; l++) {
      build_shape here = shape_at(skeleton, sides, &path, l);
      if (same_shape(&here, shape)) samples[count++] = bench_median(times_of(times, l + 1, p), times->rounds);
    }
  }
  return count;
}

static void fill_blocks(const cream_skeleton *skeleton, uint64_t seed, const build_times *times, double mark,
                        double *samples, cream_latency_table *table) {
  int sides[CREAM_MAX_LAYERS], side = cream_out_side(skeleton->resolution, skeleton->space.stem.stride);
  for (int l = 0; l < skeleton->n_layers; l++) {
    sides[l] = side;
    side = cream_out_side(side, skeleton->layers[l].stride);
  }
  for (int l = 0; l < skeleton->n_layers; l++)
    for (int i = 0; i < skeleton->layers[l].n_options; i++) {
      const build_shape shape = {&skeleton->layers[l], sides[l], skeleton->layers[l].options[i]};
      const char *op = skeleton->space.ops[shape.op].name;
      if (cream_latency_table_find(table, op, shape.side, shape.layer)) continue;
      cream_latency *block = &table->blocks[table->n_blocks++];
      *block = (cream_latency){.side = shape.side,
                               .cin = shape.layer->cin,
                               .cout = shape.layer->cout,
                               .stride = shape.layer->stride};
      strcpy(block->op, op);
      summarise(block, samples, gather(skeleton, sides, seed, &shape, times, samples), mark);
    }
}

static void fill_part(const build_times *times, int part, double mark, double *samples,
                      cream_latency *latency) {
  for (int p = 0; p < times->paths; p++) samples[p] = bench_median(times_of(times, part, p), times->rounds);
  summarise(latency, samples, times->paths, mark);
}

/* The time of whole passes beside that of their parts. *error: the mean relative error of the table's predictions. */
static cream_status fill_rest(const cream_skeleton *skeleton, uint64_t seed, const build_times *times,
                              double *samples, cream_latency_table *table, double *error, cream_error *err) {
  static cream_latencies latencies;
  cream_status status = cream_latency_table_apply(table, "", skeleton, NULL, &latencies, err);
  if (status != CREAM_OK) return status;
  for (int p = 0; p < times->paths; p++) {
    cream_path path = path_of(skeleton, seed, p);
    samples[p] = bench_median(whole_of(times, p), times->rounds) - cream_latencies_path(&latencies, &path);
  }
  table->rest = bench_median(samples, times->paths);
  latencies.fixed += table->rest;
  *error = 0;
  for (int p = 0; p < times->paths; p++) {
    cream_path path = path_of(skeleton, seed, p);
    double whole = bench_median(whole_of(times, p), times->rounds);
    *error += fabs(cream_latencies_path(&latencies, &path) / whole - 1) / times->paths;
  }
  return CREAM_OK;
}

static cream_status fill(const cream_skeleton *skeleton, const latency_options *options,
                         const build_times *times, cream_latency_table *table, double *error,
                         cream_error *err) {
  size_t count = (size_t)times->paths * (size_t)skeleton->n_layers;
  double *samples = malloc(count * sizeof *samples);
  if (!samples) return cream_fail_memory(err, count * sizeof *samples, "the measurements");
  uint64_t seed = options->config.seed;
  double mark = cost_of_mark(times, samples);
  fill_part(times, 0, mark, samples, &table->stem);
  fill_part(times, times->n_parts - 1, mark, samples, &table->head);
  fill_blocks(skeleton, seed, times, mark, samples, table);
  cream_status status = fill_rest(skeleton, seed, times, samples, table, error, err);
  free(samples);
  return status;
}

static cream_status describe(const latency_options *options, const cream_skeleton *skeleton,
                             cream_backend *backend, cream_latency_table *table, cream_error *err) {
  *table = (cream_latency_table){.resolution = skeleton->resolution,
                                 .classes = skeleton->classes,
                                 .batch = options->batch,
                                 .threads = options->config.threads};
  strcpy(table->space, skeleton->space.name);
  memcpy(table->depth, skeleton->depth, sizeof table->depth);
  const char *asked = options->config.device;
  snprintf(table->device, sizeof table->device, "%s", strcmp(asked, "auto") ? asked : backend->name);
  if (device_is_cpu(backend))
    cream_cpu_model(table->machine, sizeof table->machine);
  else
    device_describe(backend, options->config.threads, table->machine, sizeof table->machine);
  snprintf(table->program, sizeof table->program, "%s", CREAM_VERSION);
  return cream_space_hash(&skeleton->space, table->space_hash, err);
}

static cream_status open_skeleton(const latency_options *options, cream_skeleton *skeleton,
                                  cream_error *err) {
  const cream_config *config = &options->config;
  cream_space space;
  cream_status status = cream_space_load(config->space, &space, err);
  if (status != CREAM_OK) return status;
  int depth[CREAM_MAX_STAGES] = {0};
  for (int s = 0; s < space.n_stages; s++) {
    const cream_stage *stage = &space.stages[s];
    depth[s] = stage->depth_max > options->depth_limit ? options->depth_limit : stage->depth_max;
    if (depth[s] < stage->depth_min) depth[s] = stage->depth_min;
    if (config->depth[0]) depth[s] = config->depth[s];
  }
  return cream_skeleton_init(skeleton, &space, depth,
                             config->resolution ? config->resolution : space.resolution.max,
                             options->classes ? options->classes : space.head.classes, err);
}

/* Eight times the largest number of options of a layer, unless --paths is given. */
static int count_paths(const latency_options *options, const cream_skeleton *skeleton) {
  enum { TURNS = 8, LEAST = 12 };
  if (options->paths) return options->paths;
  int most = 1;
  for (int l = 0; l < skeleton->n_layers; l++)
    if (skeleton->layers[l].n_options > most) most = skeleton->layers[l].n_options;
  return TURNS * most > LEAST ? TURNS * most : LEAST;
}

cream_status latency_build(const void *values, cream_error *err) {
  const latency_options *options = values;
  static cream_skeleton skeleton;
  static cream_latency_table table;
  static latency_rig rig;
  double started = progress_now(), error = 0;
  cream_status status = open_skeleton(options, &skeleton, err);
  if (status != CREAM_OK) return status;
  build_times times = {
      .paths = count_paths(options, &skeleton), .rounds = options->rounds, .n_parts = skeleton.n_layers + 2};
  size_t bytes = (size_t)(times.n_parts + 2) * (size_t)times.paths * (size_t)times.rounds * sizeof(double);
  times.values = malloc(bytes);
  if (!times.values) return cream_fail_memory(err, bytes, "the measurements");
  status = latency_rig_open(&rig, &options->config, &skeleton, options->batch, err);
  if (status == CREAM_OK) status = describe(options, &skeleton, rig.backend, &table, err);
  if (status == CREAM_OK) status = measure(&rig, &skeleton, options->config.seed, &times, err);
  if (status == CREAM_OK) status = fill(&skeleton, options, &times, &table, &error, err);
  if (status == CREAM_OK) status = cream_latency_table_save(options->config.out, &table, err);
  latency_rig_close(&rig);
  free(times.values);
  if (status != CREAM_OK) return status;
  if (options->json) {
    cream_latency_table_write(stdout, &table);
    return CREAM_OK;
  }
  printf("%s: %d blocks of %s at %d pixels on %s (%s), %d threads; %d paths, %d rounds, %.0f s\n",
         options->config.out, table.n_blocks, table.space, table.resolution, table.device, table.machine,
         table.threads, times.paths, times.rounds, progress_now() - started);
  printf("the parts add up to the whole passes with a mean error of %.1f %%; on other paths: cream latency "
         "check --table %s\n",
         100 * error, options->config.out);
  return CREAM_OK;
}
