/* The elementary functions: close to the C library's, and the same bits everywhere (a hash of many results). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/elementary.h"
#include "core/base/hash.h"
#include "core/base/rng.h"

enum { POINTS = 20000 };

typedef double function(double);

/* The largest error at random points, in relation to the value's magnitude or to `least`, whichever is larger. */
static double worst_error(function *own, function *theirs, double low, double high, double least,
                          uint64_t *hash) {
  cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, 0);
  double worst = 0;
  for (int i = 0; i < POINTS; i++) {
    const double x = low + (high - low) * cream_rng_double(&rng), got = own(x), expected = theirs(x);
    worst = fmax(worst, fabs(got - expected) / fmax(fabs(expected), least));
    *hash = cream_fnv1a(*hash, &got, sizeof got);
  }
  return worst;
}

static double power(double x) {
  return cream_pow(x, 2.4);
}
static double power_of_library(double x) {
  return pow(x, 2.4);
}

static void test_errors(void **state) {
  (void)state;
  uint64_t hash = CREAM_FNV1A_START;
  assert_true(worst_error(cream_exp, exp, -700, 700, 0, &hash) < 1e-15);
  assert_true(worst_error(cream_exp, exp, -1, 1, 0, &hash) < 1e-15);
  assert_true(worst_error(cream_log, log, 0, 1e-300, 0, &hash) < 1e-15);
  assert_true(worst_error(cream_log, log, 0, 4, 0, &hash) < 1e-15);
  assert_true(worst_error(cream_log, log, 0, 1e300, 0, &hash) < 1e-15);
  assert_true(worst_error(power, power_of_library, 0, 1000, 0, &hash) < 1e-14);
  assert_true(worst_error(cream_sin, sin, -10, 10, 1, &hash) < 1e-15);
  assert_true(worst_error(cream_cos, cos, -10, 10, 1, &hash) < 1e-15);
  assert_true(worst_error(cream_cos, cos, -1e5, 1e5, 1, &hash) < 1e-15);
  assert_true(worst_error(cream_erfc, erfc, -6, 6, 1, &hash) < 1e-14);
  assert_true(worst_error(cream_lgamma, lgamma, 0, 5, 1, &hash) < 1e-13);
  assert_true(worst_error(cream_lgamma, lgamma, 0, 1e4, 1, &hash) < 1e-13);
  assert_true(hash == UINT64_C(0xf2f69fa34975db65));
}

static void test_ends(void **state) {
  (void)state;
  assert_true(cream_exp(0) == 1 && cream_exp(-INFINITY) == 0 && cream_exp(INFINITY) == INFINITY);
  assert_true(cream_exp(709) < INFINITY && cream_exp(710) == INFINITY && cream_exp(-746) == 0);
  assert_true(cream_exp(-745) == 0x1p-1074 && isnan(cream_exp(NAN)));
  assert_true(cream_log(1) == 0 && cream_log(0) == -INFINITY && cream_log(INFINITY) == INFINITY);
  assert_true(isnan(cream_log(-1)) && isnan(cream_log(NAN)));
  assert_true(fabs(cream_log(0x1p-1074) / log(0x1p-1074) - 1) < 1e-15);
  assert_true(cream_pow(0.973, 0) == 1 && cream_pow(0, 0) == 1 && cream_pow(0, 2) == 0 &&
              cream_pow(1, 1e9) == 1);
  assert_true(cream_sin(0) == 0 && cream_cos(0) == 1 && isnan(cream_cos(NAN)));
  assert_true(cream_erfc(0) == 1 && cream_erfc(40) == 0 && cream_erfc(-40) == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_errors), cmocka_unit_test(test_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
