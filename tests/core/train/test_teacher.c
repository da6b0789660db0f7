/* Training with an external teacher: what it changes, that it repeats itself, resumes to the byte, and gives the same
 * bytes with the outputs of a store; the teacher of a search. */
#include "tests/core/synthetic.h"

#include "core/net/fold.h"

/* A store in memory, of all classes. */
enum { BATCH = 16, MOST_BATCHES = 64, TOP = 2 };
typedef struct memory_store {
  uint32_t classes[MOST_BATCHES][BATCH * TOP];
  float probabilities[MOST_BATCHES][BATCH * TOP];
  uint64_t count, found;
} memory_store;

static cream_status get(void *self, uint64_t number, uint32_t *classes, float *probabilities, bool *found,
                        cream_error *err) {
  memory_store *store = self;
  (void)err;
  *found = number < store->count;
  if (!*found) return CREAM_OK;
  store->found++;
  memcpy(classes, store->classes[number], sizeof store->classes[number]);
  memcpy(probabilities, store->probabilities[number], sizeof store->probabilities[number]);
  return CREAM_OK;
}

static cream_status put(void *self, uint64_t number, const uint32_t *classes, const float *probabilities,
                        cream_error *err) {
  memory_store *store = self;
  (void)err;
  assert_true(number == store->count && number < MOST_BATCHES);
  memcpy(store->classes[number], classes, sizeof store->classes[number]);
  memcpy(store->probabilities[number], probabilities, sizeof store->probabilities[number]);
  store->count++;
  return CREAM_OK;
}

/* Doubles every pixel. */
static cream_status resample(void *self, const cream_batch *batch, int side, uint8_t *out, cream_error *err) {
  (void)self, (void)err;
  assert_int_equal(side, 2 * batch->side);
  for (int i = 0; i < batch->n * side; i++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < 3; c++)
        *out++ = batch->pixels[((size_t)(i / 2) * (size_t)batch->side + (size_t)x / 2) * 3 + (size_t)c];
  return CREAM_OK;
}

typedef struct plan {
  bool teach, search, plain;
  double mixup, weight;
  int epochs, accumulate, side; /* of the teacher's images */
  memory_store *store;
  bool stored;                   /* the teacher has no network */
  uint64_t stop_at, fingerprint; /* stop_at: resumed from there */
} plan;

typedef struct outcome {
  void *state;
  size_t bytes;
  double first, soft, rho; /* first: the soft loss of the first step */
  cream_status resumed;
} outcome;

typedef struct watch {
  uint64_t stop_at;
  volatile sig_atomic_t stop;
  double first, soft, rho;
} watch;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  watch *w = self;
  (void)err;
  if (event->kind != CREAM_EVENT_STEP) return CREAM_OK;
  if (event->step == 1) w->first = event->soft;
  w->soft = event->soft;
  if (event->rho >= 0) w->rho = event->rho;
  if (event->step == w->stop_at) w->stop = 1;
  return CREAM_OK;
}

static cream_external *open_teacher(const plan *p, cream_backend *backend) {
  cream_skeleton supernet = synthetic_skeleton();
  cream_path path = {.n_layers = 5, .choice = {0, 1, 1, 0, 0}};
  cream_skeleton skeleton = cream_skeleton_fix(&supernet, &path);
  const cream_external_store store = {p->store, get, put};
  if (p->side) skeleton.resolution = p->side;
  const cream_external_options options = {.skeleton = p->stored ? NULL : &skeleton,
                                          .batch = BATCH,
                                          .classes = SYNTHETIC_CLASSES,
                                          .side = 16,
                                          .mean = {0.4f, 0.4f, 0.4f},
                                          .std = {0.1f, 0.1f, 0.1f},
                                          .weight = p->weight,
                                          .temperature = 2,
                                          .mixed = p->mixup > 0,
                                          .store = p->store ? &store : NULL,
                                          .top = TOP,
                                          .fingerprint = p->fingerprint,
                                          .resample = resample};
  cream_external *external;
  cream_error err;
  if (cream_external_create(backend, &options, &external, &err)) fail_msg("%s", err.text);
  if (!p->stored && cream_net_fold(cream_external_net(external), &err)) fail_msg("%s", err.text);
  return external;
}

static cream_config config_of(const plan *p) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 3;
  config.retrain.epochs = p->epochs ? p->epochs : 2;
  config.retrain.batch = BATCH;
  config.retrain.lr.lr = 0.3;
  config.retrain.ema = 0;
  config.retrain.mixup = p->mixup;
  config.retrain.accumulate = p->accumulate ? p->accumulate : 1;
  config.search.epochs = 2;
  config.search.batch = BATCH;
  config.search.lr.lr = 0.3;
  config.search.start_epoch = 1;
  config.search.board.size = 3;
  config.search.meta.every = 3;
  config.search.recalibrate = 1;
  return config;
}

typedef struct job {
  cream_backend *backend;
  cream_external *teacher;
  synthetic train, heldout;
  cream_retrain *retrain;
  cream_search *search;
  watch watch;
} job;

static void job_open(job *j, const plan *p, uint64_t stop_at) {
  *j = (job){.backend = synthetic_backend(p->plain, 1), .watch = {.stop_at = stop_at, .rho = -1}};
  cream_config config = config_of(p);
  cream_skeleton skeleton = synthetic_skeleton();
  cream_path path = {.n_layers = 5, .choice = {0, 0, 1, 2, 3}};
  if (!p->search) skeleton = cream_skeleton_fix(&skeleton, &path);
  synthetic_open(&j->train, BATCH * 5, BATCH, 16, 21);
  synthetic_open(&j->heldout, 24, BATCH, 16, 22);
  const cream_listener listener = {on_event, &j->watch, &j->watch.stop};
  const cream_search_inputs search = {.config = &config,
                                      .skeleton = &skeleton,
                                      .train = &j->train.source,
                                      .heldout = &j->heldout.source,
                                      .listener = listener};
  const cream_retrain_inputs retrain = {
      .config = &config, .skeleton = &skeleton, .train = &j->train.source, .listener = listener};
  cream_error err;
  if (p->search ? cream_search_create(j->backend, &search, &j->search, &err)
                : cream_retrain_create(j->backend, &retrain, &j->retrain, &err))
    fail_msg("%s", err.text);
  if (!p->teach) return;
  j->teacher = open_teacher(p, j->backend);
  if (p->search)
    cream_search_teach(j->search, j->teacher);
  else
    cream_retrain_teach(j->retrain, j->teacher);
}

static void job_close(job *j) {
  cream_search_destroy(j->search);
  cream_retrain_destroy(j->retrain);
  cream_external_destroy(j->teacher);
  synthetic_close(&j->train);
  synthetic_close(&j->heldout);
  j->backend->destroy(j->backend);
}

static cream_status job_run(job *j) {
  cream_search_result results[CREAM_MAX_BUDGETS];
  cream_error err;
  cream_status status =
      j->search ? cream_search_run(j->search, results, &err) : cream_retrain_run(j->retrain, &err);
  if (status && status != CREAM_INTERRUPTED) fail_msg("%s", err.text);
  return status;
}

static cream_state state_of(job *j) {
  cream_state state;
  if (j->search)
    cream_search_state(j->search, &state);
  else
    cream_retrain_state(j->retrain, &state);
  return state;
}

/* Runs the plan, with a stop and a new start if it has one; fingerprint: of the teacher of the new start. */
static outcome run_as(const plan *p, uint64_t fingerprint) {
  outcome out = {0};
  cream_error err;
  job j;
  job_open(&j, p, p->stop_at);
  assert_int_equal(job_run(&j), p->stop_at ? CREAM_INTERRUPTED : CREAM_OK);
  if (p->stop_at) {
    cream_state before = state_of(&j);
    void *memory = malloc(cream_state_bytes(&before));
    assert_int_equal(cream_state_snapshot(&before, memory, &err), CREAM_OK);
    job_close(&j);
    plan rest = *p;
    rest.fingerprint = fingerprint;
    job_open(&j, &rest, 0);
    cream_state after = state_of(&j);
    assert_int_equal(cream_state_restore(&after, memory, &err), CREAM_OK);
    free(memory);
    out.resumed = p->search ? cream_search_restored(j.search, &err) : cream_retrain_restored(j.retrain, &err);
    if (!out.resumed) assert_int_equal(job_run(&j), CREAM_OK);
  }
  cream_state state = state_of(&j);
  out.bytes = cream_state_bytes(&state);
  out.state = malloc(out.bytes);
  assert_int_equal(cream_state_snapshot(&state, out.state, &err), CREAM_OK);
  out.first = j.watch.first;
  out.soft = j.watch.soft;
  out.rho = j.watch.rho;
  job_close(&j);
  return out;
}

static outcome run(const plan *p) {
  return run_as(p, p->fingerprint);
}

static bool same(const outcome *a, const outcome *b) {
  return a->bytes == b->bytes && memcmp(a->state, b->state, a->bytes) == 0;
}

/* Runs both and compares the bytes. */
static void compare(const plan *a, const plan *b, bool expected) {
  outcome x = run(a), y = run(b);
  assert_true(same(&x, &y) == expected);
  free(x.state);
  free(y.state);
}

static void test_retrain(void **state) {
  (void)state;
  const plan kinds[] = {{.teach = true, .weight = 0.5},
                        {.teach = true, .weight = 1, .side = 32},
                        {.teach = true, .weight = 0.5, .mixup = 0.4, .accumulate = 2},
                        {.teach = true, .weight = 0.5, .mixup = 0.4, .side = 32, .plain = true}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    plan stopped = kinds[i], alone = kinds[i];
    stopped.stop_at = 3;
    compare(&kinds[i], &stopped, true);
    alone.teach = false;
    outcome taught = run(&kinds[i]), untaught = run(&alone);
    assert_true(taught.soft > 0); /* T^2 KL */
    assert_true(taught.bytes == untaught.bytes + 8);
    free(taught.state);
    free(untaught.state);
  }
}

/* With a weight of 1 the labels have no effect; a different one has. */
static void test_weight(void **state) {
  (void)state;
  const plan half = {.teach = true, .weight = 0.5}, whole = {.teach = true, .weight = 1};
  compare(&half, &half, true);
  compare(&half, &whole, false);
}

/* A student without labels comes closer to its teacher. */
static void test_learns(void **state) {
  (void)state;
  const plan p = {.teach = true, .weight = 1, .epochs = 8};
  outcome out = run(&p);
  if (!(out.soft < out.first / 2)) fail_msg("%g after %g", out.soft, out.first);
  free(out.state);
}

static void test_store(void **state) {
  (void)state;
  static memory_store store;
  plan first = {.teach = true, .weight = 0.5, .mixup = 0.4, .store = &store};
  outcome written = run(&first);
  assert_true(store.count == 10 && store.found == 0);
  first.stored = true;
  outcome read = run(&first);
  assert_true(store.count == 10 && store.found == 10);
  assert_true(same(&written, &read));
  free(read.state);
  store.count = 4; /* a training that was interrupted */
  first.stored = false;
  read = run(&first);
  assert_true(store.count == 10 && same(&written, &read));
  free(read.state);
  free(written.state);
  store.count = 0;
  first.stored = true;
  job j;
  cream_error err;
  job_open(&j, &first, 0);
  assert_int_equal(cream_retrain_run(j.retrain, &err), CREAM_FAILED);
  assert_non_null(strstr(err.text, "not in its cache"));
  job_close(&j);
}

static void test_other_teacher(void **state) {
  (void)state;
  for (int search = 0; search < 2; search++) {
    const plan p = {.teach = true, .weight = 0.5, .search = search, .stop_at = 2, .fingerprint = 7};
    outcome out = run_as(&p, 8);
    assert_int_equal(out.resumed, CREAM_BAD_DATA);
    free(out.state);
  }
}

/* An external teacher teaches from the first step on, beside the board's. */
static void test_search(void **state) {
  (void)state;
  const plan taught = {.teach = true, .weight = 0.5, .search = true}, alone = {.search = true},
             light = {.teach = true, .weight = 0, .search = true};
  plan stopped = taught;
  stopped.stop_at = 7; /* the board teaches too */
  compare(&taught, &stopped, true);
  outcome a = run(&taught), b = run(&alone), c = run(&light);
  assert_true(a.rho > 0 && b.rho > 0);
  assert_true(a.bytes == b.bytes + 8);
  assert_false(same(&a, &c));
  assert_memory_equal(b.state, c.state, 16); /* step, updates of the meta network */
  free(a.state);
  free(b.state);
  free(c.state);
}

static void test_refused(void **state) {
  (void)state;
  const cream_strategy without[] = {CREAM_STRATEGY_SPOS, CREAM_STRATEGY_FAIR, CREAM_STRATEGY_RANDOM,
                                    CREAM_STRATEGY_SANDWICH};
  for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
    cream_config config = config_of(&(plan){.search = true});
    config.search.strategy = without[i];
    strcpy(config.search.external.run, "somewhere");
    cream_backend *backend = synthetic_backend(false, 1);
    cream_skeleton skeleton = synthetic_skeleton();
    synthetic train, heldout;
    synthetic_open(&train, 80, BATCH, 16, 21);
    synthetic_open(&heldout, 24, BATCH, 16, 22);
    const cream_search_inputs inputs = {
        .config = &config, .skeleton = &skeleton, .train = &train.source, .heldout = &heldout.source};
    cream_search *search;
    cream_error err;
    assert_int_equal(cream_search_create(backend, &inputs, &search, &err), CREAM_BAD_CONFIG);
    assert_non_null(strstr(err.text, "search.external: search.strategy is "));
    synthetic_close(&train);
    synthetic_close(&heldout);
    backend->destroy(backend);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_retrain), cmocka_unit_test(test_weight), cmocka_unit_test(test_learns),
      cmocka_unit_test(test_store),   cmocka_unit_test(test_search), cmocka_unit_test(test_other_teacher),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
