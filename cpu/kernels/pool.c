#include <omp.h>

#include "conv.h"
#include "core/base/rng.h"
#include "map.h"

/* Sums over rows of one image: of the value, or (slopes) of act'(z) and act'(z)*(raw - mean). */
typedef struct pixel_sums {
  cpu_map map;
  const float *mean;
  float *sums, *moments;
} pixel_sums;

CPU_INLINE void sum_values_step(const pixel_sums *s, cream_act act, bool narrow, const void *raw, int c,
                                int lanes) {
  vf value = vf_act(act, cpu_map_z(&s->map, cells_load(narrow, raw, c, lanes), c, lanes));
  vf_store_n(s->sums + c, vf_load_n(s->sums + c, lanes) + value, lanes);
}

CPU_INLINE void sum_slopes_step(const pixel_sums *s, cream_act act, bool narrow, const void *row, int c,
                                int lanes) {
  vf raw = cells_load(narrow, row, c, lanes), slope = vf_act_slope(act, cpu_map_z(&s->map, raw, c, lanes));
  vf_store_n(s->sums + c, vf_load_n(s->sums + c, lanes) + slope, lanes);
  vf moment = vf_fma(slope, raw - vf_load_n(s->mean + c, lanes), vf_load_n(s->moments + c, lanes));
  vf_store_n(s->moments + c, moment, lanes);
}

/* Channels c0.. of image n into sums (and, where mean is present, moments). */
static void sum_pixels(const cream_tensor *x, bool narrow, int n, int c0, int channels, const float *mean,
                       float *sums, float *moments) {
  const size_t pixels = cpu_pixels(x), ld = (size_t)x->c;
  const pixel_sums s = {.map = cpu_map_of(x, n, c0), .mean = mean, .sums = sums, .moments = moments};
  const void *raw = cells_at(narrow, cpu_at(x->raw), (size_t)n * pixels * ld + (size_t)c0);
  memset(sums, 0, (size_t)channels * sizeof *sums);
  if (mean) memset(moments, 0, (size_t)channels * sizeof *moments);
#define SUM_LOOP(ACT, NARROW)                                                                                \
  for (size_t p = 0; p < pixels; p++, raw = cells_at(NARROW, raw, ld)) {                                     \
    if (mean)                                                                                                \
      CPU_FOR_LANES(channels, sum_slopes_step, &s, ACT, NARROW, raw);                                        \
    else                                                                                                     \
      CPU_FOR_LANES(channels, sum_values_step, &s, ACT, NARROW, raw);                                        \
  }
#define SUM_LOOPS(ACT) CPU_CELLS_CASES(narrow, SUM_LOOP, ACT)
  CPU_ACT_SWITCH(x->act, SUM_LOOPS);
#undef SUM_LOOPS
#undef SUM_LOOP
}

CPU_INLINE void average_step(float *sums, const float *gate, float factor, int c, int lanes) {
  vf v = vf_load_n(sums + c, lanes) * factor;
  if (gate) v *= vf_load_n(gate + c, lanes);
  vf_store_n(sums + c, v, lanes);
}

/* Channels of a task: all of an image's, or fewer where there are few images. Sums do not depend on it. */
static int task_channels(const cpu_backend *cpu, const cream_tensor *x) {
  return x->n >= 4 * cpu->threads ? x->c : cpu_min(x->c, 64);
}

static void pool_forward(cream_backend *backend, const cream_tensor *x, cream_buf out) {
  cpu_backend *cpu = cpu_of(backend);
  const int width = task_channels(cpu, x), blocks = (x->c + width - 1) / width;
  const float factor = 1.0f / (float)cpu_pixels(x);
  cpu_tasks_begin(cpu, (size_t)(x->n * blocks));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const int n = (int)task / blocks, c0 = (int)task % blocks * width, channels = cpu_min(width, x->c - c0);
    const cpu_map map = cpu_map_of(x, n, c0);
    float *sums = cpu_at(out) + (size_t)n * (size_t)x->c + (size_t)c0;
    sum_pixels(x, cpu_is_narrow(cpu->narrow, x), n, c0, channels, NULL, sums, NULL);
    CPU_FOR_LANES(channels, average_step, sums, map.gate, factor);
  }
}

CPU_INLINE void scale_step(const float *x, float factor, float *dst, int c, int lanes) {
  vf_store_n(dst + c, vf_load_n(x + c, lanes) * factor, lanes);
}
CPU_INLINE void product_step(float *dst, const float *x, int c, int lanes) {
  vf_store_n(dst + c, vf_load_n(dst + c, lanes) * vf_load_n(x + c, lanes), lanes);
}

static void pool_backward(cream_backend *backend, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                          cream_buf pool) {
  cpu_backend *cpu = cpu_of(backend);
  const size_t channels = (size_t)x->c;
  const float factor = 1.0f / (float)cpu_pixels(x);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *partials = bn ? cpu_piece(&pieces, (size_t)x->n * cpu_bn_partial(x->c)) : NULL;
  cpu_tasks_begin(cpu, (size_t)x->n);
#pragma omp parallel num_threads(cpu->threads)
  for (size_t n; cpu_tasks_next(cpu, omp_get_thread_num(), &n);) {
    float *to = cpu_at(pool) + n * channels;
    CPU_FOR_LANES(x->c, scale_step, cpu_at(dout) + n * channels, factor, to);
    if (!bn) continue;
    float *sums = partials + n * cpu_bn_partial(x->c), *moments = sums + channels;
    sum_pixels(x, cpu_is_narrow(cpu->narrow, x), (int)n, 0, x->c, cpu_at(bn->mean), sums, moments);
    CPU_FOR_LANES(x->c, product_step, sums, to);
    CPU_FOR_LANES(x->c, product_step, moments, to);
  }
  if (bn)
    CPU_NAME(cpu_bn_backward)(cpu, bn, x->c, (double)x->n * (double)cpu_pixels(x), (size_t)x->n, partials);
}

CPU_INLINE void add_step(bool narrow, const cpu_map *a, const void *raw_a, const cpu_map *b,
                         const void *raw_b, void *dst, int c, int lanes) {
  vf va = cpu_map_value(a, a->act, cells_load(narrow, raw_a, c, lanes), c, lanes);
  vf vb = cpu_map_value(b, b->act, cells_load(narrow, raw_b, c, lanes), c, lanes);
  cells_store(narrow, dst, c, va + vb, lanes);
}

static void add_forward(cream_backend *backend, const cream_tensor *a, const cream_tensor *b,
                        const cream_tensor *out) {
  const size_t lines = (size_t)out->n * (size_t)out->h, ld = (size_t)out->c, width = (size_t)out->w;
  const bool narrow = cpu_is_narrow(cpu_of(backend)->narrow, out);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t line = 0; line < lines; line++) {
    const int n = (int)(line / (size_t)out->h);
    const cpu_map map_a = cpu_map_of(a, n, 0), map_b = cpu_map_of(b, n, 0);
    for (size_t at = line * width * ld, end = at + width * ld; at < end; at += ld) {
#define ADD_LOOP(NARROW)                                                                                     \
  CPU_FOR_LANES(out->c, add_step, NARROW, &map_a, cells_at(NARROW, cpu_at(a->raw), at), &map_b,              \
                cells_at(NARROW, cpu_at(b->raw), at), cells_to(NARROW, cpu_at(out->raw), at))
      if (narrow)
        ADD_LOOP(true);
      else
        ADD_LOOP(false);
#undef ADD_LOOP
    }
  }
}

static void dropout_gate(cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed,
                         uint64_t step) {
  const float keep = (float)(1.0 / (1.0 - (double)p));
  float *out = cpu_at(gate);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t i = 0; i < count; i++) out[i] = cream_rng_dropout(seed, step, i) < p ? 0.0f : keep;
}

void CPU_NAME(cpu_tuned_pool_init)(cream_backend *backend) {
  CREAM_POOL_OPS(CREAM_SET_OP)
}
