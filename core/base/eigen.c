#include "eigen.h"

#include <math.h>
#include <stddef.h>

enum { SWEEPS = 60 }; /* it takes about ten */

/* The rotation by which element (p, q) becomes 0: cosine *c, sine *s. */
static void find_rotation(const double *a, size_t n, size_t p, size_t q, double *c, double *s) {
  const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
  *c = 1 / sqrt(t * t + 1);
  *s = t * *c;
}

static void rotate(double *x, double *y, double c, double s) {
  const double was = *x;
  *x = c * was - s * *y;
  *y = s * was + c * *y;
}

/* The sum of squares above the diagonal. */
static double rest_of(const double *a, size_t n) {
  double sum = 0;
  for (size_t p = 0; p < n; p++)
    for (size_t q = p + 1; q < n; q++) sum += a[p * n + q] * a[p * n + q];
  return sum;
}

static void sweep(double *a, size_t n) {
  for (size_t p = 0; p < n; p++)
    for (size_t q = p + 1; q < n; q++) {
      double c, s;
      if (a[p * n + q] == 0) continue;
      find_rotation(a, n, p, q, &c, &s);
      for (size_t i = 0; i < n; i++) rotate(&a[p * n + i], &a[q * n + i], c, s);
      for (size_t i = 0; i < n; i++) rotate(&a[i * n + p], &a[i * n + q], c, s);
      a[p * n + q] = a[q * n + p] = 0;
    }
}

void cream_eigenvalues(double *a, int order, double *values) {
  const size_t n = (size_t)order;
  double all = rest_of(a, n);
  for (size_t i = 0; i < n; i++) all += a[i * n + i] * a[i * n + i];
  for (int i = 0; i < SWEEPS && isfinite(all) && rest_of(a, n) > 1e-34 * all; i++) sweep(a, n);
  for (size_t i = 0; i < n; i++) values[i] = isfinite(all) ? a[i * n + i] : (double)NAN;
}
