/* Shared by the forward and the backward depthwise convolution.
 *
 * A thread works on one block of channels of one image at a time. It maps each row of pixels once into a
 * ring of rows in its scratch, in the order [row][vector][column][lane] with columns of zeros on both sides,
 * so products read whole vectors from contiguous memory and never test for a border. Weights are
 * repacked to [vector][tap][lane] (a tap is ky*K + kx).
 *
 * The kernels that form the products are written once, as functions of kernel, stride, dilation and tile
 * width, and expanded for the constants of DW_SHAPES; plain loops, a column at a time, take every other
 * shape.
 */
#ifndef CREAM_CPU_KERNELS_DWCONV_H
#define CREAM_CPU_KERNELS_DWCONV_H

#include "conv.h"
#include "map.h"

#define DW_MAX_KERNEL 63
#define DW_MAX_TILE   8
/* Channels of a block: MOST for DW_ITEMS images or more, which give enough work items, down to LEAST for
 * few. */
#define DW_BLOCK_LEAST 64
#define DW_BLOCK_MOST  256
#define DW_ITEMS       16
#define DW_RING_FLOATS (128 * 1024) /* target for the size of a block's rings */
#define DW_LINE        16           /* floats of a cache line */
#define DW_UNROLL      _Pragma("GCC unroll 64")

/* X(kernel, stride, dilation, tile): the shapes with specialised code. */
#define DW_TILES(X, K, S, D) X(K, S, D, 8) X(K, S, D, 7) X(K, S, D, 6) X(K, S, D, 4)
#define DW_SHAPES(X)                                                                                         \
  DW_TILES(X, 3, 1, 1)                                                                                       \
  DW_TILES(X, 3, 2, 1)                                                                                       \
  DW_TILES(X, 3, 1, 2)                                                                                       \
  DW_TILES(X, 3, 2, 2)                                                                                       \
  DW_TILES(X, 5, 1, 1)                                                                                       \
  DW_TILES(X, 5, 2, 1)                                                                                       \
  DW_TILES(X, 5, 1, 2)                                                                                       \
  DW_TILES(X, 5, 2, 2)                                                                                       \
  DW_TILES(X, 7, 1, 1)                                                                                       \
  DW_TILES(X, 7, 2, 1)                                                                                       \
  DW_TILES(X, 7, 1, 2)                                                                                       \
  DW_TILES(X, 7, 2, 2)

/* How many times `tile` covers `width`. */
static inline int dw_tiles(int width, int tile) {
  return (width + tile - 1) / tile;
}

typedef struct dw_shape {
  int kernel, stride, dilation, tile;
} dw_shape;

#define DW_SHAPE(K, S, D, T) {K, S, D, T},
static const dw_shape dw_shapes[] = {DW_SHAPES(DW_SHAPE)};
enum { DW_ANY = sizeof dw_shapes / sizeof *dw_shapes }; /* the index for every other shape; its tile is 1 */

/* Index of the shape of `conv` whose tiles, multiples of `step`, cover `width` columns with least waste. */
static inline int dw_pick(const cream_conv *conv, int width, int step) {
  int best = DW_ANY, least = 0;
  for (int i = 0; i < DW_ANY; i++) {
    const dw_shape *shape = &dw_shapes[i];
    if (shape->kernel != conv->kernel || shape->stride != conv->stride || shape->dilation != conv->dilation ||
        shape->tile % step)
      continue;
    int covered = dw_tiles(width, shape->tile) * shape->tile;
    if (best == DW_ANY || covered < least) best = i, least = covered;
  }
  return best;
}
static inline int dw_tile(int index) {
  return index == DW_ANY ? 1 : dw_shapes[index].tile;
}

/* The rows that meet one output row: kernel row ky[i] falls on in[i]. */
typedef struct dw_rows {
  int count, ky[DW_MAX_KERNEL];
  const float *in[DW_MAX_KERNEL];
} dw_rows;

static inline void dw_rows_add(dw_rows *rows, int ky, const float *in) {
  rows->ky[rows->count] = ky;
  rows->in[rows->count++] = in;
}
/* The same rows `step` floats further on: the next vector's. */
static inline void dw_rows_advance(dw_rows *rows, size_t step) {
  for (int i = 0; i < rows->count; i++) rows->in[i] += step;
}

typedef struct dw_ring {
  float *data;
  int rows, left, cols; /* `left` columns of zeros come before column 0 */
  size_t ld_vector, ld_row, size;
} dw_ring;

/* An odd number of lines, so that rows and vectors spread over the sets of a cache. */
static inline dw_ring dw_ring_of(int rows, int left, int cols, int vectors) {
  dw_ring ring = {NULL, rows, left, cols, (size_t)cols * CPU_LANES, 0, 0};
  ring.ld_vector = ((ring.ld_vector + DW_LINE - 1) / DW_LINE | 1) * DW_LINE;
  ring.ld_row = ((size_t)vectors * ring.ld_vector / DW_LINE | 1) * DW_LINE;
  ring.size = (size_t)rows * ring.ld_row;
  return ring;
}
/* Approximate size of CPU_WIDE channels' part of a ring. */
static inline size_t dw_ring_unit(int rows, int cols) {
  return (size_t)rows * ((size_t)cols * CPU_WIDE + DW_LINE);
}
/* Column -left of row `row` (any number from 0 on), vector 0. */
static inline float *dw_ring_row(const dw_ring *ring, int row) {
  return ring->data + (size_t)(row % ring->rows) * ring->ld_row;
}
static inline float *dw_ring_pixels(const dw_ring *ring, int row, int vector) {
  return dw_ring_row(ring, row) + (size_t)vector * ring->ld_vector + (size_t)ring->left * CPU_LANES;
}

/* How channels are cut into blocks: `vectors` to a block (fewer in the last). The channels of a block are whole units of
 * CPU_WIDE, a function of shape alone: groups of images, whose sums are merged, follow from the number of blocks. */
typedef struct dw_blocks {
  int total, vectors, count;
} dw_blocks;

static inline dw_blocks dw_blocks_of(int n, int channels, size_t floats_per_unit) {
  int total = dw_tiles(channels, CPU_WIDE), most = cpu_min(total, DW_BLOCK_MOST / CPU_WIDE);
  most = cpu_min(most, cpu_max(DW_BLOCK_LEAST / CPU_WIDE, n * total / DW_ITEMS));
  while (most > 1 && (size_t)most * floats_per_unit > DW_RING_FLOATS) most--;
  int units = dw_tiles(total, dw_tiles(total, most));
  return (dw_blocks){dw_tiles(channels, CPU_LANES), units * CPU_PARTS, dw_tiles(total, units)};
}
/* A block: `channels` channels, the first being channel 0 of vector v0. */
typedef struct dw_block {
  int v0, vectors, c0, channels;
} dw_block;

static inline dw_block dw_block_of(const dw_blocks *blocks, int index, int channels) {
  int v0 = index * blocks->vectors, vectors = cpu_min(blocks->vectors, blocks->total - v0);
  return (dw_block){v0, vectors, v0 * CPU_LANES, cpu_min(vectors * CPU_LANES, channels - v0 * CPU_LANES)};
}

/* Channels of the vector that starts at channel c. */
static inline int dw_lanes(int channels, int c) {
  return cpu_min(channels - c, CPU_LANES);
}

/* Floats of the repacked weights, and the repacking of one vector of channels. */
static inline size_t dw_packed_size(const cream_conv *conv) {
  size_t vectors = ((size_t)conv->cin + CPU_LANES - 1) / CPU_LANES;
  return vectors * (size_t)(conv->kernel * conv->kernel) * CPU_LANES;
}
static inline void dw_pack_vector(const cream_conv *conv, int vector, float *packed) {
  const int taps = conv->kernel * conv->kernel, lanes = cpu_min(CPU_LANES, conv->cin - vector * CPU_LANES);
  const float *weight = cpu_at(conv->weight) + (size_t)vector * CPU_LANES * (size_t)taps;
  packed += (size_t)vector * CPU_LANES * (size_t)taps;
  for (int tap = 0; tap < taps; tap++)
    for (int lane = 0; lane < CPU_LANES; lane++)
      packed[tap * CPU_LANES + lane] = lane < lanes ? weight[lane * taps + tap] : 0;
}

/* Floats from the start of t to row `row` of image n. */
static inline size_t dw_row_offset(const cream_tensor *t, int n, int row) {
  return ((size_t)n * (size_t)t->h + (size_t)row) * (size_t)t->w * (size_t)t->c;
}

/* While a row is mapped, the next one is prefetched, this many floats on: hardware does not predict the
 * strided access to a block of channels. The last row is followed by the first of the next block. */
static inline ptrdiff_t dw_ahead(const cream_tensor *t, int row, int channels) {
  const ptrdiff_t pitch = (ptrdiff_t)t->w * t->c;
  return row + 1 < t->h ? pitch : channels - (t->h - 1) * pitch;
}
/* Fetches at[offset], which may lie outside of the tensor. */
CPU_INLINE void dw_fetch(const float *at, ptrdiff_t offset) {
  __builtin_prefetch((const void *)((uintptr_t)at + (uintptr_t)offset * sizeof *at), 0, 3);
}

/* Rows are mapped in the order of memory, pixel by pixel; the vector of channel c goes to its own row. */
CPU_INLINE size_t dw_vector_offset(const dw_ring *ring, int c) {
  return (size_t)(c / CPU_LANES) * ring->ld_vector;
}
CPU_INLINE void dw_map_step(const cpu_map *map, cream_act act, const float *raw, ptrdiff_t ahead,
                            const dw_ring *ring, float *dst, int c, int lanes) {
  dw_fetch(raw + c, ahead);
  cpu_map_step(map, act, raw, dst + dw_vector_offset(ring, c) - c, c, lanes);
}

/* Row iy of image n of x, mapped, into the ring: `channels` channels from c0 on. */
static inline void dw_ring_map(const dw_ring *ring, const cream_tensor *x, int n, int iy, int c0,
                               int channels) {
  const float *raw = cpu_at(x->raw) + dw_row_offset(x, n, iy) + c0;
  const cpu_map map = cpu_map_of(x, n, c0);
  const ptrdiff_t ahead = dw_ahead(x, iy, channels);
  float *dst = dw_ring_pixels(ring, iy, 0);
#define DW_MAP_LOOP(ACT)                                                                                     \
  for (int i = 0; i < x->w; i++, raw += x->c, dst += CPU_LANES)                                              \
  CPU_FOR_LANES(channels, dw_map_step, &map, ACT, raw, ahead, ring, dst)
  CPU_ACT_SWITCH(x->act, DW_MAP_LOOP);
#undef DW_MAP_LOOP
}

/* The backward op's part of cpu_dwconv_workspace. */
void CPU_NAME(cpu_dwconv_backward_workspace)(const cream_conv *, int n, int h, int w, cpu_workspace *);

#endif
