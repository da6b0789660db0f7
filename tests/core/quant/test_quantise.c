/* Rounding, saturation and scales of 8-bit values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "core/quant/quantise.h"

static void test_halves_round_to_even(void **state) {
  (void)state;
  const float cases[][2] = {{0.5f, 0},       {1.5f, 2},       {2.5f, 2},         {3.5f, 4},     {-0.5f, 0},
                            {-1.5f, -2},     {-2.5f, -2},     {0.49999997f, 0},  {254.5f, 254}, {126.5f, 126},
                            {-126.5f, -126}, {2.5000002f, 3}, {-0.50000006f, -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_true(cream_round_even(cases[i][0]) == cases[i][1]);
  for (int i = -3000; i <= 3000; i++) {
    float x = (float)i * 0.125f;
    assert_true(cream_round_even(x) == nearbyintf(x));
  }
}

static void test_quantise(void **state) {
  (void)state;
  const cream_quant q = {0.5f, 10};
  assert_int_equal(cream_quantise(q, 0), 10);
  assert_int_equal(cream_quantise(q, 0.25f), 10); /* 0.5 */
  assert_int_equal(cream_quantise(q, 0.75f), 12); /* 1.5 */
  assert_int_equal(cream_quantise(q, -0.75f), 8);
  assert_int_equal(cream_quantise(q, -5), 0);
  assert_int_equal(cream_quantise(q, -1e30f), 0);
  assert_int_equal(cream_quantise(q, 122.5f), 255);
  assert_int_equal(cream_quantise(q, 1e30f), 255);
  assert_int_equal(cream_quantise(q, INFINITY), 255);
  assert_int_equal(cream_quantise(q, NAN), 0);
  for (int i = 0; i < 256; i++) assert_int_equal(cream_quantise(q, cream_dequantise(q, i)), i);
}

static void test_requantise(void **state) {
  (void)state;
  assert_int_equal(cream_requantise(5, 0.5f, 3), 5);  /* 2.5 */
  assert_int_equal(cream_requantise(7, 0.5f, 3), 7);  /* 3.5 */
  assert_int_equal(cream_requantise(-7, 0.5f, 3), 0); /* saturated */
  assert_int_equal(cream_requantise(2000000000, 1, 0), 255);
  assert_int_equal(cream_requantise(-2000000000, 1, 255), 0);
}

static void test_ranges(void **state) {
  (void)state;
  cream_quant q = cream_quant_of_range(0, 2.55f);
  assert_int_equal(q.zero, 0);
  assert_float_equal(q.scale, 0.01f, 1e-8f);
  q = cream_quant_of_range(-1, 2);
  assert_int_equal(q.zero, 85);
  q = cream_quant_of_range(-3, -1); /* extended to 0 */
  assert_int_equal(q.zero, 255);
  assert_float_equal(q.scale, 3.0f / 255, 1e-8f);
  q = cream_quant_of_range(0, 0);
  assert_true(q.scale == 1 && q.zero == 0);
  q = cream_quant_of_range(-3e38f, 3e38f); /* wider than a float */
  assert_true(isfinite(q.scale));
  q = cream_quant_of_range(0, 1e-40f);
  assert_true(q.scale >= 1e-12f);
  for (int i = 1; i < 100; i++) {
    q = cream_quant_of_range((float)-i, 7);
    assert_true(cream_dequantise(q, q.zero) == 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_halves_round_to_even),
      cmocka_unit_test(test_quantise),
      cmocka_unit_test(test_requantise),
      cmocka_unit_test(test_ranges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
