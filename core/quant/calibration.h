/* Which range of values 8 bits represent, from a histogram of the values that a network has on some images. */
#ifndef CREAM_CORE_CALIBRATION_H
#define CREAM_CORE_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

/* X(name, word). ENTROPY: the range, cut off at the same distance from 0 on both sides, whose 256 values have the
 * distribution nearest to that of all values (the least Kullback-Leibler divergence). PERCENTILE: all but the 0.005 %
 * smallest and the 0.005 % largest values. */
#define CREAM_CALIBRATIONS(X)                                                                                \
  X(ENTROPY, "entropy")                                                                                      \
  X(PERCENTILE, "percentile")
#define CREAM_CALIBRATION_CONSTANT(name, word) CREAM_CALIBRATION_##name,
typedef enum cream_calibration {
  CREAM_CALIBRATIONS(CREAM_CALIBRATION_CONSTANT) CREAM_CALIBRATION_COUNT
} cream_calibration;
#undef CREAM_CALIBRATION_CONSTANT

enum { CREAM_HISTOGRAM_BINS = 2048 };

/* Of the values other than 0, which every range represents exactly. A zeroed histogram is empty. */
typedef struct cream_histogram {
  float low, high; /* the smallest and the largest value, and 0 */
  uint64_t zeros;
  uint64_t bins[CREAM_HISTOGRAM_BINS];
} cream_histogram;

/* Two sweeps over the same values: first their limits, then the bins between these. A value that is not finite makes a
 * limit infinite. */
void cream_histogram_extend(cream_histogram *, const float *values, size_t count);
void cream_histogram_count(cream_histogram *, const float *values, size_t count);

/* low <= 0 <= high. */
typedef struct cream_interval {
  float low, high;
} cream_interval;
cream_interval cream_calibrate(cream_calibration, const cream_histogram *);

#endif
