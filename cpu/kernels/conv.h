/* Shared by the paths of the dense convolution. */
#ifndef CREAM_CPU_KERNELS_CONV_H
#define CREAM_CPU_KERNELS_CONV_H

#include "bn.h"
#include "kernels.h"

/* `floats` rounded up to whole cache lines, in which workspace is allotted. */
static inline size_t cpu_line(size_t floats) {
  return (floats + 15) & ~(size_t)15;
}

static inline int cpu_min(int a, int b) {
  return a < b ? a : b;
}
static inline int cpu_max(int a, int b) {
  return a > b ? a : b;
}
static inline size_t cpu_min_size(size_t a, size_t b) {
  return a < b ? a : b;
}
static inline void cpu_raise(size_t *size, size_t least) {
  if (*size < least) *size = least;
}

/* Whether it is a product of each pixel's channels alone. */
static inline bool cpu_is_pointwise(const cream_conv *conv) {
  return !conv->depthwise && conv->kernel == 1 && conv->stride == 1 && conv->pad == 0;
}
/* Whether the products of a convolution of x, forward and backward, take operands in bfloat16. */
static inline bool cpu_multiplies_bf16(const cpu_backend *cpu, const cream_conv *conv,
                                       const cream_tensor *x) {
  return cpu_is_pointwise(conv) && cpu_is_narrow(cpu->narrow, x);
}

/* Allots pieces of a workspace; asserts that `reserve` was called for the shape. */
typedef struct cpu_pieces {
  float *at;
  size_t left;
} cpu_pieces;

static inline float *cpu_piece(cpu_pieces *pieces, size_t floats) {
  float *piece = pieces->at;
  CREAM_ASSERT(pieces->left >= cpu_line(floats));
  pieces->at += cpu_line(floats);
  pieces->left -= cpu_line(floats);
  return piece;
}
static inline cpu_pieces cpu_pieces_shared(const cpu_backend *cpu) {
  return (cpu_pieces){cpu->shared, cpu->shared_size};
}
static inline cpu_pieces cpu_pieces_scratch(cpu_backend *cpu, int thread) {
  return (cpu_pieces){cpu_scratch(cpu, thread), cpu->scratch_size};
}

/* dst[i] = sum over `parts` of partials[p*stride + i], in double in the order of p, for count <= the
 * block. */
enum { CPU_MERGE_BLOCK = 512 };
static inline void cpu_merge_block(const float *partials, size_t parts, size_t stride, size_t count,
                                   float *dst) {
  double sum[CPU_MERGE_BLOCK] = {0};
  for (size_t p = 0; p < parts; p++)
    for (size_t i = 0; i < count; i++) sum[i] += (double)partials[p * stride + i];
  for (size_t i = 0; i < count; i++) dst[i] = (float)sum[i];
}
/* The same for any count. */
void CPU_NAME(cpu_merge_partials)(const cpu_backend *, const float *partials, size_t parts, size_t stride,
                                  size_t count, float *dst);
/* sums[c] = sum over rows of d[r][c] */
void CPU_NAME(cpu_column_sums)(const float *d, size_t ld, size_t rows, int channels, float *sums);
/* Finishes rows of y at channel c0 of a forward op: with mean, adds the bias and computes the statistics of
 * the rows (cpu_bn_tile); without, y = act(y + bias). */
void CPU_NAME(cpu_conv_epilogue)(float *y, size_t ld, size_t rows, const cream_conv *, int c0, int channels,
                                 float *mean, float *m2);

/* 1x1, stride 1, no padding, many rows: tile by tile (pointwise.c). */
void CPU_NAME(cpu_pointwise_forward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                     const cream_bn *, cream_bn_mode, float momentum, const cream_tensor *y);
void CPU_NAME(cpu_pointwise_backward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                      const cream_tensor *y, const cream_grad *dy, const cream_sink *);
void CPU_NAME(cpu_pointwise_workspace)(const cream_conv *, int n, size_t rows, cpu_workspace *);

/* 1x1, stride 1, no padding, few rows: tasks over rows and columns of operands that are mapped once
 * (linear.c). */
enum { CPU_LINEAR_ROWS = 512 };
void CPU_NAME(cpu_linear_forward)(cpu_backend *, const cream_conv *, const cream_tensor *x, const cream_bn *,
                                  cream_bn_mode, float momentum, const cream_tensor *y);
void CPU_NAME(cpu_linear_backward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                   const cream_tensor *y, const cream_grad *dy, const cream_sink *);
void CPU_NAME(cpu_linear_workspace)(const cream_conv *, int n, size_t rows, cpu_workspace *);

/* Any kernel, stride, padding and dilation: row by row over padded images (spatial.c). */
void CPU_NAME(cpu_spatial_forward)(cpu_backend *, const cream_conv *, const cream_tensor *x, const cream_bn *,
                                   cream_bn_mode, float momentum, const cream_tensor *y);
void CPU_NAME(cpu_spatial_backward)(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                    const cream_tensor *y, const cream_grad *dy, const cream_sink *);
void CPU_NAME(cpu_spatial_workspace)(const cream_conv *, int n, int h, int w, cpu_workspace *);

#endif
