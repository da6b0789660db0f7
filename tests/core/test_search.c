/* The search as a whole on a synthetic set: what it keeps, what it refuses, and that it repeats itself. */
#include "synthetic.h"

typedef struct log {
  int boards, metas, epochs, selects, steps, taught;
  double outside; /* paths outside the range */
  double last_loss, first_loss;
  cream_range range;
  cream_costs costs;
  volatile sig_atomic_t stop;
  uint64_t stop_at;
  double lowest_rho, highest_rho;
} log_t;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  log_t *log = self;
  (void)err;
  switch (event->kind) {
  case CREAM_EVENT_STEP: {
    log->steps++;
    cream_cost cost = cream_costs_path(&log->costs, event->path);
    log->outside += !cream_range_holds(&log->range, cream_cost_flops(&cost));
    if (log->steps == 1) log->first_loss = event->hard;
    log->last_loss = event->hard;
    if (event->rho >= 0) {
      log->taught++;
      if (event->rho < log->lowest_rho) log->lowest_rho = event->rho;
      if (event->rho > log->highest_rho) log->highest_rho = event->rho;
    }
    if (log->stop_at && event->step == log->stop_at) log->stop = 1;
    break;
  }
  case CREAM_EVENT_BOARD:
    log->boards++;
    for (int e = 0; e < event->board->count; e++)
      log->outside += !cream_range_holds(&log->range, event->board->entries[e].flops);
    break;
  case CREAM_EVENT_META:
    log->metas++;
    assert_true(event->meta_gradient >= 0);
    break;
  case CREAM_EVENT_EPOCH:
    log->epochs++;
    for (int e = 1; e < event->board->count; e++)
      assert_true(event->board->entries[e - 1].score >= event->board->entries[e].score);
    break;
  case CREAM_EVENT_SELECT:
    log->selects++;
    break;
  default:
    break;
  }
  return CREAM_OK;
}

static cream_config small_config(void) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 11;
  config.search.epochs = 5;
  config.search.batch = 16;
  config.search.lr.lr = 2.0;
  config.search.start_epoch = 2;
  config.search.board.size = 4;
  config.search.meta.every = 3;
  config.search.meta.slice = 3;
  config.search.recalibrate = 3;
  return config;
}

typedef struct outcome {
  cream_status status;
  cream_error err;
  cream_search_result result;
  cream_board board;
  log_t log;
  float *weights;
  size_t count;
  uint64_t meta_updates, steps;
} outcome;

static outcome run(const cream_config *config, cream_range range, int threads, uint64_t stop_at) {
  outcome out = {.status = CREAM_OK};
  cream_backend *backend = synthetic_backend(false, threads);
  cream_skeleton skeleton = synthetic_skeleton();
  synthetic train, heldout;
  synthetic_open(&train, 16 * 8, config->search.batch, 16, 21);
  synthetic_open(&heldout, 40, config->search.batch, 16, 22);
  out.log = (log_t){.range = range, .stop_at = stop_at, .lowest_rho = 2, .highest_rho = -1};
  cream_costs_init(&out.log.costs, &skeleton, 16);
  cream_search_inputs inputs = {.config = config,
                                .skeleton = &skeleton,
                                .range = range,
                                .train = &train.source,
                                .heldout = &heldout.source,
                                .listener = {on_event, &out.log, &out.log.stop}};
  cream_search *search;
  out.status = cream_search_create(backend, &inputs, &search, &out.err);
  if (!out.status) {
    out.status = cream_search_run(search, &out.result, &out.err);
    out.board = *cream_search_board(search);
    out.meta_updates = cream_search_meta_updates(search);
    out.steps = cream_search_step(search);
    cream_net *net = cream_search_net(search);
    out.count = cream_net_weight_count(net);
    out.weights = malloc(out.count * 4);
    cream_error err;
    assert_non_null(out.weights);
    assert_int_equal(backend->download(backend, out.weights, cream_net_weights(net), out.count, &err),
                     CREAM_OK);
  }
  cream_search_destroy(search);
  synthetic_close(&train);
  synthetic_close(&heldout);
  backend->destroy(backend);
  return out;
}

static void test_learns_and_distils(void **state) {
  (void)state;
  cream_config config = small_config();
  outcome out = run(&config, (cream_range){0, 0}, 2, 0);
  if (out.status) fail_msg("%s", out.err.text);
  assert_int_equal(out.steps, 40);
  assert_int_equal(out.log.steps, 40);
  assert_int_equal(out.log.epochs, 5);
  assert_int_equal(out.board.count, 4);
  assert_int_equal(out.log.selects, 4);
  assert_true(out.log.last_loss < out.log.first_loss);
  assert_true(out.log.taught > 15 && out.log.taught <= 24);
  assert_true(out.log.lowest_rho > 0 && out.log.highest_rho < 1);
  assert_true(out.meta_updates >= 6 && (int)out.meta_updates == out.log.metas);
  assert_true(out.result.score.count == 40 && out.result.score.top1 > 0.5);
  assert_true(cream_path_equal(&out.result.path, &out.board.entries[out.result.entry].path));
  free(out.weights);
}

static void test_repeats_itself_for_any_threads(void **state) {
  (void)state;
  cream_config config = small_config();
  outcome first = run(&config, (cream_range){0, 0}, 1, 0);
  for (int threads = 1; threads <= 3; threads++) {
    outcome again = run(&config, (cream_range){0, 0}, threads, 0);
    assert_memory_equal(first.weights, again.weights, first.count * 4);
    assert_memory_equal(&first.board, &again.board, sizeof first.board);
    assert_true(cream_path_equal(&first.result.path, &again.result.path));
    free(again.weights);
  }
  config.seed++;
  outcome other = run(&config, (cream_range){0, 0}, 1, 0);
  assert_true(memcmp(first.weights, other.weights, first.count * 4) != 0);
  free(other.weights);
  free(first.weights);
}

static void test_nothing_outside_the_range_is_trained(void **state) {
  (void)state;
  cream_config config = small_config();
  cream_skeleton skeleton = synthetic_skeleton();
  cream_costs costs;
  cream_costs_init(&costs, &skeleton, 16);
  int n_options[CREAM_MAX_LAYERS];
  for (int l = 0; l < skeleton.n_layers; l++) n_options[l] = skeleton.layers[l].n_options;
  cream_range reach = cream_costs_reach(&costs, n_options);
  double span = reach.max - reach.min;
  cream_range range = {reach.min + 0.3 * span, reach.min + 0.5 * span};
  const cream_prior priors[] = {CREAM_PRIOR_UNIFORM, CREAM_PRIOR_FIXED, CREAM_PRIOR_BOARD};
  for (int i = 0; i < 3; i++) {
    config.search.prior = priors[i];
    config.search.fixed_prior[1] = 5;
    config.search.fixed_prior[2] = 1;
    config.search.fixed_prior[3] = 1;
    config.search.fixed_prior[4] = 1;
    outcome out = run(&config, range, 2, 0);
    if (out.status) fail_msg("%s", out.err.text);
    assert_true(out.log.outside == 0);
    assert_true(cream_range_holds(&range, cream_cost_flops(&out.result.cost)));
    free(out.weights);
  }
}

static void test_teachers(void **state) {
  (void)state;
  cream_config config = small_config();
  config.search.epochs = 4;
  const cream_teacher teachers[] = {CREAM_TEACHER_TOP1, CREAM_TEACHER_RANDOM, CREAM_TEACHER_NONE};
  for (int i = 0; i < 3; i++) {
    config.search.teacher = teachers[i];
    outcome out = run(&config, (cream_range){0, 0}, 2, 0);
    if (out.status) fail_msg("%s", out.err.text);
    assert_int_equal(out.meta_updates, 0);
    if (teachers[i] == CREAM_TEACHER_NONE)
      assert_int_equal(out.log.taught, 0);
    else
      assert_true(out.log.taught > 8 && out.log.lowest_rho == 1 && out.log.highest_rho == 1);
    assert_int_equal(out.board.count, 4);
    free(out.weights);
  }
}

static void test_stop_finishes_the_step(void **state) {
  (void)state;
  cream_config config = small_config();
  outcome out = run(&config, (cream_range){0, 0}, 2, 19);
  assert_int_equal(out.status, CREAM_INTERRUPTED);
  assert_int_equal(out.steps, 19);
  free(out.weights);
}

static void test_time_budget_still_selects(void **state) {
  (void)state;
  cream_config config = small_config();
  config.time_budget = 1e-9;
  outcome out = run(&config, (cream_range){0, 0}, 1, 0);
  if (out.status) fail_msg("%s", out.err.text);
  assert_int_equal(out.steps, 0);
  assert_int_equal(out.board.count, 1);
  assert_int_equal(out.result.score.count, 40);
  free(out.weights);
}

static void test_refusals(void **state) {
  (void)state;
  const struct {
    int batch, slice, board;
    double low, high;
    const char *says;
  } cases[] = {
      {0, 3, 4, 0, 0, "search.batch: got 0"},
      {-1, 3, 4, 0, 0, "search.batch: got -1"},
      {129, 3, 4, 0, 0, "search.batch: got 129, expected at most the 128 training images"},
      {16, 0, 4, 0, 0, "search.meta.slice: got 0"},
      {16, 41, 4, 0, 0, "search.meta.slice: got 41, expected at most the 40 held-out images"},
      {16, 3, 0, 0, 0, "search.board.size: got 0"},
      {16, 3, 65, 0, 0, "search.board.size: got 65"},
      {16, 3, 4, 1, 2, "flops: no path lies in"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_config config = small_config();
    config.search.batch = cases[i].batch;
    config.search.meta.slice = cases[i].slice;
    config.search.board.size = cases[i].board;
    cream_backend *backend = synthetic_backend(false, 1);
    cream_skeleton skeleton = synthetic_skeleton();
    synthetic train, heldout;
    synthetic_open(&train, 128, 16, 16, 21);
    synthetic_open(&heldout, 40, 16, 16, 22);
    cream_search_inputs inputs = {.config = &config,
                                  .skeleton = &skeleton,
                                  .range = {cases[i].low, cases[i].high},
                                  .train = &train.source,
                                  .heldout = &heldout.source};
    cream_search *search;
    cream_error err;
    assert_int_equal(cream_search_create(backend, &inputs, &search, &err), CREAM_BAD_CONFIG);
    assert_null(search);
    if (!strstr(err.text, cases[i].says)) fail_msg("got: %s", err.text);
    synthetic_close(&train);
    synthetic_close(&heldout);
    backend->destroy(backend);
  }
}

static void test_loss_that_is_no_number_stops(void **state) {
  (void)state;
  cream_config config = small_config();
  config.search.lr.lr = 1e30;
  outcome out = run(&config, (cream_range){0, 0}, 1, 0);
  assert_int_equal(out.status, CREAM_FAILED);
  assert_non_null(strstr(out.err.text, "lower search.lr.lr"));
  assert_non_null(strstr(out.err.text, "step "));
  assert_non_null(strstr(out.err.text, " at layer "));
  free(out.weights);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_learns_and_distils),
      cmocka_unit_test(test_repeats_itself_for_any_threads),
      cmocka_unit_test(test_nothing_outside_the_range_is_trained),
      cmocka_unit_test(test_teachers),
      cmocka_unit_test(test_stop_finishes_the_step),
      cmocka_unit_test(test_time_budget_still_selects),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_loss_that_is_no_number_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
