/* Training of one network: schedules, averaged weights, settings that are refused, and that it repeats itself. */
#include "tests/core/synthetic.h"

#include <math.h>

static void close_to(double value, double expected) {
  if (fabs(value - expected) > 1e-9 * fmax(1, fabs(expected)))
    fail_msg("got %.12g, expected %.12g", value, expected);
}

static void test_schedules(void **state) {
  (void)state;
  /* 10 epochs of 20 steps, batch 512: the peak is half of lr. */
  cream_lr lr = {.lr = 0.8, .schedule = CREAM_SCHEDULE_CONSTANT};
  close_to(cream_lr_at(&lr, 0, 200, 20, 512), 0.4);
  close_to(cream_lr_at(&lr, 199, 200, 20, 512), 0.4);
  lr.schedule = CREAM_SCHEDULE_LINEAR;
  close_to(cream_lr_at(&lr, 0, 200, 20, 512), 0.4);
  close_to(cream_lr_at(&lr, 50, 200, 20, 512), 0.3);
  close_to(cream_lr_at(&lr, 200, 200, 20, 512), 0);
  lr.schedule = CREAM_SCHEDULE_COSINE;
  lr.min_lr = 0.1;
  close_to(cream_lr_at(&lr, 0, 200, 20, 512), 0.4);
  close_to(cream_lr_at(&lr, 100, 200, 20, 512), 0.25);
  close_to(cream_lr_at(&lr, 200, 200, 20, 512), 0.1);
  lr = (cream_lr){.lr = 0.8, .schedule = CREAM_SCHEDULE_STEP, .decay_rate = 0.5, .decay_epochs = 2.4};
  close_to(cream_lr_at(&lr, 59, 200, 20, 512), 0.4);  /* epoch 2 */
  close_to(cream_lr_at(&lr, 60, 200, 20, 512), 0.2);  /* epoch 3 */
  close_to(cream_lr_at(&lr, 100, 200, 20, 512), 0.1); /* epoch 5 */
  lr.warmup_epochs = 3;
  lr.warmup_lr = 1e-6;
  close_to(cream_lr_at(&lr, 0, 200, 20, 512), 1e-6);
  close_to(cream_lr_at(&lr, 30, 200, 20, 512), 1e-6 + (0.4 - 1e-6) / 2);
  close_to(cream_lr_at(&lr, 60, 200, 20, 512), 0.2);
}

typedef struct log {
  int steps, evals, epochs;
  double first, last, first_lr, heldout, heldout_ema, waited;
  volatile sig_atomic_t stop;
  uint64_t stop_at;
} log_t;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  log_t *log = self;
  (void)err;
  if (event->kind == CREAM_EVENT_STEP) {
    if (log->steps == 0) log->first_lr = event->lr;
    if (log->steps++ == 0) log->first = event->loss;
    log->last = event->loss;
    if (event->step == log->stop_at) log->stop = 1;
  } else if (event->kind == CREAM_EVENT_EVAL) {
    log->evals++;
    *(strcmp(event->split, "heldout") == 0 ? &log->heldout : &log->heldout_ema) = event->accuracy;
  } else if (event->kind == CREAM_EVENT_EPOCH) {
    log->epochs++;
    log->waited = event->waited;
  }
  return CREAM_OK;
}

static cream_config small_config(void) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 3;
  config.retrain.epochs = 6;
  config.retrain.batch = 16;
  config.retrain.optim = CREAM_OPTIM_SGD;
  config.retrain.lr = (cream_lr){.lr = 4, .schedule = CREAM_SCHEDULE_COSINE};
  config.retrain.ema = 0.9;
  config.retrain.eval_every = 2;
  return config;
}

typedef struct outcome {
  cream_status status;
  cream_error err;
  log_t log;
  cream_score score;
  cream_retrain_choice choice;
  float *weights;
  size_t count;
} outcome;

static outcome run(const cream_config *config, int threads, uint64_t stop_at) {
  outcome out = {.log.stop_at = stop_at};
  cream_backend *backend = synthetic_backend(false, threads);
  cream_skeleton supernet = synthetic_skeleton();
  cream_path path = {.n_layers = 5, .choice = {0, 0, 1, 2, 3}};
  cream_skeleton skeleton = cream_skeleton_fix(&supernet, &path);
  synthetic train, heldout;
  synthetic_open(&train, 128, 16, 16, 21);
  synthetic_open(&heldout, 40, 16, 16, 22);
  train.source.waited = 1;
  heldout.source.waited = 2;
  cream_retrain_inputs inputs = {.config = config,
                                 .skeleton = &skeleton,
                                 .train = &train.source,
                                 .heldout = &heldout.source,
                                 .listener = {on_event, &out.log, &out.log.stop}};
  cream_retrain *retrain;
  out.status = cream_retrain_create(backend, &inputs, &retrain, &out.err);
  if (!out.status) {
    out.status = cream_retrain_run(retrain, &out.err);
    out.choice = cream_retrain_chosen(retrain);
    cream_net *net = cream_retrain_net(retrain);
    cream_path only = cream_skeleton_first_path(&skeleton);
    cream_error err;
    assert_int_equal(cream_evaluate(net, &only, &heldout.source, CREAM_BN_RUNNING, &out.score, &err),
                     CREAM_OK);
    out.count = cream_net_weight_count(net);
    out.weights = malloc(out.count * 4);
    assert_non_null(out.weights);
    assert_int_equal(backend->download(backend, out.weights, cream_net_weights(net), out.count, &err),
                     CREAM_OK);
  }
  cream_retrain_destroy(retrain);
  synthetic_close(&train);
  synthetic_close(&heldout);
  backend->destroy(backend);
  return out;
}

static void test_learns(void **state) {
  (void)state;
  const struct {
    cream_optim_kind optim;
    double lr;
  } kinds[] = {
      {CREAM_OPTIM_SGD, 4}, {CREAM_OPTIM_RMSPROP_TF, 0.5}, {CREAM_OPTIM_ADAM, 0.3}, {CREAM_OPTIM_ADAMW, 0.3}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    cream_config config = small_config();
    config.retrain.optim = kinds[i].optim;
    config.retrain.lr.lr = kinds[i].lr;
    outcome out = run(&config, 2, 0);
    if (out.status) fail_msg("%s", out.err.text);
    assert_int_equal(out.log.steps, 48);
    assert_int_equal(out.log.epochs, 6);
    assert_true(out.log.waited == 3);   /* training and held-out images */
    assert_int_equal(out.log.evals, 6); /* trained and averaged weights, every second epoch */
    assert_true(out.log.last < out.log.first);
    assert_true(out.score.count == 40 && out.score.top1 > 0.6);
    /* the net is left with the better weights of the last evaluation */
    assert_true(out.score.top1 == fmax(out.log.heldout, out.log.heldout_ema));
    free(out.weights);
  }
}

/* The better weights on the held-out images are left in the net, or those that the settings name. */
static void test_final_weights(void **state) {
  (void)state;
  const struct {
    double ema;
    cream_final_weights weights;
    cream_retrain_kind kind;
  } cases[] = {{0.9999, CREAM_FINAL_BEST, CREAM_RETRAIN_TRAINED}, /* the average has not caught up */
               {0.9999, CREAM_FINAL_AVERAGED, CREAM_RETRAIN_AVERAGED},
               {1e-9, CREAM_FINAL_BEST, CREAM_RETRAIN_AVERAGED}, /* equal */
               {1e-9, CREAM_FINAL_TRAINED, CREAM_RETRAIN_TRAINED},
               {0, CREAM_FINAL_AVERAGED, CREAM_RETRAIN_TRAINED}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_config config = small_config();
    config.retrain.ema = cases[i].ema;
    config.retrain.weights = cases[i].weights;
    outcome out = run(&config, 2, 0);
    if (out.status) fail_msg("%s", out.err.text);
    assert_true(out.choice.evaluated);
    assert_int_equal(out.choice.kind, cases[i].kind);
    assert_true(out.choice.heldout[CREAM_RETRAIN_TRAINED].top1 == out.log.heldout);
    assert_true(out.score.top1 == out.choice.heldout[cases[i].kind].top1);
    if (cases[i].ema > 0.5) assert_true(out.log.heldout > out.log.heldout_ema);
    free(out.weights);
  }
  /* Stopped before an evaluation, the average decides by its age. */
  cream_config config = small_config();
  for (int young = 0; young < 2; young++) {
    config.retrain.ema = young ? 0.9 : 0.1;
    outcome out = run(&config, 2, 5);
    assert_int_equal(out.status, CREAM_INTERRUPTED);
    assert_false(out.choice.evaluated);
    assert_int_equal(out.choice.kind, young ? CREAM_RETRAIN_TRAINED : CREAM_RETRAIN_AVERAGED);
    free(out.weights);
  }
}

static void test_repeats_itself_for_any_threads(void **state) {
  (void)state;
  cream_config config = small_config();
  config.retrain.epochs = 2;
  config.retrain.clip = 2;
  config.retrain.mixup = 0.4;
  config.retrain.drop_path = 0.3;
  config.retrain.accumulate = 2;
  outcome first = run(&config, 1, 0);
  for (int threads = 2; threads <= 3; threads++) {
    outcome again = run(&config, threads, 0);
    assert_memory_equal(first.weights, again.weights, first.count * 4);
    free(again.weights);
  }
  config.retrain.dropout = 0.5;
  outcome dropped = run(&config, 1, 0);
  assert_true(memcmp(first.weights, dropped.weights, first.count * 4) != 0);
  free(dropped.weights);
  free(first.weights);
}

/* Three batches an update: a third of the steps, without the last batches of an epoch, at the learning rate of a batch
 * three times as large. */
static void test_accumulates(void **state) {
  (void)state;
  cream_config config = small_config();
  config.retrain.accumulate = 3;
  config.retrain.lr.lr = 2;
  outcome out = run(&config, 2, 0);
  if (out.status) fail_msg("%s", out.err.text);
  assert_int_equal(out.log.steps, 6 * (8 / 3));
  assert_int_equal(out.log.epochs, 6);
  close_to(out.log.first_lr, 2 * 48 / 1024.0);
  assert_true(out.log.last < out.log.first);
  free(out.weights);
}

static void test_stop_and_time_budget(void **state) {
  (void)state;
  cream_config config = small_config();
  outcome out = run(&config, 1, 5);
  assert_int_equal(out.status, CREAM_INTERRUPTED);
  assert_int_equal(out.log.steps, 5);
  free(out.weights);
  config.time_budget = 1e-9;
  out = run(&config, 1, 0);
  assert_int_equal(out.status, CREAM_OK);
  assert_int_equal(out.log.steps, 0);
  assert_int_equal(out.log.evals, 2); /* trained and averaged */
  free(out.weights);
}

static void test_refusals(void **state) {
  (void)state;
  const struct {
    int epochs, batch, accumulate;
    const char *says;
  } cases[] = {{0, 16, 1, "retrain.epochs: got 0"},
               {-3, 16, 1, "retrain.epochs: got -3"},
               {1, 0, 1, "retrain.batch: got 0"},
               {1, 129, 1, "retrain.batch: got 129, expected at most the 128 training images"},
               {1, 16, 9, "retrain.accumulate: got 9 batches of 16, expected at most the 128"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_config config = small_config();
    config.retrain.epochs = cases[i].epochs;
    config.retrain.batch = cases[i].batch;
    config.retrain.accumulate = cases[i].accumulate;
    outcome out = run(&config, 1, 0);
    assert_int_equal(out.status, CREAM_BAD_CONFIG);
    if (!strstr(out.err.text, cases[i].says)) fail_msg("got: %s", out.err.text);
  }
}

static void test_score(void **state) {
  (void)state;
  cream_score score = {0};
  const float logits[3][6] = {{5, 4, 3, 2, 1, 0}, {0, 1, 2, 3, 4, 5}, {1, 1, 1, 1, 1, 1}};
  const int32_t labels[3] = {0, 0, 1}; /* first; sixth; second of equals */
  cream_score_add(&score, logits[0], labels, 2, 6);
  cream_score_add(&score, logits[2], labels + 2, 1, 6);
  close_to(score.top1, 1.0 / 3);
  close_to(score.top5, 2.0 / 3);
  assert_int_equal(score.count, 3);
  double sum = 0;
  for (int i = 0; i < 6; i++) sum += exp(-i);
  close_to(score.loss, (log(sum) + (log(sum) + 5) + log(6)) / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schedules),     cmocka_unit_test(test_learns),
      cmocka_unit_test(test_final_weights), cmocka_unit_test(test_repeats_itself_for_any_threads),
      cmocka_unit_test(test_accumulates),   cmocka_unit_test(test_stop_and_time_budget),
      cmocka_unit_test(test_refusals),      cmocka_unit_test(test_score),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
