/* Detectors on an OpenCL device against the plain CPU kernels: outputs, losses and all gradients of a training step, and what
 * several training steps leave. An argument is a filter on test names. */
#include <math.h>

#include "tests/core/synthetic.h"

#include "device.h"

#include "rounding.h"
#include "tests/core/detector.h"

typedef struct result {
  float *outputs, *gradients, loss[4];
  size_t n_outputs, n_gradients;
} result;

static result run(cream_backend *backend, cream_detect_kind kind, bool infer) {
  const cream_skeleton skeleton = detector_skeleton(kind);
  const cream_net_options options = {.batch = DETECTOR_BATCH, .train = true, .seed = 4};
  const cream_path path = cream_skeleton_first_path(&skeleton);
  cream_net *net;
  cream_buf sums;
  cream_error err;
  if (cream_net_create(backend, &skeleton, &options, &net, &err)) fail_msg("%s", err.text);
  if (backend->alloc(backend, 4, &sums, &err)) fail_msg("%s", err.text);
  cream_train_boxes b = detector_losses(net);
  cream_tensor x = detector_upload(&b, net);
  result r = {.n_outputs = cream_net_output_count(net, DETECTOR_BATCH, DETECTOR_SIDE),
              .n_gradients = cream_net_gradient_count(net)};
  cream_buf outputs = infer ? cream_net_forward(net, &path, &x, CREAM_BN_RUNNING, 0)
                            : cream_net_forward_train(net, &path, &x, CREAM_BN_TRAIN, 0.1f, 0, 0, 0);
  r.outputs = synthetic_fetch(backend, outputs, r.n_outputs);
  if (!infer) {
    cream_train_boxes_loss(&b, outputs, DETECTOR_BATCH, sums);
    cream_net_backward(net, cream_net_dlogits(net));
    if (backend->download(backend, r.loss, sums, 4, &err)) fail_msg("%s", err.text);
    r.gradients = synthetic_fetch(backend, cream_net_gradients(net), r.n_gradients);
  }
  cream_train_boxes_destroy(&b);
  backend->release(backend, sums);
  cream_net_destroy(net);
  return r;
}

static void compare(const char *what, const float *expected, const float *got, size_t count) {
  double top = 0, worst = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(got[i])) fail_msg("%s[%zu] is %g", what, i, (double)got[i]);
    top = fmax(top, fabs((double)expected[i]));
    worst = fmax(worst, fabs((double)got[i] - expected[i]));
  }
  if (worst > TOLERANCE * top) fail_msg("%s: error %.2e, largest value %.2e", what, worst, top);
}

static void check(cream_detect_kind kind) {
  cream_backend *plain = synthetic_backend(true, 2), *device = device_open(false);
  for (int infer = 0; infer < 2; infer++) {
    result expected = run(plain, kind, infer), got = run(device, kind, infer),
           again = run(device, kind, infer);
    compare("outputs", expected.outputs, got.outputs, expected.n_outputs);
    assert_memory_equal(got.outputs, again.outputs, got.n_outputs * sizeof(float));
    if (!infer) {
      compare("losses", expected.loss, got.loss, 4);
      compare("gradients", expected.gradients, got.gradients, expected.n_gradients);
      assert_memory_equal(got.gradients, again.gradients, got.n_gradients * sizeof(float));
    }
    result *all[] = {&expected, &got, &again};
    for (int i = 0; i < 3; i++) free(all[i]->outputs), free(all[i]->gradients);
  }
  plain->destroy(plain);
  device->destroy(device);
}

static void test_retina(void **state) {
  (void)state;
  check(CREAM_DETECT_RETINA);
}
static void test_lite(void **state) {
  (void)state;
  check(CREAM_DETECT_LITE);
}

/* ---- several training steps ---------------------------------------------------------------------------- */

enum { STEPS = 3, STATISTICS = 0, WEIGHTS, MOMENTS, AVERAGES, BLOCKS };

static const char *const block_names[BLOCKS] = {"statistics", "weights", "moments", "averages"};

typedef struct trained {
  float *blocks[BLOCKS], loss[STEPS][4];
} trained;

static cream_train open_train(cream_backend *backend, const cream_skeleton *skeleton) {
  const cream_train_options options = {.skeleton = skeleton,
                                       .net = {.batch = DETECTOR_BATCH, .train = true, .seed = 4},
                                       .optim = CREAM_OPTIM_SGD,
                                       .ema = true,
                                       .batch = DETECTOR_BATCH};
  cream_train train;
  cream_error err;
  if (cream_train_init(&train, backend, &options, &err)) fail_msg("%s", err.text);
  return train;
}

static void step(cream_train *train, cream_train_boxes *b, const cream_path *path, uint64_t at,
                 float loss[4]) {
  const cream_optim optim = {.kind = CREAM_OPTIM_SGD,
                             .lr = 0.01f,
                             .momentum = 0.9f,
                             .weight_decay = 1e-4f,
                             .ema_decay = 0.5f,
                             .step = at + 1};
  cream_net *net = train->net;
  cream_error err;
  const cream_tensor x = detector_upload(b, net);
  const cream_buf outputs = cream_net_forward_train(net, path, &x, CREAM_BN_TRAIN, 0.1f, 0, 0, at);
  cream_train_boxes_loss(b, outputs, DETECTOR_BATCH, train->result);
  cream_net_backward(net, cream_net_dlogits(net));
  cream_train_update(train, path, &optim);
  if (train->backend->download(train->backend, loss, train->result, 4, &err)) fail_msg("%s", err.text);
}

static trained run_steps(cream_backend *backend, cream_detect_kind kind, bool rounding) {
  const cream_skeleton skeleton = detector_skeleton(kind);
  const cream_path path = cream_skeleton_first_path(&skeleton);
  cream_train train = open_train(backend, &skeleton);
  if (rounding) round_weights(backend, train.net);
  cream_train_boxes b = detector_losses(train.net);
  trained t;
  for (int s = 0; s < STEPS; s++) step(&train, &b, &path, (uint64_t)s, t.loss[s]);
  const size_t weights = cream_net_weight_count(train.net);
  t.blocks[STATISTICS] =
      synthetic_fetch(backend, cream_net_statistics(train.net), cream_net_statistic_count(train.net));
  t.blocks[WEIGHTS] = synthetic_fetch(backend, cream_net_weights(train.net), weights);
  t.blocks[MOMENTS] = synthetic_fetch(backend, train.blocks.m, weights);
  t.blocks[AVERAGES] = synthetic_fetch(backend, train.blocks.ema, weights);
  cream_train_boxes_destroy(&b);
  cream_train_destroy(&train);
  return t;
}

static void check_steps(cream_detect_kind kind) {
  cream_backend *plain = synthetic_backend(true, 2), *device = device_open(false);
  const cream_skeleton skeleton = detector_skeleton(kind);
  trained expected = run_steps(plain, kind, false), rounded = run_steps(plain, kind, true),
          got = run_steps(device, kind, false), again = run_steps(device, kind, false);
  cream_train train = open_train(plain, &skeleton);
  int n_params;
  const cream_param *params = cream_net_params(train.net, &n_params);
  for (int s = 0; s < STEPS; s++)
    compare_rounded("losses", expected.loss[s], got.loss[s], rounded.loss[s], 4);
  assert_true(expected.loss[STEPS - 1][0] < expected.loss[0][0]);
  for (int p = 0; p < n_params; p++)
    for (int k = 0; k < BLOCKS; k++) {
      char what[128];
      const size_t at = params[p].offset;
      if (params[p].statistic != (k == STATISTICS)) continue;
      snprintf(what, sizeof what, "%s of %s", block_names[k], params[p].name);
      compare_rounded(what, expected.blocks[k] + at, got.blocks[k] + at, rounded.blocks[k] + at,
                      params[p].count);
    }
  assert_memory_equal(got.blocks[WEIGHTS], again.blocks[WEIGHTS],
                      cream_net_weight_count(train.net) * sizeof(float));
  cream_train_destroy(&train);
  trained *all[] = {&expected, &rounded, &got, &again};
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < BLOCKS; k++) free(all[i]->blocks[k]);
  plain->destroy(plain);
  device->destroy(device);
}

static void test_retina_steps(void **state) {
  (void)state;
  check_steps(CREAM_DETECT_RETINA);
}
static void test_lite_steps(void **state) {
  (void)state;
  check_steps(CREAM_DETECT_LITE);
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_retina), cmocka_unit_test(test_lite),
                                     cmocka_unit_test(test_retina_steps), cmocka_unit_test(test_lite_steps)};
  device_need();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
