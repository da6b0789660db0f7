/* Dense 3x3 convolutions that the tuned kernels compute by Winograd's algorithm (cpu/kernels/winograd.h), at the 256 channels
 * of a detector: errors against the plain kernels, which sum in double precision, and what the strips of tiles must not change.
 */
#include "tools/bench/parity_ops.h"

/* Of F(4x4, 3x3): root mean square of the error, relative to that of the results, 1.5e-6 where direct sums have 3e-7. */
#define ERROR 3e-6

enum { OUTPUTS = 4 };

typedef struct winograd_case {
  int n, h, w, cin, cout;
} winograd_case;

/* What an op has written. */
typedef struct result {
  const char *name;
  float *values;
  size_t count;
} result;

static cream_backend *tuned;

/* y = conv(relu(x)) + bias, then the gradients of x, weights and bias for a random dy. The first image has the same
 * numbers in any batch. `reserved`: the images that workspace is reserved for. */
static void run(cream_backend *backend, const winograd_case *at, const winograd_case *reserved,
                result results[OUTPUTS]) {
  ops o = ops_open(backend, 1);
  cream_conv conv = {.cin = at->cin, .cout = at->cout, .kernel = 3, .stride = 1, .pad = 1, .dilation = 1};
  const size_t weights = (size_t)(at->cout * at->cin * 9);
  cream_tensor x = {.n = at->n, .h = at->h, .w = at->w, .c = at->cin, .act = CREAM_ACT_RELU}, y = x;
  y.c = at->cout;
  y.act = CREAM_ACT_NONE;
  conv.weight = ops_input(&o, weights, -0.04f, 0.04f);
  conv.bias = ops_input(&o, (size_t)at->cout, -1, 1);
  o.rng = cream_rng_at(2, CREAM_RNG_TEST, 0);
  x.raw = ops_input(&o, ops_size(&x), -1, 1);
  o.rng = cream_rng_at(3, CREAM_RNG_TEST, 0);
  cream_grad dy = {.kind = CREAM_GRAD_Z, .g = ops_input(&o, ops_size(&y), -1, 1)};
  y.raw = ops_output(&o, "y", ops_size(&y), 0);
  cream_sink sink = {.node = &x, .g = ops_output(&o, "dx", ops_size(&x), 0)};
  conv.dweight = ops_output(&o, "dweight", weights, 0);
  conv.dbias = ops_output(&o, "dbias", (size_t)at->cout, 0);
  ops_reserve(&o, &conv, reserved->n, reserved->h, reserved->w);
  backend->conv_forward(backend, &conv, &x, NULL, CREAM_BN_TRAIN, 0, &y);
  backend->conv_backward(backend, &conv, &x, &y, &dy, &sink);
  int found = 0;
  for (int i = 0; i < o.count; i++)
    if (o.blocks[i].name)
      results[found++] = (result){o.blocks[i].name, ops_values(&o, &o.blocks[i]), o.blocks[i].count};
  assert_int_equal(found, OUTPUTS);
  ops_close(&o);
}

static void free_results(result results[OUTPUTS]) {
  for (int i = 0; i < OUTPUTS; i++) free(results[i].values);
}

static double relative_error(const result *expected, const result *got) {
  double error = 0, square = 0;
  for (size_t i = 0; i < expected->count; i++) {
    error += pow((double)got->values[i] - expected->values[i], 2);
    square += pow(expected->values[i], 2);
  }
  return sqrt(error / square);
}

static void test_error(void **state) {
  (void)state;
  const winograd_case at = {1, 11, 10, 256, 256};
  cream_backend *plain = ops_backend(true, CREAM_ISA_AUTO, 2);
  result expected[OUTPUTS], got[OUTPUTS];
  run(plain, &at, &at, expected);
  run(tuned, &at, &at, got);
  for (int i = 0; i < OUTPUTS; i++) {
    const double error = relative_error(&expected[i], &got[i]);
    if (!(error < ERROR)) fail_msg("%s: the relative error is %.2g", got[i].name, error);
  }
  free_results(expected);
  free_results(got);
  plain->destroy(plain);
}

static double product(const result *a, const float *b) {
  double sum = 0;
  for (size_t i = 0; i < a->count; i++) sum += (double)a->values[i] * b[i];
  return sum;
}

/* The scalar <y, dy> is linear in x and in the weights, so that its derivatives times them are the scalar itself. */
static void test_adjoint(void **state) {
  (void)state;
  const winograd_case at = {2, 9, 14, 40, 64};
  ops o = ops_open(tuned, 5);
  cream_conv conv = {.cin = at.cin, .cout = at.cout, .kernel = 3, .stride = 1, .pad = 1, .dilation = 1};
  const size_t weights = (size_t)(at.cout * at.cin * 9);
  cream_tensor x = {.n = at.n, .h = at.h, .w = at.w, .c = at.cin}, y = x;
  y.c = at.cout;
  float *weight = ops_random(&o, weights, -0.1f, 0.1f), *values = ops_random(&o, ops_size(&x), -1, 1);
  float *gradient = ops_random(&o, ops_size(&y), -1, 1);
  conv.weight = ops_block_of(&o, NULL, weight, weights, 0);
  x.raw = ops_block_of(&o, NULL, values, ops_size(&x), 0);
  cream_grad dy = {.kind = CREAM_GRAD_Z, .g = ops_block_of(&o, NULL, gradient, ops_size(&y), 0)};
  y.raw = ops_output(&o, "y", ops_size(&y), 0);
  const cream_sink sink = {.node = &x, .g = ops_output(&o, "dx", ops_size(&x), 0)};
  conv.dweight = ops_output(&o, "dweight", weights, 0);
  ops_reserve(&o, &conv, at.n, at.h, at.w);
  tuned->conv_forward(tuned, &conv, &x, NULL, CREAM_BN_TRAIN, 0, &y);
  tuned->conv_backward(tuned, &conv, &x, &y, &dy, &sink);
  result out = {"y", ops_download(&o, y.raw, ops_size(&y)), ops_size(&y)};
  result dx = {"dx", ops_download(&o, sink.g, ops_size(&x)), ops_size(&x)};
  result dweight = {"dweight", ops_download(&o, conv.dweight, weights), weights};
  const double scalar = product(&out, gradient), bound = 1e-5 * sqrt(product(&out, out.values));
  if (fabs(product(&dx, values) - scalar) > bound) fail_msg("dx: %g is not %g", product(&dx, values), scalar);
  if (fabs(product(&dweight, weight) - scalar) > bound)
    fail_msg("dweight: %g is not %g", product(&dweight, weight), scalar);
  float *const owned[] = {weight, values, gradient, out.values, dx.values, dweight.values};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  ops_close(&o);
}

/* An image of a batch of 3, whose tiles fill several strips, has the bytes that it has alone: y and dx. */
static void test_batch(void **state) {
  (void)state;
  const winograd_case all = {3, 30, 29, 32, 32}, one = {1, 30, 29, 32, 32};
  result batch[OUTPUTS], alone[OUTPUTS];
  run(tuned, &all, &all, batch);
  run(tuned, &one, &all, alone);
  for (int i = 0; i < OUTPUTS; i++) {
    if (strcmp(alone[i].name, "y") != 0 && strcmp(alone[i].name, "dx") != 0) continue;
    assert_memory_equal(alone[i].values, batch[i].values, alone[i].count * sizeof(float));
  }
  free_results(batch);
  free_results(alone);
}

/* Workspace for large images is enough for all smaller ones, whichever way they take. */
static void test_smaller(void **state) {
  (void)state;
  const winograd_case large = {2, 37, 50, 32, 36};
  const int sides[][2] = {{37, 3}, {36, 50}, {2, 50}, {9, 9}, {8, 8}, {1, 1}, {12, 41}};
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
    for (int n = 1; n <= large.n; n++) {
      const winograd_case at = {n, sides[i][0], sides[i][1], large.cin, large.cout};
      cream_backend *fresh = ops_backend(false, CREAM_ISA_AUTO, 2);
      result expected[OUTPUTS], got[OUTPUTS];
      run(tuned, &at, &at, expected);
      run(fresh, &at, &large, got);
      for (int j = 0; j < OUTPUTS; j++)
        assert_memory_equal(expected[j].values, got[j].values, got[j].count * sizeof(float));
      free_results(expected);
      free_results(got);
      fresh->destroy(fresh);
    }
}

static int open_tuned(void **state) {
  (void)state;
  tuned = ops_backend(false, CREAM_ISA_AUTO, 2);
  return tuned ? 0 : -1;
}
static int close_tuned(void **state) {
  (void)state;
  tuned->destroy(tuned);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_error),
      cmocka_unit_test(test_adjoint),
      cmocka_unit_test(test_batch),
      cmocka_unit_test(test_smaller),
  };
  return cmocka_run_group_tests(tests, open_tuned, close_tuned);
}
