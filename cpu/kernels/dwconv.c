#include "dwconv.h"

#include "bn.h"

#include <omp.h>

enum { STRIP_ROWS = 64, CHAINS = 4 }; /* most output rows of a work item; separate sums along a row */

#define ROW_ARGUMENTS                                                                                        \
  const cream_conv *conv, const dw_rows *rows, size_t at, int parts, const float *weights,                   \
      const float *bias, int tiles, float *out

/* One row of outputs of `parts` vectors of the unit at rows->in[] + at: `tiles` times `t` columns to out[column][CPU_WIDE]. */
CPU_INLINE void row_products(int k, int s, int d, int t, int whole, ROW_ARGUMENTS) {
  const int together = DW_TOGETHER(t), margin = dw_margin(k, d);
  (void)conv;
  for (int p = 0; p < parts; p += together, at += together * CPU_LANES, weights += together * CPU_LANES) {
    for (int tile = 0; tile < tiles; tile++) {
      vf sum[2 * DW_MAX_TILE];
      DW_UNROLL
      for (int q = 0; q < together; q++) DW_UNROLL
      for (int i = 0; i < t; i++) sum[q * t + i] = vf_load(bias + (p + q) * CPU_LANES);
      for (int r = 0; r < rows->count; r++) {
        const float *in = rows->in[r] + at + tile * t * s * CPU_WIDE;
        const float *taps = weights + rows->ky[r] * k * CPU_WIDE;
        DW_UNROLL
        for (int j = 0; j < (t - 1) * s + (k - 1) * d + 1; j++) {
          if (whole && (j < margin || j >= margin + t * s)) continue;
          DW_UNROLL
          for (int q = 0; q < together; q++) {
            vf v = vf_load(in + j * CPU_WIDE + q * CPU_LANES);
            DW_UNROLL
            for (int kx = 0; kx < k; kx++) {
              int i = j - kx * d;
              if (i >= 0 && i % s == 0 && i / s < t)
                sum[q * t + i / s] =
                    vf_fma(v, vf_load(taps + kx * CPU_WIDE + q * CPU_LANES), sum[q * t + i / s]);
            }
          }
        }
      }
      float *to = out + tile * t * CPU_WIDE + p * CPU_LANES;
      DW_UNROLL
      for (int q = 0; q < together; q++) DW_UNROLL
      for (int i = 0; i < t; i++) vf_store(to + i * CPU_WIDE + q * CPU_LANES, sum[q * t + i]);
    }
  }
}

typedef void row_kernel(ROW_ARGUMENTS);

/* Tiles of one column, for all other shapes. */
static void row_any(ROW_ARGUMENTS) {
  for (int p = 0; p < parts * CPU_LANES; p += CPU_LANES)
    for (int i = 0; i < tiles; i++) {
      vf sum = vf_load(bias + p);
      for (int r = 0; r < rows->count; r++)
        for (int kx = 0; kx < conv->kernel; kx++)
          sum = vf_fma(vf_load(rows->in[r] + at + p + (i * conv->stride + kx * conv->dilation) * CPU_WIDE),
                       vf_load(weights + p + (rows->ky[r] * conv->kernel + kx) * CPU_WIDE), sum);
      vf_store(out + i * CPU_WIDE + p, sum);
    }
}

#define ROW_KERNEL(K, S, D, T, E)                                                                            \
  static void row_##K##_##S##_##D##_##T##_##E(ROW_ARGUMENTS) {                                               \
    row_products(K, S, D, T, E, conv, rows, at, parts, weights, bias, tiles, out);                           \
  }
DW_SHAPES(ROW_KERNEL)

#define ROW_ENTRY(K, S, D, T, E) row_##K##_##S##_##D##_##T##_##E,
static row_kernel *const row_kernels[] = {DW_SHAPES(ROW_ENTRY) row_any};

typedef struct forward_plan {
  int kernel, tiles, strip_rows, strips;
  dw_blocks blocks;
  dw_ring ring;
} forward_plan;

static forward_plan forward_plan_of(const cream_conv *conv, int n, int h, int w) {
  int ho = cream_conv_out(conv, h), wo = cream_conv_out(conv, w), reach = (conv->kernel - 1) * conv->dilation;
  forward_plan plan = {.kernel = dw_pick(conv, w, wo, 1, wo)};
  int tile = dw_tile(plan.kernel), pad = cream_conv_pads(conv, w).before;
  plan.tiles = dw_tiles(wo, tile);
  int cols = cpu_max((plan.tiles * tile - 1) * conv->stride + reach + 1, w + pad);
  plan.blocks = dw_blocks_of(n, conv->cin, dw_ring_unit(reach + 1, cols));
  plan.ring = dw_ring_of(reach + 1, pad, cols, plan.blocks.units);
  plan.strip_rows = dw_tiles(ho, dw_tiles(ho, STRIP_ROWS));
  plan.strips = dw_tiles(ho, plan.strip_rows);
  return plan;
}

/* Statistics of one vector of channels over a strip, shifted by the strip's first pixel. */
typedef struct moments {
  vf shift, sum, squares;
} moments;

/* Adds up the sums of a row of one vector of channels, and writes the row: this vector (`lanes` of it) and the
 * `before` ones that lie before it in the same line. */
CPU_INLINE void measure_row(const float *out, int width, bool narrow, void *y, size_t ld, int lanes,
                            int before, moments *m) {
  vf sum[CHAINS] = {{0}}, squares[CHAINS] = {{0}}, shift = m->shift;
#define MEASURE(I, J)                                                                                        \
  {                                                                                                          \
    const float *from = out + (I)*CPU_WIDE;                                                                  \
    vf v = vf_load(from);                                                                                    \
    if (before >= 0) {                                                                                       \
      void *to = cells_to(narrow, y, (size_t)(I)*ld);                                                        \
      dw_fetch(narrow, to, (ptrdiff_t)ld *width);                                                            \
      CPU_UNROLL                                                                                             \
      for (int b = before; b > 0; b--)                                                                       \
        cells_store(narrow, to, -b *CPU_LANES, vf_load(from - b * CPU_LANES), CPU_LANES);                    \
      cells_store(narrow, to, 0, v, lanes);                                                                  \
    }                                                                                                        \
    v -= shift;                                                                                              \
    sum[J] += v;                                                                                             \
    squares[J] = vf_fma(v, v, squares[J]);                                                                   \
  }
  int i = 0;
  for (; i + CHAINS <= width; i += CHAINS) {
    DW_UNROLL
    for (int j = 0; j < CHAINS; j++) MEASURE(i + j, j)
  }
  for (; i < width; i++) MEASURE(i, 0)
#undef MEASURE
  m->sum += (sum[0] + sum[1]) + (sum[2] + sum[3]);
  m->squares += (squares[0] + squares[1]) + (squares[2] + squares[3]);
}
/* The same for a unit of `channels` channels; a whole line is written at once. */
CPU_INLINE void measure_unit_as(bool narrow, const float *out, int width, void *y, size_t ld, int channels,
                                moments *m) {
  int p = 0;
  if (channels == CPU_WIDE) {
    for (; p < CPU_PARTS - 1; p++)
      measure_row(out + p * CPU_LANES, width, false, NULL, 0, CPU_LANES, -1, &m[p]);
    void *last = cells_to(narrow, y, (size_t)(p * CPU_LANES));
    measure_row(out + p * CPU_LANES, width, narrow, last, ld, CPU_LANES, CPU_PARTS - 1, &m[p]);
    return;
  }
  for (; p * CPU_LANES < channels; p++)
    measure_row(out + p * CPU_LANES, width, narrow, cells_to(narrow, y, (size_t)(p * CPU_LANES)), ld,
                cpu_min(CPU_LANES, channels - p * CPU_LANES), 0, &m[p]);
}
static void measure_unit(const float *out, int width, bool narrow, void *y, size_t ld, int channels,
                         moments *m) {
  if (narrow)
    measure_unit_as(true, out, width, y, ld, channels, m);
  else
    measure_unit_as(false, out, width, y, ld, channels, m);
}

CPU_INLINE void finish_step(const float *out, cream_act act, bool narrow, void *y, int c, int lanes) {
  cells_store(narrow, y, c, vf_act(act, vf_load(out + c)), lanes);
}
/* Writes a row of outputs of a unit through the activation of a network for inference. */
static void finish_unit(cream_act act, const float *out, int width, bool narrow, void *y, size_t ld,
                        int channels) {
#define FINISH_LOOP(ACT, NARROW)                                                                             \
  for (int i = 0; i < width; i++, out += CPU_WIDE, y = cells_to(NARROW, y, ld))                              \
  CPU_FOR_LANES(channels, finish_step, out, ACT, NARROW, y)
#define FINISH_LOOPS(ACT) CPU_CELLS_CASES(narrow, FINISH_LOOP, ACT)
  CPU_ACT_SWITCH(act, FINISH_LOOPS);
#undef FINISH_LOOPS
#undef FINISH_LOOP
}

typedef struct forward_op {
  const cream_conv *conv;
  const cream_tensor *x, *y;
  bool narrow_x, narrow_y; /* how they are stored (cells.h) */
  forward_plan plan;
  const float *weights, *bias; /* [unit][tap][CPU_WIDE], [unit][CPU_WIDE] */
  float *partials;             /* [image][strip][2][C], mean and M2; NULL: no statistics */
} forward_op;

/* One image, one strip of output rows, one block of channels. */
static void forward_item(const forward_op *op, const dw_ring *ring, float *out, int n, int strip,
                         dw_block block) {
  const cream_conv *conv = op->conv;
  const cream_tensor *x = op->x, *y = op->y;
  const forward_plan *plan = &op->plan;
  int taps = conv->kernel * conv->kernel, channels = y->c, pad = cream_conv_pads(conv, x->h).before;
  int first = strip * plan->strip_rows, last = cpu_min(first + plan->strip_rows, y->h);
  int next = cpu_max(first * conv->stride - pad, 0);
  moments sums[DW_BLOCK_MOST / CPU_LANES];
  memset(sums, 0, (size_t)(block.units * CPU_PARTS) * sizeof *sums);
  for (int oy = first; oy < last; oy++) {
    int top = oy * conv->stride - pad, bottom = top + (conv->kernel - 1) * conv->dilation;
    for (; next <= cpu_min(bottom, x->h - 1); next++)
      dw_ring_map(ring, x, op->narrow_x, n, next, block.c0, block.channels);
    dw_rows rows;
    rows.count = 0;
    for (int ky = 0; ky < conv->kernel; ky++) {
      int iy = top + ky * conv->dilation;
      if (iy >= 0 && iy < x->h) dw_rows_add(&rows, ky, dw_ring_row(ring, iy));
    }
    for (int u = 0; u < block.units; u++) {
      const int c = (block.u0 + u) * CPU_WIDE, count = dw_unit_channels(channels, c);
      moments *m = sums + u * CPU_PARTS;
      const int parts = dw_tiles(count, CPU_LANES);
      row_kernels[plan->kernel](conv, &rows, (size_t)u * ring->ld_unit, parts,
                                op->weights + (size_t)c * (size_t)taps, op->bias + c, plan->tiles, out);
      if (oy == first)
        for (int p = 0; p < parts; p++) m[p].shift = vf_load(out + p * CPU_LANES);
      void *row = cells_to(op->narrow_y, cpu_at(y->raw), dw_row_offset(y, n, oy) + (size_t)c);
      if (op->partials)
        measure_unit(out, y->w, op->narrow_y, row, (size_t)channels, count, m);
      else
        finish_unit(conv->act, out, y->w, op->narrow_y, row, (size_t)channels, count);
    }
  }
  if (!op->partials) return;
  float *partial = op->partials + ((size_t)n * plan->strips + strip) * cpu_bn_partial(channels);
  float inverse = 1.0f / (float)((last - first) * y->w);
  for (int v = 0; v * CPU_LANES < block.channels; v++) {
    const int c = block.c0 + v * CPU_LANES, lanes = cpu_min(CPU_LANES, channels - c);
    vf mean = sums[v].sum * inverse;
    vf_store_n(partial + c, sums[v].shift + mean, lanes);
    vf_store_n(partial + channels + c, vf_max(vf_fma(-sums[v].sum, mean, sums[v].squares), (vf){0}), lanes);
  }
}

/* Floats of the packed weights and biases. */
static size_t forward_packed(const cream_conv *conv) {
  return dw_packed_size(conv) + cpu_line((size_t)conv->cin);
}
static size_t forward_scratch(const forward_plan *plan) {
  return plan->ring.size + (size_t)(plan->tiles * dw_tile(plan->kernel) * CPU_WIDE);
}

void CPU_NAME(cpu_dwconv_forward)(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                                  const cream_bn *bn, cream_bn_mode mode, float momentum,
                                  const cream_tensor *y) {
  cpu_backend *cpu = cpu_of(backend);
  int channels = x->c;
  forward_plan plan = forward_plan_of(conv, x->n, x->h, x->w);
  cpu_tiling tiling = {(size_t)x->n, (size_t)(y->h * y->w), (size_t)(plan.strip_rows * y->w)};
  size_t packed = forward_packed(conv), partials = cpu_tiling_count(&tiling) * cpu_bn_partial(channels);
  CREAM_ASSERT(conv->kernel <= DW_MAX_KERNEL);
  CREAM_ASSERT(forward_scratch(&plan) <= cpu->scratch_size && packed + partials <= cpu->shared_size);

  float *bias = cpu->shared + dw_packed_size(conv);
  memset(bias, 0, (packed - dw_packed_size(conv)) * sizeof *bias);
  if (cream_buf_present(conv->bias)) memcpy(bias, cpu_at(conv->bias), (size_t)channels * sizeof *bias);
  const bool measured = bn && mode != CREAM_BN_RUNNING;
  forward_op op = {.conv = conv,
                   .x = x,
                   .y = y,
                   .narrow_x = cpu_is_narrow(cpu->narrow, x),
                   .narrow_y = cpu_is_narrow(cpu->narrow, y),
                   .plan = plan,
                   .weights = cpu->shared,
                   .bias = bias,
                   .partials = measured ? cpu->shared + packed : NULL};
  const size_t blocks = (size_t)plan.blocks.count, strips = (size_t)plan.strips;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int u = 0; u < plan.blocks.total; u++) dw_pack_unit(conv, u, cpu->shared);
  cpu_tasks_begin(cpu, (size_t)x->n * strips * blocks);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    dw_ring ring = plan.ring;
    ring.data = cpu_scratch(cpu, thread);
    memset(ring.data, 0, ring.size * sizeof *ring.data);
    for (size_t task; cpu_tasks_next(cpu, thread, &task);)
      forward_item(&op, &ring, ring.data + ring.size, (int)(task / blocks / strips),
                   (int)(task / blocks % strips), dw_block_of(&plan.blocks, (int)(task % blocks), channels));
  }
  if (bn) CPU_NAME(cpu_bn_forward)(cpu, bn, mode, momentum, channels, &tiling, op.partials);
}

void CPU_NAME(cpu_dwconv_workspace)(const cpu_backend *cpu, const cream_conv *conv, int n, int h, int w,
                                    cpu_workspace *workspace) {
  (void)cpu;
  for (int width = 1; width <= w; width++) {
    if (cream_conv_out(conv, width) < 1) continue;
    forward_plan plan = forward_plan_of(conv, n, h, width);
    cpu_raise(&workspace->scratch, forward_scratch(&plan));
  }
  size_t strips = (size_t)dw_tiles(cream_conv_out(conv, h), STRIP_ROWS);
  cpu_raise(&workspace->shared, forward_packed(conv) + (size_t)n * strips * cpu_bn_partial(conv->cin));
  CPU_NAME(cpu_dwconv_backward_workspace)(conv, n, h, w, workspace);
}
