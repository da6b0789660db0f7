/* cream latency build: runs random paths, which together contain every block equally often, in rounds, and times each
 * part in its place in the network, with the caches as its neighbours leave them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/space_yaml.h"
#include "latency.h"
#include "latency_settle.h"
#include "tools/bench/bench.h"
#include "tools/cli/progress.h"

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

/* The median; the measurements stay in their order, which is that of the rounds. */
static double median(const double *values, int count) {
  double copy[LATENCY_MAX_ROUNDS];
  memcpy(copy, values, (size_t)count * sizeof *copy);
  return bench_median(copy, count);
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

/* Measures a path in a round; of that and an earlier measurement the faster one stays, as other work only slows down. */
static cream_status measure_one(latency_rig *rig, const cream_path *path, build_times *times, int p, int r,
                                cream_error *err) {
  double parts[LATENCY_MAX_PARTS], warm, marked, whole;
  cream_status status = latency_rig_run(rig, path, NULL, &warm, err);
  if (status == CREAM_OK) status = latency_rig_run(rig, path, parts, &marked, err);
  if (status == CREAM_OK) status = latency_rig_run(rig, path, NULL, &whole, err);
  if (status != CREAM_OK) return status;
  if (whole < whole_of(times, p)[r]) whole_of(times, p)[r] = whole;
  if (marked >= marked_of(times, p)[r]) return CREAM_OK;
  marked_of(times, p)[r] = marked;
  for (int i = 0; i < times->n_parts; i++) times_of(times, i, p)[r] = parts[i];
  return CREAM_OK;
}

/* Measures what is true in again[paths * rounds]. */
static cream_status measure(latency_rig *rig, const cream_skeleton *skeleton, uint64_t seed,
                            build_times *times, const bool *again, cream_error *err) {
  for (int r = 0; r < times->rounds; r++) {
    if (isatty(2)) fprintf(stderr, "\rround %d of %d", r + 1, times->rounds);
    for (int p = 0; p < times->paths; p++) {
      if (!again[(size_t)p * (size_t)times->rounds + (size_t)r]) continue;
      cream_path path = path_of(skeleton, seed, p);
      cream_status status = measure_one(rig, &path, times, p, r, err);
      if (status != CREAM_OK) return status;
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
    scratch[p] = median(marked_of(times, p), times->rounds) - median(whole_of(times, p), times->rounds);
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
      if (same_shape(&here, shape)) samples[count++] = median(times_of(times, l + 1, p), times->rounds);
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
  for (int p = 0; p < times->paths; p++) samples[p] = median(times_of(times, part, p), times->rounds);
  summarise(latency, samples, times->paths, mark);
}

/* The time of whole passes beside that of their parts. predicted[paths]: by the table. */
static cream_status fill_rest(const cream_skeleton *skeleton, uint64_t seed, const build_times *times,
                              double *samples, cream_latency_table *table, double *predicted,
                              cream_error *err) {
  static cream_latencies latencies;
  cream_status status = cream_latency_table_apply(table, "", skeleton, NULL, &latencies, err);
  if (status != CREAM_OK) return status;
  for (int p = 0; p < times->paths; p++) {
    cream_path path = path_of(skeleton, seed, p);
    predicted[p] = cream_latencies_path(&latencies, &path);
    samples[p] = median(whole_of(times, p), times->rounds) - predicted[p];
  }
  table->rest = bench_median(samples, times->paths);
  for (int p = 0; p < times->paths; p++) predicted[p] += table->rest;
  return CREAM_OK;
}

static cream_status fill(const cream_skeleton *skeleton, const latency_options *options,
                         const build_times *times, cream_latency_table *table, double *predicted,
                         cream_error *err) {
  size_t count = (size_t)times->paths * (size_t)skeleton->n_layers;
  double *samples = malloc(count * sizeof *samples);
  if (!samples) return cream_fail_memory(err, count * sizeof *samples, "the measurements");
  uint64_t seed = options->config.seed;
  double mark = cost_of_mark(times, samples);
  table->n_blocks = 0;
  fill_part(times, 0, mark, samples, &table->stem);
  fill_part(times, times->n_parts - 1, mark, samples, &table->head);
  fill_blocks(skeleton, seed, times, mark, samples, table);
  cream_status status = fill_rest(skeleton, seed, times, samples, table, predicted, err);
  free(samples);
  return status;
}

static cream_status describe(const latency_options *options, const cream_skeleton *skeleton, latency_rig *rig,
                             cream_latency_table *table, cream_error *err) {
  *table = (cream_latency_table){.resolution = skeleton->resolution,
                                 .classes = skeleton->classes,
                                 .batch = options->batch,
                                 .threads = options->config.threads};
  strcpy(table->space, skeleton->space.name);
  memcpy(table->depth, skeleton->depth, sizeof table->depth);
  const char *asked = options->config.device;
  snprintf(table->device, sizeof table->device, "%s", strcmp(asked, "auto") ? asked : rig->backend->name);
  latency_rig_machine(rig, options->config.threads, table->machine, sizeof table->machine);
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

/* ---- the command -------------------------------------------------------------------------------------- */

/* For latency_settle. */
typedef struct build {
  const latency_options *options;
  cream_skeleton skeleton;
  cream_latency_table table;
  latency_rig rig;
  build_times times;
  double *predicted; /* [paths] */
  double error;      /* mean relative error of the predictions */
} build;

static cream_status measure_again(void *self, const bool *again, cream_error *err) {
  build *b = self;
  return measure(&b->rig, &b->skeleton, b->options->config.seed, &b->times, again, err);
}

/* Passes with marks, from which the blocks come, and those without. */
static cream_status judge(void *self, bool *again, latency_verdict *verdict, cream_error *err) {
  build *b = self;
  const build_times *times = &b->times;
  const latency_series whole = {times->paths, times->rounds, whole_of(times, 0)},
                       marked = {times->paths, times->rounds, marked_of(times, 0)};
  latency_verdict of_marked;
  cream_status status = fill(&b->skeleton, b->options, times, &b->table, b->predicted, err);
  if (status == CREAM_OK) status = latency_judge(&whole, b->predicted, again, verdict, err);
  if (status == CREAM_OK) status = latency_judge(&marked, NULL, again, &of_marked, err);
  if (status != CREAM_OK) return status;
  b->error = verdict->error;
  verdict->spread = fmax(verdict->spread, of_marked.spread);
  verdict->disturbed |= of_marked.disturbed;
  return CREAM_OK;
}

static cream_status allocate(build *b, cream_error *err) {
  b->times = (build_times){.paths = count_paths(b->options, &b->skeleton),
                           .rounds = b->options->rounds,
                           .n_parts = b->skeleton.n_layers + 2};
  size_t rows = (size_t)b->times.paths * (size_t)(b->times.n_parts + 2);
  size_t bytes = (rows * (size_t)b->times.rounds + (size_t)b->times.paths) * sizeof(double);
  b->times.values = malloc(bytes);
  if (!b->times.values) return cream_fail_memory(err, bytes, "the measurements");
  for (size_t i = 0; i < rows * (size_t)b->times.rounds; i++) b->times.values[i] = INFINITY;
  b->predicted = b->times.values + rows * (size_t)b->times.rounds;
  return CREAM_OK;
}

static void report(const build *b, double seconds) {
  const cream_latency_table *table = &b->table;
  const char *out = b->options->config.out;
  printf("%s: %d blocks of %s at %d pixels on %s (%s), %d threads; %d paths, %d rounds, %.0f s\n", out,
         table->n_blocks, table->space, table->resolution, table->device, table->machine, table->threads,
         b->times.paths, b->times.rounds, seconds);
  printf("the parts add up to the whole passes with a mean error of %.1f %%; on other paths: cream latency "
         "check --table %s\n",
         100 * b->error, out);
}

cream_status latency_build(const void *values, cream_error *err) {
  static build b;
  const latency_options *options = values;
  double started = progress_now();
  b = (build){.options = options};
  cream_status status = open_skeleton(options, &b.skeleton, err);
  if (status == CREAM_OK) status = allocate(&b, err);
  if (status != CREAM_OK) return status;
  status = latency_rig_open(&b.rig, &options->config, &b.skeleton, options->batch, err);
  if (status == CREAM_OK) status = describe(options, &b.skeleton, &b.rig, &b.table, err);
  const latency_task task = {.self = &b,
                             .networks = b.times.paths,
                             .rounds = b.times.rounds,
                             .name = options->config.out,
                             .doubt = "other work disturbs the measurements",
                             .accept = options->accept_disturbed,
                             .least_seconds = options->least_seconds,
                             .now = progress_now,
                             .measure = measure_again,
                             .judge = judge};
  if (status == CREAM_OK) status = latency_settle(&task, err);
  if (status == CREAM_OK) status = cream_latency_table_save(options->config.out, &b.table, err);
  latency_rig_close(&b.rig);
  free(b.times.values);
  if (status != CREAM_OK) return status;
  if (options->json)
    cream_latency_table_write(stdout, &b.table);
  else
    report(&b, progress_now() - started);
  return CREAM_OK;
}
