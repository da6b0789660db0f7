/* `exact: processors`: a search, the training of its network and evaluations, in float and in bfloat16, have the same
 * bytes with the kernels of every instruction set that this machine has, and with those of any other machine (a golden
 * hash of each precision).
 *
 * Where a change of the method or of the kernels is meant to change results, the hash is what the failed test prints. */
#include "core/base/hash.h"
#include "tests/core/searching.h"

static const uint64_t golden[CREAM_PRECISION_COUNT] = {
    [CREAM_PRECISION_FLOAT] = UINT64_C(0x89317f214dde30e0),
    [CREAM_PRECISION_BF16] = UINT64_C(0xdb6bfe5bfddd226b),
};

static uint64_t hash;

static void add(const void *bytes, size_t size) {
  hash = cream_fnv1a(hash, bytes, size);
}
static void add_number(double x) {
  add(&x, sizeof x);
}
static void add_path(const cream_path *path) {
  add(&path->n_layers, sizeof path->n_layers);
  for (int l = 0; l < path->n_layers; l++) add(&path->choice[l], sizeof path->choice[l]);
}
static void add_score(const cream_score *score) {
  add_number(score->top1);
  add_number(score->loss);
}
static void add_floats(cream_backend *backend, cream_buf buf, size_t count) {
  float *host = synthetic_fetch(backend, buf, count);
  add(host, count * sizeof *host);
  free(host);
}

/* Adds the numbers of a step, so that a difference shows where it begins. */
static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  (void)self, (void)err;
  if (event->kind != CREAM_EVENT_STEP) return CREAM_OK;
  add_number(event->loss);
  add_number(event->rho);
  return CREAM_OK;
}

/* A search of every kind of step, and the path that it finds. */
static cream_path search(void) {
  cream_config config = searching_config();
  config.search.epochs = 4;
  searching out = search_with(&config, (searching_options){.threads = 2});
  if (out.status) fail_msg("%s", out.err.text);
  add(out.weights, out.count * sizeof *out.weights);
  add(out.statistics, sizeof out.statistics);
  for (int i = 0; i < out.boards[0].count; i++) {
    add_path(&out.boards[0].entries[i].path);
    add_number(out.boards[0].entries[i].score);
  }
  for (int i = 0; i < out.boards[0].count; i++) add_score(&out.log.selected[i]);
  free(out.weights);
  return out.results[0].path;
}

/* A training with all that a recipe has, by one of the optimisers. */
static void retrain(const cream_path *path, cream_optim_kind optim, cream_schedule schedule) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 3;
  config.retrain.epochs = 2;
  config.retrain.batch = 16;
  config.retrain.optim = optim;
  config.retrain.lr = (cream_lr){.lr = optim == CREAM_OPTIM_SGD ? 4 : 0.1,
                                 .schedule = schedule,
                                 .decay_rate = 0.9,
                                 .decay_epochs = 0.3,
                                 .warmup_epochs = 0.5};
  config.retrain.ema = 0.9;
  config.retrain.mixup = 0.2;
  config.retrain.drop_path = 0.2;
  cream_backend *backend = synthetic_backend(false, 2);
  cream_skeleton supernet = synthetic_skeleton(), skeleton = cream_skeleton_fix(&supernet, path);
  synthetic train, heldout;
  synthetic_open(&train, 80, 16, 16, 21);
  synthetic_open(&heldout, 40, 16, 16, 22);
  const cream_retrain_inputs inputs = {.config = &config,
                                       .skeleton = &skeleton,
                                       .train = &train.source,
                                       .heldout = &heldout.source,
                                       .listener = {.on_event = on_event}};
  cream_retrain *run;
  cream_error err;
  if (cream_retrain_create(backend, &inputs, &run, &err) || cream_retrain_run(run, &err))
    fail_msg("%s", err.text);
  cream_net *net = cream_retrain_net(run);
  const cream_path only = cream_skeleton_first_path(&skeleton);
  cream_score score;
  assert_int_equal(cream_evaluate(net, &only, &heldout.source, CREAM_BN_RUNNING, &score, &err), CREAM_OK);
  add_score(&score);
  add_floats(backend, cream_net_weights(net), cream_net_weight_count(net));
  add_floats(backend, cream_net_statistics(net), cream_net_statistic_count(net));
  cream_retrain_destroy(run);
  synthetic_close(&train);
  synthetic_close(&heldout);
  backend->destroy(backend);
}

static uint64_t everything(void) {
  hash = CREAM_FNV1A_START;
  const cream_path path = search();
  retrain(&path, CREAM_OPTIM_SGD, CREAM_SCHEDULE_COSINE);
  retrain(&path, CREAM_OPTIM_RMSPROP_TF, CREAM_SCHEDULE_STEP);
  retrain(&path, CREAM_OPTIM_ADAMW, CREAM_SCHEDULE_COSINE);
  return hash;
}

static void test_sets(void **state) {
  (void)state;
  for (cream_isa isa = CREAM_ISA_GENERIC; isa < CREAM_ISA_COUNT; isa++) {
    unsetenv("CREAM_ISA");
    if (!cream_isa_present(isa)) continue;
    setenv("CREAM_ISA", cream_isa_name(isa), 1);
    for (int precision = 0; precision < CREAM_PRECISION_COUNT; precision++) {
      synthetic_precision = (cream_precision)precision;
      const uint64_t got = everything(), expected = golden[precision];
      if (got != expected)
        fail_msg("%s, precision %d: the hash is 0x%016llx, expected 0x%016llx", cream_isa_name(isa),
                 precision, (unsigned long long)got, (unsigned long long)expected);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};
  return CREAM_SLOW_CHECKER ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
