/* Curves and clouds of points that take any number of values in bounded memory. */
#ifndef CREAM_IO_CURVE_H
#define CREAM_IO_CURVE_H

#include <stddef.h>
#include <stdint.h>

enum { CREAM_CURVE_POINTS = 256, CREAM_CLOUD_POINTS = 1024, CREAM_FRONT_POINTS = 256 };

typedef struct cream_point {
  double x, y;      /* y no number: a gap */
  double low, high; /* of a curve: the range of the values whose mean y is */
} cream_point;

/* Values along x. Each point is the mean of `per` values in a row, the last of `in_last`; when all places are
 * taken, neighbours are joined. Begins as {0}. */
typedef struct cream_curve {
  size_t count;
  uint64_t per, in_last;
  cream_point points[CREAM_CURVE_POINTS];
} cream_curve;

/* A value that is none is passed over. */
void cream_curve_add(cream_curve *, double x, double y);
/* The mean of the points from `from` up to, not including, `to`; NaN where there is none. */
double cream_curve_mean(const cream_curve *, double from, double to);
/* The value of the last point up to x; NaN where there is none. */
double cream_curve_hold(const cream_curve *, double x);

/* The mean of n curves in `most` parts of equal width of the x that all of them have; low and high: the least
 * and the most of them. A curve without a point in a part is followed from the one before to the next. Returns
 * how many points, 0 where the curves have no stretch of x in common. */
size_t cream_curves_mean(const cream_curve *const *curves, size_t n, cream_point *points, size_t most);

/* Some of many points: every `every`th of those seen. Begins as {0}. */
typedef struct cream_cloud {
  size_t count;
  uint64_t every, seen;
  cream_point points[CREAM_CLOUD_POINTS];
} cream_cloud;

void cream_cloud_add(cream_cloud *, cream_point);

/* The points that no other beats: none has at most their x and at least their y. By ascending x. Begins as
 * {0}; beyond CREAM_FRONT_POINTS some in the middle are left out. */
typedef struct cream_front {
  size_t count;
  cream_point points[CREAM_FRONT_POINTS];
} cream_front;

void cream_front_add(cream_front *, cream_point);

#endif
