/* Zero-cost proxies: lists of them, the range of synaptic flow, and networks of their own. Their values are compared with
 * PyTorch's in tests/golden/test_golden_proxies.c. */
#include "tests/core/micro.h"

#include <float.h>
#include <math.h>

#include "core/proxy/proxy.h"

enum { BATCH = 4 };

static const cream_path path = {.n_layers = 7, .choice = {0, 0, 1, 2, 3, 0, 2}};

static void test_lists(void **state) {
  bool wanted[CREAM_PROXY_COUNT];
  cream_error err;
  (void)state;
  assert_int_equal(cream_proxies_parse("key", "grad_norm,synflow", wanted, &err), CREAM_OK);
  assert_true(wanted[CREAM_PROXY_SYNFLOW] && wanted[CREAM_PROXY_GRAD_NORM] && !wanted[CREAM_PROXY_JACOB_COV]);
  const cream_proxy_values some = {.known = {[CREAM_PROXY_SYNFLOW] = true}};
  assert_false(cream_proxies_cover(&some, wanted));
  assert_int_equal(cream_proxies_parse("key", "none", wanted, &err), CREAM_OK);
  assert_true(cream_proxies_cover(&some, wanted));
  assert_int_equal(cream_proxies_parse("key", "all", wanted, &err), CREAM_OK);
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) assert_true(wanted[i]);
  static const char *const wrong[] = {"synflow,", "synflo", "synflow,all", ",synflow", "synflow grad_norm"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(cream_proxies_parse("key", wrong[i], wanted, &err), CREAM_BAD_CONFIG);
    assert_non_null(strstr(err.text, "key: got `"));
    assert_non_null(strstr(err.text, "synflow, jacob_cov, grad_norm"));
  }
}

/* Synaptic flow with the weights of the stem times 2^exponent. */
static double flow(cream_backend *backend, cream_net *net, int exponent) {
  const cream_proxy_inputs inputs = {.net = net, .path = &path, .x = cream_net_input(net, 1, MICRO_SIDE)};
  int count;
  const cream_param *stem = cream_net_params(net, &count);
  while (strcmp(stem->name, "conv_stem.weight") != 0) stem++;
  const cream_buf place = cream_buf_at(cream_net_weights(net), stem->offset);
  float *before = synthetic_fetch(backend, place, stem->count),
        *scaled = malloc(stem->count * sizeof *scaled);
  double value;
  cream_error err;
  assert_non_null(scaled);
  for (size_t i = 0; i < stem->count; i++) scaled[i] = ldexpf(before[i], exponent);
  backend->upload(backend, place, scaled, stem->count);
  if (cream_proxy_synflow(&inputs, &value, &err)) fail_msg("%s", err.text);
  backend->upload(backend, place, before, stem->count);
  free(scaled);
  free(before);
  return value;
}

/* Large values pass through the network in proportion, beyond what a float can hold. */
static void test_flow_leaves_the_range_of_float(void **state) {
  cream_backend *backend = synthetic_backend(false, 1);
  const cream_skeleton skeleton = micro_skeleton();
  const cream_net_options options = {.batch = 1, .train = true, .seed = 5, .input_gradient = true};
  cream_net *net;
  cream_error err;
  (void)state;
  if (cream_net_create(backend, &skeleton, &options, &net, &err)) fail_msg("%s", err.text);
  const double once = flow(backend, net, 15), far = flow(backend, net, 115);
  assert_true(once > 0 && once < FLT_MAX && far > FLT_MAX && isfinite(far));
  assert_float_equal(far / ldexp(once, 100), 1, 1e-5);
  assert_true(flow(backend, net, 15) == once);
  cream_net_destroy(net);
  backend->destroy(backend);
}

/* The proxies of the path alone, by the first images of the batch; what is not wanted is not known. */
static void test_initial_networks(void **state) {
  cream_backend *backend = synthetic_backend(false, 1);
  const cream_skeleton skeleton = micro_skeleton(), fixed = cream_skeleton_fix(&skeleton, &path);
  bool wanted[CREAM_PROXY_COUNT];
  cream_proxy_values a, b;
  cream_batch batch;
  synthetic data;
  cream_error err;
  (void)state;
  synthetic_open(&data, CREAM_PROXY_IMAGES + 6, CREAM_PROXY_IMAGES + 6, MICRO_SIDE, 9);
  const cream_source *source = &data.source;
  if (synthetic_read(&data.source, 0, 0, &batch, &err)) fail_msg("%s", err.text);
  if (cream_proxies_parse("key", "jacob_cov,grad_norm", wanted, &err)) fail_msg("%s", err.text);
  if (cream_proxies_initial(backend, &fixed, 3, &batch, source->mean, source->std, wanted, &a, &err))
    fail_msg("%s", err.text);
  batch.n = CREAM_PROXY_IMAGES;
  if (cream_proxies_initial(backend, &fixed, 3, &batch, source->mean, source->std, wanted, &b, &err))
    fail_msg("%s", err.text);
  assert_true(cream_proxies_cover(&a, wanted) && !a.known[CREAM_PROXY_SYNFLOW]);
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) assert_true(a.value[i] == b.value[i]);
  assert_true(a.value[CREAM_PROXY_GRAD_NORM] > 0 && a.value[CREAM_PROXY_JACOB_COV] < 0);
  if (cream_proxies_initial(backend, &fixed, 4, &batch, source->mean, source->std, wanted, &b, &err))
    fail_msg("%s", err.text);
  assert_true(a.value[CREAM_PROXY_GRAD_NORM] != b.value[CREAM_PROXY_GRAD_NORM]);
  synthetic_close(&data);
  backend->destroy(backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists),
      cmocka_unit_test(test_flow_leaves_the_range_of_float),
      cmocka_unit_test(test_initial_networks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
