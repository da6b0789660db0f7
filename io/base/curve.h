/* Curves and clouds of points that accept any number of values in bounded memory. */
#ifndef CREAM_IO_CURVE_H
#define CREAM_IO_CURVE_H

#include <stddef.h>
#include <stdint.h>

enum { CREAM_CURVE_POINTS = 256, CREAM_CLOUD_POINTS = 1024, CREAM_FRONT_POINTS = 256 };

typedef struct cream_point {
  double x, y;      /* y NaN: a gap */
  double low, high; /* in a curve: least and largest of the values whose mean is y */
} cream_point;

/* Values along x. Each point is the mean of `per` consecutive values, the last point of `in_last`. When the array is full,
 * neighbouring points are merged. Initialise with {0}. */
typedef struct cream_curve {
  size_t count;
  uint64_t per, in_last;
  cream_point points[CREAM_CURVE_POINTS];
} cream_curve;

/* Adds a value. Infinite values and NaN are skipped. */
void cream_curve_add(cream_curve *, double x, double y);
/* The mean of the points with from <= x < to; NaN if there are none. */
double cream_curve_mean(const cream_curve *, double from, double to);
/* The value of the last point at or before x; NaN if there is none. */
double cream_curve_hold(const cream_curve *, double x);

/* Exponential moving average of the points of a curve, without bias to its first points: weight 0 leaves the values as
 * they are, values near 1 smooth most. Least and largest values stay those of the curve. */
void cream_curve_smooth(const cream_curve *, double weight, cream_curve *smoothed);

/* The mean of n curves, as `most` points at equal distances over the x range that all curves share; low and high are the
 * least and the largest of the curves. A curve without a point in an interval is interpolated linearly. Returns the
 * number of points: `most`, or 0 if the curves share no range of x. */
size_t cream_curves_mean(const cream_curve *const *curves, size_t n, cream_point *points, size_t most);

/* A sample of many points: every `every`th of those added. Initialise with {0}. */
typedef struct cream_cloud {
  size_t count;
  uint64_t every, seen;
  cream_point points[CREAM_CLOUD_POINTS];
} cream_cloud;

void cream_cloud_add(cream_cloud *, cream_point);

/* The Pareto front of points, by ascending x: no point added has at most the x and at least the y of one in the front.
 * Initialise with {0}. Beyond CREAM_FRONT_POINTS, some points in the middle are dropped. */
typedef struct cream_front {
  size_t count;
  cream_point points[CREAM_FRONT_POINTS];
} cream_front;

void cream_front_add(cream_front *, cream_point);

#endif
