/* The emulation of fused multiply-adds in cpu/kernels/simd.h gives fmaf's bits; a processor that has the instruction passes
 * too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "cpu/kernels/simd.h"

enum { RANDOM = 300000 };

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void check(const float *a, const float *b, const float *c) {
  float got[CPU_LANES];
  vf_store(got, vf_fma(vf_load(a), vf_load(b), vf_load(c)));
  for (int i = 0; i < CPU_LANES; i++) {
    const float expected = fmaf(a[i], b[i], c[i]);
    if (isnan(expected) ? !isnan(got[i]) : bits_of(got[i]) != bits_of(expected))
      fail_msg("%a * %a + %a is %a, expected %a", (double)a[i], (double)b[i], (double)c[i], (double)got[i],
               (double)expected);
  }
}

/* Any bits; numbers whose product and addend are of similar size, of few bits (ties), or where the result is subnormal. */
static void test_random(void **state) {
  (void)state;
  cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, 0);
  float x[3][CPU_LANES];
  for (int n = 0; n < RANDOM; n++) {
    for (int i = 0; i < CPU_LANES; i++)
      for (int k = 0; k < 3; k++) {
        const uint32_t bits = cream_rng_u32(&rng), fraction = bits & 0x7fffff, sign = bits & 0x80000000u;
        const uint32_t few = n % 2 ? fraction : fraction & 0x7ff800,
                       near = 0x3f000000 + (bits >> 24 & 3) * 0x800000;
        const uint32_t tiny = k < 2            ? 0x1f800000 + (bits >> 24 & 7) * 0x800000
                              : bits >> 24 & 1 ? 0x800000
                                               : 0;
        x[k][i] = float_of(n % 4 == 0 ? bits : n % 4 == 1 ? sign | tiny | fraction : sign | (near + few));
      }
    check(x[0], x[1], x[2]);
  }
}

static void test_special(void **state) {
  (void)state;
  const float values[] = {0.0f,      -0.0f,           1.0f,     -1.0f, 0x1p-149f, -0x1p-149f,
                          0x1p-126f, 0x1.fffffep127f, INFINITY, NAN,   0x1p-75f,  0x1.000002p0f};
  enum { N = sizeof values / sizeof *values };
  float a[CPU_LANES], b[CPU_LANES], c[CPU_LANES];
  for (int i = 0; i < N * N * N; i++) {
    for (int j = 0; j < CPU_LANES; j++)
      a[j] = values[i % N], b[j] = values[i / N % N], c[j] = values[i / N / N];
    check(a, b, c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_special)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
