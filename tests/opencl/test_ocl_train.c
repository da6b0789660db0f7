/* Whole training steps on an OpenCL device against the plain CPU kernels, and the traffic of a step. An argument is a
 * filter on test names. */
#include <math.h>

#include "tests/core/micro.h"

#include "device.h"

#include "core/proxy/proxy.h"
#include "core/train/train.h"
#include "rounding.h"

enum { BATCH = 10 };

typedef struct variant {
  cream_optim optim;
  float dropout;
  double drop_path;
  bool ema;
  int frozen; /* as in cream_net_options; not 0: the network of `path` alone */
} variant;

/* The state after a step, on the host. */
typedef struct result {
  float *blocks[6]; /* gradients, statistics, weights, m, v, ema */
  float loss[4];
} result;

static const char *const block_names[] = {"gradients", "statistics", "weights", "m", "v", "ema"};

static float *fetch(cream_backend *backend, cream_buf buf, size_t count) {
  return cream_buf_present(buf) ? synthetic_fetch(backend, buf, count) : NULL;
}

static const cream_path path = {.n_layers = 7, .choice = {0, 0, 1, 2, 3, 0, 2}};

/* The path in the network of the variant. */
static cream_path path_of(const variant *v) {
  return v->frozen ? (cream_path){.n_layers = path.n_layers} : path;
}

static cream_train open_train(cream_backend *backend, const variant *v) {
  cream_skeleton skeleton = micro_skeleton();
  if (v->frozen) skeleton = cream_skeleton_fix(&skeleton, &path);
  cream_train_options options = {
      .skeleton = &skeleton,
      .net = {.batch = BATCH, .train = true, .seed = 5, .drop_path = v->drop_path, .frozen = v->frozen},
      .optim = v->optim.kind,
      .ema = v->ema,
      .batch = BATCH};
  cream_train train;
  cream_error err;
  if (cream_train_init(&train, backend, &options, &err)) fail_msg("%s", err.text);
  return train;
}

static void step(cream_train *train, const variant *v, synthetic *data, const cream_path *used, uint64_t at) {
  cream_batch batch;
  cream_error err;
  if (synthetic_read(&data->source, 0, at, &batch, &err)) fail_msg("%s", err.text);
  cream_tensor x = cream_train_upload(train, &data->source, &batch);
  cream_buf logits = cream_net_forward_train(train->net, used, &x, CREAM_BN_TRAIN, 0.1f, v->dropout, 3, at);
  cream_loss loss = {.hard = 1, .smoothing = 0.1f, .labels = train->labels};
  cream_train_loss(train, &loss, logits, batch.n);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_optim optim = v->optim;
  optim.step = at + 1;
  cream_train_update(train, used, &optim);
}

static result run(cream_backend *backend, const variant *v, bool rounding) {
  cream_train train = open_train(backend, v);
  if (rounding) round_weights(backend, train.net);
  const cream_path used = path_of(v);
  synthetic data;
  synthetic_open(&data, 4 * BATCH, BATCH, MICRO_SIDE, 9);
  assert_int_equal(cream_net_skeleton(train.net)->n_layers, used.n_layers);
  step(&train, v, &data, &used, 0);
  cream_net *net = train.net;
  size_t weights = cream_net_weight_count(net);
  result r = {.blocks = {fetch(backend, cream_net_gradients(net), cream_net_gradient_count(net)),
                         fetch(backend, cream_net_statistics(net), cream_net_statistic_count(net)),
                         fetch(backend, cream_net_weights(net), weights),
                         fetch(backend, train.blocks.m, weights), fetch(backend, train.blocks.v, weights),
                         fetch(backend, train.blocks.ema, weights)}};
  cream_error err;
  if (backend->download(backend, r.loss, train.result, 4, &err)) fail_msg("%s", err.text);
  synthetic_close(&data);
  cream_train_destroy(&train);
  return r;
}

static void free_result(result *r) {
  for (int i = 0; i < 6; i++) free(r->blocks[i]);
}

static void check_step(const variant *v) {
  cream_backend *plain = synthetic_backend(true, 2), *device = device_open(false);
  result expected = run(plain, v, false), rounded = run(plain, v, true);
  result got = run(device, v, false), again = run(device, v, false);
  cream_train train = open_train(plain, v);
  int n_params, n_slices;
  const cream_param *params = cream_net_params(train.net, &n_params);
  cream_slice *slices = malloc((size_t)cream_net_max_slices(train.net) * sizeof *slices);
  assert_non_null(slices);
  const cream_path used = path_of(v);
  n_slices = cream_net_slices(train.net, &used, slices);
  compare_rounded("loss", expected.loss, got.loss, rounded.loss, 4);
  for (int p = 0; p < n_params; p++)
    for (int b = 1; b < 6; b++) {
      if (params[p].statistic != (b == 1) || !expected.blocks[b]) continue;
      char what[128];
      snprintf(what, sizeof what, "%s of %s", block_names[b], params[p].name);
      const size_t at = params[p].offset;
      compare_rounded(what, expected.blocks[b] + at, got.blocks[b] + at, rounded.blocks[b] + at,
                      params[p].count);
    }
  for (int p = 0; p < n_params; p++)
    for (int s = 0; s < n_slices; s++) {
      if (params[p].statistic || params[p].offset < slices[s].w ||
          params[p].offset >= slices[s].w + slices[s].count)
        continue;
      size_t at = slices[s].g + params[p].offset - slices[s].w;
      char what[128];
      snprintf(what, sizeof what, "gradient of %s", params[p].name);
      compare_rounded(what, expected.blocks[0] + at, got.blocks[0] + at, rounded.blocks[0] + at,
                      params[p].count);
    }
  assert_memory_equal(got.blocks[2], again.blocks[2], cream_net_weight_count(train.net) * sizeof(float));
  free(slices);
  cream_train_destroy(&train);
  free_result(&expected);
  free_result(&rounded);
  free_result(&got);
  free_result(&again);
  plain->destroy(plain);
  device->destroy(device);
}

static void test_step_sgd(void **state) {
  (void)state;
  check_step(&(variant){
      .optim = {
          .kind = CREAM_OPTIM_SGD, .lr = 0.1f, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true}});
}

static void test_step_rmsprop(void **state) {
  (void)state;
  check_step(&(variant){.optim = {.kind = CREAM_OPTIM_RMSPROP_TF,
                                  .lr = 0.01f,
                                  .momentum = 0.9f,
                                  .weight_decay = 1e-5f,
                                  .alpha = 0.9f,
                                  .eps = 1e-3f,
                                  .ema_decay = 0.99f},
                        .dropout = 0.2f,
                        .drop_path = 0.3,
                        .ema = true});
}

/* From the middle of the network on, and nothing but the linear layers. */
static void test_step_frozen(void **state) {
  (void)state;
  const int frozen[] = {3, 9};
  for (int i = 0; i < 2; i++)
    check_step(&(variant){.optim = {.kind = CREAM_OPTIM_RMSPROP_TF,
                                    .lr = 0.01f,
                                    .momentum = 0.9f,
                                    .weight_decay = 1e-5f,
                                    .alpha = 0.9f,
                                    .eps = 1e-3f,
                                    .ema_decay = 0.99f},
                          .dropout = 0.2f,
                          .drop_path = 0.3,
                          .ema = true,
                          .frozen = frozen[i]});
}

/* Activations in half precision: the loss stays within 1e-3, the gradient of the path points where it did. */
static void test_half(void **state) {
  (void)state;
  const variant v = {.optim = {.kind = CREAM_OPTIM_SGD, .lr = 0.1f}};
  cream_backend *device = device_open(false);
  device_test_options(true);
  cream_backend *half = device_open(true);
  device_test_options(false);
  assert_true(half->tensor_size(half, 2, 3, 3, 7) == 63 && half->tensor_size(half, 2, 3, 3, 3) == 54);
  result expected = run(device, &v, false), got = run(half, &v, false);
  cream_train train = open_train(device, &v);
  size_t count = cream_net_gradient_count(train.net);
  double product = 0, squares = 0, half_squares = 0;
  for (size_t i = 0; i < count; i++) {
    double a = expected.blocks[0][i], b = got.blocks[0][i];
    product += a * b;
    squares += a * a;
    half_squares += b * b;
  }
  double cosine = product / sqrt(squares * half_squares);
  if (!(cosine > 0.999 && cosine < 1)) fail_msg("the cosine of the gradients is %.6f", cosine);
  assert_float_equal(got.loss[0], expected.loss[0], 1e-3);
  assert_true(got.loss[0] != expected.loss[0]);
  cream_train_destroy(&train);
  free_result(&expected);
  free_result(&got);
  device->destroy(device);
  half->destroy(half);
}

static cream_proxy_values measure_proxies(cream_backend *backend) {
  const cream_skeleton skeleton = micro_skeleton(), fixed = cream_skeleton_fix(&skeleton, &path);
  bool all[CREAM_PROXY_COUNT];
  cream_proxy_values values;
  cream_batch batch;
  synthetic data;
  cream_error err;
  synthetic_open(&data, BATCH, BATCH, MICRO_SIDE, 9);
  if (synthetic_read(&data.source, 0, 0, &batch, &err)) fail_msg("%s", err.text);
  if (cream_proxies_parse("proxies", "all", all, &err)) fail_msg("%s", err.text);
  if (cream_proxies_initial(backend, &fixed, 5, &batch, data.source.mean, data.source.std, all, &values,
                            &err))
    fail_msg("%s", err.text);
  synthetic_close(&data);
  return values;
}

/* Zero-cost proxies take the gradient of the images, and passes without batch norms. */
static void test_proxies(void **state) {
  (void)state;
  cream_backend *plain = synthetic_backend(true, 2), *device = device_open(false);
  const cream_proxy_values expected = measure_proxies(plain), got = measure_proxies(device);
  for (int i = 0; i < CREAM_PROXY_COUNT; i++)
    if (!(fabs(got.value[i] / expected.value[i] - 1) < TOLERANCE))
      fail_msg("%s is %.9g, expected %.9g", cream_proxy_words[i], got.value[i], expected.value[i]);
  device->destroy(device);
  plain->destroy(plain);
}

static void test_traffic(void **state) {
  (void)state;
  cream_backend *device = device_open(false);
  variant v = {.optim = {.kind = CREAM_OPTIM_SGD, .lr = 0.1f, .momentum = 0.9f, .nesterov = true}};
  cream_train train = open_train(device, &v);
  synthetic data;
  synthetic_open(&data, 4 * BATCH, BATCH, MICRO_SIDE, 9);
  cream_device_stats before, after;
  cream_opencl_driver.stats(device, &before);
  float loss[4];
  cream_error err;
  for (uint64_t i = 0; i < 3; i++) {
    step(&train, &v, &data, &path, i);
    if (device->download(device, loss, train.result, 4, &err)) fail_msg("%s", err.text);
  }
  cream_opencl_driver.stats(device, &after);
  size_t batch = BATCH * (MICRO_SIDE * MICRO_SIDE * 3 + sizeof(int32_t));
  size_t up = (size_t)(after.up_bytes - before.up_bytes) / 3,
         down = (size_t)(after.down_bytes - before.down_bytes) / 3;
  if (up < batch || up > batch + 400) fail_msg("%zu bytes go up in a step, %zu of them the batch", up, batch);
  assert_int_equal(down, sizeof loss);
  synthetic_close(&data);
  cream_train_destroy(&train);
  device->destroy(device);
}

int main(int argc, char **argv) {
  device_need();
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_step_sgd),    cmocka_unit_test(test_step_rmsprop),
      cmocka_unit_test(test_step_frozen), cmocka_unit_test(test_half),
      cmocka_unit_test(test_proxies),     cmocka_unit_test(test_traffic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
