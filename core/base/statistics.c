#include "statistics.h"

#include <math.h>
#include <stdbool.h>

#include "elementary.h"
#include "rng.h"

double cream_mean(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return n ? sum / (double)n : NAN;
}

double cream_deviation(const double *x, size_t n) {
  double mean = cream_mean(x, n), squares = 0;
  for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  return n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

static int sign(double a, double b) {
  return (a > b) - (a < b);
}

double cream_kendall(const double *x, const double *y, size_t n) {
  double agreement = 0, x_untied = 0, y_untied = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) {
      int dx = sign(x[i], x[j]), dy = sign(y[i], y[j]);
      agreement += dx * dy;
      x_untied += dx != 0;
      y_untied += dy != 0;
    }
  return x_untied > 0 && y_untied > 0 ? agreement / sqrt(x_untied) / sqrt(y_untied) : NAN;
}

/* Ranks from 1; equal values have the mean of theirs. */
static double rank_of(const double *x, size_t n, size_t i) {
  double below = 0, equal = 0;
  for (size_t j = 0; j < n; j++) {
    below += x[j] < x[i];
    equal += x[j] == x[i];
  }
  return below + (equal + 1) / 2;
}

double cream_spearman(const double *x, const double *y, size_t n) {
  double middle = ((double)n + 1) / 2, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < n; i++) {
    double dx = rank_of(x, n, i) - middle, dy = rank_of(y, n, i) - middle;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xx > 0 && yy > 0 ? xy / sqrt(xx) / sqrt(yy) : NAN;
}

/* ---- bootstrap --------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
  return sign(*(const double *)a, *(const double *)b);
}

double cream_quantile(const double *sorted, size_t n, double share) {
  double at = share * (double)(n - 1);
  size_t below = (size_t)at;
  if (below + 1 >= n) return sorted[n - 1];
  return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

cream_status cream_bootstrap_interval(const cream_bootstrap *bootstrap, cream_statistic *statistic,
                                      const double *x, const double *y, size_t n, cream_interval *interval,
                                      cream_error *err) {
  *interval = (cream_interval){statistic(x, y, n), NAN, NAN};
  if (isnan(interval->value)) return CREAM_OK;
  size_t bytes = ((size_t)bootstrap->resamples + 2 * n) * sizeof(double), defined = 0;
  double *values = malloc(bytes), *x_drawn = values + bootstrap->resamples, *y_drawn = x_drawn + n;
  if (!values) return cream_fail_memory(err, bytes, "a bootstrap");
  for (int r = 0; r < bootstrap->resamples; r++) {
    cream_rng rng = cream_rng_at(bootstrap->seed, CREAM_RNG_BOOTSTRAP, (uint64_t)r);
    for (size_t i = 0; i < n; i++) {
      uint32_t drawn = cream_rng_below(&rng, (uint32_t)n);
      x_drawn[i] = x[drawn];
      y_drawn[i] = y[drawn];
    }
    double value = statistic(x_drawn, y_drawn, n);
    if (!isnan(value)) values[defined++] = value;
  }
  qsort(values, defined, sizeof *values, ascending);
  if (defined) {
    interval->low = cream_quantile(values, defined, (1 - bootstrap->level) / 2);
    interval->high = cream_quantile(values, defined, (1 + bootstrap->level) / 2);
  }
  free(values);
  return CREAM_OK;
}

/* ---- paired tests ------------------------------------------------------------------------------------ */

/* The continued fraction of the incomplete beta function by Lentz's method. */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double f = d;
  for (int m = 1; m < 1000; m++) {
    for (int odd = 0; odd < 2; odd++) {
      double k = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                     : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 + k * d;
      c = 1 + k / c;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      if (fabs(c) < tiny) c = tiny;
      f *= c * d;
    }
    if (fabs(c * d - 1) < 1e-16) break;
  }
  return f;
}

/* The regularised incomplete beta function I_x(a, b); `rest` is 1 - x without cancellation. */
static double beta_share(double a, double b, double x, double rest) {
  if (x <= 0 || rest <= 0) return x <= 0 ? 0 : 1;
  double scale = cream_exp(cream_lgamma(a + b) - cream_lgamma(a) - cream_lgamma(b) + a * cream_log(x) +
                           b * cream_log(rest));
  if (x < (a + 1) / (a + b + 2)) return scale * beta_fraction(a, b, x) / a;
  return 1 - scale * beta_fraction(b, a, rest) / b;
}

double cream_student_p(double t, double freedom) {
  double sum = freedom + t * t;
  return beta_share(freedom / 2, 0.5, freedom / sum, t * t / sum);
}

/* With all signs of the ranks equally likely: the share of sums at least as extreme, on both sides. */
static double signed_rank_p(const double *difference, size_t n) {
  double size[CREAM_MAX_PAIRS], share[CREAM_MAX_PAIRS * (CREAM_MAX_PAIRS + 1) + 1] = {1};
  bool positive[CREAM_MAX_PAIRS];
  size_t count = 0, sum = 0, reached = 0;
  for (size_t i = 0; i < n; i++) {
    if (difference[i] == 0) continue;
    size[count] = fabs(difference[i]);
    positive[count++] = difference[i] > 0;
  }
  if (!count) return NAN;
  for (size_t i = 0; i < count; i++) {
    size_t twice = (size_t)(2 * rank_of(size, count, i)); /* a mean of ranks may end in a half */
    if (positive[i]) sum += twice;
    reached += twice;
    for (size_t s = reached + 1; s-- > 0;) share[s] = 0.5 * (share[s] + (s >= twice ? share[s - twice] : 0));
  }
  double below = 0, above = 0;
  for (size_t s = 0; s <= reached; s++) {
    if (s <= sum) below += share[s];
    if (s >= sum) above += share[s];
  }
  return fmin(1, 2 * fmin(below, above));
}

/* The i-th difference without rounding: 0 or the size of an earlier difference where it is within `noise` of
 * it. The earlier differences are rounded already. */
static double settled(const double *difference, size_t i, double noise) {
  double size = fabs(difference[i]);
  if (size <= noise) return 0;
  for (size_t j = 0; j < i; j++)
    if (fabs(size - fabs(difference[j])) <= noise) return copysign(difference[j], difference[i]);
  return difference[i];
}

double cream_differences(const double *x, const double *y, size_t n, double *difference) {
  double noise = 0;
  CREAM_ASSERT(n <= CREAM_MAX_PAIRS);
  for (size_t i = 0; i < n; i++) noise = fmax(noise, 1e-9 * fmax(fabs(x[i]), fabs(y[i])));
  for (size_t i = 0; i < n; i++) {
    difference[i] = x[i] - y[i];
    difference[i] = settled(difference, i, noise);
  }
  return noise;
}

cream_paired cream_paired_test(const double *x, const double *y, size_t n) {
  double difference[CREAM_MAX_PAIRS] = {0}, noise = cream_differences(x, y, n, difference);
  cream_paired paired = {cream_mean(difference, n), NAN, NAN, signed_rank_p(difference, n)};
  double deviation = cream_deviation(difference, n);
  if (deviation > noise) {
    paired.t = paired.difference / (deviation / sqrt((double)n));
    paired.p = cream_student_p(paired.t, (double)n - 1);
  }
  return paired;
}
