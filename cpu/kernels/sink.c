#include "sink.h"

#include "bn.h"
#include "map.h"

/* What one vector of channels of a row range needs. */
typedef struct sink_block {
  float *g;
  const float *add, *raw; /* [rows][C] */
  const float *slope, *value;
  size_t ld, ld_slope, rows;
  const float *mean, *gate; /* [C] */
  float *sums;              /* [2 or 5][C] */
  size_t sums_ld;
} sink_block;

CPU_INLINE vf sink_gradient(const sink_block *s, size_t r, int c, int lanes) {
  vf d = vf_load_n(s->g + r * s->ld + c, lanes);
  if (s->add) d += vf_load_n(s->add + r * s->ld + c, lanes);
  return d;
}

/* g = dz, sum dz, sum dz*(raw - mean) */
CPU_INLINE void sink_bn_step(const sink_block *s, bool slope, int c, int lanes) {
  vf mean = vf_load_n(s->mean + c, lanes), sum = {0}, moment = {0};
  for (size_t r = 0; r < s->rows; r++) {
    vf dz = sink_gradient(s, r, c, lanes);
    if (slope) dz *= vf_load_n(s->slope + r * s->ld_slope + c, lanes);
    if (slope || s->add) vf_store_n(s->g + r * s->ld + c, dz, lanes);
    sum += dz;
    moment += dz * (vf_load_n(s->raw + r * s->ld + c, lanes) - mean);
  }
  vf_store_n(s->sums + c, sum, lanes);
  vf_store_n(s->sums + s->sums_ld + c, moment, lanes);
}

/* g = d, and the five sums, with raw - mean for xhat. */
CPU_INLINE void sink_gate_step(const sink_block *s, int c, int lanes) {
  vf mean = vf_load_n(s->mean + c, lanes), sum[5] = {{0}, {0}, {0}, {0}, {0}};
  for (size_t r = 0; r < s->rows; r++) {
    vf d = sink_gradient(s, r, c, lanes), x = vf_load_n(s->raw + r * s->ld + c, lanes) - mean;
    vf u = vf_load_n(s->value + r * s->ld_slope + c, lanes);
    vf q = vf_set(1.0f);
    if (s->slope) q = vf_load_n(s->slope + r * s->ld_slope + c, lanes);
    if (s->add) vf_store_n(s->g + r * s->ld + c, d, lanes);
    vf dq = d * q;
    sum[0] += d * u;
    sum[1] += dq;
    sum[2] += q;
    sum[3] += dq * x;
    sum[4] += q * x;
  }
  for (int k = 0; k < 5; k++) vf_store_n(s->sums + (size_t)k * s->sums_ld + c, sum[k], lanes);
}

/* g = d * gate * act' */
CPU_INLINE void sink_plain_step(const sink_block *s, int c, int lanes) {
  vf gate = vf_set(1.0f);
  if (s->gate) gate = vf_load_n(s->gate + c, lanes);
  for (size_t r = 0; r < s->rows; r++) {
    vf d = sink_gradient(s, r, c, lanes) * gate;
    if (s->slope) d *= vf_load_n(s->slope + r * s->ld_slope + c, lanes);
    vf_store_n(s->g + r * s->ld + c, d, lanes);
  }
}

void CPU_NAME(cpu_sink_finish)(const cream_sink *sink, const cpu_sink_tile *tile, float *partials) {
  const cream_tensor *node = sink->node;
  const size_t channels = (size_t)node->c, c0 = (size_t)tile->c0, end = tile->row + tile->rows;
  const size_t pixels = cpu_pixels(node);
  const bool gate = cream_buf_present(node->gate), gated = cpu_sink_gated(sink);
  sink_block s = {.ld = channels, .ld_slope = tile->ld, .sums_ld = channels};
  if (sink->bn) s.mean = cpu_at(sink->bn->mean) + c0;
  for (size_t row = tile->row; row < end; row += s.rows) {
    const size_t image = row / pixels, offset = row * channels + c0, skip = (row - tile->row) * tile->ld;
    s.rows = gate ? cpu_rows_in_image(row, end, pixels) : tile->rows;
    s.g = cpu_at(sink->g) + offset;
    s.raw = cpu_at(node->raw) + offset;
    s.add = sink->add.mem && !cpu_sink_in_place(sink) ? cpu_at(sink->add) + offset : NULL;
    s.slope = tile->slope ? tile->slope + skip : NULL;
    s.value = tile->value ? tile->value + skip : NULL;
    if (gated) {
      s.sums = partials + (tile->index + image) * 5 * channels + c0;
      CPU_FOR_LANES(tile->channels, sink_gate_step, &s);
    } else if (sink->bn) {
      s.sums = partials + tile->index * 2 * channels + c0;
      if (s.slope)
        CPU_FOR_LANES(tile->channels, sink_bn_step, &s, true);
      else
        CPU_FOR_LANES(tile->channels, sink_bn_step, &s, false);
    } else if (gate || s.slope || s.add) {
      s.gate = gate ? cpu_at(node->gate) + image * channels + c0 : NULL;
      CPU_FOR_LANES(tile->channels, sink_plain_step, &s);
    }
  }
}

static void merge_gate_sums(const cpu_backend *cpu, const cream_sink *sink, size_t tile,
                            const float *partials) {
  const size_t channels = (size_t)sink->node->c, pixels = cpu_pixels(sink->node);
  const float *invstd = cpu_at(sink->bn->invstd);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t image = 0; image < (size_t)sink->node->n; image++) {
    const size_t first = image * pixels / tile, last = ((image + 1) * pixels - 1) / tile;
    float *out = cpu_at(sink->gate_sums) + image * 5 * channels;
    for (size_t i = 0; i < 5 * channels; i++) {
      double sum = 0;
      for (size_t t = first; t <= last; t++) sum += (double)partials[(t + image) * 5 * channels + i];
      out[i] = (float)(i < 3 * channels ? sum : sum * (double)invstd[i % channels]);
    }
  }
}

void CPU_NAME(cpu_sink_merge)(const cpu_backend *cpu, const cream_sink *sink, size_t tile,
                              const float *partials) {
  if (!sink->bn) return;
  const size_t rows = (size_t)sink->node->n * cpu_pixels(sink->node);
  if (cpu_sink_gated(sink))
    merge_gate_sums(cpu, sink, tile, partials);
  else
    CPU_NAME(cpu_bn_backward)(cpu, sink->bn, sink->node->c, (double)rows, (rows + tile - 1) / tile, partials);
}
