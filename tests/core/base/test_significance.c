/* Tests of paired values, corrections, two-level intervals and power, against SciPy and statsmodels
 * (tests/golden/make_significance.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "core/base/power.h"

enum { MOST = 64 };

static json_t *golden;

static int setup(void **state) {
  json_error_t failure;
  (void)state;
  golden = json_load_file(CREAM_SOURCE_DIR "/tests/golden/significance.json", 0, &failure);
  if (!golden) fail_msg("significance.json: %s", failure.text);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  json_decref(golden);
  return 0;
}

static double number(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static size_t read_values(const json_t *list, double *values) {
  size_t n = json_array_size(list);
  assert_in_range(n, 1, MOST);
  for (size_t i = 0; i < n; i++) values[i] = json_number_value(json_array_get(list, i));
  return n;
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance)) fail_msg("got %.17g, expected %.17g", value, expected);
}

static void test_sign_flip(void **state) {
  (void)state;
  json_t *item;
  size_t i;
  uint64_t seed = (uint64_t)json_integer_value(json_object_get(golden, "seed"));
  assert_int_equal(json_array_size(json_object_get(golden, "sign_flip")), 6);
  json_array_foreach(json_object_get(golden, "sign_flip"), i, item) {
    double x[MOST], y[MOST];
    size_t n = read_values(json_object_get(item, "x"), x);
    read_values(json_object_get(item, "y"), y);
    near(cream_sign_flip(x, y, n, seed), number(item, "p"), 1e-12);
    assert_true(cream_test_p(CREAM_TEST_SIGN_FLIP, x, y, n, seed) == cream_sign_flip(x, y, n, seed));
    assert_true(cream_sign_flip(x, y, n, seed) >= cream_test_least_p(CREAM_TEST_SIGN_FLIP, n));
    assert_true(isnan(cream_sign_flip(x, x, n, seed)));
  }
}

static void test_holm(void **state) {
  (void)state;
  json_t *item;
  size_t i;
  json_array_foreach(json_object_get(golden, "holm"), i, item) {
    double p[MOST], expected[MOST];
    size_t n = read_values(json_object_get(item, "p"), p);
    read_values(json_object_get(item, "corrected"), expected);
    double same[MOST];
    cream_correct(CREAM_CORRECTION_NONE, p, n, same);
    for (size_t k = 0; k < n; k++) assert_true(same[k] == p[k]);
    cream_correct(CREAM_CORRECTION_HOLM, p, n, p);
    for (size_t k = 0; k < n; k++) near(p[k], expected[k], 1e-15);
  }
  double p[] = {0.04, NAN, 0.01};
  cream_correct(CREAM_CORRECTION_HOLM, p, 3, p);
  assert_true(fabs(p[0] - 0.04) < 1e-15 && isnan(p[1]) && fabs(p[2] - 0.02) < 1e-15);
}

typedef struct scores {
  size_t seeds, paths;
  double truth[8][MOST], a[8][MOST], b[8][MOST];
} scores;

static double tau_of(const double *x, const double *y, const size_t *at, size_t n) {
  double xs[MOST], ys[MOST];
  for (size_t i = 0; i < n; i++) {
    xs[i] = x[at[i]];
    ys[i] = y[at[i]];
  }
  return cream_kendall(xs, ys, n);
}

static double difference(const void *self, size_t seed, const size_t *at, size_t n) {
  const scores *s = self;
  return tau_of(s->a[seed], s->truth[seed], at, n) - tau_of(s->b[seed], s->truth[seed], at, n);
}

static void test_levels(void **state) {
  (void)state;
  const cream_bootstrap bootstrap = {(int)number(golden, "resamples"), number(golden, "level"),
                                     (uint64_t)json_integer_value(json_object_get(golden, "seed"))};
  json_t *item;
  size_t i;
  assert_int_equal(json_array_size(json_object_get(golden, "levels")), 2);
  json_array_foreach(json_object_get(golden, "levels"), i, item) {
    static scores s;
    size_t members[8];
    s.seeds = json_array_size(json_object_get(item, "a"));
    for (size_t g = 0; g < s.seeds; g++) {
      members[g] = read_values(json_array_get(json_object_get(item, "truth"), g), s.truth[g]);
      read_values(json_array_get(json_object_get(item, "a"), g), s.a[g]);
      read_values(json_array_get(json_object_get(item, "b"), g), s.b[g]);
    }
    const cream_levels levels = {s.seeds, members, json_is_true(json_object_get(item, "crossed")), difference,
                                 &s};
    cream_interval interval;
    cream_error err;
    assert_int_equal(cream_levels_interval(&bootstrap, &levels, &interval, &err), CREAM_OK);
    near(interval.value, number(item, "value"), 1e-12);
    near(interval.low, json_number_value(json_array_get(json_object_get(item, "interval"), 0)), 1e-12);
    near(interval.high, json_number_value(json_array_get(json_object_get(item, "interval"), 1)), 1e-12);
  }
}

static double plain(const void *self, size_t group, const size_t *members, size_t n) {
  (void)members;
  assert_int_equal(n, 0);
  return ((const double *)self)[group];
}

/* Groups alone: the same as a bootstrap of their mean. */
static double mean_of(const double *x, const double *y, size_t n) {
  (void)y;
  return cream_mean(x, n);
}

static void test_levels_without_members(void **state) {
  (void)state;
  const double values[] = {1, 5, 2, 9, 3};
  const cream_bootstrap bootstrap = {300, 0.9, 3};
  const cream_levels levels = {.groups = 5, .value = plain, .self = values};
  cream_interval a, b;
  cream_error err;
  assert_int_equal(cream_levels_interval(&bootstrap, &levels, &a, &err), CREAM_OK);
  assert_int_equal(cream_bootstrap_interval(&bootstrap, mean_of, values, values, 5, &b, &err), CREAM_OK);
  assert_true(a.value == b.value && a.low == b.low && a.high == b.high);
  const double none[] = {1, NAN};
  const cream_levels undefined = {.groups = 2, .value = plain, .self = none};
  assert_int_equal(cream_levels_interval(&bootstrap, &undefined, &a, &err), CREAM_OK);
  assert_true(isnan(a.value) && isnan(a.low));
}

static void test_power(void **state) {
  (void)state;
  json_t *item;
  size_t i;
  json_array_foreach(json_object_get(golden, "power"), i, item) {
    cream_power_design design = {
        .pairs = (size_t)number(item, "pairs"), .alpha = 0.05, .deviation = 2, .draws = 8000, .seed = 5};
    near(cream_power(&design, 2 * number(item, "effect")), number(item, "power"), 0.015);
    design.draws = 2000;
    near(cream_detectable(&design, 0.8) / 2, number(item, "detectable"), 0.06 * number(item, "detectable"));
  }
  const cream_power_design none = {5, CREAM_TEST_SIGN_FLIP, 0.05, 1, 100, 1}; /* p is 0.0625 at least */
  assert_true(isinf(cream_detectable(&none, 0.8)));
  const cream_power_design signs = {8, CREAM_TEST_SIGN_FLIP, 0.05, 1, 2000, 1},
                           t = {8, CREAM_TEST_T, 0.05, 1, 2000, 1};
  near(cream_power(&signs, 1), cream_power(&t, 1), 0.05);
}

static void test_tau_deviation(void **state) {
  (void)state;
  json_t *item;
  size_t i;
  json_array_foreach(json_object_get(golden, "tau_deviation"), i, item) {
    double made = cream_tau_deviation((size_t)number(item, "paths"), number(item, "tau"), 2000, 7);
    near(made, number(item, "deviation"), 0.06 * number(item, "deviation"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sign_flip), cmocka_unit_test(test_holm),
      cmocka_unit_test(test_levels),    cmocka_unit_test(test_levels_without_members),
      cmocka_unit_test(test_power),     cmocka_unit_test(test_tau_deviation),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
