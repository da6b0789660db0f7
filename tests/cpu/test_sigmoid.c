/* The sigmoid of every instruction set against libm's in double: within the error that cpu/kernels/math.h
 * states.
 */
#include "tools/bench/parity_ops.h"

enum { POINTS = 1 << 16 };

/* The average over one pixel is act(z). */
static void check(cream_backend *backend, const float *z) {
  ops o = ops_open(backend, 0);
  cream_tensor x = {.n = 1, .h = 1, .w = 1, .c = POINTS, .act = CREAM_ACT_SIGMOID};
  x.raw = ops_block_of(&o, NULL, z, POINTS, 0);
  cream_buf out = ops_output(&o, "out", POINTS, 0);
  backend->pool_forward(backend, &x, out);
  float *got = ops_download(&o, out, POINTS);
  for (int i = 0; i < POINTS; i++) {
    const double expected = 1 / (1 + exp(-(double)z[i])), least = exp(-87);
    if (isnan(z[i]))
      assert_true(isnan(got[i]));
    else if (z[i] < -87)
      assert_true(got[i] >= 0 && (double)got[i] <= least);
    else if (!(fabs(got[i] - expected) <= (z[i] >= -16 ? 9e-7 : 2e-6) * expected))
      fail_msg("sigmoid(%.9g) is %.9g, expected %.9g", (double)z[i], (double)got[i], expected);
  }
  free(got);
  ops_close(&o);
}

static void check_all(cream_isa isa, cream_exact exact) {
  cream_backend *backend = ops_backend_exact(false, isa, 1, exact);
  if (!backend)
    skip(); /* not on this machine; skip() returns to the runner, so nothing may be allocated here */
  static const float ends[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f, -0.0f, 1e-38f, 88.5f, -88.5f};
  float *z = ops_host(POINTS);
  for (int i = 0; i < POINTS; i++) z[i] = -90.0f + 180.0f * (float)i / POINTS;
  memcpy(z + 1234, ends, sizeof ends);
  check(backend, z);
  for (int i = 0; i < POINTS; i++) z[i] = -8.0f + 16.0f * (float)i / POINTS;
  check(backend, z);
  free(z);
  backend->destroy(backend);
}

static void test_generic(void **state) {
  (void)state;
  check_all(CREAM_ISA_GENERIC, CREAM_EXACT_PROCESSORS);
}
static void test_avx2(void **state) {
  (void)state;
  check_all(CREAM_ISA_AVX2, CREAM_EXACT_PROCESSORS);
}
static void test_avx512(void **state) {
  (void)state;
  check_all(CREAM_ISA_AVX512, CREAM_EXACT_PROCESSORS);
}
/* The fast kernels of the best set. */
static void test_fast(void **state) {
  (void)state;
  check_all(CREAM_ISA_AUTO, CREAM_EXACT_THREADS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_generic),
      cmocka_unit_test(test_avx2),
      cmocka_unit_test(test_avx512),
      cmocka_unit_test(test_fast),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
