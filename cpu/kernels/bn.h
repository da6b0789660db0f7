/* Batch statistics over fixed tiles of rows, merged in a fixed order in double: the same for any number of
 * threads.
 */
#ifndef CREAM_CPU_KERNELS_BN_H
#define CREAM_CPU_KERNELS_BN_H

#include "cpu/internal.h"
#include "simd.h"

/* `periods` runs of `period` rows, each cut into tiles of `tile` rows; the last tile of a run may be
 * shorter. */
typedef struct cpu_tiling {
  size_t periods, period, tile;
} cpu_tiling;

static inline size_t cpu_tiling_per_period(const cpu_tiling *t) {
  return (t->period + t->tile - 1) / t->tile;
}
static inline size_t cpu_tiling_count(const cpu_tiling *t) {
  return t->periods * cpu_tiling_per_period(t);
}
/* Rows of tile i. */
static inline size_t cpu_tiling_rows(const cpu_tiling *t, size_t i) {
  size_t first = i % cpu_tiling_per_period(t) * t->tile;
  return t->period - first < t->tile ? t->period - first : t->tile;
}
/* First row of tile i, counted over all periods. */
static inline size_t cpu_tiling_first(const cpu_tiling *t, size_t i) {
  size_t per = cpu_tiling_per_period(t);
  return i / per * t->period + i % per * t->tile;
}

/* Floats of one tile's partial of `channels` channels: two rows of sums. */
static inline size_t cpu_bn_partial(int channels) {
  return 2 * (size_t)channels;
}

/* Statistics of a tile: `bias` (NULL: 0) is added to y in place, then mean[c] and
 * M2[c] = sum (y - mean)^2 are written. Single pass, shifted by the tile's first row. */
void CPU_NAME(cpu_bn_tile)(float *y, size_t ld, size_t rows, int channels, const float *bias, float *mean,
                           float *m2);

/* Completes a forward op's batch norm over `channels` channels. partials[tile][2][channels] hold mean and
 * M2 of the tiling's tiles; not read in CREAM_BN_RUNNING (may be NULL). */
void CPU_NAME(cpu_bn_forward)(const cpu_backend *, const cream_bn *, cream_bn_mode, float momentum,
                              int channels, const cpu_tiling *, const float *partials);

/* Completes dgamma, dbeta, a, b, c of channel c from sum(dz) and sum(dz*xhat) over `rows` rows. */
static inline void cpu_bn_complete(const cream_bn *bn, int c, double rows, double sum, double sum_xhat) {
  double gamma = cpu_at(bn->gamma)[c], invstd = cpu_at(bn->invstd)[c], mean = cpu_at(bn->mean)[c];
  double m1 = sum / rows, m2 = sum_xhat / rows;
  if (cream_buf_present(bn->dgamma)) cpu_at(bn->dgamma)[c] = (float)sum_xhat;
  if (cream_buf_present(bn->dbeta)) cpu_at(bn->dbeta)[c] = (float)sum;
  cpu_at(bn->a)[c] = (float)(gamma * invstd);
  cpu_at(bn->b)[c] = (float)(-gamma * invstd * invstd * m2);
  cpu_at(bn->c)[c] = (float)(-gamma * invstd * (m1 - mean * invstd * m2));
}

/* The same for all channels from partials[tile][2][channels]: sum dz and sum dz*(raw - mean). */
void CPU_NAME(cpu_bn_backward)(const cpu_backend *, const cream_bn *, int channels, double rows, size_t tiles,
                               const float *partials);

#endif
