/* Convolutions of networks for inference: bias and activation applied as the output is written, weights
 * packed beforehand. Every instruction set against the plain kernels, 1e-5 relative to the largest value.
 */
#include "tools/bench/parity_ops.h"

typedef struct inference_case {
  int n, h, w, cin, cout, kernel, stride;
  bool depthwise;
  cream_padding padding;
} inference_case;

#define SYM  CREAM_PADDING_SYMMETRIC
#define SAME CREAM_PADDING_SAME
static const inference_case cases[] = {
    {1, 1, 1, 133, 71, 1, 1, false, SYM},                                         /* few rows */
    {3, 1, 1, 40, 10, 1, 1, false, SYM},   {7, 5, 3, 19, 53, 1, 1, false, SYM},   /* linear */
    {5, 13, 11, 24, 97, 1, 1, false, SYM}, {1, 27, 25, 96, 16, 1, 1, false, SYM}, /* pointwise */
    {2, 9, 7, 3, 18, 3, 2, false, SYM},    {2, 9, 7, 33, 33, 3, 1, true, SYM},
    {1, 12, 8, 50, 50, 5, 2, true, SYM},   {3, 7, 7, 16, 16, 7, 1, true, SYM},
    {2, 8, 7, 3, 18, 3, 2, false, SAME},   {1, 12, 9, 50, 50, 5, 2, true, SAME},
};

/* The output, [N,OH,OW,cout], of `count` elements. The caller frees it. */
static float *run(cream_backend *backend, const inference_case *at, cream_act act, bool packed,
                  size_t *count) {
  ops o = ops_open(backend, 17);
  cream_conv conv = {.cin = at->cin,
                     .cout = at->cout,
                     .kernel = at->kernel,
                     .stride = at->stride,
                     .pad = at->kernel / 2,
                     .dilation = 1,
                     .padding = at->padding,
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
  *count = ops_size(&y);
  ops_close(&o);
  return values;
}

static void compare(const inference_case *at, const float *expected, const float *got, size_t count) {
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
        size_t count;
        float *expected = run(plain, &cases[i], act, true, &count);
        for (int packed = 0; packed < 2; packed++) {
          float *got = run(tuned, &cases[i], act, packed, &count);
          compare(&cases[i], expected, got, count);
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
