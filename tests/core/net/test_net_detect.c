/* Networks with a detector's neck and heads, beyond what golden data check: memory, threads, frozen parts, initial values
 * and wrong backbones. */
#include "tests/io/scratch.h"

#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/memory.h"
#include "io/weights/weights.h"
#include "tests/core/detector.h"

static cream_net *open_net(cream_backend *backend, cream_detect_kind kind, bool train, int frozen) {
  cream_skeleton skeleton = detector_skeleton(kind);
  skeleton.detect.levels = CREAM_DETECT_LEVELS;
  const cream_net_options options = {
      .batch = DETECTOR_BATCH, .train = train, .seed = 4, .frozen = frozen, .drop_path = train ? 0.2 : 0};
  cream_net *net;
  cream_error err;
  if (cream_net_create(backend, &skeleton, &options, &net, &err)) fail_msg("%s", err.text);
  return net;
}

/* A training step of a network with drop path; result [4]. Returns the gradients. */
static float *step(cream_net *net, float result[4]) {
  cream_backend *backend = cream_net_backend(net);
  const cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  cream_train_boxes b = detector_losses(net);
  cream_tensor x = detector_upload(&b, net);
  cream_buf sums;
  cream_error err;
  assert_int_equal(backend->alloc(backend, 4, &sums, &err), CREAM_OK);
  cream_buf outputs = cream_net_forward_train(net, &path, &x, CREAM_BN_TRAIN, 0.1f, 0, 7, 1);
  cream_train_boxes_loss(&b, outputs, DETECTOR_BATCH, sums);
  cream_net_backward(net, cream_net_dlogits(net));
  assert_int_equal(backend->download(backend, result, sums, 4, &err), CREAM_OK);
  backend->release(backend, sums);
  cream_train_boxes_destroy(&b);
  return synthetic_fetch(backend, cream_net_gradients(net), cream_net_gradient_count(net));
}

static void test_threads_give_the_same_bytes(void **state) {
  (void)state;
  for (cream_detect_kind kind = CREAM_DETECT_RETINA; kind <= CREAM_DETECT_LITE; kind++) {
    float *gradients[2], result[2][4];
    size_t count = 0;
    for (int t = 0; t < 2; t++) {
      cream_backend *backend = synthetic_backend(false, t + 1);
      cream_net *net = open_net(backend, kind, true, 0);
      count = cream_net_gradient_count(net);
      gradients[t] = step(net, result[t]);
      cream_net_destroy(net);
      backend->destroy(backend);
    }
    assert_memory_equal(result[0], result[1], sizeof result[0]);
    assert_memory_equal(gradients[0], gradients[1], count * sizeof(float));
    free(gradients[0]);
    free(gradients[1]);
  }
}

/* Where everything that a training allocates is counted, it takes as much as is allocated. */
static void test_memory_is_planned(void **state) {
  (void)state;
  for (cream_detect_kind kind = CREAM_DETECT_RETINA; kind <= CREAM_DETECT_LITE; kind++) {
    for (int train = 0; train < 2; train++) {
      cream_backend *backend = synthetic_backend(false, 2);
      cream_counter counter;
      cream_counter_init(&counter, backend);
      cream_net *net = open_net(backend, kind, train, 0), *counted = open_net(&counter.base, kind, train, 0);
      assert_int_equal(cream_net_memory(net), cream_net_memory(counted));
      assert_int_equal(counter.bytes, cream_net_memory(counted));
      cream_net_destroy(counted);
      cream_net_destroy(net);
      backend->destroy(backend);
    }
  }
}

/* The loss with one weight moved by `by`. */
static double loss_with(cream_net *net, size_t weight, float by) {
  cream_backend *backend = cream_net_backend(net);
  const cream_buf at = cream_buf_at(cream_net_weights(net), weight);
  float value, result[4];
  cream_error err;
  assert_int_equal(backend->download(backend, &value, at, 1, &err), CREAM_OK);
  const float moved = value + by;
  backend->upload(backend, at, &moved, 1);
  free(step(net, result));
  backend->upload(backend, at, &value, 1);
  return result[0];
}

/* The steepest weight of every slice, by central differences. `frozen` parts have no slices. */
static void check_slopes(cream_detect_kind kind, int frozen) {
  cream_backend *backend = synthetic_backend(true, 2);
  cream_net *net = open_net(backend, kind, true, frozen);
  const cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  cream_slice slices[64];
  assert_true(cream_net_max_slices(net) <= 64);
  const int n = cream_net_slices(net, &path, slices);
  cream_slice parts[64];
  const int backbone = cream_net_backbone_slices(net, &path, parts);
  assert_int_equal(n, backbone + cream_net_classifier_slices(net, parts + backbone));
  for (int s = 0; s < n; s++) assert_true(slices[s].w == parts[s].w && slices[s].count == parts[s].count);
  if (frozen > cream_net_skeleton(net)->n_layers) assert_int_equal(backbone, 0);
  float result[4], *gradients = step(net, result);
  for (int s = 0; s < n; s++) {
    size_t best = 0;
    for (size_t i = 1; i < slices[s].count; i++)
      if (fabsf(gradients[slices[s].g + i]) > fabsf(gradients[slices[s].g + best])) best = i;
    const double slope = gradients[slices[s].g + best], by = 2e-3;
    const double measured =
        (loss_with(net, slices[s].w + best, (float)by) - loss_with(net, slices[s].w + best, (float)-by)) /
        (2 * by);
    if (!(fabs(slope - measured) <= 0.02 * fabs(slope) + 1e-3))
      fail_msg("frozen %d, slice %d, weight %zu: slope %g, measured %g", frozen, s, best, slope, measured);
  }
  free(gradients);
  cream_net_destroy(net);
  backend->destroy(backend);
}

static void test_frozen_parts(void **state) {
  (void)state;
  check_slopes(CREAM_DETECT_LITE, 0);
  check_slopes(CREAM_DETECT_RETINA, 4); /* the first feature is frozen */
  check_slopes(CREAM_DETECT_LITE, 7);   /* the whole backbone */
}

static void test_initial_values(void **state) {
  (void)state;
  cream_backend *backend = synthetic_backend(false, 1);
  cream_net *net = open_net(backend, CREAM_DETECT_RETINA, false, 0);
  int count, priors = 0;
  const cream_param *params = cream_net_params(net, &count);
  for (int i = 0; i < count; i++) {
    if (params[i].role != CREAM_PARAM_PRIOR) continue;
    float *values =
        synthetic_fetch(backend, cream_buf_at(cream_net_weights(net), params[i].offset), params[i].count);
    for (size_t v = 0; v < params[i].count; v++)
      assert_float_equal(1 / (1 + exp(-(double)values[v])), 0.01, 1e-6);
    free(values);
    priors++;
  }
  assert_int_equal(priors, 1);
  cream_net_destroy(net);
  backend->destroy(backend);
}

static void test_backbones_without_features(void **state) {
  (void)state;
  cream_backend *backend = synthetic_backend(false, 1);
  cream_skeleton skeleton = detector_skeleton(CREAM_DETECT_LITE);
  const cream_net_options options = {.batch = 1};
  cream_net *net;
  cream_error err;
  skeleton.layers[4].stride = 1;
  assert_int_equal(cream_net_create(backend, &skeleton, &options, &net, &err), CREAM_BAD_CONFIG);
  assert_string_equal(err.text, "the backbone has no layer at stride 32; a detector needs 8, 16 and 32");
  skeleton.layers[4].stride = skeleton.layers[5].stride = 2;
  assert_int_equal(cream_net_create(backend, &skeleton, &options, &net, &err), CREAM_BAD_CONFIG);
  assert_string_equal(err.text, "the backbone ends at stride 64; a detector's ends at 32");
  skeleton.layers[5].stride = 1;
  skeleton.detect.channels = 12;
  assert_int_equal(cream_net_create(backend, &skeleton, &options, &net, &err), CREAM_BAD_CONFIG);
  assert_string_equal(err.text, "detect.channels: got 12, expected a multiple of 8 up to 1024");
  backend->destroy(backend);
}

/* The weights of a classifier in a detector: those of its backbone; neck and heads stay. */
static void test_backbone_of_a_classifier(void **state) {
  (void)state;
  cream_backend *backend = synthetic_backend(false, 1);
  cream_skeleton skeleton = detector_skeleton(CREAM_DETECT_LITE);
  skeleton.detect.kind = CREAM_DETECT_NONE;
  cream_net *classifier, *net = open_net(backend, CREAM_DETECT_LITE, false, 0);
  cream_error err;
  cream_weights_report report;
  const char *path = scratch("weights.safetensors");
  assert_int_equal(
      cream_net_create(backend, &skeleton, &(cream_net_options){.batch = 1, .seed = 77}, &classifier, &err),
      CREAM_OK);
  if (cream_weights_save(path, backend, classifier, NULL, 0, NULL, 0, &err)) fail_msg("%s", err.text);
  const size_t count = cream_net_weight_count(net);
  float *before = synthetic_fetch(backend, cream_net_weights(net), count);
  if (cream_weights_load_backbone(path, backend, net, &report, &err)) fail_msg("%s", err.text);
  float *after = synthetic_fetch(backend, cream_net_weights(net), count);
  float *wanted = synthetic_fetch(backend, cream_net_weights(classifier), cream_net_weight_count(classifier));
  int n;
  const cream_param *params = cream_net_params(net, &n);
  for (int i = 0; i < n; i++) {
    if (params[i].statistic) continue;
    const bool inside = cream_net_in_backbone(net, &params[i]);
    assert_memory_equal(after + params[i].offset, (inside ? wanted : before) + params[i].offset,
                        params[i].count * sizeof *after);
  }
  assert_int_equal(report.extra, 7); /* head convolution with batch norm, classifier */
  free(before);
  free(after);
  free(wanted);
  cream_net_destroy(classifier);
  cream_net_destroy(net);
  backend->destroy(backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads_give_the_same_bytes),
                                     cmocka_unit_test(test_memory_is_planned),
                                     cmocka_unit_test(test_frozen_parts),
                                     cmocka_unit_test(test_initial_values),
                                     cmocka_unit_test(test_backbones_without_features),
                                     cmocka_unit_test(test_backbone_of_a_classifier)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
