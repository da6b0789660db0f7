#include "bn.h"

#include <math.h>

/* Channels that one thread merges at a time. */
enum { MERGE_CHANNELS = 32 };

/* `vectors` vectors of channels, CPU_BLOCK / vectors rows at a time. */
CPU_INLINE void tile_step(float *y, size_t ld, size_t rows, const float *bias, float *mean, float *m2, int c,
                          int vectors, int lanes) {
  const int below = CPU_BLOCK / vectors;
  vf shift[CPU_BLOCK], add[CPU_BLOCK], sum[CPU_BLOCK], square[CPU_BLOCK];
  CPU_UNROLL
  for (int k = 0; k < CPU_BLOCK; k++) {
    sum[k] = square[k] = (vf){0};
    if (k >= vectors) continue;
    shift[k] = vf_load_n(y + c + k * CPU_LANES, lanes);
    add[k] = (vf){0};
    if (bias) add[k] = vf_load_n(bias + c + k * CPU_LANES, lanes);
  }
#define TILE_ROW(R, I)                                                                                       \
  CPU_UNROLL                                                                                                 \
  for (int j = 0; j < vectors; j++) {                                                                        \
    float *at = y + (R)*ld + c + j * CPU_LANES;                                                              \
    vf v = vf_load_n(at, lanes), d = v - shift[j];                                                           \
    if (bias) vf_store_n(at, v + add[j], lanes);                                                             \
    sum[(I)*vectors + j] += d;                                                                               \
    square[(I)*vectors + j] = vf_fma(d, d, square[(I)*vectors + j]);                                         \
  }
  size_t r = 0;
  for (; r + (size_t)below <= rows; r += (size_t)below) {
    for (int i = 0; i < below; i++) TILE_ROW(r + (size_t)i, i)
  }
  for (; r < rows; r++) TILE_ROW(r, 0)
#undef TILE_ROW
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    vf total = vf_fold(sum, vectors, j), average = total * (1.0f / (float)rows);
    vf_store_n(mean + c + j * CPU_LANES, shift[j] + add[j] + average, lanes);
    vf_store_n(m2 + c + j * CPU_LANES, vf_max((vf){0}, vf_fma(-total, average, vf_fold(square, vectors, j))),
               lanes);
  }
}

void CPU_NAME(cpu_bn_tile)(float *y, size_t ld, size_t rows, int channels, const float *bias, float *mean,
                           float *m2) {
  CPU_FOR_COLUMNS(channels, tile_step, y, ld, rows, bias, mean, m2);
}

static void forward_channel(const cream_bn *bn, cream_bn_mode mode, float momentum, int c, double rows,
                            double mean, double m2) {
  float *running_mean = cpu_at(bn->running_mean), *running_var = cpu_at(bn->running_var);
  double var = mode == CREAM_BN_RUNNING ? (double)running_var[c] : m2 / rows;
  if (mode == CREAM_BN_RUNNING) mean = running_mean[c];
  double invstd = 1 / sqrt(var + (double)bn->eps), scale = (double)cpu_at(bn->gamma)[c] * invstd;
  cpu_at(bn->scale)[c] = (float)scale;
  cpu_at(bn->shift)[c] = (float)((double)cpu_at(bn->beta)[c] - mean * scale);
  if (mode == CREAM_BN_RUNNING) return;
  cpu_at(bn->mean)[c] = (float)mean;
  cpu_at(bn->invstd)[c] = (float)invstd;
  if (mode == CREAM_BN_TRAIN) {
    double unbiased = rows > 1 ? m2 / (rows - 1) : var;
    running_mean[c] += (float)((double)momentum * (mean - (double)running_mean[c]));
    running_var[c] += (float)((double)momentum * (unbiased - (double)running_var[c]));
  }
}

void CPU_NAME(cpu_bn_forward)(const cpu_backend *cpu, const cream_bn *bn, cream_bn_mode mode, float momentum,
                              int channels, const cpu_tiling *tiling, const float *partials) {
  const size_t tiles = mode == CREAM_BN_RUNNING ? 0 : cpu_tiling_count(tiling);
  const size_t stride = cpu_bn_partial(channels);
  const double rows = (double)tiling->periods * (double)tiling->period;
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (tiles * (size_t)channels > 4096)
  for (int c0 = 0; c0 < channels; c0 += MERGE_CHANNELS) {
    int count = channels - c0 < MERGE_CHANNELS ? channels - c0 : MERGE_CHANNELS;
    double mean[MERGE_CHANNELS] = {0}, m2[MERGE_CHANNELS] = {0};
    for (size_t t = 0; t < tiles; t++) {
      const float *at = partials + t * stride + c0;
      double weight = (double)cpu_tiling_rows(tiling, t) / rows;
      for (int i = 0; i < count; i++) mean[i] += weight * (double)at[i];
    }
    for (size_t t = 0; t < tiles; t++) {
      const float *at = partials + t * stride + c0;
      double weight = (double)cpu_tiling_rows(tiling, t);
      for (int i = 0; i < count; i++) {
        double d = (double)at[i] - mean[i];
        m2[i] += (double)at[channels + i] + weight * d * d;
      }
    }
    for (int i = 0; i < count; i++) forward_channel(bn, mode, momentum, c0 + i, rows, mean[i], m2[i]);
  }
}

void CPU_NAME(cpu_bn_backward)(const cpu_backend *cpu, const cream_bn *bn, int channels, double rows,
                               size_t tiles, const float *partials) {
  const size_t stride = cpu_bn_partial(channels);
  const float *invstd = cpu_at(bn->invstd);
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (tiles * (size_t)channels > 4096)
  for (int c0 = 0; c0 < channels; c0 += MERGE_CHANNELS) {
    int count = channels - c0 < MERGE_CHANNELS ? channels - c0 : MERGE_CHANNELS;
    double sum[MERGE_CHANNELS] = {0}, moment[MERGE_CHANNELS] = {0};
    for (size_t t = 0; t < tiles; t++) {
      const float *at = partials + t * stride + c0;
      for (int i = 0; i < count; i++) {
        sum[i] += (double)at[i];
        moment[i] += (double)at[channels + i];
      }
    }
    for (int i = 0; i < count; i++)
      cpu_bn_complete(bn, c0 + i, rows, sum[i], moment[i] * (double)invstd[c0 + i]);
  }
}
