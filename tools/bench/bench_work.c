#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "core/net/fold.h"
#include "cpu/cpu.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"
#include "tools/cli/progress.h"

enum { BOARD = 10, SLICE = 4, DETECTOR_SIDE = 512, DETECTOR_CLASSES = 80 };

#define BENCH_WORD(name, word) word,
const char *const bench_kind_names[] = {BENCH_KIND_LIST(BENCH_WORD) "all", NULL};
#undef BENCH_WORD

/* ---- memory of the process --------------------------------------------------------------------- */

/* The number of kilobytes after `key` in /proc/self/status, in bytes. */
static double status_bytes(const char *key) {
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return NAN;
  char line[256];
  double bytes = NAN;
  while (isnan(bytes) && fgets(line, sizeof line, file))
    if (!strncmp(line, key, strlen(key))) bytes = 1024 * strtod(line + strlen(key), NULL);
  fclose(file);
  return bytes;
}

double bench_memory_peak(void) {
  return status_bytes("VmHWM:");
}

double bench_memory_now(void) {
  return status_bytes("VmRSS:");
}

void bench_memory_reset(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file) return;
  fputs("5\n", file);
  fclose(file);
}

/* ---- statistics ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return (values[count / 2] + values[(count - 1) / 2]) / 2;
}

/* ---- data ---------------------------------------------------------------------------------------- */

static cream_status pick(cream_source *source, const uint32_t *indices, int n, cream_batch *batch,
                         cream_error *err) {
  (void)indices, (void)err;
  const bench_data *data = source->self;
  *batch = (cream_batch){n, source->side, source->channels, data->pixels, data->labels};
  return CREAM_OK;
}

static cream_status read_batch(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                               cream_error *err) {
  (void)epoch;
  size_t left = source->count - step * (size_t)source->batch;
  int n = left < (size_t)source->batch ? (int)left : source->batch;
  return pick(source, NULL, n, batch, err);
}

cream_status bench_data_open(bench_data *data, const cream_skeleton *skeleton, int batch, size_t images,
                             uint64_t seed, cream_error *err) {
  int side = skeleton->resolution;
  size_t bytes = (size_t)batch * (size_t)side * (size_t)side * 3;
  *data = (bench_data){.pixels = malloc(bytes), .labels = malloc((size_t)batch * sizeof *data->labels)};
  if (!data->pixels || !data->labels) {
    bench_data_close(data);
    return cream_fail_memory(err, bytes, "random images");
  }
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, UINT64_MAX);
  for (size_t i = 0; i < bytes; i++) data->pixels[i] = (uint8_t)cream_rng_u32(&rng);
  for (int i = 0; i < batch; i++)
    data->labels[i] = (int32_t)cream_rng_below(&rng, (uint32_t)skeleton->classes);
  data->source = (cream_source){.self = data,
                                .count = images,
                                .classes = skeleton->classes,
                                .batch = batch,
                                .side = side,
                                .channels = 3,
                                .mean = {0.5f, 0.5f, 0.5f},
                                .std = {0.25f, 0.25f, 0.25f},
                                .read = read_batch,
                                .pick = pick};
  return CREAM_OK;
}

void bench_data_close(bench_data *data) {
  free(data->pixels);
  free(data->labels);
  *data = (bench_data){0};
}

/* ---- works --------------------------------------------------------------------------------------- */

cream_path bench_path(const cream_skeleton *skeleton, uint64_t seed, uint64_t index) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, index);
  cream_path path = cream_skeleton_first_path(skeleton);
  for (int l = 0; l < skeleton->n_layers; l++)
    path.choice[l] = (uint8_t)cream_rng_below(&rng, (uint32_t)skeleton->layers[l].n_options);
  return path;
}

/* Depths whose networks are in proportion to the resolution (range.h), unless they are given. */
static cream_status resolve(const cream_space *space, int classes, int *resolution, int *depth,
                            cream_error *err) {
  if (depth[0]) return CREAM_OK;
  double scale = (double)*resolution / space->resolution.scale_at;
  double flops = 1e6 * space->resolution.scale_flops * scale * scale;
  cream_range range = {0.8 * flops, 1.2 * flops};
  return cream_range_resolve(space, &range, classes, resolution, depth, err);
}

static cream_status arch_skeleton(const bench_options *options, cream_skeleton *skeleton, cream_error *err) {
  static cream_arch arch;
  cream_status status = cream_arch_load(options->arch, &arch, err);
  if (status != CREAM_OK) return status;
  *skeleton = arch.net;
  if (options->resolution) skeleton->resolution = options->resolution;
  if (options->classes) skeleton->classes = options->classes;
  if (options->head == CREAM_DETECT_NONE) return CREAM_OK;
  skeleton->detect = cream_detect_default((cream_detect_kind)options->head);
  if (!options->resolution) skeleton->resolution = DETECTOR_SIDE;
  if (!options->classes) skeleton->classes = DETECTOR_CLASSES;
  return CREAM_OK;
}

bool bench_is_detector(const cream_skeleton *skeleton) {
  return skeleton->detect.kind != CREAM_DETECT_NONE;
}

bool bench_has_work(const cream_skeleton *skeleton, bench_kind kind) {
  return !bench_is_detector(skeleton) || kind == BENCH_PLAIN || kind == BENCH_EVAL;
}

cream_status bench_skeleton(const bench_options *options, cream_skeleton *skeleton, cream_error *err) {
  if (options->arch) return arch_skeleton(options, skeleton, err);
  cream_space space;
  cream_status status = cream_space_load(options->space, &space, err);
  if (status != CREAM_OK) return status;
  int resolution = options->resolution ? options->resolution : 64, depth[CREAM_MAX_STAGES];
  if (!options->resolution && resolution > space.resolution.max) resolution = space.resolution.max;
  if (!options->resolution && resolution < space.resolution.min) resolution = space.resolution.min;
  int classes = options->classes ? options->classes : space.head.classes;
  memcpy(depth, options->depth, sizeof depth);
  status = resolve(&space, classes, &resolution, depth, err);
  if (status != CREAM_OK) return status;
  return cream_skeleton_init(skeleton, &space, depth, resolution, classes, err);
}

cream_status bench_backend(int threads, const bench_options *options, cream_backend **backend,
                           cream_error *err) {
  const cream_cpu_options cpu = {.threads = threads,
                                 .plain = options->plain,
                                 .exact = (cream_exact)options->exact,
                                 .precision = (cream_precision)options->precision};
  cream_backend *inner;
  cream_status status = cream_cpu_create(&cpu, &inner, err);
  return status != CREAM_OK ? status : profiled_create(inner, backend, err);
}

/* A full board of random paths. */
static cream_status fill_board(bench_work *work, uint64_t seed, cream_error *err) {
  cream_board_init(&work->board, BOARD, 0);
  for (uint64_t i = 0; work->board.count < BOARD; i++) {
    if (i == 1000)
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "the space has too few paths, expected at least those of a board");
    cream_board_entry candidate = {.path = bench_path(work->skeleton, seed + 1, i), .step = i};
    bool entered;
    int at = cream_board_offer(&work->board, &candidate, &entered);
    if (!entered) continue;
    cream_status status =
        cream_match_enter(&work->match, NULL, &work->data.source, &work->board.entries[at], seed, err);
    if (status != CREAM_OK) return status;
  }
  return CREAM_OK;
}

static cream_status open_parts(bench_work *work, const bench_options *options, cream_error *err) {
  const cream_skeleton *skeleton = work->skeleton;
  cream_match_options match = {.capacity = BOARD, .slice = SLICE, .probe = 1, .seed = options->seed};
  cream_train_options train = {
      .skeleton = skeleton, .net = {.batch = work->batch, .seed = options->seed}, .batch = work->batch};
  train.net.train = work->kind == BENCH_PLAIN || work->kind == BENCH_DISTILL;
  train.net.frozen = options->frozen;
  if (work->kind == BENCH_MATCH) train.net.batch = cream_match_batch(&match, BOARD, SLICE);
  cream_status status = cream_train_init(&work->train, work->backend, &train, err);
  size_t targets = (size_t)work->batch * (size_t)skeleton->classes;
  if (status == CREAM_OK && work->kind == BENCH_EVAL) status = cream_net_fold(work->train.net, err);
  if (status == CREAM_OK && bench_is_detector(skeleton))
    status = bench_boxes_open(&work->boxes, work->train.net, &work->data.source, work->data.pixels,
                              work->batch, train.net.train, (uint64_t)options->seed, err);
  if (status == CREAM_OK && work->kind == BENCH_DISTILL)
    status = work->backend->alloc(work->backend, targets, &work->target, err);
  if (status != CREAM_OK || work->kind != BENCH_MATCH) return status;
  status = cream_match_init(&work->match, work->train.net, &work->data.source, &match, err);
  return status == CREAM_OK ? fill_board(work, options->seed, err) : status;
}

cream_status bench_work_open_on(bench_work *work, bench_kind kind, const cream_skeleton *skeleton, int batch,
                                cream_backend *backend, const bench_options *options, cream_error *err) {
  *work = (bench_work){
      .kind = kind, .skeleton = skeleton, .batch = batch, .backend = backend, .baseline = bench_memory_now()};
  bench_memory_reset();
  cream_status status = bench_data_open(&work->data, skeleton, batch, 4096, options->seed, err);
  return status == CREAM_OK ? open_parts(work, options, err) : status;
}

cream_status bench_work_open(bench_work *work, bench_kind kind, const cream_skeleton *skeleton, int batch,
                             int threads, const bench_options *options, cream_error *err) {
  cream_backend *backend;
  *work = (bench_work){0};
  cream_status status = bench_backend(threads, options, &backend, err);
  if (status != CREAM_OK) return status;
  return bench_work_open_on(work, kind, skeleton, batch, backend, options, err);
}

void bench_work_end(bench_work *work) {
  if (work->backend) {
    if (cream_buf_present(work->target)) work->backend->release(work->backend, work->target);
    bench_boxes_close(&work->boxes);
    if (work->match.backend) cream_match_destroy(&work->match);
    if (work->train.backend) cream_train_destroy(&work->train);
  }
  bench_data_close(&work->data);
  *work = (bench_work){0};
}

void bench_work_close(bench_work *work) {
  cream_backend *backend = work->backend;
  bench_work_end(work);
  if (backend) backend->destroy(backend);
}

/* The backward pass and the update. */
static cream_status end_step(bench_work *work, const cream_path *path, cream_error *err) {
  cream_train *train = &work->train;
  const cream_optim optim = {
      .kind = CREAM_OPTIM_SGD, .lr = 0.001f, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true};
  cream_event event = {.path = path, .lr = optim.lr};
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_train_update(train, path, &optim);
  return cream_train_result(train, &event, "the learning rate", err);
}

static cream_status train_step(bench_work *work, const cream_path *path, const cream_path *teacher,
                               const cream_tensor *x, cream_error *err) {
  cream_train *train = &work->train;
  cream_loss loss = {.hard = 1, .smoothing = 0.1f, .labels = train->labels};
  cream_buf logits = cream_net_forward_train(train->net, path, x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
  if (work->kind == BENCH_DISTILL) {
    cream_buf taught = cream_net_forward_teacher(train->net, teacher);
    work->backend->softmax(work->backend, taught, x->n, work->skeleton->classes, work->target);
    loss.hard = loss.soft = 0.5f;
    loss.target = work->target;
  }
  cream_train_loss(train, &loss, logits, x->n);
  return end_step(work, path, err);
}

static cream_status detector_step(bench_work *work, const cream_path *path, int n, cream_error *err) {
  if (work->kind == BENCH_EVAL) return bench_boxes_detect(&work->boxes, n, err);
  bench_boxes_forward(&work->boxes, &work->train, path, n);
  return end_step(work, path, err);
}

static cream_status run_step(bench_work *work, const cream_path *path, const cream_path *teacher, int n,
                             cream_error *err) {
  cream_teaching teaching;
  if (bench_is_detector(work->skeleton)) return detector_step(work, path, n, err);
  if (work->kind == BENCH_MATCH)
    return cream_match_teacher(&work->match, &work->board, path, CREAM_TEACHER_META, 0, 0, &teaching, err);
  cream_batch batch;
  cream_source *source = &work->data.source;
  cream_status status = source->pick(source, NULL, n, &batch, err);
  if (status != CREAM_OK) return status;
  cream_tensor x = cream_train_upload(&work->train, source, &batch);
  if (work->kind != BENCH_EVAL) return train_step(work, path, teacher, &x, err);
  cream_net_forward(work->train.net, path, &x, CREAM_BN_RUNNING, 0);
  return work->backend->synchronise(work->backend, err);
}

cream_status bench_work_step(bench_work *work, const cream_path *path, const cream_path *teacher, int n,
                             double *seconds, cream_error *err) {
  double started = progress_now();
  cream_status status = run_step(work, path, teacher, n, err);
  *seconds = progress_now() - started;
  return status;
}

/* ---- rounds ---------------------------------------------------------------------------------------- */

static cream_status run_steps(bench_work *work, const bench_options *options, void (*begin)(void *self),
                              void *self, double *seconds, bench_timing *timing, cream_error *err) {
  cream_costs costs;
  cream_costs_init(&costs, work->skeleton, work->skeleton->resolution);
  if (bench_is_detector(work->skeleton))
    costs.fixed =
        cream_cost_add(costs.fixed, cream_net_tail_cost(work->train.net, work->skeleton->resolution));
  for (int i = -options->warmup; i < options->rounds; i++) {
    uint64_t index = 2 * (uint64_t)(i + options->warmup);
    cream_path path = bench_path(work->skeleton, options->seed, index);
    cream_path teacher = bench_path(work->skeleton, options->seed, index + 1);
    if (i == 0) begin(self);
    double elapsed;
    cream_status status = bench_work_step(work, &path, &teacher, work->batch, &elapsed, err);
    if (status != CREAM_OK) return status;
    if (i < 0) continue;
    seconds[i] = elapsed;
    timing->total += elapsed;
    timing->macs += cream_costs_path(&costs, &path).macs / options->rounds;
  }
  return CREAM_OK;
}

cream_status bench_time_steps(bench_work *work, const bench_options *options, void (*begin)(void *self),
                              void *self, bench_timing *timing, cream_error *err) {
  double *seconds = malloc((size_t)options->rounds * sizeof *seconds);
  if (!seconds) return cream_fail_memory(err, (size_t)options->rounds * sizeof *seconds, "timings");
  *timing = (bench_timing){.kind = work->kind, .images = work->batch};
  if (work->kind == BENCH_MATCH) timing->images = work->board.count * work->match.slice;
  cream_status status = run_steps(work, options, begin, self, seconds, timing, err);
  if (status == CREAM_OK) {
    timing->median = bench_median(seconds, options->rounds);
    timing->fastest = seconds[0];
  }
  free(seconds);
  return status;
}
