/* Statistics of small samples: rank correlation, bootstrap intervals, paired tests. A statistic that is not
 * defined (all values equal, too few values) is NaN.
 */
#ifndef CREAM_CORE_STATISTICS_H
#define CREAM_CORE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

double cream_mean(const double *x, size_t n);
/* Standard deviation of a sample, divided by n - 1. */
double cream_deviation(const double *x, size_t n);

/* Kendall's tau-b: ties in x or y alone count as neither agreement nor disagreement. */
double cream_kendall(const double *x, const double *y, size_t n);
/* Spearman's rho: Pearson's correlation of the ranks, ties having the mean of theirs. */
double cream_spearman(const double *x, const double *y, size_t n);

typedef double cream_statistic(const double *x, const double *y, size_t n);

typedef struct cream_interval {
  double value, low, high;
} cream_interval;

/* What lies below a share of sorted values, linear between order statistics. */
double cream_quantile(const double *sorted, size_t n, double share);

typedef struct cream_bootstrap {
  int resamples;
  double level; /* 0.95 */
  uint64_t seed;
} cream_bootstrap;

/* The statistic of n pairs and its percentile interval over resamples of the pairs (linear between order
 * statistics; resamples where it is not defined are skipped). Index i of resample r is draw i, below n, of
 * cream_rng_at(seed, CREAM_RNG_BOOTSTRAP, r). Fails when out of memory. */
cream_status cream_bootstrap_interval(const cream_bootstrap *, cream_statistic *, const double *x,
                                      const double *y, size_t n, cream_interval *, cream_error *);

enum { CREAM_MAX_PAIRS = 64 };

/* x - y over pairs, both tests two-sided. */
typedef struct cream_paired {
  double difference; /* mean */
  double t, p;       /* Student's paired t test, n - 1 degrees of freedom */
  double wilcoxon;   /* p of the exact signed-rank test; pairs without a difference are skipped */
} cream_paired;

/* difference[n] = x - y, n up to CREAM_MAX_PAIRS. Differences count as equal within 1e-9 of the largest of x and y,
 * because percentages are rounded; returns that. */
double cream_differences(const double *x, const double *y, size_t n, double *difference);
/* Both sides of Student's t distribution beyond t. */
double cream_student_p(double t, double freedom);
cream_paired cream_paired_test(const double *x, const double *y, size_t n);

#endif
