/* A state saved after any step and restored into new objects leads to the same bytes as a run that never
 * stopped; a state of a different run is refused; a loss that explodes can be answered by a rollback. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/memory.h"

/* The events of a run without clock times. */
typedef struct record {
  int kind, epoch, entry;
  uint64_t step;
  double lr, loss, rho, accuracy, gradient, best;
} record;

enum { MAX_RECORDS = 1024 };

typedef struct watch {
  record records[MAX_RECORDS];
  int n, notes;
  uint64_t stop_at;
  volatile sig_atomic_t stop;
  char note[256];
  void *kept; /* the last state */
  size_t bytes;
  uint64_t kept_step, every;
  int saves;
} watch;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  watch *w = self;
  (void)err;
  if (event->kind == CREAM_EVENT_STEP && event->step == w->stop_at) w->stop = 1;
  if (event->kind == CREAM_EVENT_NOTE) {
    w->notes++;
    snprintf(w->note, sizeof w->note, "%s", event->note);
  }
  if (event->kind == CREAM_EVENT_START) return CREAM_OK;
  assert_true(w->n < MAX_RECORDS);
  record *r = &w->records[w->n++];
  memset(r, 0, sizeof *r);
  *r = (record){event->kind,
                event->epoch,
                event->entry,
                event->step,
                event->lr,
                event->loss,
                event->rho,
                event->accuracy,
                event->meta_gradient,
                event->board && event->board->count ? event->board->entries[0].score : 0};
  return CREAM_OK;
}

static bool due(void *self, uint64_t step, bool epoch_end) {
  watch *w = self;
  (void)epoch_end;
  return w->every && step % w->every == 0;
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  watch *w = self;
  w->bytes = cream_state_bytes(state);
  void *memory = malloc(w->bytes);
  assert_non_null(memory);
  cream_status status = cream_state_snapshot(state, memory, err);
  if (status) {
    free(memory);
    return status;
  }
  free(w->kept);
  w->kept = memory;
  w->kept_step = state->step;
  w->saves++;
  return CREAM_OK;
}

static cream_status restore(void *self, const cream_state *state, cream_error *err) {
  const watch *w = self;
  if (!w->kept) return cream_fail(err, CREAM_FAILED, "nothing was saved");
  assert_int_equal(cream_state_bytes(state), w->bytes);
  return cream_state_restore(state, w->kept, err);
}

/* A search or a retraining on sources, with everything that is made for it. */
typedef struct job {
  bool is_search;
  cream_config config;
  cream_backend *backend;
  cream_skeleton skeleton;
  synthetic train, heldout;
  cream_search *search;
  cream_retrain *retrain;
  cream_search_result results[CREAM_MAX_BUDGETS];
} job;

static cream_config small_config(void) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 11;
  config.search.epochs = 3;
  config.search.batch = 16;
  config.search.lr.lr = 2.0;
  config.search.start_epoch = 1;
  config.search.prior = CREAM_PRIOR_BOARD;
  config.search.board.size = 4;
  config.search.board.images = 16;
  config.search.meta.every = 2;
  config.search.meta.slice = 3;
  config.search.recalibrate = 2;
  config.retrain.epochs = 3;
  config.retrain.batch = 16;
  config.retrain.lr.lr = 0.5;
  config.retrain.dropout = 0.3;
  config.retrain.ema = 0.9;
  return config;
}

static job job_open(bool is_search, const cream_config *config) {
  /* a thread alone waits for no other */
  job j = {.is_search = is_search, .config = *config, .backend = synthetic_backend(false, is_search ? 1 : 2)};
  j.skeleton = synthetic_skeleton();
  cream_path path = {.n_layers = 5, .choice = {0, 0, 1, 2, 3}};
  if (!is_search) j.skeleton = cream_skeleton_fix(&j.skeleton, &path);
  synthetic_open(&j.train, 16 * 5, 16, 16, 21);
  synthetic_open(&j.heldout, 40, 16, 16, 22);
  return j;
}

/* Creates the run; the sources must stay where they are from here on. */
static void job_start(job *j, watch *w) {
  cream_listener listener = {on_event, w, &w->stop};
  cream_checkpointer checkpointer = {w, due, save, restore};
  cream_error err;
  cream_status status;
  j->train.source.self = &j->train;
  j->heldout.source.self = &j->heldout;
  if (j->is_search) {
    cream_search_inputs inputs = {.config = &j->config,
                                  .skeleton = &j->skeleton,
                                  .train = &j->train.source,
                                  .heldout = &j->heldout.source,
                                  .listener = listener,
                                  .checkpointer = checkpointer};
    status = cream_search_create(j->backend, &inputs, &j->search, &err);
  } else {
    cream_retrain_inputs inputs = {.config = &j->config,
                                   .skeleton = &j->skeleton,
                                   .train = &j->train.source,
                                   .heldout = &j->heldout.source,
                                   .listener = listener,
                                   .checkpointer = checkpointer};
    status = cream_retrain_create(j->backend, &inputs, &j->retrain, &err);
  }
  if (status) fail_msg("%s", err.text);
}

static cream_status job_run(job *j, cream_error *err) {
  return j->is_search ? cream_search_run(j->search, j->results, err) : cream_retrain_run(j->retrain, err);
}

static void job_state(job *j, cream_state *state) {
  if (j->is_search)
    cream_search_state(j->search, state);
  else
    cream_retrain_state(j->retrain, state);
}

static cream_status job_restored(job *j, cream_error *err) {
  return j->is_search ? cream_search_restored(j->search, err) : cream_retrain_restored(j->retrain, err);
}

static void job_close(job *j) {
  cream_search_destroy(j->search);
  cream_retrain_destroy(j->retrain);
  synthetic_close(&j->train);
  synthetic_close(&j->heldout);
  j->backend->destroy(j->backend);
}

/* A copy of the state of a run. */
static void *final_state(job *j, size_t *bytes) {
  cream_state state;
  cream_error err;
  job_state(j, &state);
  *bytes = cream_state_bytes(&state);
  void *memory = malloc(*bytes);
  assert_non_null(memory);
  if (cream_state_snapshot(&state, memory, &err)) fail_msg("%s", err.text);
  return memory;
}

static void assert_same_state(job *j, const char *got, const char *expected, int k) {
  cream_state state;
  job_state(j, &state);
  for (int p = 0; p < state.n; p++) {
    size_t bytes = cream_state_part_bytes(&state.parts[p]);
    if (memcmp(got, expected, bytes)) fail_msg("resumed after step %d: %s differs", k, state.parts[p].name);
    got += bytes;
    expected += bytes;
  }
}

static void assert_same_choice(cream_retrain_choice a, cream_retrain_choice b) {
  assert_true(a.evaluated && b.evaluated && a.kind == b.kind);
  for (int kind = 0; kind < CREAM_RETRAIN_KINDS; kind++) {
    assert_true(a.heldout[kind].top1 == b.heldout[kind].top1);
    assert_true(a.heldout[kind].loss == b.heldout[kind].loss);
  }
}

/* Stops after step 1 and every `stride` steps more (with sanitizers 5), and after the last. */
static void check_resume(bool is_search, cream_config config, uint64_t stride) {
  cream_error err;
  if (CREAM_SLOW_CHECKER) stride = 5;
  static watch straight;
  straight = (watch){.every = 4};
  job first = job_open(is_search, &config);
  job_start(&first, &straight);
  if (job_run(&first, &err)) fail_msg("%s", err.text);
  size_t bytes, again_bytes;
  void *expected = final_state(&first, &bytes);
  assert_true(straight.saves == 15 / 4 + 1); /* one at the end */
  for (uint64_t k = 1; k <= 15; k = k < 15 && k + stride > 15 ? 15 : k + stride) {
    static watch w;
    w = (watch){.stop_at = k};
    job stopped = job_open(is_search, &config);
    job_start(&stopped, &w);
    cream_status status = job_run(&stopped, &err);
    /* after the last step there is nothing left to interrupt but the selection */
    assert_int_equal(status, k < 15 || is_search ? CREAM_INTERRUPTED : CREAM_OK);
    assert_int_equal(w.kept_step, k);
    job_close(&stopped);
    int n = w.n;
    w.stop = 0;
    w.stop_at = 0;
    job resumed = job_open(is_search, &config);
    job_start(&resumed, &w);
    cream_state state;
    job_state(&resumed, &state);
    if (restore(&w, &state, &err) || job_restored(&resumed, &err)) fail_msg("%s", err.text);
    if (job_run(&resumed, &err)) fail_msg("after step %d: %s", (int)k, err.text);
    void *got = final_state(&resumed, &again_bytes);
    assert_int_equal(bytes, again_bytes);
    assert_same_state(&resumed, got, expected, (int)k);
    assert_true(w.n > n || k == 15);
    assert_int_equal(w.n, straight.n);
    assert_memory_equal(w.records, straight.records, (size_t)w.n * sizeof(record));
    if (is_search) assert_true(cream_path_equal(&resumed.results[0].path, &first.results[0].path));
    if (!is_search)
      assert_same_choice(cream_retrain_chosen(resumed.retrain), cream_retrain_chosen(first.retrain));
    free(got);
    free(w.kept);
    job_close(&resumed);
  }
  free(expected);
  free(straight.kept);
  job_close(&first);
}

static void test_search(void **state) {
  (void)state;
  check_resume(true, small_config(), 1);
}

static void test_retrain(void **state) {
  (void)state;
  check_resume(false, small_config(), 1);
}

static void test_strategies(void **state) {
  (void)state;
  for (cream_strategy strategy = 0; strategy < CREAM_STRATEGY_COUNT; strategy++) {
    if (strategy == CREAM_STRATEGY_CREAM) continue; /* test_search */
    cream_config config = small_config();
    config.search.strategy = strategy;
    config.search.evolution.population = 4;
    config.search.evolution.generations = 2;
    config.search.random.paths = 4; /* of 3, 4, 4 and 4 steps */
    check_resume(true, config, strategy == CREAM_STRATEGY_RANDOM ? 1 : 4);
  }
}

static void test_switches(void **state) {
  (void)state;
  cream_config config = small_config();
  config.search.board.rule = CREAM_BOARD_PARETO;
  config.search.board.buckets = 2;
  config.search.sampling = CREAM_SAMPLING_EVERYWHERE;
  config.search.meta.input = CREAM_META_LOGITS;
  check_resume(true, config, 4);
  cream_costs costs;
  cream_skeleton skeleton = synthetic_skeleton();
  cream_costs_init(&costs, &skeleton, 16);
  double most = cream_costs_reach(&costs).max / 1e6;
  config = small_config();
  config.search.budget_share = 0.5;
  config.search.meta.input = CREAM_META_PAIR;
  snprintf(config.search.budgets, sizeof config.search.budgets, "%g,%g", 0.8 * most, 1.01 * most);
  check_resume(true, config, 3);
  config.search.strategy = CREAM_STRATEGY_RANDOM;
  config.search.random.paths = 4;
  check_resume(true, config, 4);
}

static void test_other_states_are_refused(void **unused) {
  (void)unused;
  cream_config config = small_config();
  cream_error err;
  static watch w;
  w = (watch){.stop_at = 14};
  job j = job_open(true, &config);
  job_start(&j, &w);
  assert_int_equal(job_run(&j, &err), CREAM_INTERRUPTED);
  cream_state state;
  job_state(&j, &state);
  const struct {
    const char *part;
    size_t at;
    uint64_t value;
    const char *says;
  } cases[] = {{"network", 0, 1, "a different network"},
               {"board.count", 0, 5, "a board of 5 entries, expected at most 4"},
               {"board.slot", 1, 4, "entry 2 of the board"},
               {"board.slot", 1, UINT64_MAX, "entry 2 of the board"},
               {"board.path", 2, 9, "entry 1 of the board"},
               {"board.slice", 1, 40, "entry 1 of the board"}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    job_state(&j, &state);
    for (int p = 0; p < state.n; p++)
      if (!strcmp(state.parts[p].name, cases[c].part))
        ((uint64_t *)state.parts[p].host)[cases[c].at] = cases[c].value;
    assert_int_equal(cream_search_restored(j.search, &err), CREAM_BAD_DATA);
    if (!strstr(err.text, cases[c].says)) fail_msg("got: %s", err.text);
  }
  job_state(&j, &state);
  if (restore(&w, &state, &err) || job_restored(&j, &err)) fail_msg("%s", err.text);
  float nan_value = NAN;
  cream_buf weights = cream_net_weights(cream_search_net(j.search));
  j.backend->upload(j.backend, cream_buf_at(weights, 7), &nan_value, 1);
  assert_int_equal(save(&w, &state, &err), CREAM_BAD_DATA);
  assert_non_null(strstr(err.text, "step 14: weights has a value that is not a finite number"));
  free(w.kept);
  job_close(&j);
}

/* A time budget counts all starts of a run together. */
static void test_time_budget_counts_all_starts(void **unused) {
  (void)unused;
  for (int is_search = 0; is_search < 2; is_search++)
    for (int spent = 0; spent < 2; spent++) {
      cream_config config = small_config();
      config.time_budget = 1000;
      cream_error err;
      static watch w;
      w = (watch){.stop_at = 7};
      job stopped = job_open(is_search, &config);
      job_start(&stopped, &w);
      assert_int_equal(job_run(&stopped, &err), CREAM_INTERRUPTED);
      cream_state state;
      job_state(&stopped, &state);
      assert_true(*state.seconds > 0 && *state.seconds < 1000);
      job_close(&stopped);
      w.stop = 0;
      w.stop_at = 0;
      job resumed = job_open(is_search, &config);
      job_start(&resumed, &w);
      job_state(&resumed, &state);
      if (spent) *state.seconds = 60001;
      if (restore(&w, &state, &err) || job_restored(&resumed, &err)) fail_msg("%s", err.text);
      if (job_run(&resumed, &err)) fail_msg("%s", err.text);
      job_state(&resumed, &state);
      assert_int_equal(state.step, spent ? 7 : 15);
      assert_true((*state.seconds >= 60001) == spent);
      job_close(&resumed);
      free(w.kept);
    }
}

static void test_rollback(void **unused) {
  (void)unused;
  for (int is_search = 0; is_search < 2; is_search++) {
    cream_config config = small_config();
    cream_error err;
    /* the warm-up begins low and ends far too high */
    cream_lr wild = {.lr = 1e5, .schedule = CREAM_SCHEDULE_CONSTANT, .warmup_epochs = 3, .warmup_lr = 1e-3};
    config.search.lr = config.retrain.lr = wild;
    config.retrain.optim = CREAM_OPTIM_SGD;
    static watch w;
    w = (watch){.every = 1};
    job j = job_open(is_search, &config);
    job_start(&j, &w);
    assert_int_equal(job_run(&j, &err), CREAM_FAILED);
    assert_non_null(strstr(err.text, "step "));
    assert_int_equal(w.notes, 0);
    job_close(&j);
    free(w.kept);
    config.on_nan = CREAM_ON_NAN_ROLLBACK;
    w = (watch){.every = 1};
    j = job_open(is_search, &config);
    job_start(&j, &w);
    cream_status status = job_run(&j, &err);
    assert_true(status == CREAM_OK || status == CREAM_FAILED);
    assert_in_range(w.notes, 1, 5);
    assert_true(status == CREAM_OK || w.notes == 5);
    assert_non_null(strstr(w.note, "step "));
    job_close(&j);
    free(w.kept);
    int notes = w.notes;
    w = (watch){.every = 1};
    j = job_open(is_search, &config);
    job_start(&j, &w);
    assert_int_equal(job_run(&j, NULL), status); /* a caller without an error text */
    assert_int_equal(w.notes, notes);
    job_close(&j);
    free(w.kept);
    w = (watch){.every = 0}; /* there is no checkpoint */
    j = job_open(is_search, &config);
    job_start(&j, &w);
    assert_int_equal(job_run(&j, &err), CREAM_FAILED);
    assert_int_equal(w.notes, 0);
    job_close(&j);
  }
}

/* A counting backend counts what a real one would allocate, and allocates nothing. */
static void test_memory_is_known_before(void **unused) {
  (void)unused;
  cream_config config = small_config();
  cream_error err;
  size_t before = 0;
  cream_backend *real = synthetic_backend(false, 1);
  int32_t labels[64] = {0};
  for (int is_search = 0; is_search < 2; is_search++)
    for (int batch = 8; batch <= 64; batch *= 2) {
      cream_counter counter;
      cream_counter_init(&counter, real);
      job counted = job_open(is_search, &config);
      counted.train.source = cream_counter_source(&counted.train.source, batch, labels);
      counted.heldout.source = cream_counter_source(&counted.heldout.source, batch, labels);
      counted.config.search.batch = counted.config.retrain.batch = batch;
      cream_search_inputs search = {.config = &counted.config,
                                    .skeleton = &counted.skeleton,
                                    .train = &counted.train.source,
                                    .heldout = &counted.heldout.source};
      cream_retrain_inputs retrain = {.config = &counted.config,
                                      .skeleton = &counted.skeleton,
                                      .train = &counted.train.source,
                                      .heldout = &counted.heldout.source};
      cream_status status = is_search ? cream_search_create(&counter.base, &search, &counted.search, &err)
                                      : cream_retrain_create(&counter.base, &retrain, &counted.retrain, &err);
      if (status) fail_msg("%s", err.text);
      size_t net =
          cream_net_memory(is_search ? cream_search_net(counted.search) : cream_retrain_net(counted.retrain));
      cream_state state;
      job_state(&counted, &state);
      assert_true(counter.bytes > net + cream_state_bytes(&state) / 2);
      assert_true(batch == 8 || counter.bytes > before);
      before = counter.bytes;
      job_close(&counted);
      cream_net *made;
      job actual = job_open(is_search, &config);
      cream_net_options options = {.batch = batch, .train = true};
      cream_counter_init(&counter, real);
      assert_int_equal(cream_net_create(&counter.base, &actual.skeleton, &options, &made, &err), CREAM_OK);
      size_t counted_bytes = counter.bytes;
      cream_net_destroy(made);
      assert_int_equal(cream_net_create(real, &actual.skeleton, &options, &made, &err), CREAM_OK);
      assert_int_equal(counted_bytes, cream_net_memory(made));
      cream_net_destroy(made);
      job_close(&actual);
    }
  real->destroy(real);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory_is_known_before),
      cmocka_unit_test(test_search),
      cmocka_unit_test(test_retrain),
      cmocka_unit_test(test_strategies),
      cmocka_unit_test(test_switches),
      cmocka_unit_test(test_other_states_are_refused),
      cmocka_unit_test(test_time_budget_counts_all_starts),
      cmocka_unit_test(test_rollback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
