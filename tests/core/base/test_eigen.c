/* Eigenvalues of symmetric matrices that have them in closed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "core/base/eigen.h"

enum { MOST = 64 };

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* min(i, j) + 1: eigenvalue k is 1 / (4 sin^2((2k + 1) pi / (4n + 2))), from the largest on. */
static void test_minima(void **state) {
  static const int orders[] = {1, 2, 3, 17, MOST};
  (void)state;
  for (size_t t = 0; t < sizeof orders / sizeof *orders; t++) {
    const int n = orders[t];
    double a[MOST * MOST], values[MOST];
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) a[i * n + j] = (i < j ? i : j) + 1;
    cream_eigenvalues(a, n, values);
    qsort(values, (size_t)n, sizeof *values, ascending);
    for (int k = 0; k < n; k++) {
      const double sine = sin((2 * k + 1) * acos(-1) / (4 * n + 2));
      assert_float_equal(values[n - 1 - k], 1 / (4 * sine * sine), 1e-15 * n * values[n - 1]);
    }
  }
}

/* All correlations are 1: rank one. Then no correlation, and no finite number. */
static void test_extremes(void **state) {
  double a[16], values[4];
  (void)state;
  for (int i = 0; i < 16; i++) a[i] = 1;
  cream_eigenvalues(a, 4, values);
  qsort(values, 4, sizeof *values, ascending);
  assert_float_equal(values[3], 4, 1e-14);
  for (int i = 0; i < 3; i++) assert_float_equal(values[i], 0, 1e-14);
  for (int i = 0; i < 16; i++) a[i] = i % 5 == 0;
  cream_eigenvalues(a, 4, values);
  for (int i = 0; i < 4; i++) assert_true(values[i] == 1);
  a[1] = a[4] = NAN;
  cream_eigenvalues(a, 4, values);
  for (int i = 0; i < 4; i++) assert_true(isnan(values[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_minima),
      cmocka_unit_test(test_extremes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
