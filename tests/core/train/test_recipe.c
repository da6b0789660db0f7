/* Parts of the training recipe: accumulated and clipped gradients, mixup, stochastic depth, recalibration; and the
 * counting of predictions. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/train/mixup.h"
#include "core/train/train.h"

enum { BATCH = 8, SIDE = 16 };

/* A network with residual blocks of all kinds, each followed by a different kind. */
static cream_skeleton residual_skeleton(void) {
  cream_skeleton base = synthetic_skeleton(), supernet;
  cream_space space = base.space;
  space.stages[0].depth_min = space.stages[0].depth_max = 3;
  space.stages[1].depth_max = 3;
  cream_error err;
  if (cream_skeleton_init(&supernet, &space, (int[]){3, 3, 2}, SIDE, SYNTHETIC_CLASSES, &err))
    fail_msg("%s", err.text);
  /* ds3 ds3 ds3 | k3e2 bottleneck k5e3 | k5e3 skip */
  cream_path path = {.n_layers = 8, .choice = {0, 0, 0, 0, 2, 1, 1, 3}};
  return cream_skeleton_fix(&supernet, &path);
}

typedef struct fixture {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_path path;
  cream_train train;
  synthetic images;
} fixture;

static void open_fixture(fixture *f, bool plain, int accumulate, double drop_path) {
  *f = (fixture){.backend = synthetic_backend(plain, 2), .skeleton = residual_skeleton()};
  f->path = cream_skeleton_first_path(&f->skeleton);
  cream_train_options options = {.skeleton = &f->skeleton,
                                 .net = {.batch = BATCH, .train = true, .seed = 5, .drop_path = drop_path},
                                 .batch = BATCH,
                                 .accumulate = accumulate};
  cream_error err;
  if (cream_train_init(&f->train, f->backend, &options, &err)) fail_msg("%s", err.text);
  synthetic_open(&f->images, 64, BATCH, SIDE, 31);
}

static void close_fixture(fixture *f) {
  synthetic_close(&f->images);
  cream_train_destroy(&f->train);
  f->backend->destroy(f->backend);
}

static cream_tensor show(fixture *f, uint64_t step, cream_batch *batch) {
  cream_error err;
  assert_int_equal(f->images.source.read(&f->images.source, 0, step, batch, &err), CREAM_OK);
  return cream_train_upload(&f->train, &f->images.source, batch);
}

/* Loss of a batch; with `backward`, its gradient is written to the net's gradient block. */
static double loss_of(fixture *f, const cream_tensor *x, bool backward) {
  cream_buf logits = cream_net_forward_train(f->train.net, &f->path, x, CREAM_BN_TRAIN, 0.1f, 0, 7, 3);
  cream_loss loss = {.hard = 1, .labels = f->train.labels};
  cream_train_loss(&f->train, &loss, logits, x->n);
  if (backward) cream_net_backward(f->train.net, cream_net_dlogits(f->train.net));
  float *result = synthetic_fetch(f->backend, f->train.result, 4);
  double value = result[0];
  free(result);
  return value;
}

/* Gradients and results of a step of several parts are the means of those of its parts, added in a fixed tree; running
 * statistics move by those of each part in turn. */
static void check_accumulation(int parts) {
  fixture f, alone;
  open_fixture(&f, false, parts, 0);
  open_fixture(&alone, false, 1, 0);
  size_t count = cream_net_gradient_count(f.train.net), moved = cream_net_statistic_count(f.train.net);
  double *sum = calloc(count, sizeof *sum), losses = 0;
  assert_non_null(sum);
  cream_train_begin_step(&f.train);
  for (int part = 0; part < parts; part++) {
    cream_batch batch;
    cream_tensor x = show(&alone, (uint64_t)part, &batch);
    losses += loss_of(&alone, &x, true);
    float *g = synthetic_fetch(alone.backend, cream_net_gradients(alone.train.net), count);
    for (size_t i = 0; i < count; i++) sum[i] += g[i];
    free(g);
    cream_train_begin_part(&f.train, part);
    x = show(&f, (uint64_t)part, &batch);
    cream_loss loss = {.hard = 1, .labels = f.train.labels};
    cream_train_loss(&f.train, &loss, cream_train_forward(&f.train, &f.path, &x, 0, 7, 3), x.n);
    cream_train_backward(&f.train);
  }
  cream_error err;
  assert_int_equal(cream_train_end_step(&f.train, &err), CREAM_OK);
  float *mean = synthetic_fetch(f.backend, f.train.blocks.g, count),
        *result = synthetic_fetch(f.backend, f.train.result, 4);
  double norm = 0, off = 0;
  for (size_t i = 0; i < count; i++) {
    norm += sum[i] / parts * (sum[i] / parts);
    off += (mean[i] - sum[i] / parts) * (mean[i] - sum[i] / parts);
  }
  assert_true(norm > 0 && sqrt(off / norm) < 1e-6);
  assert_true(fabs(result[0] - losses / parts) < 1e-6 && result[3] >= 0 && result[3] <= BATCH);
  float *these = synthetic_fetch(f.backend, cream_net_statistics(f.train.net), moved);
  float *those = synthetic_fetch(alone.backend, cream_net_statistics(alone.train.net), moved);
  for (size_t i = 0; i < moved; i++) assert_true(fabs(these[i] - those[i]) <= 1e-6 * fmax(1, fabs(those[i])));
  free(these);
  free(those);
  free(sum);
  free(mean);
  free(result);
  close_fixture(&f);
  close_fixture(&alone);
}

static void test_accumulation(void **state) {
  (void)state;
  const int parts[] = {2, 3, 7, 8};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) check_accumulation(parts[i]);
}

static double path_norm(fixture *f) {
  size_t count = cream_net_gradient_count(f->train.net);
  float *g = synthetic_fetch(f->backend, f->train.blocks.g, count);
  cream_slice slices[64];
  int n = cream_net_slices(f->train.net, &f->path, slices);
  double squares = 0;
  for (int s = 0; s < n; s++)
    for (size_t i = 0; i < slices[s].count; i++) squares += (double)g[slices[s].g + i] * g[slices[s].g + i];
  free(g);
  return sqrt(squares);
}

static void test_clipping(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, false, 1, 0);
  cream_error err;
  cream_batch batch;
  cream_tensor x = show(&f, 0, &batch);
  loss_of(&f, &x, true);
  double norm = path_norm(&f);
  assert_true(norm > 0.01);
  assert_int_equal(cream_train_clip(&f.train, &f.path, 0, &err), CREAM_OK);
  assert_true(path_norm(&f) == norm);
  assert_int_equal(cream_train_clip(&f.train, &f.path, 2 * norm, &err), CREAM_OK);
  assert_true(path_norm(&f) == norm);
  float *before = synthetic_fetch(f.backend, f.train.blocks.g, 1);
  assert_int_equal(cream_train_clip(&f.train, &f.path, norm / 4, &err), CREAM_OK);
  float *after = synthetic_fetch(f.backend, f.train.blocks.g, 1);
  assert_true(fabs(path_norm(&f) / (norm / 4) - 1) < 1e-5 && before[0] != 0);
  assert_true(fabs(after[0] / before[0] - 0.25) < 1e-4);
  free(before);
  free(after);
  close_fixture(&f);
}

static void test_mixup_share(void **state) {
  (void)state;
  const double alphas[] = {0.2, 1, 4};
  for (int a = 0; a < 3; a++) {
    enum { DRAWS = 20000 };
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
      double share = cream_mixup_share(alphas[a], 9, i);
      assert_true(share >= 0 && share <= 1);
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
    }
    /* more than five standard errors */
    double variance = 1 / (4 * (2 * alphas[a] + 1));
    assert_true(fabs(sum / DRAWS - 0.5) < 0.02);
    if (fabs(squares / DRAWS / variance - 1) > 0.05)
      fail_msg("Beta(%g): variance %g", alphas[a], squares / DRAWS);
  }
  assert_true(cream_mixup_share(0.2, 9, 4) == cream_mixup_share(0.2, 9, 4));
  assert_true(cream_mixup_share(0.2, 9, 4) != cream_mixup_share(0.2, 9, 5));
}

static void test_mixup(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, false, 1, 0);
  cream_mixup mixup;
  cream_error err;
  assert_int_equal(cream_mixup_init(&mixup, f.train.net, BATCH, 0.8, 9, &err), CREAM_OK);
  cream_batch batch;
  cream_tensor x = show(&f, 0, &batch);
  batch.n = x.n = BATCH - 1; /* the middle image is mixed with itself */
  size_t image = (size_t)SIDE * SIDE * 3, count = image * (size_t)x.n;
  float *before = synthetic_fetch(f.backend, x.raw, count);
  cream_loss loss = {.hard = 1, .smoothing = 0.1f, .labels = f.train.labels};
  cream_mixup_apply(&mixup, 4, &x, batch.labels, &loss);
  float *after = synthetic_fetch(f.backend, x.raw, count),
        *target = synthetic_fetch(f.backend, loss.target, (size_t)x.n * SYNTHETIC_CLASSES);
  double share = cream_mixup_share(0.8, 9, 4);
  assert_true(share > 0.01 && share < 0.99 && loss.hard == 0 && loss.soft == 1);
  for (size_t i = 0; i < count; i++) {
    size_t n = i / image, other = ((size_t)x.n - 1 - n) * image + i % image;
    assert_true(fabs(after[i] - (share * before[i] + (1 - share) * before[other])) < 1e-5);
  }
  for (int n = 0; n < x.n; n++)
    for (int k = 0; k < SYNTHETIC_CLASSES; k++) {
      double want = 0.1 / SYNTHETIC_CLASSES;
      if (batch.labels[n] == k) want += 0.9 * share;
      if (batch.labels[x.n - 1 - n] == k) want += 0.9 * (1 - share);
      assert_true(fabs(target[n * SYNTHETIC_CLASSES + k] - want) < 1e-6);
    }
  free(before);
  free(after);
  free(target);
  cream_mixup_destroy(&mixup);
  close_fixture(&f);
}

/* Along the gradient of a slice, the loss rises by the slice's squared norm. This holds for every slice only if all ops
 * between it and the loss, the gates of drop path included, have the right gradient. */
static void test_drop_path_gradient(void **state) {
  bool plain = *(const bool *)*state;
  fixture f;
  open_fixture(&f, plain, 1, 0.6);
  cream_net *net = f.train.net;
  cream_batch batch;
  cream_tensor x = show(&f, 0, &batch);
  loss_of(&f, &x, true);
  size_t n_weights = cream_net_weight_count(net);
  float *g = synthetic_fetch(f.backend, cream_net_gradients(net), cream_net_gradient_count(net));
  float *w = synthetic_fetch(f.backend, cream_net_weights(net), n_weights),
        *moved = malloc(n_weights * sizeof *moved);
  assert_non_null(moved);
  cream_slice slices[64];
  int n = cream_net_slices(net, &f.path, slices), checked = 0;
  for (int s = 0; s < n; s++) {
    double squares = 0, loss[2];
    for (size_t i = 0; i < slices[s].count; i++) squares += (double)g[slices[s].g + i] * g[slices[s].g + i];
    double step = 2e-2 / sqrt(squares);
    if (sqrt(squares) < 1e-2) continue; /* dropped for every image, or too small for single precision */
    for (int side = 0; side < 2; side++) {
      memcpy(moved, w, n_weights * sizeof *moved);
      for (size_t i = 0; i < slices[s].count; i++)
        moved[slices[s].w + i] += (float)((side ? step : -step) * g[slices[s].g + i]);
      f.backend->upload(f.backend, cream_net_weights(net), moved, n_weights);
      loss[side] = loss_of(&f, &x, false);
    }
    double slope = (loss[1] - loss[0]) / (2 * step * squares);
    if (fabs(slope - 1) > 0.03) fail_msg("slice %d of %d: slope %g, expected 1", s, n, slope);
    checked++;
  }
  assert_true(checked > n / 2);
  free(g);
  free(w);
  free(moved);
  close_fixture(&f);
}

static void test_drop_path_is_for_training(void **state) {
  (void)state;
  fixture f, without;
  open_fixture(&f, false, 1, 0.6);
  open_fixture(&without, false, 1, 0);
  cream_batch batch;
  cream_tensor x = show(&f, 0, &batch), y = show(&without, 0, &batch);
  assert_true(loss_of(&f, &x, false) != loss_of(&without, &y, false));
  size_t count = (size_t)BATCH * SYNTHETIC_CLASSES;
  float *a = synthetic_fetch(
      f.backend, cream_net_forward_train(f.train.net, &f.path, &x, CREAM_BN_BATCH, 0, 0, 0, 0), count);
  float *b = synthetic_fetch(
      without.backend, cream_net_forward_train(without.train.net, &f.path, &y, CREAM_BN_BATCH, 0, 0, 0, 0),
      count);
  assert_memory_equal(a, b, count * sizeof *a);
  free(a);
  free(b);
  close_fixture(&f);
  close_fixture(&without);
}

static void test_recalibration(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, false, 1, 0);
  cream_net *net = f.train.net;
  cream_error err;
  size_t count = cream_net_statistic_count(net);
  float *statistics[3];
  const cream_recalibration modes[] = {CREAM_RECALIBRATION_RESET, CREAM_RECALIBRATION_INHERIT};
  for (int i = 0; i < 2; i++) {
    f.backend->fill(f.backend, cream_net_statistics(net), count, 100);
    assert_int_equal(cream_recalibrate(net, &f.path, &f.images.source, 0, modes[i], 2, &err), CREAM_OK);
    statistics[i] = synthetic_fetch(f.backend, cream_net_statistics(net), count);
  }
  assert_int_equal(cream_recalibrate(net, &f.path, &f.images.source, 0, modes[1], 0, &err), CREAM_OK);
  statistics[2] = synthetic_fetch(f.backend, cream_net_statistics(net), count);
  assert_memory_equal(statistics[1], statistics[2], count * sizeof(float));
  /* Two batches with statistics a, b: reset gives (a + b)/2, inherit 81 + 0.09 a + 0.1 b. */
  int n;
  const cream_param *params = cream_net_params(net, &n);
  for (int p = 0; p < n; p++)
    for (size_t i = 0; params[p].statistic && i < params[p].count; i++) {
      double mean = statistics[0][params[p].offset + i], inherited = statistics[1][params[p].offset + i];
      assert_true(fabs(mean) < 50 && fabs(inherited - (81 + 0.19 * mean)) < 0.01 * (1 + 2 * fabs(mean)));
    }
  f.images.source.count = BATCH - 1;
  assert_int_equal(cream_recalibrate(net, &f.path, &f.images.source, 0, modes[0], 2, &err), CREAM_BAD_CONFIG);
  for (int i = 0; i < 3; i++) free(statistics[i]);
  close_fixture(&f);
}

static void test_confusion(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, false, 1, 0);
  cream_error err;
  cream_score score, same;
  uint32_t confusion[SYNTHETIC_CLASSES][SYNTHETIC_CLASSES];
  memset(confusion, 0x55, sizeof confusion);
  f.images.source.count = 22; /* labels 0 and 1 six times, the others five */
  assert_int_equal(cream_evaluate_shared(NULL, f.train.net, &f.path, &f.images.source, CREAM_BN_BATCH, &score,
                                         confusion[0], &err),
                   CREAM_OK);
  assert_int_equal(cream_evaluate(f.train.net, &f.path, &f.images.source, CREAM_BN_BATCH, &same, &err),
                   CREAM_OK);
  uint32_t right = 0, all = 0;
  for (int label = 0; label < SYNTHETIC_CLASSES; label++) {
    right += confusion[label][label];
    for (int answer = 0; answer < SYNTHETIC_CLASSES; answer++) all += confusion[label][answer];
  }
  assert_int_equal(all, 22);
  assert_true(fabs(score.top1 - right / 22.0) < 1e-12 && score.top1 == same.top1 && score.loss == same.loss);
  close_fixture(&f);
}

int main(void) {
  static bool plain[] = {true, false};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accumulation),
      cmocka_unit_test(test_clipping),
      cmocka_unit_test(test_mixup_share),
      cmocka_unit_test(test_mixup),
      {"test_drop_path_gradient_plain", test_drop_path_gradient, NULL, NULL, &plain[0]},
      {"test_drop_path_gradient_tuned", test_drop_path_gradient, NULL, NULL, &plain[1]},
      cmocka_unit_test(test_drop_path_is_for_training),
      cmocka_unit_test(test_recalibration),
      cmocka_unit_test(test_confusion),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
