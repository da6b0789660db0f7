/* Detectors on an OpenCL device against the plain CPU kernels: outputs, losses and all gradients of a training step. */
#include <math.h>

#include "tests/core/synthetic.h"

#include "device.h"

#include "tests/core/detector.h"

#define TOLERANCE 1e-4

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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_retina), cmocka_unit_test(test_lite)};
  device_need();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
