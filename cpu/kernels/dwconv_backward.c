#include "dwconv.h"

#include "bn.h"
#include "sink.h"

#include <omp.h>

/* Images are grouped, and each group has a partial weight gradient: the least number of groups, and of work
 * items (where there are enough images). */
enum { MIN_GROUPS = 16, MIN_ITEMS = 64 };

/* ---- products ---------------------------------------------------------------------------------------- */

/* One row of the input's gradient in coordinates of the padded input: `tiles` times `t` columns P, each
 * sum of w[kx] * dy[(P - kx*d) / s] where s divides. rows->in[] begin (k-1)*d/s columns left of P/s = 0. */
CPU_INLINE void data_products(int k, int s, int d, int t, const dw_rows *rows, const float *weights,
                              int tiles, float *out) {
  const int left = (k - 1) * d / s, columns = left + (t - 1) / s + 1;
  for (int tile = 0; tile < tiles; tile++, out += t * CPU_LANES) {
    vf sum[DW_MAX_TILE] = {{0}};
    for (int r = 0; r < rows->count; r++) {
      const float *in = rows->in[r] + tile * (t / s) * CPU_LANES;
      const float *taps = weights + rows->ky[r] * k * CPU_LANES;
      DW_UNROLL
      for (int j = 0; j < columns; j++) {
        vf v = vf_load(in + j * CPU_LANES);
        DW_UNROLL
        for (int kx = 0; kx < k; kx++) {
          int i = (j - left) * s + kx * d;
          if (i >= 0 && i < t) sum[i] = vf_fma(v, vf_load(taps + kx * CPU_LANES), sum[i]);
        }
      }
    }
    DW_UNROLL
    for (int i = 0; i < t; i++) vf_store(out + i * CPU_LANES, sum[i]);
  }
}

/* sums[ky][kx] += sum over columns of dy[column] * x[column*s + kx*d]: `m` kernel rows from in[first] on. */
CPU_INLINE void weight_rows(int k, int s, int d, int t, int m, const dw_rows *rows, int first,
                            const float *dy, int tiles, float *sums) {
  vf sum[9] = {{0}};
  for (int tile = 0; tile < tiles; tile++) {
    vf g[DW_MAX_TILE];
    DW_UNROLL
    for (int i = 0; i < t; i++) g[i] = vf_load(dy + (tile * t + i) * CPU_LANES);
    DW_UNROLL
    for (int r = 0; r < m; r++) {
      const float *in = rows->in[first + r] + tile * t * s * CPU_LANES;
      DW_UNROLL
      for (int j = 0; j < (t - 1) * s + (k - 1) * d + 1; j++) {
        vf v = vf_load(in + j * CPU_LANES);
        DW_UNROLL
        for (int kx = 0; kx < k; kx++) {
          int i = j - kx * d;
          if (i >= 0 && i % s == 0 && i / s < t) sum[r * k + kx] = vf_fma(v, g[i / s], sum[r * k + kx]);
        }
      }
    }
  }
  DW_UNROLL
  for (int r = 0; r < m; r++) {
    float *at = sums + rows->ky[first + r] * k * CPU_LANES;
    DW_UNROLL
    for (int kx = 0; kx < k; kx++, at += CPU_LANES) vf_store(at, vf_load(at) + sum[r * k + kx]);
  }
}
/* All kernel rows; three at a time where one has too few sums to hide the latency of an addition. */
CPU_INLINE void weight_products(int k, int s, int d, int t, const dw_rows *rows, const float *dy, int tiles,
                                float *sums) {
  int first = 0;
  if (k == 3 && rows->count == 3) {
    weight_rows(k, s, d, t, 3, rows, 0, dy, tiles, sums);
    return;
  }
  for (; first < rows->count; first++) weight_rows(k, s, d, t, 1, rows, first, dy, tiles, sums);
}

typedef void data_kernel(const cream_conv *, const dw_rows *, const float *weights, int tiles, float *out);
typedef void weight_kernel(const cream_conv *, const dw_rows *, const float *dy, int tiles, float *sums);

/* Tiles of one column, for all other shapes. */
static void data_any(const cream_conv *conv, const dw_rows *rows, const float *weights, int tiles,
                     float *out) {
  int k = conv->kernel, s = conv->stride, d = conv->dilation, left = (k - 1) * d / s;
  for (int i = 0; i < tiles; i++) {
    vf sum = {0};
    for (int r = 0; r < rows->count; r++)
      for (int kx = 0; kx < k; kx++) {
        int column = left * s + i - kx * d;
        if (column >= 0 && column % s == 0)
          sum = vf_fma(vf_load(rows->in[r] + column / s * CPU_LANES),
                       vf_load(weights + (rows->ky[r] * k + kx) * CPU_LANES), sum);
      }
    vf_store(out + i * CPU_LANES, sum);
  }
}
static void weight_any(const cream_conv *conv, const dw_rows *rows, const float *dy, int tiles, float *sums) {
  for (int r = 0; r < rows->count; r++)
    for (int kx = 0; kx < conv->kernel; kx++) {
      float *at = sums + (rows->ky[r] * conv->kernel + kx) * CPU_LANES;
      vf sum = {0};
      for (int i = 0; i < tiles; i++)
        sum = vf_fma(vf_load(dy + i * CPU_LANES),
                     vf_load(rows->in[r] + (i * conv->stride + kx * conv->dilation) * CPU_LANES), sum);
      vf_store(at, vf_load(at) + sum);
    }
}

#define KERNELS(K, S, D, T)                                                                                  \
  static void data_##K##_##S##_##D##_##T(const cream_conv *conv, const dw_rows *rows, const float *weights,  \
                                         int tiles, float *out) {                                            \
    (void)conv;                                                                                              \
    data_products(K, S, D, T, rows, weights, tiles, out);                                                    \
  }                                                                                                          \
  static void weight_##K##_##S##_##D##_##T(const cream_conv *conv, const dw_rows *rows, const float *dy,     \
                                           int tiles, float *sums) {                                         \
    (void)conv;                                                                                              \
    weight_products(K, S, D, T, rows, dy, tiles, sums);                                                      \
  }
DW_SHAPES(KERNELS)

#define DATA_ENTRY(K, S, D, T) data_##K##_##S##_##D##_##T,
static data_kernel *const data_kernels[] = {DW_SHAPES(DATA_ENTRY) data_any};
#define WEIGHT_ENTRY(K, S, D, T) weight_##K##_##S##_##D##_##T,
static weight_kernel *const weight_kernels[] = {DW_SHAPES(WEIGHT_ENTRY) weight_any};

/* ---- plan -------------------------------------------------------------------------------------------- */

typedef struct backward_plan {
  int data, data_tiles, weight, weight_tiles; /* kernels, and tiles of a row */
  int groups;                                 /* of images */
  dw_blocks blocks;
  dw_ring x, dy; /* the slopes act'(node) have a ring like x */
} backward_plan;

static backward_plan backward_plan_of(const cream_conv *conv, int n, int w) {
  int s = conv->stride, reach = (conv->kernel - 1) * conv->dilation, wo = cream_conv_out(conv, w);
  int pad = cream_conv_pads(conv, w).before;
  int width = w + pad % s; /* data tiles begin at a multiple of the stride */
  backward_plan plan = {.data = dw_pick(conv, width, s), .weight = dw_pick(conv, wo, 1)};
  int tile = dw_tile(plan.data), weight_cols = dw_tiles(wo, dw_tile(plan.weight)) * dw_tile(plan.weight);
  plan.data_tiles = dw_tiles(width, tile);
  plan.weight_tiles = dw_tiles(wo, dw_tile(plan.weight));
  int x_rows = cpu_max(reach, s - 1) + 1, x_cols = cpu_max((weight_cols - 1) * s + reach + 1, w + pad);
  int dy_rows = reach / s + 1;
  int dy_cols = reach / s + cpu_max((pad + plan.data_tiles * tile) / s + 1, cpu_max(weight_cols, wo));
  plan.blocks = dw_blocks_of(n, conv->cin, 2 * dw_ring_unit(x_rows, x_cols) + dw_ring_unit(dy_rows, dy_cols));
  plan.groups = cpu_min(n, cpu_max(MIN_GROUPS, dw_tiles(MIN_ITEMS, plan.blocks.count)));
  plan.x = dw_ring_of(x_rows, pad, x_cols, plan.blocks.vectors);
  plan.dy = dw_ring_of(dy_rows, reach / s, dy_cols, plan.blocks.vectors);
  return plan;
}

typedef struct backward_op {
  const cream_conv *conv;
  const cream_tensor *x, *y;
  const cream_grad *dy;
  const cream_sink *sink;
  backward_plan plan;
  int pad_h, pad_w; /* rows of zeros above x, columns to its left */
  bool want_g;
  bool fused;           /* the node is x: its slopes come with the values of x */
  const float *weights; /* [vector][tap][lane] */
  float *dweights;      /* [group][vector][taps, then bias][lane] */
  float *partials;      /* of the sink; a tile is an image row */
} backward_op;

/* A thread's scratch. */
typedef struct workbench {
  dw_ring x, slope, dy;
  float *out;                     /* a row of data tiles */
  float *node_value, *node_slope; /* a row of pixels, where not fused */
} workbench;

CPU_INLINE void map_x_step(const cpu_map *map, cream_act act, const float *raw, ptrdiff_t ahead,
                           const dw_ring *ring, cpu_map_parts parts, int c, int lanes) {
  dw_fetch(raw + c, ahead);
  cpu_map_parts_step(map, act, raw, parts, dw_vector_offset(ring, c) - (size_t)c, c, lanes);
}
/* Row iy of x into the ring, and where the node is x its slopes with it. */
static void map_x_row(const backward_op *op, const workbench *bench, int n, int iy, dw_block block) {
  const cream_tensor *x = op->x;
  if (!op->fused) {
    dw_ring_map(&bench->x, x, n, iy, block.c0, block.channels);
    return;
  }
  const float *raw = cpu_at(x->raw) + dw_row_offset(x, n, iy) + block.c0;
  const ptrdiff_t ahead = dw_ahead(x, iy, block.channels);
  const cpu_map map = cpu_map_of(x, n, block.c0);
  cpu_map_parts parts = {.value = dw_ring_pixels(&bench->x, iy, 0),
                         .slope = dw_ring_pixels(&bench->slope, iy, 0)};
#define X_LOOP(ACT)                                                                                          \
  for (int i = 0; i < x->w; i++, raw += x->c, parts.value += CPU_LANES, parts.slope += CPU_LANES)            \
  CPU_FOR_LANES(block.channels, map_x_step, &map, ACT, raw, ahead, &bench->x, parts)
  CPU_ACT_SWITCH(x->act, X_LOOP);
#undef X_LOOP
}

CPU_INLINE void map_dy_step(const cpu_pending *pending, cream_act act, const float *g, const float *raw,
                            ptrdiff_t ahead, const dw_ring *ring, float *dst, int c, int lanes) {
  dw_fetch(raw + c, ahead);
  if (g) dw_fetch(g + c, ahead);
  cpu_pending_step(pending, act, g, raw, dst + dw_vector_offset(ring, c) - c, c, lanes);
}
/* Row oy of the gradient of y into the ring. */
static void map_dy_row(const backward_op *op, const workbench *bench, int n, int oy, dw_block block) {
  const cream_tensor *y = op->y;
  const size_t row = dw_row_offset(y, n, oy) + (size_t)block.c0;
  const float *raw = cpu_at(y->raw) + row, *g = cpu_at(op->dy->g) ? cpu_at(op->dy->g) + row : NULL;
  const ptrdiff_t ahead = dw_ahead(y, oy, block.channels);
  const cpu_pending pending = cpu_pending_of(y, op->dy, n, block.c0);
  float *dst = dw_ring_pixels(&bench->dy, oy, 0);
#define DY_LOOP(ACT)                                                                                         \
  for (int i = 0; i < y->w; i++, raw += y->c, dst += CPU_LANES) {                                            \
    CPU_FOR_LANES(block.channels, map_dy_step, &pending, ACT, g, raw, ahead, &bench->dy, dst);               \
    if (g) g += y->c;                                                                                        \
  }
  CPU_ACT_SWITCH(pending.slope ? pending.map.act : CREAM_ACT_NONE, DY_LOOP);
#undef DY_LOOP
}

/* Adds the part of output row oy to the block's weight (and bias) gradients. */
static void weight_row(const backward_op *op, const workbench *bench, int oy, dw_block block, float *sums) {
  const cream_conv *conv = op->conv;
  int taps = conv->kernel * conv->kernel;
  dw_rows rows = {.count = 0};
  for (int ky = 0; ky < conv->kernel; ky++) {
    int iy = oy * conv->stride - op->pad_h + ky * conv->dilation;
    if (iy >= 0 && iy < op->x->h) dw_rows_add(&rows, ky, dw_ring_row(&bench->x, iy));
  }
  for (int v = 0; v < block.vectors; v++, sums += (taps + 1) * CPU_LANES) {
    const float *dy = dw_ring_pixels(&bench->dy, oy, v);
    weight_kernels[op->plan.weight](conv, &rows, dy, op->plan.weight_tiles, sums);
    dw_rows_advance(&rows, bench->x.ld_vector);
    if (!cream_buf_present(conv->dbias)) continue;
    vf sum = {0};
    for (int i = 0; i < op->y->w; i++) sum += vf_load(dy + i * CPU_LANES);
    vf_store(sums + taps * CPU_LANES, vf_load(sums + taps * CPU_LANES) + sum);
  }
}

/* Prefetches `width` pixels that lie ld floats apart, `ahead` floats on. */
CPU_INLINE void fetch_pixels(const float *at, int width, size_t ld, ptrdiff_t ahead) {
  for (int i = 0; i < width; i++, at += ld) dw_fetch(at, ahead);
}

/* Row iy of the input's gradient: the products, then the sink. */
static void data_row(const backward_op *op, const workbench *bench, int n, int iy, dw_block block) {
  const cream_conv *conv = op->conv;
  const cream_sink *sink = op->sink;
  const cream_tensor *node = sink->node;
  int s = conv->stride, taps = conv->kernel * conv->kernel;
  const size_t ld = (size_t)node->c;
  dw_rows rows = {.count = 0};
  for (int ky = 0; ky < conv->kernel; ky++) {
    int row = iy + op->pad_h - ky * conv->dilation;
    if (row >= 0 && row % s == 0 && row / s < op->y->h)
      dw_rows_add(&rows, ky, dw_ring_row(&bench->dy, row / s) + op->pad_w / s * CPU_LANES);
  }
  cpu_sink_tile tile = {.index = (size_t)n * (size_t)node->h + (size_t)iy,
                        .row = ((size_t)n * (size_t)node->h + (size_t)iy) * (size_t)node->w,
                        .rows = (size_t)node->w,
                        .ld = CPU_LANES,
                        .d = bench->out + op->pad_w % s * CPU_LANES,
                        .ld_d = CPU_LANES};
  for (int v = 0; v < block.vectors; v++) {
    int c = (block.v0 + v) * CPU_LANES, lanes = dw_lanes(node->c, c);
    const size_t at = tile.row * ld + (size_t)c;
    data_kernels[op->plan.data](conv, &rows,
                                op->weights + (size_t)(block.v0 + v) * (size_t)(taps * CPU_LANES),
                                op->plan.data_tiles, bench->out);
    dw_rows_advance(&rows, bench->dy.ld_vector);
    if (!cpu_streams(node, cpu_at(sink->g)))
      fetch_pixels(cpu_at(sink->g) + at, node->w, ld, (ptrdiff_t)ld * node->w);
    tile.c0 = c;
    tile.channels = lanes;
    if (op->fused) {
      tile.slope = dw_ring_pixels(&bench->slope, iy, v);
    } else if (node->act != CREAM_ACT_NONE || cpu_sink_gated(sink)) {
      cpu_map map = cpu_map_of(node, n, c);
      cpu_map_parts parts = {.ungated = bench->node_value, .slope = bench->node_slope};
      cpu_map_rows_parts(&map, cpu_at(node->raw) + at, ld, tile.rows, lanes, parts, CPU_LANES);
      tile.slope = bench->node_slope;
      tile.value = bench->node_value;
    }
    CPU_NAME(cpu_sink_finish)(sink, &tile, op->partials);
  }
}

/* One image, one block of channels. For each output row: maps its gradient and the rows of x that it needs,
 * adds its part of the weight gradients, then computes the input rows that are complete. */
static void backward_image(const backward_op *op, const workbench *bench, int n, dw_block block,
                           float *sums) {
  const cream_conv *conv = op->conv;
  int s = conv->stride, ahead = cpu_max((conv->kernel - 1) * conv->dilation, s - 1), next = 0;
  int steps = cpu_max(op->y->h, (op->x->h - 1 + op->pad_h) / s + 1);
  for (int oy = 0; oy < steps; oy++) {
    int top = oy * s - op->pad_h;
    for (; next <= cpu_min(top + ahead, op->x->h - 1); next++) map_x_row(op, bench, n, next, block);
    if (oy < op->y->h) {
      map_dy_row(op, bench, n, oy, block);
      weight_row(op, bench, oy, block, sums);
    }
    if (!op->want_g) continue;
    for (int iy = cpu_max(top, 0); iy <= cpu_min(top + s - 1, op->x->h - 1); iy++)
      data_row(op, bench, n, iy, block);
  }
}

/* dweight, dbias = the groups' partials, summed in their order. */
static void merge_weights(const cpu_backend *cpu, const backward_op *op) {
  const cream_conv *conv = op->conv;
  int taps = conv->kernel * conv->kernel;
  const size_t ld = (size_t)op->plan.blocks.total * (size_t)(taps + 1) * CPU_LANES;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int v = 0; v < op->plan.blocks.total; v++) {
    const int c0 = v * CPU_LANES, lanes = dw_lanes(conv->cin, c0);
    for (int tap = 0; tap <= taps; tap++) {
      const float *at = op->dweights + (v * (taps + 1) + tap) * CPU_LANES;
      double sum[CPU_LANES] = {0};
      for (int group = 0; group < op->plan.groups; group++, at += ld)
        for (int i = 0; i < CPU_LANES; i++) sum[i] += (double)at[i];
      for (int i = 0; i < lanes; i++) {
        if (tap < taps)
          cpu_at(conv->dweight)[(c0 + i) * taps + tap] = (float)sum[i];
        else if (cream_buf_present(conv->dbias))
          cpu_at(conv->dbias)[c0 + i] = (float)sum[i];
      }
    }
  }
}

/* ---- workspace --------------------------------------------------------------------------------------- */

static size_t dweights_size(const cream_conv *conv, const backward_plan *plan) {
  size_t taps = (size_t)(conv->kernel * conv->kernel);
  return (size_t)plan->groups * (size_t)plan->blocks.total * (taps + 1) * CPU_LANES;
}
static size_t out_size(const backward_plan *plan) {
  return (size_t)(plan->data_tiles * dw_tile(plan->data)) * CPU_LANES;
}
static size_t bench_size(const backward_plan *plan) {
  return 2 * plan->x.size + plan->dy.size + 3 * out_size(plan);
}
static workbench bench_at(const backward_plan *plan, float *scratch) {
  workbench bench = {plan->x, plan->x, plan->dy, NULL, NULL, NULL};
  bench.x.data = scratch;
  bench.slope.data = bench.x.data + plan->x.size;
  bench.dy.data = bench.slope.data + plan->x.size;
  bench.out = bench.dy.data + plan->dy.size;
  bench.node_value = bench.out + out_size(plan);
  bench.node_slope = bench.node_value + out_size(plan);
  memset(scratch, 0, (2 * plan->x.size + plan->dy.size) * sizeof *scratch);
  return bench;
}

void CPU_NAME(cpu_dwconv_backward)(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                                   const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cpu_backend *cpu = cpu_of(backend);
  backward_plan plan = backward_plan_of(conv, x->n, x->w);
  const bool want_g = cream_buf_present(sink->g);
  size_t packed = dw_packed_size(conv), dweights = dweights_size(conv, &plan);
  size_t partials = want_g ? cpu_sink_partials(cpu_sink_gated(sink), (size_t)(x->n * x->h), x->n, x->c) : 0;
  CREAM_ASSERT(conv->kernel <= DW_MAX_KERNEL);
  CREAM_ASSERT(bench_size(&plan) <= cpu->scratch_size && packed + dweights + partials <= cpu->shared_size);

  backward_op op = {
      .conv = conv,
      .x = x,
      .y = y,
      .dy = dy,
      .sink = sink,
      .plan = plan,
      .pad_h = cream_conv_pads(conv, x->h).before,
      .pad_w = cream_conv_pads(conv, x->w).before,
      .want_g = want_g,
      .fused = want_g && cpu_at(sink->node->raw) == cpu_at(x->raw) && x->act != CREAM_ACT_NONE &&
               !cpu_sink_gated(sink),
      .weights = cpu->shared,
      .dweights = cpu->shared + packed,
      .partials = cpu->shared + packed + dweights,
  };
  const size_t taps = (size_t)(conv->kernel * conv->kernel);
  const int blocks = plan.blocks.count;
  cpu_tasks_begin(cpu, (size_t)(plan.groups * blocks));
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    workbench bench = bench_at(&plan, cpu_scratch(cpu, thread));
#pragma omp for schedule(static)
    for (int v = 0; v < plan.blocks.total; v++) dw_pack_vector(conv, v, cpu->shared);
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) {
      const int group = (int)task / blocks;
      const dw_block block = dw_block_of(&plan.blocks, (int)task % blocks, x->c);
      const size_t vector = (size_t)group * (size_t)plan.blocks.total + (size_t)block.v0;
      const size_t floats = (taps + 1) * CPU_LANES;
      float *sums = op.dweights + vector * floats;
      memset(sums, 0, (size_t)block.vectors * floats * sizeof *sums);
      for (int n = x->n * group / plan.groups; n < x->n * (group + 1) / plan.groups; n++)
        backward_image(&op, &bench, n, block, sums);
    }
    vf_stream_end();
  }
  merge_weights(cpu, &op);
  if (want_g) CPU_NAME(cpu_sink_merge)(cpu, sink, (size_t)x->w, op.partials);
}

void CPU_NAME(cpu_dwconv_backward_workspace)(const cream_conv *conv, int n, int h, int w,
                                             cpu_workspace *workspace) {
  size_t dweights = 0;
  for (int width = 1; width <= w; width++) {
    if (cream_conv_out(conv, width) < 1) continue;
    backward_plan plan = backward_plan_of(conv, n, width);
    cpu_raise(&workspace->scratch, bench_size(&plan));
    cpu_raise(&dweights, dweights_size(conv, &plan));
  }
  size_t partials = cpu_sink_partials(true, (size_t)n * (size_t)h, n, conv->cin);
  cpu_raise(&workspace->shared, dw_packed_size(conv) + dweights + partials);
}
