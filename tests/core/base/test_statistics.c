/* Statistics against SciPy (tests/golden/make_statistics.py), and samples for which they are not defined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "core/base/statistics.h"

#define TOLERANCE 1e-12 /* of the value, or of 1 where that is more; of p, of the value alone */

enum { MOST = 64 };

typedef struct sample {
  const char *name;
  const json_t *expected;
  double x[MOST], y[MOST];
  size_t n;
} sample;

static size_t read_values(const json_t *list, double *values) {
  size_t n = json_array_size(list);
  assert_in_range(n, 1, MOST);
  for (size_t i = 0; i < n; i++) values[i] = json_number_value(json_array_get(list, i));
  return n;
}

static void near(const sample *s, const char *what, double value, const json_t *expected, double scale) {
  if (!json_is_number(expected)) fail_msg("%s: no %s in the golden data", s->name, what);
  double number = json_number_value(expected);
  if (!(fabs(value - number) <= TOLERANCE * fmax(fabs(number), scale)))
    fail_msg("%s: %s is %.17g, expected %.17g", s->name, what, value, number);
}

static void check_interval(const sample *s, const char *key, cream_statistic *statistic,
                           const cream_bootstrap *bootstrap) {
  const json_t *expected = json_object_get(s->expected, key);
  cream_interval interval;
  cream_error err;
  if (!expected) return;
  assert_int_equal(cream_bootstrap_interval(bootstrap, statistic, s->x, s->y, s->n, &interval, &err),
                   CREAM_OK);
  near(s, key, interval.low, json_array_get(expected, 0), 1);
  near(s, key, interval.high, json_array_get(expected, 1), 1);
  assert_true(interval.value == statistic(s->x, s->y, s->n));
}

static void check_sample(const sample *s, const cream_bootstrap *bootstrap) {
  const json_t *expected = s->expected;
  near(s, "mean", cream_mean(s->x, s->n), json_object_get(expected, "mean"), 1);
  near(s, "deviation", cream_deviation(s->x, s->n), json_object_get(expected, "deviation"), 1);
  near(s, "tau", cream_kendall(s->x, s->y, s->n), json_object_get(expected, "kendall"), 1);
  near(s, "rho", cream_spearman(s->x, s->y, s->n), json_object_get(expected, "spearman"), 1);
  check_interval(s, "kendall_interval", cream_kendall, bootstrap);
  check_interval(s, "spearman_interval", cream_spearman, bootstrap);
  cream_paired paired = cream_paired_test(s->x, s->y, s->n);
  near(s, "difference", paired.difference, json_object_get(expected, "difference"), 1);
  near(s, "t", paired.t, json_object_get(expected, "t"), 1);
  near(s, "p", paired.p, json_object_get(expected, "p"), 0);
  const json_t *wilcoxon = json_object_get(expected, "wilcoxon");
  if (wilcoxon) near(s, "Wilcoxon's p", paired.wilcoxon, wilcoxon, 0);
}

static void test_golden(void **state) {
  (void)state;
  json_error_t failure;
  json_t *golden = json_load_file(CREAM_SOURCE_DIR "/tests/golden/statistics.json", 0, &failure);
  if (!golden) fail_msg("statistics.json: %s", failure.text);
  const cream_bootstrap bootstrap = {(int)json_integer_value(json_object_get(golden, "resamples")),
                                     json_number_value(json_object_get(golden, "level")),
                                     (uint64_t)json_integer_value(json_object_get(golden, "seed"))};
  json_t *cases = json_object_get(golden, "cases"), *expected;
  assert_int_equal(json_object_size(cases), 9);
  sample s;
  json_object_foreach(cases, s.name, expected) {
    s.expected = expected;
    s.n = read_values(json_object_get(expected, "x"), s.x);
    assert_int_equal(read_values(json_object_get(expected, "y"), s.y), s.n);
    check_sample(&s, &bootstrap);
  }
  json_decref(golden);
}

static void test_not_defined(void **state) {
  (void)state;
  const double x[] = {3, 3, 3, 3}, y[] = {1, 2, 3, 4};
  const cream_bootstrap bootstrap = {100, 0.95, 1};
  cream_interval interval;
  cream_error err;
  assert_true(isnan(cream_kendall(x, y, 4)) && isnan(cream_kendall(y, x, 4)));
  assert_true(isnan(cream_spearman(x, y, 4)) && isnan(cream_spearman(y, x, 4)));
  assert_true(isnan(cream_kendall(y, y, 1)) && isnan(cream_kendall(y, y, 0)));
  assert_true(isnan(cream_mean(x, 0)) && isnan(cream_deviation(x, 1)));
  assert_int_equal(cream_bootstrap_interval(&bootstrap, cream_kendall, x, y, 4, &interval, &err), CREAM_OK);
  assert_true(isnan(interval.value) && isnan(interval.low) && isnan(interval.high));
  cream_paired same = cream_paired_test(y, y, 4);
  assert_true(same.difference == 0 && isnan(same.t) && isnan(same.p) && isnan(same.wilcoxon));
  cream_paired one = cream_paired_test(x, y, 1);
  assert_true(one.difference == 2 && isnan(one.p) && one.wilcoxon == 1);
}

/* Resamples of two pairs are often the same pair twice: those do not count. */
static void test_bootstrap_leaves_out_what_is_not_defined(void **state) {
  (void)state;
  const double x[] = {1, 2}, y[] = {5, 7};
  const cream_bootstrap bootstrap = {100, 0.95, 1};
  cream_interval interval;
  cream_error err;
  assert_int_equal(cream_bootstrap_interval(&bootstrap, cream_kendall, x, y, 2, &interval, &err), CREAM_OK);
  assert_true(interval.value == 1 && interval.low == 1 && interval.high == 1);
}

static void test_bootstrap_follows_its_seed(void **state) {
  (void)state;
  double x[12], y[12];
  for (int i = 0; i < 12; i++) {
    x[i] = i;
    y[i] = (i * 5) % 12;
  }
  cream_bootstrap bootstrap = {300, 0.9, 4};
  cream_interval a, b, c;
  cream_error err;
  assert_int_equal(cream_bootstrap_interval(&bootstrap, cream_spearman, x, y, 12, &a, &err), CREAM_OK);
  assert_int_equal(cream_bootstrap_interval(&bootstrap, cream_spearman, x, y, 12, &b, &err), CREAM_OK);
  bootstrap.seed = 5;
  assert_int_equal(cream_bootstrap_interval(&bootstrap, cream_spearman, x, y, 12, &c, &err), CREAM_OK);
  assert_true(a.low == b.low && a.high == b.high);
  assert_true(a.low != c.low && a.value == c.value);
  assert_true(a.low < a.value && a.value < a.high);
}

/* Accuracies on 360 images, in percent; one of each pair is this many images higher. */
static cream_paired paired_of_images(const int *more, size_t n) {
  static const int right[] = {355, 352, 349, 356, 350};
  double x[5], y[5];
  for (size_t i = 0; i < n; i++) {
    x[i] = 100 * ((right[i] + more[i]) / 360.0);
    y[i] = 100 * (right[i] / 360.0);
  }
  return cream_paired_test(x, y, n);
}

static void test_rounding_is_no_difference(void **state) {
  (void)state;
  cream_paired alike = paired_of_images((const int[]){1, 1, 1, 1, 1}, 5);
  assert_float_equal(alike.difference, 100 / 360.0, 1e-12);
  assert_true(isnan(alike.t) && isnan(alike.p) && alike.wilcoxon == 0.0625);
  const int more[] = {1, 1, -1, 1, 2};
  const double whole[] = {1, 1, -1, 1, 2}, zero[5] = {0};
  cream_paired share = paired_of_images(more, 5), count = cream_paired_test(whole, zero, 5);
  assert_true(count.wilcoxon == 0.3125 && share.wilcoxon == count.wilcoxon);
  assert_float_equal(share.t, count.t, 1e-9);
  /* the same two percentages, each computed in two ways, and a true difference */
  const double a[] = {100 * 0.07, 100 * 0.29, 3}, b[] = {7, 29, 1};
  assert_true(a[0] != b[0] && a[1] != b[1]);
  assert_true(isnan(cream_paired_test(a, b, 2).wilcoxon));
  assert_true(cream_paired_test(a, b, 3).wilcoxon == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_not_defined),
      cmocka_unit_test(test_bootstrap_leaves_out_what_is_not_defined),
      cmocka_unit_test(test_bootstrap_follows_its_seed),
      cmocka_unit_test(test_rounding_is_no_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
