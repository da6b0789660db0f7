#include "sink.h"

#include "bn.h"
#include "conv.h"
#include "map.h"

/* The data of one vector of channels of a row range. */
typedef struct sink_block {
  void *g;
  bool narrow, stream;
  const float *d;        /* [rows][ld_d] */
  const void *add, *raw; /* [rows][C] */
  const float *slope, *value;
  size_t ld, ld_d, ld_slope, rows;
  const float *mean, *gate, *scale, *shift; /* [C] */
  float *sums;                              /* [2 or 5][C] */
  size_t sums_ld;
} sink_block;

/* `narrow` is a constant equal to s->narrow in all that follows. */
CPU_INLINE vf sink_gradient(const sink_block *s, bool narrow, size_t r, int c, int lanes) {
  vf d = vf_load_n(s->d + r * s->ld_d + c, lanes);
  if (s->add) d += cells_load(narrow, cells_at(narrow, s->add, r * s->ld), c, lanes);
  return d;
}

/* One of `vectors` vectors that are stored one after another. */
CPU_INLINE void sink_store(const sink_block *s, bool narrow, size_t r, int c, int vectors, int lanes, vf g) {
  if (!narrow && s->stream && vectors * CPU_LANES % CPU_WIDE == 0)
    vf_stream((float *)s->g + r * s->ld + c, g);
  else
    cells_store(narrow, cells_to(narrow, s->g, r * s->ld), c, g, lanes);
}

/* Runs `row(r, i)` for all rows, CPU_BLOCK / vectors of them at a time; i is the index among these. */
#define SINK_ROWS(row)                                                                                       \
  size_t r_ = 0;                                                                                             \
  for (; r_ + (size_t)(CPU_BLOCK / vectors) <= s->rows; r_ += (size_t)(CPU_BLOCK / vectors)) {               \
    for (int i_ = 0; i_ < CPU_BLOCK / vectors; i_++) row(r_ + (size_t)i_, i_);                               \
  }                                                                                                          \
  for (; r_ < s->rows; r_++) row(r_, 0)

CPU_INLINE void sink_bn_row(const sink_block *s, bool narrow, bool slope, int c, int vectors, int lanes,
                            size_t r, const vf *mean, vf *sum, vf *moment) {
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    const int at = c + j * CPU_LANES;
    vf dz = sink_gradient(s, narrow, r, at, lanes);
    if (slope) dz *= vf_load_n(s->slope + r * s->ld_slope + at, lanes);
    sink_store(s, narrow, r, at, vectors, lanes, dz);
    sum[j] += dz;
    moment[j] =
        vf_fma(dz, cells_load(narrow, cells_at(narrow, s->raw, r * s->ld), at, lanes) - mean[j], moment[j]);
  }
}
/* g = dz, sum dz, sum dz*(raw - mean) */
CPU_INLINE void sink_bn_step(const sink_block *s, bool narrow, bool slope, int c, int vectors, int lanes) {
  vf mean[CPU_BLOCK], sum[CPU_BLOCK], moment[CPU_BLOCK];
  CPU_UNROLL
  for (int k = 0; k < CPU_BLOCK; k++) sum[k] = moment[k] = (vf){0};
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) mean[j] = vf_load_n(s->mean + c + j * CPU_LANES, lanes);
#define BN_ROW(R, I)                                                                                         \
  sink_bn_row(s, narrow, slope, c, vectors, lanes, R, mean, sum + (I)*vectors, moment + (I)*vectors)
  SINK_ROWS(BN_ROW);
#undef BN_ROW
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    vf_store_n(s->sums + c + j * CPU_LANES, vf_fold(sum, vectors, j), lanes);
    vf_store_n(s->sums + s->sums_ld + c + j * CPU_LANES, vf_fold(moment, vectors, j), lanes);
  }
}

/* slope: the node has an activation, and the tile its values and slopes. */
CPU_INLINE void sink_gate_row(const sink_block *s, bool narrow, bool slope, int c, int vectors, int lanes,
                              size_t r, const vf *mean, vf (*sum)[5]) {
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    const int at = c + j * CPU_LANES;
    vf d = sink_gradient(s, narrow, r, at, lanes);
    vf raw = cells_load(narrow, cells_at(narrow, s->raw, r * s->ld), at, lanes), x = raw - mean[j];
    vf q = vf_set(1.0f), u;
    if (slope) {
      u = vf_load_n(s->value + r * s->ld_slope + at, lanes);
      q = vf_load_n(s->slope + r * s->ld_slope + at, lanes);
    } else {
      u = vf_fma(raw, vf_load_n(s->scale + at, lanes), vf_load_n(s->shift + at, lanes));
    }
    if (narrow || s->add || (const void *)s->d != s->g) sink_store(s, narrow, r, at, vectors, lanes, d);
    vf dq = d * q;
    sum[j][0] = vf_fma(d, u, sum[j][0]);
    sum[j][1] += dq;
    sum[j][2] += q;
    sum[j][3] = vf_fma(dq, x, sum[j][3]);
    sum[j][4] = vf_fma(q, x, sum[j][4]);
  }
}
/* g = d, and the five sums, with raw - mean for xhat. */
CPU_INLINE void sink_gate_step(const sink_block *s, bool narrow, bool slope, int c, int vectors, int lanes) {
  vf mean[CPU_BLOCK], sum[CPU_BLOCK][5];
  CPU_UNROLL
  for (int k = 0; k < CPU_BLOCK; k++) {
    CPU_UNROLL
    for (int m = 0; m < 5; m++) sum[k][m] = (vf){0};
  }
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) mean[j] = vf_load_n(s->mean + c + j * CPU_LANES, lanes);
#define GATE_ROW(R, I) sink_gate_row(s, narrow, slope, c, vectors, lanes, R, mean, sum + (I)*vectors)
  SINK_ROWS(GATE_ROW);
#undef GATE_ROW
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    CPU_UNROLL
    for (int m = 0; m < 5; m++) {
      vf total = sum[j][m];
      for (int i = 1; i < CPU_BLOCK / vectors; i++) total += sum[i * vectors + j][m];
      vf_store_n(s->sums + (size_t)m * s->sums_ld + c + j * CPU_LANES, total, lanes);
    }
  }
}

/* g = d * gate * act' */
CPU_INLINE void sink_plain_step(const sink_block *s, bool narrow, int c, int lanes) {
  vf gate = vf_set(1.0f);
  if (s->gate) gate = vf_load_n(s->gate + c, lanes);
  for (size_t r = 0; r < s->rows; r++) {
    vf d = sink_gradient(s, narrow, r, c, lanes) * gate;
    if (s->slope) d *= vf_load_n(s->slope + r * s->ld_slope + c, lanes);
    sink_store(s, narrow, r, c, 1, lanes, d);
  }
}

/* The steps of a block that take the sums of a gate, of a batch norm, or none. */
static void run_block(const sink_block *s, const cream_sink *sink, int channels) {
#define SINK_LOOPS(NARROW)                                                                                   \
  if (cpu_sink_gated(sink) && s->slope)                                                                      \
    CPU_FOR_COLUMNS(channels, sink_gate_step, s, NARROW, true);                                              \
  else if (cpu_sink_gated(sink))                                                                             \
    CPU_FOR_COLUMNS(channels, sink_gate_step, s, NARROW, false);                                             \
  else if (sink->bn && s->slope)                                                                             \
    CPU_FOR_COLUMNS(channels, sink_bn_step, s, NARROW, true);                                                \
  else if (sink->bn)                                                                                         \
    CPU_FOR_COLUMNS(channels, sink_bn_step, s, NARROW, false);                                               \
  else                                                                                                       \
    CPU_FOR_LANES(channels, sink_plain_step, s, NARROW)
  if (s->narrow) {
    SINK_LOOPS(true);
  } else {
    SINK_LOOPS(false);
  }
#undef SINK_LOOPS
}

void CPU_NAME(cpu_sink_finish)(const cream_sink *sink, const cpu_sink_tile *tile, float *partials) {
  const cream_tensor *node = sink->node;
  const size_t channels = (size_t)node->c, c0 = (size_t)tile->c0, end = tile->row + tile->rows;
  const size_t pixels = cpu_pixels(node);
  const bool gate = cream_buf_present(node->gate), gated = cpu_sink_gated(sink);
  const bool narrow = tile->narrow;
  sink_block s = {.narrow = narrow,
                  .stream = !narrow && cpu_streams(node, cpu_at(sink->g)),
                  .ld = channels,
                  .ld_d = tile->ld_d,
                  .ld_slope = tile->ld,
                  .sums_ld = channels};
  if (sink->bn) s.mean = cpu_at(sink->bn->mean) + c0;
  for (size_t row = tile->row; row < end; row += s.rows) {
    const size_t image = row / pixels, offset = row * channels + c0, skip = (row - tile->row) * tile->ld;
    s.rows = gate ? cpu_rows_in_image(row, end, pixels) : tile->rows;
    s.g = cells_to(narrow, cpu_at(sink->g), offset);
    s.raw = cells_at(narrow, cpu_at(node->raw), offset);
    s.d = tile->d + (row - tile->row) * tile->ld_d;
    s.add = sink->add.mem ? cells_at(narrow, cpu_at(sink->add), offset) : NULL;
    s.slope = tile->slope ? tile->slope + skip : NULL;
    s.value = tile->value ? tile->value + skip : NULL;
    if (gated) {
      s.sums = partials + (tile->index + image) * 5 * channels + c0;
      s.scale = cpu_at(node->scale) + c0;
      s.shift = cpu_at(node->shift) + c0;
    } else if (sink->bn) {
      s.sums = partials + tile->index * 2 * channels + c0;
    } else {
      s.gate = gate ? cpu_at(node->gate) + image * channels + c0 : NULL;
    }
    run_block(&s, sink, tile->channels);
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
    for (size_t at = 0; at < 5 * channels; at += CPU_MERGE_BLOCK)
      cpu_merge_block(partials + (first + image) * 5 * channels + at, last - first + 1, 5 * channels,
                      cpu_min_size(5 * channels - at, CPU_MERGE_BLOCK), out + at);
    for (size_t i = 0; i < channels; i++) { /* they are of raw - mean */
      out[3 * channels + i] *= invstd[i];
      out[4 * channels + i] *= invstd[i];
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
