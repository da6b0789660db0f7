/* Training with frozen parts: gradients, what stays as it is, resuming, and the words of retrain.freeze. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/net_internal.h"
#include "core/train/freeze.h"
#include "core/train/train.h"

enum { BATCH = 8, SIDE = 16 };

/* ds3 | k3e2 skip | bottleneck k5e3, and a linear layer before the classifier where `features`. */
static cream_skeleton network(bool features) {
  cream_skeleton supernet = synthetic_skeleton();
  if (!features) supernet.space.head.features = 0;
  cream_path path = {.n_layers = 5, .choice = {0, 0, 3, 2, 1}};
  return cream_skeleton_fix(&supernet, &path);
}

/* ---- words ------------------------------------------------------------------------------------------- */

static void test_words(void **state) {
  (void)state;
  cream_skeleton with = network(true), without = network(false);
  const struct {
    const char *text;
    int frozen;
  } words[] = {{"none", 0},       {"stem", 1},     {"blocks.0", 2}, {"blocks.1.0", 3}, {"blocks.1", 4},
               {"blocks.1.1", 4}, {"blocks.2", 6}, {"head", 7},     {"backbone", 8}};
  int frozen;
  cream_error err;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    assert_int_equal(cream_freeze_parse(&with, words[i].text, &frozen, &err), CREAM_OK);
    assert_int_equal(frozen, words[i].frozen);
  }
  assert_int_equal(cream_freeze_parse(&without, "backbone", &frozen, &err), CREAM_OK);
  assert_int_equal(frozen, 7);
  const char *bad[] = {"", "blocks.3", "blocks.1.2", "blocks", "blocks.1.", "stem ", "classifier", "2"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(cream_freeze_parse(&with, bad[i], &frozen, &err), CREAM_BAD_CONFIG);
    if (!strstr(err.text,
                "expected none, stem, blocks.0 (1 block), blocks.1 (2 blocks), blocks.2 (2 blocks)"))
      fail_msg("%s", err.text);
  }
}

/* ---- gradients --------------------------------------------------------------------------------------- */

typedef struct side {
  cream_backend *backend;
  cream_train train;
  cream_tensor x;
} side;

static side open_side(const cream_skeleton *skeleton, bool plain, int frozen, synthetic *images) {
  side s = {.backend = synthetic_backend(plain, 2)};
  cream_train_options options = {.skeleton = skeleton,
                                 .net = {.batch = BATCH, .train = true, .seed = 5, .frozen = frozen},
                                 .batch = BATCH};
  cream_error err;
  cream_batch batch;
  if (cream_train_init(&s.train, s.backend, &options, &err)) fail_msg("%s", err.text);
  assert_int_equal(images->source.read(&images->source, 0, 0, &batch, &err), CREAM_OK);
  s.x = cream_train_upload(&s.train, &images->source, &batch);
  return s;
}

static void close_side(side *s) {
  cream_train_destroy(&s->train);
  s->backend->destroy(s->backend);
}

/* The loss, in training mode with dropout; with `backward`, its gradients are written. */
static double loss_of(side *s, bool backward) {
  cream_net *net = s->train.net;
  const cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  cream_buf logits = cream_net_forward_train(net, &path, &s->x, CREAM_BN_TRAIN, 1, 0.3f, 7, 3);
  cream_loss loss = {.hard = 1, .labels = s->train.labels};
  cream_train_loss(&s->train, &loss, logits, BATCH);
  if (backward) cream_net_backward(net, cream_net_dlogits(net));
  float *result = synthetic_fetch(s->backend, s->train.result, 4);
  double value = result[0];
  free(result);
  return value;
}

/* The statistics of the batch of the last pass over a whole network; running variances are unbiased there. */
static float *batch_statistics(const side *s) {
  const cream_net *net = s->train.net;
  float *values = synthetic_fetch(s->backend, net->statistics, net->statistic_count);
  for (int i = 0; i < net->tape.n_records; i++) {
    const net_record *record = &net->tape.records[i];
    const double rows = (double)record->y.n * record->y.h * record->y.w;
    for (int c = 0; record->unit->has_bn && c < record->y.c; c++) {
      float *variance = &values[record->unit->norm.running_var + (size_t)c];
      *variance = (float)(*variance * (rows - 1) / rows);
    }
  }
  return values;
}

/* Compares the gradients of all trained parameters. */
static void same_gradients(const side *whole, const side *frozen) {
  const cream_net *net = frozen->train.net;
  const cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  size_t count = cream_net_gradient_count(net);
  float *expected = synthetic_fetch(whole->backend, cream_net_gradients(whole->train.net), count);
  float *got = synthetic_fetch(frozen->backend, cream_net_gradients(net), count);
  bool *trained = calloc(count, sizeof *trained);
  cream_slice slices[64];
  assert_non_null(trained);
  int n = cream_net_slices(net, &path, slices);
  assert_true(n >= 2);
  for (int s = 0; s < n; s++) {
    double norm = 0, off = 0;
    for (size_t i = slices[s].g; i < slices[s].g + slices[s].count; i++) {
      trained[i] = true;
      norm += (double)expected[i] * expected[i];
      off += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
    }
    if (!(norm > 0 && sqrt(off / norm) < 2e-4)) fail_msg("slice %d of %d: off by %g", s, n, sqrt(off / norm));
  }
  for (size_t i = 0; i < count; i++)
    if (!trained[i]) assert_true(got[i] == 0);
  free(expected);
  free(got);
  free(trained);
}

/* With running statistics that are those of the batch, a frozen step has the gradients of a whole one, wherever the
 * frozen part ends; it leaves the frozen statistics as they are. */
static void check_gradients(bool features, bool plain) {
  cream_skeleton skeleton = network(features);
  synthetic images;
  synthetic_open(&images, 32, BATCH, SIDE, 31);
  side whole = open_side(&skeleton, plain, 0, &images);
  double expected = loss_of(&whole, true);
  float *statistics = batch_statistics(&whole);
  for (int frozen = 1; frozen <= skeleton.n_layers + 2 + features; frozen++) {
    side s = open_side(&skeleton, plain, frozen, &images);
    const cream_net *net = s.train.net;
    s.backend->upload(s.backend, net->statistics, statistics, net->statistic_count);
    double loss = loss_of(&s, true);
    if (fabs(loss - expected) > 1e-4) fail_msg("%d frozen: loss %.7g, expected %.7g", frozen, loss, expected);
    same_gradients(&whole, &s);
    float *after = synthetic_fetch(s.backend, net->statistics, net->statistic_count);
    size_t kept = cream_net_frozen_statistics(net);
    assert_true(kept > 0 && kept <= net->statistic_count);
    assert_memory_equal(after, statistics, kept * sizeof *after);
    assert_true((kept < net->statistic_count) == (frozen < skeleton.n_layers + 2));
    if (kept < net->statistic_count)
      assert_true(memcmp(after + kept, statistics + kept, (net->statistic_count - kept) * sizeof *after) !=
                  0);
    size_t memory = cream_net_memory(net), all = cream_net_memory(whole.train.net);
    assert_true(frozen == 1 ? memory <= all : memory < all); /* the output of the stem is read */
    free(after);
    close_side(&s);
  }
  free(statistics);
  close_side(&whole);
  synthetic_close(&images);
}

static void test_gradients(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) check_gradients(i & 1, i & 2);
}

/* The gradient of each value of the classifier against finite differences of the loss. */
static void test_classifier_differences(void **state) {
  (void)state;
  cream_skeleton skeleton = network(false);
  synthetic images;
  synthetic_open(&images, 32, BATCH, SIDE, 31);
  side s = open_side(&skeleton, false, skeleton.n_layers + 2, &images);
  cream_net *net = s.train.net;
  loss_of(&s, true);
  float *g = synthetic_fetch(s.backend, cream_net_gradients(net), cream_net_gradient_count(net));
  float *w = synthetic_fetch(s.backend, cream_net_weights(net), cream_net_weight_count(net));
  cream_slice slices[2];
  assert_int_equal(cream_net_classifier_slices(net, slices), 2);
  assert_true(slices[0].count == 32 * SYNTHETIC_CLASSES && slices[1].count == SYNTHETIC_CLASSES);
  const float step = 0.05f;
  for (int part = 0; part < 2; part++)
    for (size_t i = 0; i < slices[part].count; i++) {
      float moved[2] = {w[slices[part].w + i] - step, w[slices[part].w + i] + step};
      cream_buf at = cream_buf_at(cream_net_weights(net), slices[part].w + i);
      double loss[2];
      for (int d = 0; d < 2; d++) {
        s.backend->upload(s.backend, at, &moved[d], 1);
        loss[d] = loss_of(&s, false);
      }
      s.backend->upload(s.backend, at, &w[slices[part].w + i], 1);
      double slope = (loss[1] - loss[0]) / (moved[1] - moved[0]);
      if (fabs(slope - g[slices[part].g + i]) > 2e-4)
        fail_msg("part %d, value %zu: gradient %g, difference %g", part, i, (double)g[slices[part].g + i],
                 slope);
    }
  free(g);
  free(w);
  close_side(&s);
  synthetic_close(&images);
}

/* ---- training ---------------------------------------------------------------------------------------- */

typedef struct training {
  cream_skeleton skeleton;
  cream_backend *backend;
  synthetic images, heldout;
  cream_retrain *run;
  volatile sig_atomic_t stop;
  uint64_t stop_at;
  uint8_t *saved; /* the last checkpoint */
} training;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  training *t = self;
  (void)err;
  if (event->kind == CREAM_EVENT_STEP && event->step == t->stop_at) t->stop = 1;
  return CREAM_OK;
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  training *t = self;
  free(t->saved);
  t->saved = malloc(cream_state_bytes(state));
  assert_non_null(t->saved);
  return cream_state_snapshot(state, t->saved, err);
}

static cream_config recipe(const char *freeze) {
  cream_config config;
  cream_config_defaults(&config);
  cream_retrain_config *retrain = &config.retrain;
  config.seed = 3;
  retrain->epochs = 2;
  retrain->batch = BATCH;
  retrain->accumulate = 2;
  retrain->lr = (cream_lr){.lr = 2, .schedule = CREAM_SCHEDULE_COSINE};
  retrain->weight_decay = 0.01;
  retrain->ema = 0.7;
  retrain->clip = 1;
  retrain->mixup = 0.3;
  retrain->drop_path = 0.3;
  snprintf(retrain->freeze, sizeof retrain->freeze, "%s", freeze);
  return config;
}

static void open_training(training *t, const cream_config *config) {
  *t = (training){.skeleton = network(true), .backend = synthetic_backend(false, 2)};
  synthetic_open(&t->images, 64, BATCH, SIDE, 21);
  synthetic_open(&t->heldout, 16, BATCH, SIDE, 22);
  const cream_retrain_inputs inputs = {.config = config,
                                       .skeleton = &t->skeleton,
                                       .train = &t->images.source,
                                       .heldout = &t->heldout.source,
                                       .listener = {on_event, t, &t->stop},
                                       .checkpointer = {.self = t, .save = save}};
  cream_error err;
  if (cream_retrain_create(t->backend, &inputs, &t->run, &err)) fail_msg("%s", err.text);
}

static void close_training(training *t) {
  cream_retrain_destroy(t->run);
  synthetic_close(&t->images);
  synthetic_close(&t->heldout);
  t->backend->destroy(t->backend);
  free(t->saved);
}

/* Weights, then statistics. */
typedef struct values {
  float *weights, *statistics;
  size_t n_weights, n_statistics;
} values;

static values values_of(const training *t) {
  const cream_net *net = cream_retrain_net(t->run);
  values v = {.n_weights = cream_net_weight_count(net), .n_statistics = cream_net_statistic_count(net)};
  v.weights = synthetic_fetch(t->backend, cream_net_weights(net), v.n_weights);
  v.statistics = synthetic_fetch(t->backend, cream_net_statistics(net), v.n_statistics);
  return v;
}

static void free_values(values *v) {
  free(v->weights);
  free(v->statistics);
}

/* Whether a parameter belongs to the parts up to block 1.0: the stem, and blocks 0.0 and 1.0. */
static bool is_frozen(const char *name) {
  return !strncmp(name, "conv_stem.", 10) || !strncmp(name, "bn1.", 4) || !strncmp(name, "blocks.0.0.", 11) ||
         !strncmp(name, "blocks.1.0.", 11);
}

/* Compares the frozen parameters byte by byte; all others have changed. */
static void check_kept(const training *t, const values *before, bool (*frozen)(const char *name)) {
  int count, kept = 0;
  const cream_param *params = cream_net_params(cream_retrain_net(t->run), &count);
  values after = values_of(t);
  for (int i = 0; i < count; i++) {
    const float *was = (params[i].statistic ? before->statistics : before->weights) + params[i].offset;
    const float *is = (params[i].statistic ? after.statistics : after.weights) + params[i].offset;
    bool same = memcmp(was, is, params[i].count * sizeof *is) == 0;
    if (same != frozen(params[i].name)) fail_msg("%s %s", params[i].name, same ? "stayed" : "changed");
    kept += same;
  }
  assert_true(kept > 0 && kept < count);
  free_values(&after);
}

static bool is_backbone(const char *name) {
  return strncmp(name, "classifier.", 11) != 0;
}

/* Frozen weights and statistics stay to the byte, averaged and trained ones, with every kind of optimiser. */
static void test_frozen_stays(void **state) {
  (void)state;
  const cream_optim_kind kinds[] = {CREAM_OPTIM_SGD, CREAM_OPTIM_RMSPROP_TF, CREAM_OPTIM_ADAM,
                                    CREAM_OPTIM_ADAMW};
  cream_error err;
  for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
    cream_config config = recipe(i % 2 ? "blocks.1.0" : "backbone");
    config.retrain.optim = kinds[i / 2];
    training t;
    open_training(&t, &config);
    values before = values_of(&t);
    if (cream_retrain_run(t.run, &err)) fail_msg("%s", err.text);
    for (int kind = 0; kind < CREAM_RETRAIN_KINDS; kind++) {
      assert_true(cream_retrain_use(t.run, (cream_retrain_kind)kind));
      check_kept(&t, &before, i % 2 ? is_frozen : is_backbone);
    }
    free_values(&before);
    close_training(&t);
  }
}

static void test_resumes(void **state) {
  (void)state;
  cream_config config = recipe("blocks.1.0");
  config.retrain.lr_backbone = 0.3;
  cream_error err;
  training whole, first, second;
  open_training(&whole, &config);
  assert_int_equal(cream_retrain_run(whole.run, &err), CREAM_OK);
  open_training(&first, &config);
  first.stop_at = 3;
  assert_int_equal(cream_retrain_run(first.run, &err), CREAM_INTERRUPTED);
  open_training(&second, &config);
  cream_net *net = cream_retrain_net(second.run);
  second.backend->fill(second.backend, cream_net_weights(net), cream_net_weight_count(net),
                       0.5f); /* all values come from the checkpoint */
  cream_state parts;
  cream_retrain_state(second.run, &parts);
  assert_int_equal(cream_state_restore(&parts, first.saved, &err), CREAM_OK);
  assert_int_equal(cream_retrain_restored(second.run, &err), CREAM_OK);
  assert_int_equal(cream_retrain_run(second.run, &err), CREAM_OK);
  values a = values_of(&whole), b = values_of(&second);
  assert_memory_equal(a.weights, b.weights, a.n_weights * sizeof *a.weights);
  assert_memory_equal(a.statistics, b.statistics, a.n_statistics * sizeof *a.statistics);
  free_values(&a);
  free_values(&b);
  close_training(&whole);
  close_training(&first);
  close_training(&second);
}

/* The changes of one step of SGD without momentum are those of the factor, by group. */
static void test_backbone_rate(void **state) {
  (void)state;
  cream_config config = recipe("none");
  config.retrain.epochs = 1;
  config.retrain.accumulate = 8; /* one step */
  config.retrain.optim = CREAM_OPTIM_SGD;
  config.retrain.momentum = config.retrain.ema = 0;
  config.retrain.nesterov = false;
  cream_error err;
  values before, after[3];
  const double factors[3] = {1, 0.25, 0};
  for (int i = 0; i < 3; i++) {
    training t;
    config.retrain.lr_backbone = factors[i];
    open_training(&t, &config);
    if (i == 0) before = values_of(&t);
    assert_int_equal(cream_retrain_run(t.run, &err), CREAM_OK);
    after[i] = values_of(&t);
    int count;
    const cream_param *params = cream_net_params(cream_retrain_net(t.run), &count);
    for (int p = 0; p < count; p++) {
      double factor = is_backbone(params[p].name) ? factors[i] : 1;
      for (size_t v = params[p].offset; !params[p].statistic && v < params[p].offset + params[p].count; v++) {
        double one = after[0].weights[v] - before.weights[v], got = after[i].weights[v] - before.weights[v];
        if (fabs(got - factor * one) > 1e-6)
          fail_msg("%s: %g, expected %g * %g", params[p].name, got, factor, one);
      }
    }
    close_training(&t);
  }
  assert_true(memcmp(before.weights, after[0].weights, before.n_weights * sizeof(float)) != 0);
  for (int i = 0; i < 3; i++) free_values(&after[i]);
  free_values(&before);
}

static void test_refusal(void **state) {
  (void)state;
  cream_config config = recipe("blocks.7");
  training t = {.skeleton = network(true), .backend = synthetic_backend(false, 1)};
  synthetic_open(&t.images, 64, BATCH, SIDE, 21);
  const cream_retrain_inputs inputs = {.config = &config, .skeleton = &t.skeleton, .train = &t.images.source};
  cream_error err;
  assert_int_equal(cream_retrain_create(t.backend, &inputs, &t.run, &err), CREAM_BAD_CONFIG);
  if (!strstr(err.text, "retrain.freeze: got \"blocks.7\"")) fail_msg("%s", err.text);
  synthetic_close(&t.images);
  t.backend->destroy(t.backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),        cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_frozen_stays), cmocka_unit_test(test_classifier_differences),
      cmocka_unit_test(test_resumes),      cmocka_unit_test(test_backbone_rate),
      cmocka_unit_test(test_refusal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
