/* Dense 3x3 convolutions by Winograd's algorithm (winograd_transforms.h): 36 products of matrices [tiles][cin] by
 * [cin][cout], a quarter of the multiplications. Tiles of all images are processed in strips of whole rows of tiles, whose
 * transformed values lie in shared memory: a phase transforms the inputs, one multiplies, one transforms the outputs.
 *
 * Which convolutions take this way, and the strips, depend on the shape of an image alone.
 */
#ifndef CREAM_CPU_KERNELS_WINOGRAD_H
#define CREAM_CPU_KERNELS_WINOGRAD_H

#include "conv.h"
#include "gemm.h"
#include "winograd_transforms.h"

/* 3x3, stride 1, a zero on each side, enough channels and tiles. What suits an image suits all larger ones. */
bool CPU_NAME(cpu_winograd_suits)(const cream_conv *, int h, int w, bool backward);
void CPU_NAME(cpu_winograd_forward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                    const cream_bn *, cream_bn_mode, float momentum, const cream_tensor *y);
void CPU_NAME(cpu_winograd_backward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                     const cream_tensor *y, const cream_grad *dy, const cream_sink *);
void CPU_NAME(cpu_winograd_workspace)(const cream_conv *, int n, int h, int w, cpu_workspace *);
void CPU_NAME(cpu_winograd_backward_workspace)(const cream_conv *, int n, int h, int w, cpu_workspace *);

/* ---- shared by winograd.c and winograd_backward.c ---------------------------------------------------- */
/* Tiles of the whole batch: row r of them has `across` tiles, of image r / down. */
typedef struct winograd {
  int n, h, w;
  int down, across;
  int rows, strips; /* rows of tiles: of a strip (the last may have fewer) */
  size_t most;      /* tiles of a strip */
} winograd;

/* The values of a tensor, or its gradient, which is pending. */
typedef struct winograd_source {
  const cream_tensor *tensor;
  const cream_grad *gradient; /* NULL: the values */
  bool narrow;                /* how they are stored (cells.h) */
} winograd_source;

/* A matrix for each of the 36 points, `point` floats apart; its rows lie `row` floats apart. In panels: CPU_PANEL columns
 * follow each other as a matrix of their own, `panel` floats further. */
typedef struct winograd_matrices {
  float *at;
  size_t point, row, panel;
} winograd_matrices;

/* Floats up to a multiple of lines that is odd, so that rows and matrices do not fall on the same sets of a cache. */
static inline size_t winograd_line_up(size_t floats) {
  return (cpu_line(floats) / 16 | 1) * 16;
}

winograd CPU_NAME(cpu_winograd_of)(int n, int h, int w);

/* Transformed weights as packed matrices [inputs][outputs], of the convolution, or (`gradient`) of the one that takes the
 * gradient of y to that of x. */
winograd_matrices CPU_NAME(cpu_winograd_weights)(cpu_backend *, const cream_conv *, bool gradient,
                                                 cpu_pieces *);
size_t CPU_NAME(cpu_winograd_weights_size)(int inputs, int outputs);

/* `count` rows of an image's pixels from `row` on (outside of the image: zeros), each with `left` zeros before it and zeros up
 * to `width` pixels. */
void CPU_NAME(cpu_winograd_pad)(winograd_source, int image, int row, int count, int left, int width,
                                float *dst);

/* Row `row` of the tiles of all images, of which the first has index `first` in `to`; band: scratch of
 * cpu_winograd_band_size floats. */
void CPU_NAME(cpu_winograd_values)(const winograd *, winograd_source, int row, size_t first, float *band,
                                   winograd_matrices to);

/* Forward: products[tile][outputs] of a strip, from the transformed weights and `values` [tile][inputs], which this fills. */
typedef struct winograd_pass {
  const winograd *s;
  winograd_source source;
  int inputs, outputs;
  winograd_matrices weights, values, products;
} winograd_pass;
winograd_pass CPU_NAME(cpu_winograd_pass)(const winograd *, winograd_source, int inputs, int outputs,
                                          winograd_matrices weights, cpu_pieces *);
size_t CPU_NAME(cpu_winograd_pass_size)(const winograd *, int inputs, int outputs);
size_t CPU_NAME(cpu_winograd_band_size)(const winograd *, int channels);
void CPU_NAME(cpu_winograd_multiply)(cpu_backend *, const winograd_pass *, int strip);
/* Writes the outputs of row `row` of the strip's tiles: up to 4 rows of pixels, which lie w * outputs apart; returns how many. */
int CPU_NAME(cpu_winograd_outputs)(const winograd_pass *, int strip, int row, float *y);

/* Rows of tiles of a strip. */
static inline int winograd_rows(const winograd *s, int strip) {
  return cpu_min(s->rows, s->n * s->down - strip * s->rows);
}

#endif
