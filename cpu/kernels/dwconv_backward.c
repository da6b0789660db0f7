#include "dwconv.h"

#include "bn.h"
#include "sink.h"

#include <omp.h>

/* Images are grouped, and each group has a partial weight gradient: the least number of groups, and of work
 * items (where there are enough images). */
enum { MIN_GROUPS = 16, MIN_ITEMS = 64, MERGE_TAPS = 26 }; /* taps that are merged at once */

/* ---- products ---------------------------------------------------------------------------------------- */

#define DATA_ARGUMENTS                                                                                       \
  const cream_conv *conv, const dw_rows *rows, size_t at, int parts, const float *weights, int tiles,        \
      const float *slope, float *out
#define WEIGHT_ARGUMENTS                                                                                     \
  const cream_conv *conv, const dw_rows *rows, size_t at, int parts, const float *dy, int tiles, float *sums

/* One row of the input's gradient in coordinates of the padded input, of `parts` vectors of the unit at rows->in[] + at:
 * `tiles` times `t` columns P to out[P][CPU_WIDE], each the sum of w[kx] * dy[(P - kx*d) / s] where s divides, times
 * slope[P] (NULL: 1). rows->in[] begin (k-1)*d/s columns left of P/s = 0. A whole tile begins at P = margin, and its
 * rows->in[] margin/s columns further on. */
CPU_INLINE void data_products(int k, int s, int d, int t, int whole, DATA_ARGUMENTS) {
  const int together = DW_TOGETHER(t), margin = dw_margin(k, d);
  const int left = whole ? (k - 1) * d / s - margin / s : (k - 1) * d / s; /* columns before that of dy[0] */
  const int first = whole ? left : 0, end = whole ? left + (t + s - 1) / s : left + (t - 1) / s + 1;
  (void)conv;
  for (int p = 0; p < parts; p += together, at += together * CPU_LANES, weights += together * CPU_LANES) {
    for (int tile = 0; tile < tiles; tile++) {
      vf sum[2 * DW_MAX_TILE] = {{0}};
      for (int r = 0; r < rows->count; r++) {
        const float *in = rows->in[r] + at + tile * (t / s) * CPU_WIDE;
        const float *taps = weights + rows->ky[r] * k * CPU_WIDE;
        DW_UNROLL
        for (int j = first; j < end; j++) {
          DW_UNROLL
          for (int q = 0; q < together; q++) {
            vf v = vf_load(in + j * CPU_WIDE + q * CPU_LANES);
            DW_UNROLL
            for (int kx = 0; kx < k; kx++) {
              int i = (j - left) * s + kx * d - (whole ? margin : 0);
              if (i >= 0 && i < t)
                sum[q * t + i] = vf_fma(v, vf_load(taps + kx * CPU_WIDE + q * CPU_LANES), sum[q * t + i]);
            }
          }
        }
      }
      const size_t column = (size_t)(tile * t * CPU_WIDE + p * CPU_LANES);
      DW_UNROLL
      for (int q = 0; q < together; q++) {
        DW_UNROLL
        for (int i = 0; i < t; i++) {
          const size_t place = column + (size_t)(i * CPU_WIDE + q * CPU_LANES);
          if (slope) sum[q * t + i] *= vf_load(slope + place);
          vf_store(out + place, sum[q * t + i]);
        }
      }
    }
  }
}

/* sums[ky][kx] += sum over columns of dy[column] * x[column*s + kx*d]: `m` kernel rows from in[first] on. */
CPU_INLINE void weight_rows(int k, int s, int d, int t, int whole, int m, const dw_rows *rows, size_t at,
                            int first, const float *dy, int tiles, float *sums) {
  const int margin = dw_margin(k, d);
  vf sum[9] = {{0}};
  for (int tile = 0; tile < tiles; tile++) {
    vf g[DW_MAX_TILE];
    DW_UNROLL
    for (int i = 0; i < t; i++) g[i] = vf_load(dy + (tile * t + i) * CPU_WIDE);
    DW_UNROLL
    for (int r = 0; r < m; r++) {
      const float *in = rows->in[first + r] + at + tile * t * s * CPU_WIDE;
      DW_UNROLL
      for (int j = 0; j < (t - 1) * s + (k - 1) * d + 1; j++) {
        if (whole && (j < margin || j >= margin + t * s)) continue;
        vf v = vf_load(in + j * CPU_WIDE);
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
    float *to = sums + rows->ky[first + r] * k * CPU_WIDE;
    DW_UNROLL
    for (int kx = 0; kx < k; kx++, to += CPU_WIDE) {
      /* a whole tile of fewer columns has no products for the outer taps */
      const int far = kx * d < margin ? margin - kx * d : kx * d - margin;
      if (!whole || far < t * s) vf_store(to, vf_load(to) + sum[r * k + kx]);
    }
  }
}
/* All kernel rows; three at a time where one has too few sums to hide the latency of an addition. */
CPU_INLINE void weight_products(int k, int s, int d, int t, int whole, WEIGHT_ARGUMENTS) {
  (void)conv;
  for (int p = 0; p < parts; p++, at += CPU_LANES, dy += CPU_LANES, sums += CPU_LANES) {
    if (k == 3 && rows->count == 3) {
      weight_rows(k, s, d, t, whole, 3, rows, at, 0, dy, tiles, sums);
      continue;
    }
    for (int first = 0; first < rows->count; first++)
      weight_rows(k, s, d, t, whole, 1, rows, at, first, dy, tiles, sums);
  }
}

typedef void data_kernel(DATA_ARGUMENTS);
typedef void weight_kernel(WEIGHT_ARGUMENTS);

/* Tiles of one column, for all other shapes; sums have the order of data_products, from the left column of dy. */
static void data_any(DATA_ARGUMENTS) {
  const int k = conv->kernel, s = conv->stride, d = conv->dilation, left = (k - 1) * d / s;
  for (int p = 0; p < parts * CPU_LANES; p += CPU_LANES)
    for (int i = 0; i < tiles; i++) {
      vf sum = {0};
      for (int r = 0; r < rows->count; r++)
        for (int kx = k - 1; kx >= 0; kx--) {
          int column = left * s + i - kx * d;
          if (column >= 0 && column % s == 0)
            sum = vf_fma(vf_load(rows->in[r] + at + p + column / s * CPU_WIDE),
                         vf_load(weights + p + (rows->ky[r] * k + kx) * CPU_WIDE), sum);
        }
      if (slope) sum *= vf_load(slope + p + i * CPU_WIDE);
      vf_store(out + p + i * CPU_WIDE, sum);
    }
}
static void weight_any(WEIGHT_ARGUMENTS) {
  for (int p = 0; p < parts * CPU_LANES; p += CPU_LANES)
    for (int r = 0; r < rows->count; r++)
      for (int kx = 0; kx < conv->kernel; kx++) {
        float *to = sums + p + (rows->ky[r] * conv->kernel + kx) * CPU_WIDE;
        vf sum = {0};
        for (int i = 0; i < tiles; i++)
          sum = vf_fma(vf_load(dy + p + i * CPU_WIDE),
                       vf_load(rows->in[r] + at + p + (i * conv->stride + kx * conv->dilation) * CPU_WIDE),
                       sum);
        vf_store(to, vf_load(to) + sum);
      }
}

#define KERNELS(K, S, D, T, E)                                                                               \
  static void data_##K##_##S##_##D##_##T##_##E(DATA_ARGUMENTS) {                                             \
    data_products(K, S, D, T, E, conv, rows, at, parts, weights, tiles, slope, out);                         \
  }                                                                                                          \
  static void weight_##K##_##S##_##D##_##T##_##E(WEIGHT_ARGUMENTS) {                                         \
    weight_products(K, S, D, T, E, conv, rows, at, parts, dy, tiles, sums);                                  \
  }
DW_SHAPES(KERNELS)

#define DATA_ENTRY(K, S, D, T, E) data_##K##_##S##_##D##_##T##_##E,
static data_kernel *const data_kernels[] = {DW_SHAPES(DATA_ENTRY) data_any};
#define WEIGHT_ENTRY(K, S, D, T, E) weight_##K##_##S##_##D##_##T##_##E,
static weight_kernel *const weight_kernels[] = {DW_SHAPES(WEIGHT_ENTRY) weight_any};

/* ---- plan -------------------------------------------------------------------------------------------- */

typedef struct backward_plan {
  int data, data_tiles, weight, weight_tiles; /* kernels, and tiles of a row */
  int skip;                                   /* columns of data tiles before column 0 of the image */
  int groups;                                 /* of images */
  dw_blocks blocks;
  dw_ring x, dy; /* the slopes act'(node) have a ring like x */
} backward_plan;

static backward_plan backward_plan_of(const cream_conv *conv, int n, int w) {
  int s = conv->stride, reach = (conv->kernel - 1) * conv->dilation, wo = cream_conv_out(conv, w);
  int pad = cream_conv_pads(conv, w).before;
  int width = w + pad % s; /* data tiles begin at a multiple of the stride */
  backward_plan plan = {.data = dw_pick(conv, w, width, s, w), .weight = dw_pick(conv, w, wo, 1, wo)};
  plan.skip = dw_is_whole(plan.data) ? 0 : pad % s;
  int tile = dw_tile(plan.data), weight_cols = dw_tiles(wo, dw_tile(plan.weight)) * dw_tile(plan.weight);
  plan.data_tiles = dw_tiles(w + plan.skip, tile);
  plan.weight_tiles = dw_tiles(wo, dw_tile(plan.weight));
  int x_rows = cpu_max(reach, s - 1) + 1, x_cols = cpu_max((weight_cols - 1) * s + reach + 1, w + pad);
  int dy_rows = reach / s + 1;
  int dy_cols = reach / s + cpu_max((pad + plan.data_tiles * tile) / s + 1, cpu_max(weight_cols, wo));
  plan.blocks = dw_blocks_of(n, conv->cin, 2 * dw_ring_unit(x_rows, x_cols) + dw_ring_unit(dy_rows, dy_cols));
  plan.groups = cpu_min(n, cpu_max(MIN_GROUPS, dw_tiles(MIN_ITEMS, plan.blocks.count)));
  x_cols = cpu_max(x_cols, pad - plan.skip + plan.data_tiles * tile); /* slopes are read for whole tiles */
  plan.x = dw_ring_of(x_rows, pad, x_cols, plan.blocks.units);
  plan.dy = dw_ring_of(dy_rows, reach / s, dy_cols, plan.blocks.units);
  return plan;
}

typedef struct backward_op {
  const cream_conv *conv;
  const cream_tensor *x, *y;
  const cream_grad *dy;
  const cream_sink *sink;
  backward_plan plan;
  bool narrow_x, narrow_y; /* how they and their gradients are stored (cells.h) */
  int pad_h, pad_w;        /* rows of zeros above x, columns to its left */
  bool want_g;
  bool fused;           /* the node is x: its slopes come with the values of x */
  bool sums;            /* and the sink takes no more than the sums of a batch norm */
  const float *weights; /* [unit][tap][CPU_WIDE] */
  float *dweights;      /* [group][unit][taps, then bias][CPU_WIDE] */
  float *partials;      /* of the sink; a tile is an image row */
} backward_op;

/* A thread's scratch. */
typedef struct workbench {
  dw_ring x, slope, dy;
  float *out;                     /* a row of data tiles */
  float *node_value, *node_slope; /* a row of pixels, where not fused */
} workbench;

CPU_INLINE void map_x_step(const cpu_map *map, cream_act act, bool narrow, const void *raw, ptrdiff_t ahead,
                           float *value, float *slope, int c, size_t at, bool line, int lanes) {
  if (line) dw_fetch(narrow, raw, c + ahead);
  const vf_pair pair = vf_act_pair(act, cpu_map_z(map, cells_load(narrow, raw, c, lanes), c, lanes));
  vf mapped = pair.value;
  if (map->gate) mapped *= vf_load_n(map->gate + c, lanes);
  vf_store_n(value + at, mapped, lanes);
  vf_store_n(slope + at, pair.slope, lanes);
}
/* Row iy of x into the ring, and where the node is x its slopes with it. */
static void map_x_row(const backward_op *op, const workbench *bench, int n, int iy, dw_block block) {
  const cream_tensor *x = op->x;
  if (!op->fused) {
    dw_ring_map(&bench->x, x, op->narrow_x, n, iy, block.c0, block.channels);
    return;
  }
  const bool narrow = op->narrow_x;
  const void *raw = cells_at(narrow, cpu_at(x->raw), dw_row_offset(x, n, iy) + (size_t)block.c0);
  const ptrdiff_t ahead = dw_ahead(x, iy, block.channels);
  const cpu_map map = cpu_map_of(x, n, block.c0);
  const size_t ld = bench->x.ld_unit;
  float *value = dw_ring_pixels(&bench->x, iy, 0), *slope = dw_ring_pixels(&bench->slope, iy, 0);
#define X_LOOP(ACT, NARROW)                                                                                  \
  for (int i = 0; i < x->w;                                                                                  \
       i++, raw = cells_at(NARROW, raw, (size_t)x->c), value += CPU_WIDE, slope += CPU_WIDE)                 \
  DW_FOR_UNITS(block.channels, ld, map_x_step, &map, ACT, NARROW, raw, ahead, value, slope)
#define X_CASES(ACT, NARROW) CPU_MAP_CASES(map, X_LOOP, ACT, NARROW)
#define X_LOOPS(ACT)         CPU_CELLS_CASES(narrow, X_CASES, ACT)
  CPU_ACT_SWITCH(x->act, X_LOOPS);
#undef X_LOOPS
#undef X_CASES
#undef X_LOOP
}

CPU_INLINE void map_dy_step(const cpu_pending *pending, cream_act act, bool narrow, const void *g,
                            const void *raw, ptrdiff_t ahead, float *dst, int c, size_t at, bool line,
                            int lanes) {
  if (line) dw_fetch(narrow, raw, c + ahead);
  if (line && pending->has_g) dw_fetch(narrow, g, c + ahead);
  cpu_pending_step(pending, act, narrow, g, raw, dst + at - c, c, lanes);
}
/* Row oy of the gradient of y into the ring. */
static void map_dy_row(const backward_op *op, const workbench *bench, int n, int oy, dw_block block) {
  const cream_tensor *y = op->y;
  const size_t row = dw_row_offset(y, n, oy) + (size_t)block.c0, ld = bench->dy.ld_unit;
  const bool narrow = op->narrow_y;
  const void *raw = cells_at(narrow, cpu_at(y->raw), row);
  const void *g = cpu_at(op->dy->g) ? cells_at(narrow, cpu_at(op->dy->g), row) : raw; /* not read */
  const ptrdiff_t ahead = dw_ahead(y, oy, block.channels);
  const cpu_pending pending = cpu_pending_of(y, op->dy, n, block.c0);
  float *dst = dw_ring_pixels(&bench->dy, oy, 0);
#define DY_LOOP(ACT, NARROW)                                                                                 \
  for (int i = 0; i < y->w; i++, raw = cells_at(NARROW, raw, (size_t)y->c),                                  \
           g = cells_at(NARROW, g, (size_t)y->c), dst += CPU_WIDE)                                           \
  DW_FOR_UNITS(block.channels, ld, map_dy_step, &pending, ACT, NARROW, g, raw, ahead, dst)
#define DY_CASES(ACT, NARROW) CPU_PENDING_CASES(pending, DY_LOOP, ACT, NARROW)
#define DY_LOOPS(ACT)         CPU_CELLS_CASES(narrow, DY_CASES, ACT)
  CPU_ACT_SWITCH(pending.slope ? pending.map.act : CREAM_ACT_NONE, DY_LOOPS);
#undef DY_LOOPS
#undef DY_CASES
#undef DY_LOOP
}

/* Adds the part of output row oy to the block's weight (and bias) gradients. */
static void weight_row(const backward_op *op, const workbench *bench, int oy, dw_block block, float *sums) {
  const cream_conv *conv = op->conv;
  int taps = conv->kernel * conv->kernel;
  dw_rows rows;
  rows.count = 0;
  for (int ky = 0; ky < conv->kernel; ky++) {
    int iy = oy * conv->stride - op->pad_h + ky * conv->dilation;
    if (iy >= 0 && iy < op->x->h) dw_rows_add(&rows, ky, dw_ring_row(&bench->x, iy));
  }
  for (int u = 0; u < block.units; u++, sums += (taps + 1) * CPU_WIDE) {
    const int count = dw_unit_channels(op->x->c, block.c0 + u * CPU_WIDE);
    const int parts = dw_tiles(count, CPU_LANES);
    const float *dy = dw_ring_pixels(&bench->dy, oy, u);
    weight_kernels[op->plan.weight](conv, &rows, (size_t)u * bench->x.ld_unit, parts, dy,
                                    op->plan.weight_tiles, sums);
    for (int p = 0; p < (cream_buf_present(conv->dbias) ? count : 0); p += CPU_LANES) {
      vf sum = {0};
      for (int i = 0; i < op->y->w; i++) sum += vf_load(dy + p + i * CPU_WIDE);
      float *to = sums + taps * CPU_WIDE + p;
      vf_store(to, vf_load(to) + sum);
    }
  }
}

/* Prefetches `width` pixels that lie ld values apart, `ahead` values on. */
CPU_INLINE void fetch_pixels(bool narrow, const void *at, int width, size_t ld, ptrdiff_t ahead) {
  for (int i = 0; i < width; i++, at = cells_at(narrow, at, ld)) dw_fetch(narrow, at, ahead);
}

/* A row of one vector of channels, dz[pixel][CPU_WIDE]: its two sums, and its store with the `before` vectors that lie
 * before it in the same line (-1: it is not stored). */
CPU_INLINE void sum_row(const float *dz, int width, bool narrow, const void *raw, void *g, size_t ld,
                        bool stream, int before, vf mean, float *sum_dz, float *sum_moment) {
  vf sum[CPU_BLOCK] = {{0}}, moment[CPU_BLOCK] = {{0}};
#define SUM_PIXEL(I, J)                                                                                      \
  {                                                                                                          \
    const float *from = dz + (I)*CPU_WIDE;                                                                   \
    const vf v = vf_load(from);                                                                              \
    sum[J] += v;                                                                                             \
    const void *stored = cells_at(narrow, raw, (size_t)(I)*ld);                                              \
    moment[J] = vf_fma(v, cells_load(narrow, stored, 0, CPU_LANES) - mean, moment[J]);                       \
    CPU_UNROLL                                                                                               \
    for (int b = before; b >= 0; b--) {                                                                      \
      if (stream)                                                                                            \
        vf_stream((float *)g + (size_t)(I)*ld - b * CPU_LANES, vf_load(from - b * CPU_LANES));               \
      else                                                                                                   \
        cells_store(narrow, cells_to(narrow, g, (size_t)(I)*ld), -b *CPU_LANES,                              \
                    vf_load(from - b * CPU_LANES), CPU_LANES);                                               \
    }                                                                                                        \
  }
  int i = 0;
  for (; i + CPU_BLOCK <= width; i += CPU_BLOCK) {
    CPU_UNROLL
    for (int j = 0; j < CPU_BLOCK; j++) SUM_PIXEL(i + j, j)
  }
  for (; i < width; i++) SUM_PIXEL(i, 0)
#undef SUM_PIXEL
  vf_store(sum_dz, vf_fold(sum, 1, 0));
  vf_store(sum_moment, vf_fold(moment, 1, 0));
}
/* cpu_sink_finish for the dz of a whole unit and a sink that takes the sums of a batch norm: a line is written at once. */
CPU_INLINE void sum_unit_as(bool narrow, bool stream, const cream_sink *sink, const cpu_sink_tile *tile,
                            float *partials) {
  enum { LAST = CPU_PARTS - 1, P = LAST * CPU_LANES };
  const size_t ld = (size_t)sink->node->c, at = tile->row * ld + (size_t)tile->c0;
  const float *mean = cpu_at(sink->bn->mean) + tile->c0;
  const void *raw = cpu_at(sink->node->raw);
  float *sums = partials + tile->index * 2 * ld + tile->c0;
  const int width = (int)tile->rows;
  CPU_UNROLL
  for (int p = 0; p < P; p += CPU_LANES)
    sum_row(tile->d + p, width, narrow, cells_at(narrow, raw, at + (size_t)p), NULL, ld, false, -1,
            vf_load(mean + p), sums + p, sums + ld + p);
  sum_row(tile->d + P, width, narrow, cells_at(narrow, raw, at + P),
          cells_to(narrow, cpu_at(sink->g), at + P), ld, stream, LAST, vf_load(mean + P), sums + P,
          sums + ld + P);
}
static void sum_unit(const cream_sink *sink, const cpu_sink_tile *tile, float *partials) {
  if (tile->narrow)
    sum_unit_as(true, false, sink, tile, partials);
  else if (cpu_streams(sink->node, cpu_at(sink->g)))
    sum_unit_as(false, true, sink, tile, partials);
  else
    sum_unit_as(false, false, sink, tile, partials);
}

/* Row iy of the input's gradient: the products, then the sink. */
static void data_row(const backward_op *op, const workbench *bench, int n, int iy, dw_block block) {
  const cream_conv *conv = op->conv;
  const cream_sink *sink = op->sink;
  const cream_tensor *node = sink->node;
  const int s = conv->stride, taps = conv->kernel * conv->kernel;
  const size_t ld = (size_t)node->c, skip = (size_t)op->plan.skip * CPU_WIDE;
  dw_rows rows;
  rows.count = 0;
  for (int ky = 0; ky < conv->kernel; ky++) {
    int row = iy + op->pad_h - ky * conv->dilation;
    if (row >= 0 && row % s == 0 && row / s < op->y->h)
      dw_rows_add(&rows, ky, dw_ring_row(&bench->dy, row / s) + op->pad_w / s * CPU_WIDE);
  }
  cpu_sink_tile tile = {.narrow = op->narrow_x,
                        .index = (size_t)n * (size_t)node->h + (size_t)iy,
                        .row = ((size_t)n * (size_t)node->h + (size_t)iy) * (size_t)node->w,
                        .rows = (size_t)node->w,
                        .ld = CPU_WIDE,
                        .d = bench->out + skip,
                        .ld_d = CPU_WIDE};
  for (int u = 0; u < block.units; u++) {
    tile.c0 = block.c0 + u * CPU_WIDE;
    tile.channels = dw_unit_channels(node->c, tile.c0);
    const float *weights = op->weights + (size_t)tile.c0 * (size_t)taps;
    const bool sums = op->sums && tile.channels == CPU_WIDE;
    if (op->fused) tile.slope = dw_ring_pixels(&bench->slope, iy, u);
    data_kernels[op->plan.data](conv, &rows, (size_t)u * bench->dy.ld_unit,
                                dw_tiles(tile.channels, CPU_LANES), weights, op->plan.data_tiles,
                                sums ? tile.slope - skip : NULL, bench->out);
    const size_t at = tile.row * ld + (size_t)tile.c0;
    if (op->narrow_x)
      fetch_pixels(true, cells_at(true, cpu_at(sink->g), at), node->w, ld, (ptrdiff_t)ld * node->w);
    else if (!cpu_streams(node, cpu_at(sink->g)))
      fetch_pixels(false, cpu_at(sink->g) + at, node->w, ld, (ptrdiff_t)ld * node->w);
    if (sums) {
      sum_unit(sink, &tile, op->partials);
      continue;
    }
    if (!op->fused && (node->act != CREAM_ACT_NONE || cpu_sink_gated(sink))) {
      cpu_map map = cpu_map_of(node, n, tile.c0);
      cpu_map_parts parts = {.ungated = bench->node_value, .slope = bench->node_slope};
      cpu_map_rows_parts(&map, op->narrow_x, cells_at(op->narrow_x, cpu_at(node->raw), at), ld, tile.rows,
                         tile.channels, parts, CPU_WIDE);
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
  const size_t ld = (size_t)op->plan.blocks.total * (size_t)(taps + 1) * CPU_WIDE;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int u = 0; u < op->plan.blocks.total; u++) {
    const int c0 = u * CPU_WIDE, channels = dw_unit_channels(conv->cin, c0);
    for (int first = 0; first <= taps; first += MERGE_TAPS) {
      const int count = cpu_min(MERGE_TAPS, taps + 1 - first) * CPU_WIDE;
      const float *at = op->dweights + (u * (taps + 1) + first) * CPU_WIDE;
      double sum[MERGE_TAPS * CPU_WIDE] = {0};
      for (int group = 0; group < op->plan.groups; group++, at += ld)
        for (int i = 0; i < count; i++) sum[i] += (double)at[i];
      for (int i = 0; i < count; i++) {
        const int tap = first + i / CPU_WIDE, c = i % CPU_WIDE;
        if (c >= channels) continue;
        if (tap < taps)
          cpu_at(conv->dweight)[(c0 + c) * taps + tap] = (float)sum[i];
        else if (cream_buf_present(conv->dbias))
          cpu_at(conv->dbias)[c0 + c] = (float)sum[i];
      }
    }
  }
}

/* ---- workspace --------------------------------------------------------------------------------------- */

static size_t dweights_size(const cream_conv *conv, const backward_plan *plan) {
  size_t taps = (size_t)(conv->kernel * conv->kernel);
  return (size_t)plan->groups * (size_t)plan->blocks.total * (taps + 1) * CPU_WIDE;
}
static size_t out_size(const backward_plan *plan) {
  return (size_t)(plan->data_tiles * dw_tile(plan->data)) * CPU_WIDE;
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
      .narrow_x = cpu_is_narrow(cpu->narrow, x),
      .narrow_y = cpu_is_narrow(cpu->narrow, y),
      .pad_h = cream_conv_pads(conv, x->h).before,
      .pad_w = cream_conv_pads(conv, x->w).before,
      .want_g = want_g,
      .fused = want_g && cpu_at(sink->node->raw) == cpu_at(x->raw) && x->act != CREAM_ACT_NONE &&
               !cpu_sink_gated(sink),
      .weights = cpu->shared,
      .dweights = cpu->shared + packed,
      .partials = cpu->shared + packed + dweights,
  };
  op.sums = op.fused && sink->bn && !sink->add.mem;
  const size_t taps = (size_t)(conv->kernel * conv->kernel);
  const int blocks = plan.blocks.count;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int u = 0; u < plan.blocks.total; u++) dw_pack_unit(conv, u, cpu->shared);
  cpu_tasks_begin(cpu, (size_t)(plan.groups * blocks));
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    workbench bench = bench_at(&plan, cpu_scratch(cpu, thread));
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) {
      const int group = (int)task / blocks;
      const dw_block block = dw_block_of(&plan.blocks, (int)task % blocks, x->c);
      const size_t unit = (size_t)group * (size_t)plan.blocks.total + (size_t)block.u0;
      const size_t floats = (taps + 1) * CPU_WIDE;
      float *sums = op.dweights + unit * floats;
      memset(sums, 0, (size_t)block.units * floats * sizeof *sums);
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
