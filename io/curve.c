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
  /* Of the points before it, one of the same x is beaten; of those after it, all that are not higher. */
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
