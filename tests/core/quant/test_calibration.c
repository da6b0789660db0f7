/* The ranges that calibrations choose from known histograms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/rng.h"
#include "core/quant/calibration.h"

enum { COUNT = 100000 };

static float values[COUNT];

static cream_histogram *histogram_of(size_t count) {
  static cream_histogram h;
  h = (cream_histogram){0};
  cream_histogram_extend(&h, values, count);
  cream_histogram_count(&h, values, count);
  return &h;
}

static void fill_normal(float scale) {
  cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, 0);
  for (int i = 0; i < COUNT; i++) values[i] = scale * (float)cream_rng_normal(&rng);
}

static void test_counts(void **state) {
  (void)state;
  const float few[] = {-1, 0, 0, 3, 2.9999f, 0.5f, -0.999f};
  cream_histogram h = {0};
  cream_histogram_extend(&h, few, 7);
  assert_true(h.low == -1 && h.high == 3);
  cream_histogram_count(&h, few, 7);
  assert_int_equal(h.zeros, 2);
  assert_int_equal(h.bins[0], 2);
  assert_int_equal(h.bins[CREAM_HISTOGRAM_BINS - 1], 2);
  assert_int_equal(h.bins[CREAM_HISTOGRAM_BINS * 3 / 8], 1);
}

/* 0, 1, ..., 99999: the 5 smallest and the 5 largest values are outside of a percentile range, up to a bin. */
static void test_percentile(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = (float)i - COUNT / 2;
  cream_interval range = cream_calibrate(CREAM_CALIBRATION_PERCENTILE, histogram_of(COUNT));
  const float bin = (float)COUNT / CREAM_HISTOGRAM_BINS;
  assert_true(range.low >= -COUNT / 2 && range.low <= -COUNT / 2 + 5 + bin);
  assert_true(range.high <= COUNT / 2 && range.high >= COUNT / 2 - 6 - bin);
  /* Four far values are cut off, six are not. */
  fill_normal(1);
  for (int far = 4; far <= 6; far += 2) {
    for (int i = 0; i < far; i++) values[i] = 100;
    range = cream_calibrate(CREAM_CALIBRATION_PERCENTILE, histogram_of(COUNT));
    assert_true(far == 4 ? range.high < 6 : range.high == 100);
    assert_true(range.low < -3 && range.low > -6);
  }
}

/* A range that fits in 256 levels loses nothing; far values are worth less than the precision of the others. */
static void test_entropy(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = (float)(i % 2000) / 1000 - 1;
  cream_interval range = cream_calibrate(CREAM_CALIBRATION_ENTROPY, histogram_of(COUNT));
  assert_true(range.low == -1 && range.high > 0.98f); /* uniform: all of it */
  fill_normal(1);
  for (int i = 0; i < 6; i++) values[i] = 100;
  range = cream_calibrate(CREAM_CALIBRATION_ENTROPY, histogram_of(COUNT));
  assert_true(range.high > 2.5f && range.high < 15);
  assert_true(range.low < -2.5f && range.low > -6);
}

/* 256 bins of which neighbours differ, and far values: one is cut off for the sake of the bins, many are not. */
static void test_entropy_of_a_known_histogram(void **state) {
  (void)state;
  cream_histogram h = {.low = 0, .high = CREAM_HISTOGRAM_BINS};
  for (int i = 0; i < 256; i++) h.bins[i] = i % 2 ? 1000 : 10;
  h.bins[CREAM_HISTOGRAM_BINS - 1] = 1;
  cream_interval range = cream_calibrate(CREAM_CALIBRATION_ENTROPY, &h);
  assert_true(range.low == 0 && range.high >= 249 && range.high <= 264);
  h.bins[CREAM_HISTOGRAM_BINS - 1] = 100000; /* no longer few */
  range = cream_calibrate(CREAM_CALIBRATION_ENTROPY, &h);
  assert_true(range.low == 0 && range.high > 2040);
}

/* Zeros, which every range has, do not count as small values. */
static void test_zeros_do_not_matter_to_the_entropy(void **state) {
  (void)state;
  fill_normal(2);
  cream_interval with_few = cream_calibrate(CREAM_CALIBRATION_ENTROPY, histogram_of(COUNT));
  cream_histogram *h = histogram_of(COUNT);
  h->zeros = 100 * COUNT;
  cream_interval with_many = cream_calibrate(CREAM_CALIBRATION_ENTROPY, h);
  assert_true(with_few.low == with_many.low && with_few.high == with_many.high);
}

static void test_without_range(void **state) {
  (void)state;
  values[0] = values[1] = 0;
  for (int kind = 0; kind < CREAM_CALIBRATION_COUNT; kind++) {
    cream_interval range = cream_calibrate((cream_calibration)kind, histogram_of(2));
    assert_true(range.low == 0 && range.high == 0);
    values[0] = 5;
    range = cream_calibrate((cream_calibration)kind, histogram_of(1)); /* all values are the same */
    assert_true(range.low == 0 && range.high == 5);
    values[0] = -5;
    range = cream_calibrate((cream_calibration)kind, histogram_of(1));
    assert_true(range.low == -5 && range.high <= 0.01f);
    values[0] = 0;
  }
  values[0] = NAN;
  assert_true(isinf(histogram_of(1)->high));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_percentile),
      cmocka_unit_test(test_entropy),
      cmocka_unit_test(test_entropy_of_a_known_histogram),
      cmocka_unit_test(test_zeros_do_not_matter_to_the_entropy),
      cmocka_unit_test(test_without_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
