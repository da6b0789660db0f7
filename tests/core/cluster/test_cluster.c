/* Several ranks train one network: the same bytes for any number of ranks, decisions that all of them share, and failures
 * that end all of them. The ranks are threads. */
#include "core/net/memory.h"
#include "core/train/train.h"
#include "tests/core/synthetic.h"
#include "threads.h"

#include <math.h>

enum { PARTS = 8, BATCH = 4, MAX_EVENTS = 2048, NO_RANK = -1 };

/* An event without clock times. */
typedef struct record {
  int kind, epoch, entry;
  uint64_t step;
  double lr, loss, rho, accuracy, top5, eval_loss, score, gradient;
} record;

/* What happens to one rank at its read `at` of a training batch (from 1). LAGS: its first read of held-out images ends only
 * when all paths of a generation have been taken. */
typedef enum mishap { NONE, FAILS, STOPS, DRIFTS, LAGS } mishap;
enum { POPULATION = 5 };

typedef struct options {
  bool is_search;
  cream_config config;
  mishap mishap;
  int rank;
  uint64_t at;
  uint64_t save_every; /* steps; 0: no checkpoints */
} options;

typedef struct rank {
  const options *options;
  cream_cluster *cluster; /* NULL: alone */
  cream_backend *backend;
  cream_skeleton skeleton;
  synthetic train, heldout;
  cream_search *search;
  cream_retrain *retrain;
  volatile sig_atomic_t stop;
  record *events;
  int n_events, saves, taught, metas;
  double waited;
  /* the outcome */
  cream_status status;
  cream_error err;
  cream_search_result results[CREAM_MAX_BUDGETS];
  cream_score tested; /* of a retraining, with its confusion */
  uint32_t confusion[SYNTHETIC_CLASSES * SYNTHETIC_CLASSES];
  uint64_t step;
  void *state;
  size_t bytes;
  void *saved;
  pthread_t thread;
} rank;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  rank *r = self;
  (void)err;
  CREAM_ASSERT(cream_cluster_rank(r->cluster) == 0 && r->n_events < MAX_EVENTS);
  record *seen = &r->events[r->n_events++];
  memset(seen, 0, sizeof *seen);
  seen->kind = (int)event->kind;
  seen->epoch = event->epoch;
  seen->entry = event->entry;
  seen->step = event->step;
  seen->lr = event->lr;
  seen->loss = event->loss;
  seen->rho = event->rho;
  seen->accuracy = event->accuracy;
  seen->top5 = event->top5;
  seen->eval_loss = event->eval_loss;
  if (event->kind == CREAM_EVENT_SCORE) seen->score = event->candidate->loss;
  seen->gradient = event->meta_gradient;
  r->taught += event->kind == CREAM_EVENT_STEP && event->rho >= 0;
  r->metas += event->kind == CREAM_EVENT_META;
  if (event->kind == CREAM_EVENT_EPOCH) r->waited = event->waited_network;
  return CREAM_OK;
}

static cream_net *net_of(rank *r) {
  return r->search ? cream_search_net(r->search) : cream_retrain_net(r->retrain);
}

static cream_status read_train(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                               cream_error *err) {
  rank *r = (rank *)((char *)source - offsetof(rank, train.source));
  const options *o = r->options;
  const cream_source_parts *parts = &source->announced;
  const int part = (int)(step % PARTS);
  CREAM_ASSERT(parts->parts == 0 || (part >= parts->first && part < parts->first + parts->own));
  if (o->rank == cream_cluster_rank(r->cluster) && r->train.reads + 1 == o->at) {
    const float one = 1;
    if (o->mishap == FAILS) return cream_fail(err, CREAM_BAD_DATA, "an image is damaged");
    if (o->mishap == STOPS) r->stop = 1;
    if (o->mishap == DRIFTS) r->backend->upload(r->backend, cream_net_weights(net_of(r)), &one, 1);
  }
  return synthetic_read(source, epoch, step, batch, err);
}

static cream_status read_heldout(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                                 cream_error *err) {
  rank *r = (rank *)((char *)source - offsetof(rank, heldout.source));
  const options *o = r->options;
  if (o->mishap == LAGS && o->rank == cream_cluster_rank(r->cluster) && r->heldout.reads == 0) {
    threads *t = r->cluster->self;
    for (bool taken = false; !taken; sched_yield()) {
      pthread_mutex_lock(&t->lock);
      taken = t->next >= POPULATION;
      pthread_mutex_unlock(&t->lock);
    }
  }
  return synthetic_read(source, epoch, step, batch, err);
}

static void state_of(rank *r, cream_state *state) {
  if (r->search)
    cream_search_state(r->search, state);
  else
    cream_retrain_state(r->retrain, state);
}

static bool due(void *self, uint64_t step, bool epoch_end) {
  const rank *r = self;
  (void)epoch_end;
  CREAM_ASSERT(cream_cluster_rank(r->cluster) == 0);
  return step % r->options->save_every == 0;
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  rank *r = self;
  if (!r->saved) r->saved = malloc(cream_state_bytes(state));
  CREAM_ASSERT(r->saved);
  cream_status status = cream_state_snapshot(state, r->saved, err);
  if (!status) r->saves++;
  return status;
}

static cream_status restore(void *self, const cream_state *state, cream_error *err) {
  rank *r = self;
  return cream_state_restore(state, r->saved, err);
}

static cream_status start(rank *r) {
  const options *o = r->options;
  const cream_listener listener = {on_event, r, &r->stop};
  const cream_checkpointer checkpointer =
      o->save_every ? (cream_checkpointer){r, due, save, restore} : (cream_checkpointer){0};
  r->skeleton = synthetic_skeleton();
  const cream_path path = {.n_layers = 5, .choice = {0, 0, 1, 2, 3}};
  if (!o->is_search) r->skeleton = cream_skeleton_fix(&r->skeleton, &path);
  synthetic_open(&r->train, (size_t)PARTS * BATCH * 2 + 3, BATCH, 16, 21);
  synthetic_open(&r->heldout, 43, BATCH, 16, 22);
  r->train.source.read = read_train;
  r->heldout.source.read = read_heldout;
  r->backend = synthetic_backend(false, 1);
  if (o->is_search) {
    const cream_search_inputs inputs = {.config = &o->config,
                                        .skeleton = &r->skeleton,
                                        .train = &r->train.source,
                                        .heldout = &r->heldout.source,
                                        .listener = listener,
                                        .checkpointer = checkpointer,
                                        .cluster = r->cluster};
    return cream_search_create(r->backend, &inputs, &r->search, &r->err);
  }
  const cream_retrain_inputs inputs = {.config = &o->config,
                                       .skeleton = &r->skeleton,
                                       .train = &r->train.source,
                                       .heldout = &r->heldout.source,
                                       .listener = listener,
                                       .checkpointer = checkpointer,
                                       .cluster = r->cluster};
  return cream_retrain_create(r->backend, &inputs, &r->retrain, &r->err);
}

/* As cream retrain tests its network. */
static cream_status test_network(rank *r) {
  const cream_path path = cream_skeleton_first_path(&r->skeleton);
  return cream_evaluate_shared(r->cluster, net_of(r), &path, &r->heldout.source, CREAM_BN_RUNNING, &r->tested,
                               r->confusion, &r->err);
}

/* A whole run of one rank. Nothing here may fail a test: only the first thread may. */
static void *run_rank(void *argument) {
  rank *r = argument;
  r->events = calloc(MAX_EVENTS, sizeof *r->events);
  CREAM_ASSERT(r->events);
  r->status = start(r);
  if (!r->status)
    r->status =
        r->search ? cream_search_run(r->search, r->results, &r->err) : cream_retrain_run(r->retrain, &r->err);
  if (!r->status && r->retrain) r->status = test_network(r);
  if (r->status && r->cluster) threads_fail(r->cluster->self);
  if (r->search || r->retrain) {
    cream_state state;
    cream_error unwanted;
    state_of(r, &state);
    r->step = state.step;
    r->bytes = cream_state_bytes(&state);
    r->state = malloc(r->bytes);
    CREAM_ASSERT(r->state);
    if (!r->status) r->status = cream_state_snapshot(&state, r->state, &unwanted);
  }
  cream_search_destroy(r->search);
  cream_retrain_destroy(r->retrain);
  synthetic_close(&r->train);
  synthetic_close(&r->heldout);
  r->backend->destroy(r->backend);
  return NULL;
}

/* Runs on `size` ranks; 1: alone. Returns the ranks; free_ranks frees them. */
static rank *run(const options *o, int size) {
  static threads cluster;
  rank *ranks = calloc((size_t)size, sizeof *ranks);
  assert_non_null(ranks);
  threads_open(&cluster, size);
  for (int i = 0; i < size; i++) {
    ranks[i].options = o;
    ranks[i].cluster = size > 1 ? &cluster.ranks[i] : NULL;
  }
  for (int i = 1; i < size; i++)
    assert_int_equal(pthread_create(&ranks[i].thread, NULL, run_rank, &ranks[i]), 0);
  run_rank(&ranks[0]);
  for (int i = 1; i < size; i++) pthread_join(ranks[i].thread, NULL);
  threads_close(&cluster);
  return ranks;
}

static void free_ranks(rank *ranks, int size) {
  for (int i = 0; i < size; i++) {
    free(ranks[i].events);
    free(ranks[i].state);
    free(ranks[i].saved);
  }
  free(ranks);
}

static options searching(void) {
  options o = {.is_search = true, .rank = NO_RANK};
  cream_config_defaults(&o.config);
  o.config.seed = 11;
  o.config.cluster.check_every = 2;
  cream_search_config *config = &o.config.search;
  config->accumulate = PARTS;
  config->epochs = 3;
  config->batch = BATCH;
  config->lr.lr = 2;
  config->start_epoch = 1;
  config->clip = 5;
  config->prior = CREAM_PRIOR_BOARD;
  config->board.size = 4;
  config->board.images = 8;
  config->meta.every = 2;
  config->meta.slice = 3;
  config->meta.lr = 0.1;
  config->evolution.population = POPULATION;
  config->evolution.generations = 1;
  config->evolution.parents = 3;
  config->random.paths = 3;
  config->sandwich.paths = 1;
  config->recalibrate = 2;
  return o;
}

static options retraining(void) {
  options o = {.rank = NO_RANK};
  cream_config_defaults(&o.config);
  o.config.seed = 3;
  cream_retrain_config *config = &o.config.retrain;
  config->accumulate = PARTS;
  config->epochs = 3;
  config->batch = BATCH;
  config->lr.lr = 0.5;
  config->ema = 0.7;
  config->mixup = 0.4;
  config->dropout = 0.2;
  config->drop_path = 0.2;
  config->eval_every = 1;
  return o;
}

static void assert_same(const rank *a, const rank *b, const char *what, int size) {
  if (a->bytes != b->bytes || memcmp(a->state, b->state, a->bytes))
    fail_msg("%s: the state of a run on %d ranks is another one", what, size);
  assert_int_equal(a->step, b->step);
  assert_memory_equal(&a->tested, &b->tested, sizeof a->tested);
  assert_memory_equal(a->confusion, b->confusion, sizeof a->confusion);
  if (!a->options->is_search) return;
  assert_true(cream_path_equal(&a->results[0].path, &b->results[0].path));
  assert_true(a->results[0].score.top1 == b->results[0].score.top1);
  assert_true(a->results[0].score.loss == b->results[0].score.loss);
  assert_int_equal(a->results[0].score.count, b->results[0].score.count);
}

static void assert_same_events(const rank *a, const rank *b, const char *what, int size) {
  assert_int_equal(a->n_events, b->n_events);
  for (int i = 0; i < a->n_events; i++)
    if (memcmp(&a->events[i], &b->events[i], sizeof *a->events))
      fail_msg("%s: event %d of a run on %d ranks is another one", what, i, size);
}

/* 1, 2, 4 and 8 ranks. Returns what rank 0 alone did. */
static rank *check_same(const options *o, const char *what) {
  rank *alone = run(o, 1);
  if (alone->status) fail_msg("%s: %s", what, alone->err.text);
  for (int size = 2; size <= PARTS; size *= 2) {
    rank *ranks = run(o, size);
    for (int i = 0; i < size; i++) {
      if (ranks[i].status) fail_msg("%s: rank %d of %d: %s", what, i, size, ranks[i].err.text);
      assert_same(&ranks[i], alone, what, size);
      assert_int_equal(ranks[i].saves, alone->saves);
    }
    assert_same_events(&ranks[0], alone, what, size);
    assert_true(ranks[0].waited > 0);
    free_ranks(ranks, size);
  }
  assert_true(alone->waited == 0);
  return alone;
}

static void test_searches_give_the_same_bytes(void **state) {
  (void)state;
  for (cream_strategy s = 0; s < CREAM_STRATEGY_COUNT; s++) {
    options o = searching();
    o.config.search.strategy = s;
    o.save_every = 4;
    rank *alone = check_same(&o, cream_strategy_name(s));
    assert_int_equal(alone->step, 6);
    assert_int_equal(alone->saves, 2);
    if (s == CREAM_STRATEGY_CREAM) assert_true(alone->taught > 0 && alone->metas > 0);
    free_ranks(alone, 1);
  }
}

static void test_retrainings_give_the_same_bytes(void **state) {
  (void)state;
  options o = retraining();
  free_ranks(check_same(&o, "a retraining"), 1);
  snprintf(o.config.retrain.freeze, sizeof o.config.retrain.freeze, "stem");
  o.config.retrain.drop_path = o.config.retrain.mixup = 0;
  free_ranks(check_same(&o, "a frozen stem"), 1);
}

/* The other ranks measure all but one path of a generation while one rank measures it, with the same result. */
static void test_slow_rank(void **state) {
  (void)state;
  enum { SIZE = 2 };
  options o = searching();
  o.config.search.strategy = CREAM_STRATEGY_SPOS;
  rank *alone = run(&o, 1);
  o.mishap = LAGS;
  for (o.rank = 0; o.rank < SIZE; o.rank++) {
    rank *ranks = run(&o, SIZE);
    for (int i = 0; i < SIZE; i++) {
      if (ranks[i].status) fail_msg("%s", ranks[i].err.text);
      assert_same(&ranks[i], alone, "a slow rank", SIZE);
    }
    assert_same_events(&ranks[0], alone, "a slow rank", SIZE);
    free_ranks(ranks, SIZE);
  }
  free_ranks(alone, 1);
}

/* Rounded gradients give other weights, but the same on all ranks. */
static void test_half_exchange(void **state) {
  (void)state;
  enum { SIZE = 2 };
  options o = retraining();
  o.config.retrain.epochs = 1;
  rank *whole = run(&o, SIZE);
  o.config.cluster.exchange = CREAM_EXCHANGE_HALF;
  rank *half = run(&o, SIZE);
  assert_int_equal(whole->status, CREAM_OK);
  for (int i = 0; i < SIZE; i++) {
    if (half[i].status) fail_msg("%s", half[i].err.text);
    assert_same(&half[i], half, "half precision", SIZE);
  }
  assert_true(memcmp(whole->state, half->state, half->bytes) != 0);
  free_ranks(whole, SIZE);
  free_ranks(half, SIZE);
}

/* A rank that fails ends all; one that is stopped interrupts all after the same step. */
static void test_mishaps(void **state) {
  (void)state;
  enum { SIZE = 4 };
  options o = searching();
  o.rank = 2;
  o.at = 5; /* own parts of a step: 2 */
  o.mishap = FAILS;
  rank *ranks = run(&o, SIZE);
  assert_int_equal(ranks[2].status, CREAM_BAD_DATA);
  assert_string_equal(ranks[2].err.text, "an image is damaged");
  for (int i = 0; i < SIZE; i++) assert_int_equal(ranks[i].status, i == 2 ? CREAM_BAD_DATA : CREAM_FAILED);
  free_ranks(ranks, SIZE);
  o.mishap = STOPS;
  o.save_every = 100;
  ranks = run(&o, SIZE);
  for (int i = 0; i < SIZE; i++) {
    assert_int_equal(ranks[i].status, CREAM_INTERRUPTED);
    assert_string_equal(ranks[i].err.text, "interrupted after step 3");
    assert_int_equal(ranks[i].saves, 1);
  }
  free_ranks(ranks, SIZE);
}

/* A rank whose weights change on their own is named, by the comparison every other step and by that of a checkpoint. */
static void test_drift(void **state) {
  (void)state;
  enum { SIZE = 4 };
  for (int by_checkpoint = 0; by_checkpoint < 2; by_checkpoint++) {
    options o = searching();
    o.rank = 3;
    o.at = 3; /* in step 1 (from 0) */
    o.mishap = DRIFTS;
    if (by_checkpoint) o.config.cluster.check_every = 0, o.save_every = 2;
    rank *ranks = run(&o, SIZE);
    for (int i = 0; i < SIZE; i++) {
      assert_int_equal(ranks[i].status, CREAM_FAILED);
      assert_non_null(strstr(ranks[i].err.text, "step 2: the weights of rank 3 are not those of rank 0"));
      assert_int_equal(ranks[i].saves, 0);
    }
    free_ranks(ranks, SIZE);
  }
}

/* A loss that explodes is answered by all ranks in the same way. */
static void test_rollback(void **state) {
  (void)state;
  options o = retraining();
  o.save_every = 1;
  o.config.on_nan = CREAM_ON_NAN_ROLLBACK;
  o.config.retrain.optim = CREAM_OPTIM_SGD;
  o.config.retrain.lr = (cream_lr){.lr = 1e9, .schedule = CREAM_SCHEDULE_CONSTANT, .warmup_epochs = 1};
  rank *alone = run(&o, 1), *ranks = run(&o, 2);
  int notes = 0;
  for (int i = 0; i < alone->n_events; i++) notes += alone->events[i].kind == CREAM_EVENT_NOTE;
  assert_int_equal(notes, CREAM_MAX_ROLLBACKS);
  assert_int_equal(alone->status, CREAM_FAILED);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(ranks[i].status, CREAM_FAILED);
    assert_string_equal(ranks[i].err.text, alone->err.text);
  }
  assert_same_events(ranks, alone, "rollback", 2);
  free_ranks(alone, 1);
  free_ranks(ranks, 2);
}

/* Bytes of the tensors of a search on a backend that counts them, and of the messages to other ranks. */
static size_t memory_of(cream_backend *backend, cream_cluster *cluster, const cream_skeleton *skeleton) {
  options o = searching();
  int32_t labels[16] = {0};
  synthetic images;
  cream_counter counter;
  cream_search *search;
  cream_error err;
  o.config.search.batch = 16;
  o.config.search.accumulate = 2;
  synthetic_open(&images, 64, 16, 16, 1);
  cream_counter_init(&counter, backend);
  cream_source train = cream_counter_source(&images.source, 16, labels), heldout = train;
  const cream_search_inputs inputs = {
      .config = &o.config, .skeleton = skeleton, .train = &train, .heldout = &heldout, .cluster = cluster};
  assert_int_equal(cream_search_create(&counter.base, &inputs, &search, &err), CREAM_OK);
  const size_t bytes = counter.bytes + counter.workspace + cream_search_messages(search);
  assert_true((cream_search_messages(search) > 0) == (cluster != NULL));
  cream_search_destroy(search);
  synthetic_close(&images);
  return bytes;
}

/* A rank takes at most a tenth more than one process with the same parts. */
static void test_memory(void **state) {
  (void)state;
  const cream_skeleton skeleton = synthetic_skeleton();
  cream_backend *backend = synthetic_backend(false, 1);
  cream_cluster cluster = {.size = 2};
  const size_t alone = memory_of(backend, NULL, &skeleton), one = memory_of(backend, &cluster, &skeleton);
  if (10 * one > 11 * alone) fail_msg("a rank takes %zu bytes, one process %zu", one, alone);
  backend->destroy(backend);
}

/* Parts that ranks cannot share out. */
static void test_refusals(void **state) {
  (void)state;
  const struct {
    int parts, ranks;
    const char *message;
  } cases[] = {{3, 2, "search.accumulate: got 3 parts for 2 ranks, expected a power of two from 2 on"},
               {6, 2, "search.accumulate: got 6 parts for 2 ranks, expected a power of two from 2 on"},
               {2, 4, "search.accumulate: got 2 parts for 4 ranks, expected a power of two from 4 on"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    options o = searching();
    o.config.search.accumulate = cases[i].parts;
    rank *ranks = run(&o, cases[i].ranks);
    for (int r = 0; r < cases[i].ranks; r++) {
      assert_int_equal(ranks[r].status, CREAM_BAD_CONFIG);
      assert_non_null(strstr(ranks[r].err.text, cases[i].message));
    }
    free_ranks(ranks, cases[i].ranks);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_searches_give_the_same_bytes),
      cmocka_unit_test(test_retrainings_give_the_same_bytes),
      cmocka_unit_test(test_slow_rank),
      cmocka_unit_test(test_half_exchange),
      cmocka_unit_test(test_mishaps),
      cmocka_unit_test(test_drift),
      cmocka_unit_test(test_rollback),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
