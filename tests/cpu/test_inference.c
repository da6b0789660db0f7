/* Convolutions of networks for inference: bias and activation applied as the output is written, weights
 * packed beforehand. Every instruction set against the plain kernels, 1e-5 relative to the largest value.
 */
#include "ops.h"

typedef struct inference_case {
  int n, h, w, cin, cout, kernel, stride;
  bool depthwise;
} inference_case;

static const inference_case cases[] = {
    {1, 1, 1, 133, 71, 1, 1, false},                                    /* few rows */
    {3, 1, 1, 40, 10, 1, 1, false},   {7, 5, 3, 19, 53, 1, 1, false},   /* linear */
    {5, 13, 11, 24, 97, 1, 1, false}, {1, 27, 25, 96, 16, 1, 1, false}, /* pointwise */
    {2, 9, 7, 3, 18, 3, 2, false},    {2, 9, 7, 33, 33, 3, 1, true},
    {1, 12, 8, 50, 50, 5, 2, true},   {3, 7, 7, 16, 16, 7, 1, true},
};

/* The output, [N,OH,OW,cout]. The caller frees it. */
static float *run(cream_backend *backend, const inference_case *at, cream_act act, bool packed) {
  ops o = ops_open(backend, 17);
  cream_conv conv = {.cin = at->cin,
                     .cout = at->cout,
                     .kernel = at->kernel,
                     .stride = at->stride,
                     .pad = at->kernel / 2,
                     .dilation = 1,
                     .depthwise = at->depthwise,
                     .act = act};
  size_t inputs = (size_t)(at->depthwise ? 1 : at->cin) * (size_t)(at->kernel * at->kernel);
  cream_tensor x = {.n = at->n, .h = at->h, .w = at->w, .c = at->cin};
  cream_tensor y = {
      .n = at->n, .h = cream_conv_out(&conv, at->h), .w = cream_conv_out(&conv, at->w), .c = at->cout};
  x.raw = ops_input(&o, ops_size(&x), -2, 2);
  conv.weight = ops_input(&o, (size_t)at->cout * inputs, -1, 1);
  conv.bias = ops_input(&o, (size_t)at->cout, -1, 1);
  y.raw = ops_output(&o, "y", ops_size(&y), 1e-5f);
  const ops_block *written = &o.blocks[o.count - 1];
  size_t size = packed ? backend->packed_size(backend, &conv) : 0;
  if (size) {
    conv.packed = ops_output(&o, "packed", size, 0);
    backend->pack_weights(backend, &conv, conv.packed);
  }
  ops_reserve(&o, &conv, at->n, at->h, at->w);
  backend->conv_forward(backend, &conv, &x, NULL, CREAM_BN_RUNNING, 0, &y);
  float *values = ops_values(&o, written);
  ops_close(&o);
  return values;
}

static void compare(const inference_case *at, const float *expected, const float *got) {
  int height = (at->h + 2 * (at->kernel / 2) - at->kernel) / at->stride + 1;
  int width = (at->w + 2 * (at->kernel / 2) - at->kernel) / at->stride + 1;
  size_t count = (size_t)at->n * (size_t)height * (size_t)width * (size_t)at->cout;
  float largest = 0;
  for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(expected[i]));
  for (size_t i = 0; i < count; i++)
    if (!(fabsf(got[i] - expected[i]) <= 1e-5f * largest))
      fail_msg("case %td: element %zu is %g, expected %g", at - cases, i, (double)got[i],
               (double)expected[i]);
}

static void test_cases(void **state) {
  (void)state;
  cream_backend *plain = ops_backend(true, CREAM_ISA_AUTO, 2);
  assert_non_null(plain);
  for (cream_isa isa = CREAM_ISA_AUTO; isa <= CREAM_ISA_AVX512; isa++) {
    cream_backend *tuned = ops_backend(false, isa, 2);
    if (!tuned) continue; /* not of this machine */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      for (cream_act act = CREAM_ACT_NONE; act < CREAM_ACT_COUNT; act++) {
        float *expected = run(plain, &cases[i], act, true);
        for (int packed = 0; packed < 2; packed++) {
          float *got = run(tuned, &cases[i], act, packed);
          compare(&cases[i], expected, got);
          free(got);
        }
        free(expected);
      }
    tuned->destroy(tuned);
  }
  plain->destroy(plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
