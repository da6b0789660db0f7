#include "calibration.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/elementary.h"

enum { BINS = CREAM_HISTOGRAM_BINS, LEVELS = 256, STEP = 8 };

#define OUTSIDE 0.00005 /* of the values, on each side of a percentile range */

void cream_histogram_extend(cream_histogram *h, const float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float x = isfinite(values[i]) ? values[i] : INFINITY;
    if (x < h->low) h->low = x;
    if (x > h->high) h->high = x;
  }
}

void cream_histogram_count(cream_histogram *h, const float *values, size_t count) {
  const float span = h->high - h->low, per_bin = span > 1e-30f ? BINS / span : 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] == 0) {
      h->zeros++;
      continue;
    }
    int bin = (int)((values[i] - h->low) * per_bin);
    h->bins[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1]++;
  }
}

static float edge(const cream_histogram *h, int bin) {
  return bin == BINS ? h->high : h->low + (h->high - h->low) * ((float)bin / BINS);
}

/* The bin with 0. */
static int zero_bin(const cream_histogram *h) {
  int bin = (int)(-h->low / (h->high - h->low) * BINS);
  return bin < BINS ? bin : BINS - 1;
}

/* ---- percentile ------------------------------------------------------------------------------------------ */

static cream_interval by_percentile(const cream_histogram *h) {
  double total = (double)h->zeros;
  for (int i = 0; i < BINS; i++) total += (double)h->bins[i];
  const int zero = zero_bin(h);
  int first = 0, last = BINS - 1;
  double below = (double)h->bins[first], above = (double)h->bins[last];
  while (first < zero && below <= total * OUTSIDE) below += (double)h->bins[++first];
  while (last > zero && above <= total * OUTSIDE) above += (double)h->bins[--last];
  return (cream_interval){edge(h, first), edge(h, last + 1)};
}

/* ---- entropy --------------------------------------------------------------------------------------------- */

/* A histogram cut off to the bins [first, end). In the reference distribution p, the values outside are in the first and
 * in the last of these bins; in the quantised one, q, they are not, and the bins of a level that are not empty share
 * its count equally. */
typedef struct clipped {
  const uint64_t *bins;
  int first, end;
  double below, above; /* counts outside */
} clipped;

static double p_of(const clipped *c, int bin) {
  return (double)c->bins[bin] + (bin == c->first ? c->below : 0) + (bin == c->end - 1 ? c->above : 0);
}

/* The Kullback-Leibler divergence: the sum of p * log(p / q). */
static double divergence(const clipped *c, double total) {
  const int n = c->end - c->first, levels = n < LEVELS ? n : LEVELS;
  const double inside = total - c->below - c->above;
  double sum = 0;
  for (int level = 0; level < levels; level++) {
    int from = c->first + (int)((int64_t)level * n / levels);
    int to = c->first + (int)((int64_t)(level + 1) * n / levels);
    double count = 0;
    int used = 0;
    for (int i = from; i < to; i++) {
      count += (double)c->bins[i];
      used += p_of(c, i) > 0;
    }
    double q = used ? fmax(count / used / inside, 1e-9) : 0;
    for (int i = from; i < to; i++) {
      double p = p_of(c, i) / total;
      if (p > 0) sum += p * cream_log(p / q);
    }
  }
  return sum;
}

static cream_interval by_entropy(const cream_histogram *h) {
  const int zero = zero_bin(h), farthest = zero + 1 > BINS - zero ? zero + 1 : BINS - zero;
  double cumulated[BINS + 1];
  cumulated[0] = 0;
  for (int i = 0; i < BINS; i++) cumulated[i + 1] = cumulated[i] + (double)h->bins[i];
  const double total = cumulated[BINS];
  cream_interval best = {h->low, h->high};
  double least = INFINITY;
  for (int reach = farthest; reach >= LEVELS / 2; reach -= STEP) {
    clipped c = {h->bins, zero + 1 > reach ? zero + 1 - reach : 0, BINS - zero > reach ? zero + reach : BINS,
                 0, 0};
    c.below = cumulated[c.first];
    c.above = total - cumulated[c.end];
    if (total - c.below - c.above <= 0) break;
    double d = divergence(&c, total);
    if (d >= least) continue;
    least = d;
    best = (cream_interval){edge(h, c.first), edge(h, c.end)};
  }
  return best;
}

cream_interval cream_calibrate(cream_calibration kind, const cream_histogram *h) {
  if (!(h->low < h->high)) return (cream_interval){0, 0};
  switch (kind) {
  case CREAM_CALIBRATION_ENTROPY:
    return by_entropy(h);
  case CREAM_CALIBRATION_PERCENTILE:
    return by_percentile(h);
  case CREAM_CALIBRATION_COUNT:
    break;
  }
  abort();
}
