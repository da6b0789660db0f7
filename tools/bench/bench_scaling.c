/* cream bench scaling: how the time of a step depends on threads, batch and network, what a search adds to
 * its kernels, and what matching costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "tools/cli/progress.h"

enum { MAX_POINTS = 12, MAX_ROUNDS = 1000, SEARCH_SIDE = 32, SEARCH_BATCH = 128 };

/* ---- threads ------------------------------------------------------------------------------------- */

typedef struct threads_result {
  bench_kind kind;
  double one, many; /* median seconds on one thread and on all */
} threads_result;

/* Medians of two works whose rounds alternate on the same paths. */
static cream_status alternate(bench_work *a, bench_work *b, const bench_options *options, double *median_a,
                              double *median_b, cream_error *err) {
  double seconds[2][MAX_ROUNDS], ignored;
  bench_work *works[2] = {a, b};
  cream_status status = CREAM_OK;
  for (int i = -options->warmup; i < options->rounds && status == CREAM_OK; i++) {
    uint64_t index = 2 * (uint64_t)(i + options->warmup);
    cream_path path = bench_path(a->skeleton, options->seed, index);
    cream_path teacher = bench_path(a->skeleton, options->seed, index + 1);
    for (int w = 0; w < 2 && status == CREAM_OK; w++)
      status =
          bench_work_step(works[w], &path, &teacher, works[w]->batch, i < 0 ? &ignored : &seconds[w][i], err);
  }
  if (status != CREAM_OK) return status;
  *median_a = bench_median(seconds[0], options->rounds);
  *median_b = bench_median(seconds[1], options->rounds);
  return CREAM_OK;
}

static cream_status scale_threads(bench_kind kind, const cream_skeleton *skeleton,
                                  const bench_options *options, threads_result *result, cream_error *err) {
  static bench_work one, many;
  *result = (threads_result){.kind = kind};
  cream_status status = bench_work_open(&one, kind, skeleton, options->batch, 1, options, err);
  if (status == CREAM_OK)
    status = bench_work_open(&many, kind, skeleton, options->batch, options->threads, options, err);
  if (status == CREAM_OK) status = alternate(&one, &many, options, &result->one, &result->many, err);
  bench_work_close(&one);
  bench_work_close(&many);
  return status;
}

/* ---- lines --------------------------------------------------------------------------------------- */

typedef struct point {
  cream_path path;
  int n;          /* images */
  double macs;    /* of a forward pass of one image */
  double seconds; /* median */
} point;

/* Time against x: least squares, y = intercept + slope * x. */
typedef struct line {
  int count;
  point points[MAX_POINTS];
  double intercept, slope, r2;
} line;

static void fit(line *l, bool by_batch) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0, n = l->count;
  for (int i = 0; i < l->count; i++) {
    double x = by_batch ? l->points[i].n : l->points[i].macs, y = l->points[i].seconds;
    sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
  }
  double vx = sxx - sx * sx / n, vxy = sxy - sx * sy / n, vy = syy - sy * sy / n;
  l->slope = vxy / vx;
  l->intercept = (sy - l->slope * sx) / n;
  l->r2 = vxy * vxy / (vx * vy);
}

/* Medians of all points, a step of each in every round. */
static cream_status time_points(bench_work *work, const bench_options *options, line *l, cream_error *err) {
  static double seconds[MAX_POINTS][MAX_ROUNDS];
  for (int r = -options->warmup; r < options->rounds; r++)
    for (int i = 0; i < l->count; i++) {
      double elapsed;
      point *p = &l->points[i];
      cream_status status = bench_work_step(work, &p->path, NULL, p->n, &elapsed, err);
      if (status != CREAM_OK) return status;
      if (r >= 0) seconds[i][r] = elapsed;
    }
  for (int i = 0; i < l->count; i++) l->points[i].seconds = bench_median(seconds[i], options->rounds);
  return CREAM_OK;
}

/* Eighths of the batch on one path. */
static void batch_points(const bench_work *work, const cream_costs *costs, uint64_t seed, line *l) {
  cream_path path = bench_path(work->skeleton, seed, 0);
  l->count = 0;
  for (int k = 1; k <= 8; k++) {
    int n = work->batch * k / 8;
    if (n == 0 || (l->count && l->points[l->count - 1].n == n)) continue;
    l->points[l->count++] = (point){.path = path, .n = n, .macs = cream_costs_path(costs, &path).macs};
  }
}

static int by_macs(const void *a, const void *b) {
  double x = ((const point *)a)->macs, y = ((const point *)b)->macs;
  return (x > y) - (x < y);
}

/* The paths with fewest and most MACs, and random ones between them. */
static void path_points(const bench_work *work, const cream_costs *costs, uint64_t seed, line *l) {
  cream_path least = cream_skeleton_first_path(work->skeleton), most = least;
  for (int i = 0; i < work->skeleton->n_layers; i++)
    for (int o = 1; o < work->skeleton->layers[i].n_options; o++) {
      double macs = costs->layer[i][o].macs;
      if (macs < costs->layer[i][least.choice[i]].macs) least.choice[i] = (uint8_t)o;
      if (macs > costs->layer[i][most.choice[i]].macs) most.choice[i] = (uint8_t)o;
    }
  l->count = MAX_POINTS;
  for (int i = 0; i < l->count; i++) {
    cream_path path = i == 0 ? least : i == 1 ? most : bench_path(work->skeleton, seed, (uint64_t)i);
    l->points[i] = (point){.path = path, .n = work->batch, .macs = cream_costs_path(costs, &path).macs};
  }
  qsort(l->points, (size_t)l->count, sizeof *l->points, by_macs);
}

static cream_status scale_size(const cream_skeleton *skeleton, const bench_options *options, line *batch,
                               line *macs, cream_error *err) {
  static bench_work work;
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  cream_status status =
      bench_work_open(&work, BENCH_PLAIN, skeleton, options->batch, options->threads, options, err);
  if (status == CREAM_OK) {
    batch_points(&work, &costs, options->seed, batch);
    status = time_points(&work, options, batch, err);
    fit(batch, true);
  }
  if (status == CREAM_OK) {
    path_points(&work, &costs, options->seed, macs);
    status = time_points(&work, options, macs, err);
    fit(macs, false);
  }
  bench_work_close(&work);
  return status;
}

/* ---- a search ------------------------------------------------------------------------------------ */

/* Measures a search: its first epoch fills the board, the second is measured, then it is stopped. */
typedef struct watch {
  cream_backend *backend;
  double started, seconds, kernels;
  uint64_t first, steps;
  volatile sig_atomic_t stop;
} watch;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  (void)err;
  watch *w = self;
  if (event->kind == CREAM_EVENT_EPOCH && event->epoch == 1) {
    profiled_reset(w->backend);
    w->started = progress_now();
    w->first = event->step;
  }
  if (event->kind != CREAM_EVENT_STEP || !w->first || event->step < event->steps) return CREAM_OK;
  w->seconds = progress_now() - w->started;
  w->steps = event->step - w->first;
  for (int k = 0; k < PROFILED_KINDS; k++) w->kernels += profiled_by_kind(w->backend)[k].seconds;
  w->stop = 1;
  return CREAM_OK;
}

/* A search with the paper's settings in which every step is distilled, on images that take no time to read. */
static cream_status run_search(const cream_skeleton *skeleton, const bench_options *options, watch *w,
                               cream_error *err) {
  static cream_config config;
  cream_config_defaults(&config);
  config.seed = options->seed;
  config.search.epochs = 2;
  config.search.batch = SEARCH_BATCH;
  config.search.start_epoch = 1;
  /* A short measurement fills a small board. */
  if (options->rounds < config.search.board.size)
    config.search.board.size = options->rounds > 2 ? options->rounds : 2;
  const size_t steps =
      (size_t)(options->rounds > config.search.board.size ? options->rounds : config.search.board.size);
  bench_data data;
  cream_status status =
      bench_data_open(&data, skeleton, SEARCH_BATCH, steps * SEARCH_BATCH, options->seed, err);
  if (status != CREAM_OK) return status;
  cream_search_inputs inputs = {.config = &config,
                                .skeleton = skeleton,
                                .train = &data.source,
                                .heldout = &data.source,
                                .listener = {.on_event = on_event, .self = w, .stop = &w->stop}};
  cream_search *search;
  cream_search_result result;
  status = cream_search_create(w->backend, &inputs, &search, err);
  if (status == CREAM_OK) {
    status = cream_search_run(search, &result, err);
    cream_search_destroy(search);
  }
  bench_data_close(&data);
  return status == CREAM_INTERRUPTED ? CREAM_OK : status;
}

static cream_status small_skeleton(const bench_options *options, cream_skeleton *skeleton, cream_error *err) {
  bench_options small = *options;
  small.space = "micro";
  small.resolution = SEARCH_SIDE;
  small.classes = 0;
  memset(small.depth, 0, sizeof small.depth);
  return bench_skeleton(&small, skeleton, err);
}

static cream_status measure_search(const cream_skeleton *skeleton, const bench_options *options, watch *w,
                                   cream_error *err) {
  cream_status status = bench_backend(options->threads, options, &w->backend, err);
  if (status != CREAM_OK) return status;
  status = run_search(skeleton, options, w, err);
  w->backend->destroy(w->backend);
  return status;
}

/* ---- matching ------------------------------------------------------------------------------------ */

typedef struct match_result {
  double distill, match; /* median seconds: a distilled step of batch SEARCH_BATCH; a matching alone */
} match_result;

static cream_status measure_match(const cream_skeleton *skeleton, const bench_options *options,
                                  match_result *result, cream_error *err) {
  static bench_work distill, match;
  int threads = options->threads;
  cream_status status =
      bench_work_open(&distill, BENCH_DISTILL, skeleton, SEARCH_BATCH, threads, options, err);
  if (status == CREAM_OK)
    status = bench_work_open(&match, BENCH_MATCH, skeleton, SEARCH_BATCH, threads, options, err);
  if (status == CREAM_OK)
    status = alternate(&distill, &match, options, &result->distill, &result->match, err);
  bench_work_close(&distill);
  bench_work_close(&match);
  return status;
}

/* ---- results ------------------------------------------------------------------------------------- */

typedef struct scaling {
  threads_result threads[BENCH_KINDS];
  int n_threads;
  line batch, macs;
  watch search;
  match_result match[2]; /* of the micro space, of the space of the options */
} scaling;

static void print_line(const line *l, bool by_batch) {
  printf("%10s %14s %10s %10s\n", "batch", "MACs (M)", "ms", "line (ms)");
  for (int i = 0; i < l->count; i++) {
    const point *p = &l->points[i];
    double x = by_batch ? p->n : p->macs;
    printf("%10d %14.2f %10.3f %10.3f\n", p->n, p->macs / 1e6, 1e3 * p->seconds,
           1e3 * (l->intercept + l->slope * x));
  }
  printf("line: %.3f ms + %.4f ms for each %s, R^2 %.4f\n", 1e3 * l->intercept,
         1e3 * l->slope * (by_batch ? 1 : 1e6), by_batch ? "image" : "M MACs of an image", l->r2);
}

static void print(const scaling *s, const cream_skeleton *const nets[2], const bench_options *options) {
  bench_print_machine(options->threads);
  printf("%s, %d pixels, batch %d; medians of %d rounds\n", nets[1]->space.name, nets[1]->resolution,
         options->batch, options->rounds);
  printf("\nthreads\n%-10s %12s %12s %10s\n", "step", "1 (ms)", "all (ms)", "speed-up");
  for (int i = 0; i < s->n_threads; i++)
    printf("%-10s %12.3f %12.3f %10.2f\n", bench_kind_names[s->threads[i].kind], 1e3 * s->threads[i].one,
           1e3 * s->threads[i].many, s->threads[i].one / s->threads[i].many);
  printf("\nplain step against batch\n");
  print_line(&s->batch, true);
  printf("\nplain step against the network's size\n");
  print_line(&s->macs, false);
  printf(
      "\nsearch in micro, %d pixels, batch %d: %.3f ms a step, %.3f ms of it in kernels; outside %.2f %%\n",
      SEARCH_SIDE, SEARCH_BATCH, 1e3 * s->search.seconds / (double)s->search.steps,
      1e3 * s->search.kernels / (double)s->search.steps, 100 * (1 - s->search.kernels / s->search.seconds));
  for (int i = 0; i < 2; i++)
    printf("matching in %s, %d pixels: %.3f ms; a distilled step of batch %d %.3f ms; %.2f %%\n",
           nets[i]->space.name, nets[i]->resolution, 1e3 * s->match[i].match, SEARCH_BATCH,
           1e3 * s->match[i].distill, 100 * s->match[i].match / s->match[i].distill);
}

static void write_line(cream_json *json, const char *key, const line *l) {
  cream_json_object(json, key, true);
  cream_json_number(json, "intercept_ms", 1e3 * l->intercept);
  cream_json_number(json, "slope_ms", 1e3 * l->slope);
  cream_json_number(json, "r2", l->r2);
  cream_json_array(json, "points", true);
  for (int i = 0; i < l->count; i++) {
    cream_json_object(json, NULL, false);
    cream_json_integer(json, "batch", (uint64_t)l->points[i].n);
    cream_json_number(json, "macs", l->points[i].macs);
    cream_json_number(json, "median_ms", 1e3 * l->points[i].seconds);
    cream_json_end(json);
  }
  cream_json_end(json);
  cream_json_end(json);
}

static void write_match(cream_json *json, const match_result *result, const cream_skeleton *skeleton) {
  cream_json_object(json, NULL, false);
  cream_json_string(json, "space", skeleton->space.name);
  cream_json_integer(json, "resolution", (uint64_t)skeleton->resolution);
  cream_json_number(json, "match_ms", 1e3 * result->match);
  cream_json_number(json, "distill_ms", 1e3 * result->distill);
  cream_json_number(json, "share", result->match / result->distill);
  cream_json_end(json);
}

static void write_search(cream_json *json, const watch *w) {
  cream_json_object(json, "search", true);
  cream_json_integer(json, "resolution", SEARCH_SIDE);
  cream_json_integer(json, "batch", SEARCH_BATCH);
  cream_json_integer(json, "steps", w->steps);
  cream_json_number(json, "step_ms", 1e3 * w->seconds / (double)w->steps);
  cream_json_number(json, "kernel_ms", 1e3 * w->kernels / (double)w->steps);
  cream_json_number(json, "share_outside", 1 - w->kernels / w->seconds);
  cream_json_end(json);
}

static void write_scaling(const scaling *s, const cream_skeleton *const nets[2],
                          const bench_options *options) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "bench", "scaling");
  bench_write_machine(&json, options->threads);
  bench_write_setting(&json, nets[1], options->batch, options->threads, options->rounds);
  cream_json_array(&json, "threads_speedup", true);
  for (int i = 0; i < s->n_threads; i++) {
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "work", bench_kind_names[s->threads[i].kind]);
    cream_json_number(&json, "one_ms", 1e3 * s->threads[i].one);
    cream_json_number(&json, "all_ms", 1e3 * s->threads[i].many);
    cream_json_number(&json, "speedup", s->threads[i].one / s->threads[i].many);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  write_line(&json, "against_batch", &s->batch);
  write_line(&json, "against_macs", &s->macs);
  write_search(&json, &s->search);
  cream_json_array(&json, "match", true);
  for (int i = 0; i < 2; i++) write_match(&json, &s->match[i], nets[i]);
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

cream_status bench_scaling(const void *values, cream_error *err) {
  const bench_options *options = values;
  static cream_skeleton small, skeleton;
  static scaling s;
  static const bench_kind kinds[] = {BENCH_PLAIN, BENCH_DISTILL, BENCH_EVAL};
  const cream_skeleton *nets[2] = {&small, &skeleton};
  if (options->rounds > MAX_ROUNDS)
    return cream_fail(err, CREAM_BAD_CONFIG, "--rounds: got %d, expected at most %d", options->rounds,
                      MAX_ROUNDS);
  cream_status status = bench_skeleton(options, &skeleton, err);
  if (status == CREAM_OK) status = small_skeleton(options, &small, err);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == CREAM_OK; i++)
    status = scale_threads(kinds[i], &skeleton, options, &s.threads[s.n_threads++], err);
  if (status == CREAM_OK) status = scale_size(&skeleton, options, &s.batch, &s.macs, err);
  if (status == CREAM_OK) status = measure_search(&small, options, &s.search, err);
  for (int i = 0; i < 2 && status == CREAM_OK; i++)
    status = measure_match(nets[i], options, &s.match[i], err);
  if (status != CREAM_OK) return status;
  if (options->json)
    write_scaling(&s, nets, options);
  else
    print(&s, nets, options);
  return CREAM_OK;
}
