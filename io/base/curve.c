#include "curve.h"

#include <math.h>
#include <string.h>

static void join_neighbours(cream_curve *curve) {
  for (size_t i = 0; i < curve->count / 2; i++) {
    const cream_point *a = &curve->points[2 * i], *b = a + 1;
    curve->points[i] =
        (cream_point){(a->x + b->x) / 2, (a->y + b->y) / 2, fmin(a->low, b->low), fmax(a->high, b->high)};
  }
  curve->count /= 2;
  curve->per *= 2;
  curve->in_last = curve->per;
}

void cream_curve_add(cream_curve *curve, double x, double y) {
  if (!isfinite(x) || !isfinite(y)) return;
  if (!curve->per) curve->per = 1;
  if (curve->count && curve->in_last < curve->per) {
    cream_point *last = &curve->points[curve->count - 1];
    double n = (double)++curve->in_last;
    last->x += (x - last->x) / n;
    last->y += (y - last->y) / n;
    last->low = fmin(last->low, y);
    last->high = fmax(last->high, y);
    return;
  }
  if (curve->count == CREAM_CURVE_POINTS) join_neighbours(curve);
  curve->points[curve->count++] = (cream_point){x, y, y, y};
  curve->in_last = 1;
}

double cream_curve_mean(const cream_curve *curve, double from, double to) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < curve->count; i++) {
    if (curve->points[i].x < from || curve->points[i].x >= to) continue;
    sum += curve->points[i].y;
    count++;
  }
  return count ? sum / (double)count : NAN;
}

double cream_curve_hold(const cream_curve *curve, double x) {
  double value = NAN;
  for (size_t i = 0; i < curve->count && curve->points[i].x <= x; i++) value = curve->points[i].y;
  return value;
}

void cream_curve_smooth(const cream_curve *curve, double weight, cream_curve *smoothed) {
  double sum = 0, weights = 0;
  *smoothed = *curve;
  for (size_t i = 0; i < curve->count; i++) {
    sum = weight * sum + (1 - weight) * curve->points[i].y;
    weights = weight * weights + (1 - weight);
    smoothed->points[i].y = sum / weights;
  }
}

/* Linear interpolation at x, which is inside the curve. */
static double value_at(const cream_curve *curve, double x) {
  size_t i = 1;
  while (i + 1 < curve->count && curve->points[i].x < x) i++;
  const cream_point *a = &curve->points[i - 1], *b = &curve->points[i];
  return b->x > a->x ? a->y + (b->y - a->y) * (x - a->x) / (b->x - a->x) : b->y;
}

size_t cream_curves_mean(const cream_curve *const *curves, size_t n, cream_point *points, size_t most) {
  double first = -INFINITY, last = INFINITY;
  for (size_t c = 0; c < n; c++) {
    if (curves[c]->count < 2) return 0;
    first = fmax(first, curves[c]->points[0].x);
    last = fmin(last, curves[c]->points[curves[c]->count - 1].x);
  }
  if (!n || !(first < last)) return 0;
  double width = (last - first) / (double)most;
  for (size_t i = 0; i < most; i++) {
    double from = first + (double)i * width, x = from + width / 2;
    cream_point *point = &points[i];
    *point = (cream_point){x, 0, INFINITY, -INFINITY};
    for (size_t c = 0; c < n; c++) {
      double y = cream_curve_mean(curves[c], from, i + 1 < most ? from + width : nextafter(last, INFINITY));
      if (isnan(y)) y = value_at(curves[c], x);
      point->y += y / (double)n;
      point->low = fmin(point->low, y);
      point->high = fmax(point->high, y);
    }
  }
  return most;
}

void cream_cloud_add(cream_cloud *cloud, cream_point point) {
  if (!cloud->every) cloud->every = 1;
  if (cloud->seen++ % cloud->every) return;
  if (cloud->count == CREAM_CLOUD_POINTS) {
    for (size_t i = 0; i < cloud->count / 2; i++) cloud->points[i] = cloud->points[2 * i];
    cloud->count /= 2;
    cloud->every *= 2;
    if ((cloud->seen - 1) % cloud->every) return;
  }
  cloud->points[cloud->count++] = point;
}

static void thin_middle(cream_front *front) {
  size_t kept = 1;
  for (size_t i = 1; i < front->count; i++)
    if (i % 2 || i + 1 == front->count) front->points[kept++] = front->points[i];
  front->count = kept;
}

void cream_front_add(cream_front *front, cream_point point) {
  if (!isfinite(point.x) || !isfinite(point.y)) return;
  size_t at = 0;
  while (at < front->count && front->points[at].x <= point.x)
    if (front->points[at++].y >= point.y) return;
  /* The point replaces one before it with the same x, and all after it that are not higher. */
  size_t from = at && front->points[at - 1].x == point.x ? at - 1 : at, to = at;
  while (to < front->count && front->points[to].y <= point.y) to++;
  if (from == to && front->count == CREAM_FRONT_POINTS) {
    thin_middle(front);
    cream_front_add(front, point);
    return;
  }
  memmove(&front->points[from + 1], &front->points[to], (front->count - to) * sizeof point);
  front->points[from] = point;
  front->count = front->count - (to - from) + 1;
}
