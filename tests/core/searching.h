/* A whole search on the synthetic set, with a log of its events. */
#ifndef CREAM_TESTS_CORE_SEARCHING_H
#define CREAM_TESTS_CORE_SEARCHING_H

#include "synthetic.h"

enum { SEARCHING_MAX_SCORES = 256, SEARCHING_MAX_STATISTICS = 4096, SEARCHING_HELDOUT = 40 };
/* Sanitizers see as much in batches of 4; only what a network learns depends on the size. */
enum { SEARCHING_BATCH = CREAM_SLOW_CHECKER ? 4 : 16, SEARCHING_IMAGES = 8 * SEARCHING_BATCH };

typedef struct searching_log {
  int boards, metas, epochs, selects, steps, taught;
  int outside;       /* paths of steps outside the limits */
  int board_outside; /* entries of boards outside them */
  int n_scores;
  cream_path scored[SEARCHING_MAX_SCORES];
  double scores[SEARCHING_MAX_SCORES];
  cream_score selected[CREAM_MAX_BOARD]; /* by entry */
  int notes;
  char note[256];
  double last_loss, first_loss;
  double lowest_rho, highest_rho;
  cream_limits limits;
  cream_order order;
  cream_costs costs;
  volatile sig_atomic_t stop;
  uint64_t stop_at;
} searching_log;

static inline cream_status searching_event(void *self, const cream_event *event, cream_error *err) {
  searching_log *log = self;
  (void)err;
  switch (event->kind) {
  case CREAM_EVENT_STEP:
    log->steps++;
    log->outside += !cream_limits_hold(&log->limits, &log->costs, event->path);
    if (log->steps == 1) log->first_loss = event->hard;
    log->last_loss = event->hard;
    if (event->rho >= 0) {
      log->taught++;
      if (event->rho < log->lowest_rho) log->lowest_rho = event->rho;
      if (event->rho > log->highest_rho) log->highest_rho = event->rho;
    }
    if (log->stop_at && event->step == log->stop_at) log->stop = 1;
    break;
  case CREAM_EVENT_SCORE:
    assert_true(log->n_scores < SEARCHING_MAX_SCORES);
    log->scores[log->n_scores] = event->candidate->score;
    log->scored[log->n_scores++] = event->candidate->path;
    break;
  case CREAM_EVENT_BOARD:
    log->boards++;
    for (int e = 0; e < event->board->count; e++)
      log->board_outside += !cream_limits_hold(&log->limits, &log->costs, &event->board->entries[e].path);
    break;
  case CREAM_EVENT_META:
    log->metas++;
    assert_true(event->meta_gradient >= 0);
    break;
  case CREAM_EVENT_EPOCH:
    log->epochs++;
    for (int e = 1; e < event->board->count; e++)
      if (log->order == CREAM_ORDER_LOSS)
        assert_true(event->board->entries[e - 1].loss <= event->board->entries[e].loss);
      else
        assert_true(event->board->entries[e - 1].score >= event->board->entries[e].score);
    break;
  case CREAM_EVENT_SELECT:
    log->selects++;
    log->selected[event->entry] = (cream_score){.top1 = event->accuracy, .loss = event->eval_loss};
    break;
  case CREAM_EVENT_NOTE:
    log->notes++;
    snprintf(log->note, sizeof log->note, "%s", event->note);
    break;
  case CREAM_EVENT_START:
  case CREAM_EVENT_EVAL:
    break;
  }
  return CREAM_OK;
}

static inline cream_config searching_config(void) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 11;
  config.search.epochs = 5;
  config.search.batch = SEARCHING_BATCH;
  config.search.lr.lr = 2.0;
  config.search.start_epoch = 2;
  config.search.board.size = 4;
  config.search.board.buckets = 2;
  config.search.meta.every = 3;
  config.search.meta.slice = 3;
  config.search.evolution.population = 6;
  config.search.evolution.generations = 3;
  config.search.evolution.parents = 3;
  config.search.random.paths = 5;
  config.search.recalibrate = 3;
  return config;
}

typedef struct searching {
  cream_status status;
  cream_error err;
  int targets;
  cream_search_result results[CREAM_MAX_BUDGETS];
  cream_board boards[CREAM_MAX_BUDGETS];
  searching_log log;
  float *weights;
  size_t count;
  float statistics[SEARCHING_MAX_STATISTICS];
  uint64_t meta_updates, steps;
  uint32_t shown[SEARCHING_HELDOUT]; /* how often each held-out image was read */
  size_t meta_inputs;
} searching;

typedef struct searching_options {
  cream_range range;
  const cream_latencies *latencies;
  double max_ms;
  int threads;
  uint64_t stop_at;
  size_t images; /* of training; 0: SEARCHING_IMAGES */
  const cream_path
      *teachers; /* of another search, whose supernet has initial weights times `teachers_scale` */
  int n_teachers;
  float teachers_scale; /* 0: 1 */
} searching_options;

/* Multiplies the weights of the teachers' supernet. */
static inline void searching_scale_teachers(cream_backend *backend, cream_search *search, float scale) {
  cream_net *net = cream_search_teacher_net(search);
  if (!net || scale == 0) return;
  size_t count = cream_net_weight_count(net);
  float *weights = malloc(count * sizeof *weights);
  cream_error err;
  assert_non_null(weights);
  assert_int_equal(backend->download(backend, weights, cream_net_weights(net), count, &err), CREAM_OK);
  for (size_t i = 0; i < count; i++) weights[i] *= scale;
  backend->upload(backend, cream_net_weights(net), weights, count);
  assert_int_equal(backend->synchronise(backend, &err), CREAM_OK);
  free(weights);
}

/* Runs a search. The caller frees `weights`. */
static inline searching search_with(const cream_config *config, searching_options options) {
  searching out = {.status = CREAM_OK};
  cream_backend *backend = synthetic_backend(false, options.threads);
  cream_skeleton skeleton = synthetic_skeleton();
  synthetic train, heldout;
  synthetic_open(&train, options.images ? options.images : SEARCHING_IMAGES, SEARCHING_BATCH, 16, 21);
  synthetic_open(&heldout, SEARCHING_HELDOUT, SEARCHING_BATCH, 16, 22);
  heldout.shown = out.shown;
  out.log = (searching_log){.limits = {options.range, {0, options.max_ms}, options.latencies},
                            .stop_at = options.stop_at,
                            .order = config->search.order,
                            .lowest_rho = 2,
                            .highest_rho = -1};
  cream_costs_init(&out.log.costs, &skeleton, 16);
  cream_search_inputs inputs = {.config = config,
                                .skeleton = &skeleton,
                                .range = options.range,
                                .latencies = options.latencies,
                                .max_ms = options.max_ms,
                                .train = &train.source,
                                .heldout = &heldout.source,
                                .teachers = options.teachers,
                                .n_teachers = options.n_teachers,
                                .listener = {searching_event, &out.log, &out.log.stop}};
  cream_search *search;
  out.status = cream_search_create(backend, &inputs, &search, &out.err);
  if (!out.status) {
    searching_scale_teachers(backend, search, options.teachers_scale);
    out.status = cream_search_run(search, out.results, &out.err);
    out.targets = cream_search_targets(search);
    for (int t = 0; t < out.targets; t++) out.boards[t] = *cream_search_board(search, t);
    out.meta_updates = cream_search_meta_updates(search);
    out.meta_inputs = cream_search_meta_inputs(search);
    out.steps = cream_search_step(search);
    cream_net *net = cream_search_net(search);
    out.count = cream_net_weight_count(net);
    out.weights = malloc(out.count * 4);
    cream_error err;
    assert_non_null(out.weights);
    assert_int_equal(backend->download(backend, out.weights, cream_net_weights(net), out.count, &err),
                     CREAM_OK);
    size_t statistics = cream_net_statistic_count(net);
    assert_true(statistics <= SEARCHING_MAX_STATISTICS);
    assert_int_equal(backend->download(backend, out.statistics, cream_net_statistics(net), statistics, &err),
                     CREAM_OK);
  }
  cream_search_destroy(search);
  synthetic_close(&train);
  synthetic_close(&heldout);
  backend->destroy(backend);
  return out;
}

/* A part of the FLOPs range that the synthetic supernet reaches, as shares 0..1 of the way from the smallest path to the
 * largest. */
static inline cream_range searching_range(double from, double to) {
  cream_skeleton skeleton = synthetic_skeleton();
  cream_costs costs;
  cream_costs_init(&costs, &skeleton, 16);
  cream_range reach = cream_costs_reach(&costs);
  double span = reach.max - reach.min;
  return (cream_range){reach.min + from * span, reach.min + to * span};
}

#endif
