/* Shared by the forward and the backward depthwise convolution.
 *
 * A thread works on one block of channels of one image at a time. Channels are in units of CPU_WIDE, a cache line,
 * whatever the width of a vector: a line of the tensors is read and written at once. A row of pixels is mapped once into a
 * ring of rows in scratch memory, in the order [row][unit][column][CPU_WIDE] with columns of zeros on both sides,
 * so products read whole vectors from contiguous memory and never test for a border. Weights are
 * repacked to [unit][tap][CPU_WIDE] (a tap is ky*K + kx).
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
/* Vectors that a kernel computes at once: two where the columns of one are too few to hide the latency of an addition. */
#define DW_TOGETHER(T) ((T) <= 4 && CPU_PARTS > 1 ? 2 : 1)
/* Channels of a block: MOST for DW_ITEMS images or more, which give enough work items, down to LEAST for
 * few. */
#define DW_BLOCK_LEAST 64
#define DW_BLOCK_MOST  256
#define DW_ITEMS       16
#define DW_RING_FLOATS (128 * 1024) /* target for the size of a block's rings */
#define DW_UNROLL      _Pragma("GCC unroll 64")

/* X(kernel, stride, dilation, tile, whole): the shapes with specialised code. A whole tile is a whole row of a small image
 * with (kernel-1)/2*dilation zeros on both sides, which its products leave out. */
#define DW_TILES(X, K, S, D)  X(K, S, D, 8, 0) X(K, S, D, 7, 0) X(K, S, D, 6, 0) X(K, S, D, 4, 0)
#define DW_WHOLES(X, K, S, D) X(K, S, D, 8, 1) X(K, S, D, 7, 1) X(K, S, D, 4, 1) X(K, S, D, 2, 1)
#ifdef CPU_FEW_SHAPES /* less to compile (cpu/CMakeLists.txt) */
#define DW_SHAPES(X) X(3, 1, 1, 8, 0) X(5, 2, 1, 4, 0) X(7, 1, 2, 6, 0) X(3, 1, 1, 4, 1) X(5, 2, 1, 2, 1)
#else
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
  DW_TILES(X, 7, 2, 2)                                                                                       \
  DW_WHOLES(X, 3, 1, 1)                                                                                      \
  DW_WHOLES(X, 3, 2, 1)                                                                                      \
  DW_WHOLES(X, 5, 1, 1)                                                                                      \
  DW_WHOLES(X, 5, 2, 1)                                                                                      \
  DW_WHOLES(X, 7, 1, 1)                                                                                      \
  DW_WHOLES(X, 7, 2, 1)
#endif

/* How many times `tile` covers `width`. */
static inline int dw_tiles(int width, int tile) {
  return (width + tile - 1) / tile;
}

typedef struct dw_shape {
  int kernel, stride, dilation, tile, whole;
} dw_shape;

#define DW_SHAPE(K, S, D, T, E) {K, S, D, T, E},
static const dw_shape dw_shapes[] = {DW_SHAPES(DW_SHAPE)};
enum { DW_ANY = sizeof dw_shapes / sizeof *dw_shapes }; /* the index for every other shape; its tile is 1 */

/* Zeros to the left of a row for which there are whole tiles. */
static inline int dw_margin(int kernel, int dilation) {
  return (kernel - 1) / 2 * dilation;
}
/* Index of the shape of `conv` whose tiles, multiples of `step`, cover `width` columns with least waste; preferably a whole
 * one, where it is of `row` columns. `w`: the width of the input. */
static inline int dw_pick(const cream_conv *conv, int w, int width, int step, int row) {
  const bool whole = cream_conv_pads(conv, w).before == dw_margin(conv->kernel, conv->dilation);
  int best = DW_ANY, least = 0;
  for (int i = 0; i < DW_ANY; i++) {
    const dw_shape *shape = &dw_shapes[i];
    if (shape->kernel != conv->kernel || shape->stride != conv->stride || shape->dilation != conv->dilation)
      continue;
    if (shape->whole && whole && shape->tile == row) return i;
    if (shape->whole || shape->tile % step) continue;
    int covered = dw_tiles(width, shape->tile) * shape->tile;
    if (best == DW_ANY || covered < least) best = i, least = covered;
  }
  return best;
}
static inline bool dw_is_whole(int index) {
  return index != DW_ANY && dw_shapes[index].whole;
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
typedef struct dw_ring {
  float *data;
  int rows, left; /* `left` columns of zeros come before column 0 */
  size_t ld_unit, ld_row, size;
} dw_ring;

/* An odd number of lines, so that rows and units spread over the sets of a cache. */
static inline dw_ring dw_ring_of(int rows, int left, int cols, int units) {
  const size_t lines = (size_t)cols | 1;
  dw_ring ring = {NULL, rows, left, lines * CPU_WIDE, ((size_t)units * lines | 1) * CPU_WIDE, 0};
  ring.size = (size_t)rows * ring.ld_row;
  return ring;
}
/* Approximate size of a unit's part of a ring. */
static inline size_t dw_ring_unit(int rows, int cols) {
  return (size_t)rows * ((size_t)cols + 1) * CPU_WIDE;
}
/* Column -left of row `row` (any number from 0 on), unit 0. */
static inline float *dw_ring_row(const dw_ring *ring, int row) {
  return ring->data + (size_t)(row % ring->rows) * ring->ld_row;
}
static inline float *dw_ring_pixels(const dw_ring *ring, int row, int unit) {
  return dw_ring_row(ring, row) + (size_t)unit * ring->ld_unit + (size_t)ring->left * CPU_WIDE;
}

/* How channels are cut into blocks: `units` to a block (fewer in the last), a function of shape alone: groups of images,
 * whose sums are merged, follow from the number of blocks. */
typedef struct dw_blocks {
  int total, units, count;
} dw_blocks;

static inline dw_blocks dw_blocks_of(int n, int channels, size_t floats_per_unit) {
  int total = dw_tiles(channels, CPU_WIDE), most = cpu_min(total, DW_BLOCK_MOST / CPU_WIDE);
  most = cpu_min(most, cpu_max(DW_BLOCK_LEAST / CPU_WIDE, n * total / DW_ITEMS));
  while (most > 1 && (size_t)most * floats_per_unit > DW_RING_FLOATS) most--;
  int units = dw_tiles(total, dw_tiles(total, most));
  return (dw_blocks){total, units, dw_tiles(total, units)};
}
/* A block: `channels` channels, the first being channel 0 of unit u0. */
typedef struct dw_block {
  int u0, units, c0, channels;
} dw_block;

static inline dw_block dw_block_of(const dw_blocks *blocks, int index, int channels) {
  int u0 = index * blocks->units, units = cpu_min(blocks->units, blocks->total - u0);
  return (dw_block){u0, units, u0 * CPU_WIDE, cpu_min(units * CPU_WIDE, channels - u0 * CPU_WIDE)};
}

/* Channels of the unit that starts at channel c. */
static inline int dw_unit_channels(int channels, int c) {
  return cpu_min(channels - c, CPU_WIDE);
}

/* Floats of the repacked weights, and the repacking of one unit of channels. */
static inline size_t dw_packed_size(const cream_conv *conv) {
  return (size_t)dw_tiles(conv->cin, CPU_WIDE) * (size_t)(conv->kernel * conv->kernel) * CPU_WIDE;
}
static inline void dw_pack_unit(const cream_conv *conv, int unit, float *packed) {
  const int taps = conv->kernel * conv->kernel, channels = dw_unit_channels(conv->cin, unit * CPU_WIDE);
  const float *weight = cpu_at(conv->weight) + (size_t)unit * CPU_WIDE * (size_t)taps;
  packed += (size_t)unit * CPU_WIDE * (size_t)taps;
  for (int tap = 0; tap < taps; tap++)
    for (int c = 0; c < CPU_WIDE; c++) packed[tap * CPU_WIDE + c] = c < channels ? weight[c * taps + tap] : 0;
}

/* Floats from the start of t to row `row` of image n. */
static inline size_t dw_row_offset(const cream_tensor *t, int n, int row) {
  return ((size_t)n * (size_t)t->h + (size_t)row) * (size_t)t->w * (size_t)t->c;
}

/* While a row is mapped, the next one is prefetched, this many values on: hardware does not predict the
 * strided access to a block of channels. The last row is followed by the first of the next block. */
static inline ptrdiff_t dw_ahead(const cream_tensor *t, int row, int channels) {
  const ptrdiff_t pitch = (ptrdiff_t)t->w * t->c;
  return row + 1 < t->h ? pitch : channels - (t->h - 1) * pitch;
}
/* Fetches value `offset` of cells, which may lie outside of the tensor. */
CPU_INLINE void dw_fetch(bool narrow, const void *cells, ptrdiff_t offset) {
  const size_t size = narrow ? sizeof(uint16_t) : sizeof(float);
  __builtin_prefetch((const void *)((uintptr_t)cells + (uintptr_t)offset * size), 0, 3);
}

/* Runs `body(..., c, at, line, lanes)` over channels 0..count-1 of a pixel: `at` is the place of channel c in a ring whose
 * units lie `ld` apart, and `line` says that a unit begins. */
#define DW_FOR_UNITS(count, ld, body, ...)                                                                   \
  do {                                                                                                       \
    int c_ = 0;                                                                                              \
    size_t at_ = 0;                                                                                          \
    for (; c_ + CPU_WIDE <= (count); c_ += CPU_WIDE, at_ += (ld)) {                                          \
      CPU_UNROLL                                                                                             \
      for (int p_ = 0; p_ < CPU_WIDE; p_ += CPU_LANES)                                                       \
        body(__VA_ARGS__, c_ + p_, at_ + (size_t)p_, p_ == 0, CPU_LANES);                                    \
    }                                                                                                        \
    for (; c_ + CPU_LANES <= (count); c_ += CPU_LANES, at_ += CPU_LANES)                                     \
      body(__VA_ARGS__, c_, at_, true, CPU_LANES);                                                           \
    if (c_ < (count)) body(__VA_ARGS__, c_, at_, true, (count)-c_);                                          \
  } while (0)

/* Rows are mapped in the order of memory, pixel by pixel. */
CPU_INLINE void dw_map_step(const cpu_map *map, cream_act act, bool narrow, const void *raw, ptrdiff_t ahead,
                            float *dst, int c, size_t at, bool line, int lanes) {
  if (line) dw_fetch(narrow, raw, c + ahead);
  vf_store_n(dst + at, cpu_map_value(map, act, cells_load(narrow, raw, c, lanes), c, lanes), lanes);
}

/* Row iy of image n of x, mapped, into the ring: `channels` channels from c0 on. */
static inline void dw_ring_map(const dw_ring *ring, const cream_tensor *x, bool narrow, int n, int iy, int c0,
                               int channels) {
  const void *raw = cells_at(narrow, cpu_at(x->raw), dw_row_offset(x, n, iy) + (size_t)c0);
  const cpu_map map = cpu_map_of(x, n, c0);
  const ptrdiff_t ahead = dw_ahead(x, iy, channels);
  float *dst = dw_ring_pixels(ring, iy, 0);
  const size_t ld = ring->ld_unit;
#define DW_MAP_LOOP(ACT, NARROW)                                                                             \
  for (int i = 0; i < x->w; i++, raw = cells_at(NARROW, raw, (size_t)x->c), dst += CPU_WIDE)                 \
  DW_FOR_UNITS(channels, ld, dw_map_step, &map, ACT, NARROW, raw, ahead, dst)
#define DW_MAP_CASES(ACT, NARROW) CPU_MAP_CASES(map, DW_MAP_LOOP, ACT, NARROW)
#define DW_MAP_LOOPS(ACT)         CPU_CELLS_CASES(narrow, DW_MAP_CASES, ACT)
  CPU_ACT_SWITCH(x->act, DW_MAP_LOOPS);
#undef DW_MAP_LOOPS
#undef DW_MAP_CASES
#undef DW_MAP_LOOP
}

/* The backward op's part of cpu_dwconv_workspace. */
void CPU_NAME(cpu_dwconv_backward_workspace)(const cream_conv *, int n, int h, int w, cpu_workspace *);

#endif
