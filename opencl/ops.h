/* What the ops share: how tensors, gradients and sinks become kernel arguments, how pixels are cut into
 * chunks.
 *
 * Sums over pixels take two steps, without atomics: a kernel writes partial sums of chunks that depend on the
 * shape alone, a second one (kernels/norm.cl) joins them in a fixed order. So results repeat bit for bit.
 */
#ifndef CREAM_OPENCL_OPS_H
#define CREAM_OPENCL_OPS_H

#include "runtime.h"

/* Scratch memory (ocl_scratch). */
enum {
  OCL_VALUES,    /* an input's values written out, or its patches; then gradients of the patches */
  OCL_GRADIENTS, /* a pending gradient written out */
  OCL_PARTIAL,   /* partial sums */
  OCL_SMALL,     /* a few rows of [N,C] */
  OCL_TABLE      /* slices of an optimiser step */
};

/* Sizes that the kernels are written for (kernels/common.cl, product.cl). */
enum { OCL_FLAT = 64, OCL_TILE = 64 };

/* Channels that a work-item takes. */
static inline int ocl_lanes(const ocl_runtime *ocl) {
  return ocl_device(ocl)->lanes;
}
/* Channels from one pixel to the next where values are written out: whole vectors. */
static inline int ocl_pitch(const ocl_runtime *ocl, int c) {
  int lanes = ocl_lanes(ocl);
  return (c + lanes - 1) / lanes * lanes;
}

static inline int ocl_area(const cream_tensor *t) {
  return t->h * t->w;
}
static inline int ocl_pixels(const cream_tensor *t) {
  return t->n * ocl_area(t);
}
static inline int ocl_taps(const cream_conv *conv) {
  return conv->kernel * conv->kernel;
}

#define OCL_TENSOR(t) OCL((t)->raw), OCL((t)->scale), OCL((t)->shift), OCL((t)->gate), OCL((t)->act)
#define OCL_GEOMETRY(conv, x, y)                                                                             \
  OCL((x)->h), OCL((x)->w), OCL((y)->h), OCL((y)->w), OCL((conv)->kernel), OCL((conv)->stride),              \
      OCL((conv)->pad), OCL((conv)->dilation)
#define OCL_GRAD(d)                                                                                          \
  OCL((d)->g), OCL((d)->pool), OCL((d)->a), OCL((d)->b), OCL((d)->c), OCL((d)->kind == CREAM_GRAD_VALUE)

/* ---- chunks of pixels --------------------------------------------------------------------- */

/* CHUNKS of kernels/common.cl: every image has `parts` chunks of `rows` pixels. */
typedef struct ocl_chunks {
  int c, area, chunks, parts, rows;
} ocl_chunks;

/* `line`: chunks are whole lines of that many pixels (1: any). */
ocl_chunks ocl_chunks_of(const cream_tensor *, int line);
#define OCL_CHUNKS(k) OCL((k)->c), OCL((k)->area), OCL((k)->chunks), OCL((k)->parts), OCL((k)->rows)

/* Work-groups and items of a CHUNKED kernel. */
ocl_size ocl_chunk_groups(const ocl_runtime *, int c, int chunks);
ocl_size ocl_chunk_items(const ocl_runtime *);
/* Work-groups and items of a FLAT kernel. */
static inline ocl_size ocl_flat_groups(size_t items) {
  return (ocl_size){ocl_groups(items, OCL_FLAT), 1, 1};
}
#define OCL_FLAT_ITEMS ((ocl_size){OCL_FLAT, 1, 1})

/* ---- ops_norm.c --------------------------------------------------------------------- */

/* Statistics, scale and shift of y from partial [chunks][2][C]; chunks of `rows` pixels, `parts` of them
 * in each span of `span`. CREAM_BN_RUNNING needs none. */
void ocl_norm_forward(ocl_runtime *, const cream_bn *, cream_bn_mode, float momentum, const cream_tensor *y,
                      cream_buf partial, int chunks, int parts, int span, int rows);
/* a, b, c, dgamma, dbeta from partial [chunks][2][C] over `pixels`; where gate is present from gate_sums
 * [n][5][C] with the squeeze's gradient `pool`. */
void ocl_norm_backward(ocl_runtime *, const cream_bn *, int c, cream_buf partial, cream_buf gate,
                       cream_buf pool, int chunks, int pixels);
/* out [n][run] = factor * sum of partial [n][parts][run] over the parts. */
void ocl_sum_parts(ocl_runtime *, cream_buf partial, cream_buf out, int n, int run, int parts, float factor);
/* dbias of a convolution. */
void ocl_bias_backward(ocl_runtime *, const cream_tensor *y, const cream_grad *, cream_buf dbias);

/* A sink under way: where its partial sums go. */
typedef struct ocl_sink {
  const cream_sink *sink;
  int sums;
  cream_buf mean, invstd, partial;
} ocl_sink;

/* 0, 2 or 5, see SINK in kernels/common.cl. */
int ocl_sink_sums(const cream_sink *);
ocl_sink ocl_sink_begin(ocl_runtime *, const cream_sink *, int chunks, int parts);
void ocl_sink_end(ocl_runtime *, const ocl_sink *, int chunks, int parts);
#define OCL_SINK(s)                                                                                          \
  OCL((s)->sink->g), OCL((s)->sink->add), OCL_TENSOR((s)->sink->node), OCL((s)->mean), OCL((s)->invstd),     \
      OCL((s)->partial), OCL((s)->sums)

/* ---- ops_map.c --------------------------------------------------------------------- */

/* Values, or a pending gradient, written out, into that scratch: values with pitched channels (ocl_pitch). */
cream_buf ocl_values(ocl_runtime *, const cream_tensor *);
cream_buf ocl_gradients(ocl_runtime *, const cream_tensor *, const cream_grad *, int pitch);
/* partial [chunks][C] = factor * sum of the values. */
void ocl_pool(ocl_runtime *, const cream_tensor *, const ocl_chunks *, float factor, cream_buf partial);

/* ---- ops_blas.c ---------------------------------------------------------------------------------------- */

/* What ops_conv.c does with its own kernels, by way of CLBlast: maps and gradients are written out before a
 * product, statistics and sinks are a pass after it. */

/* y = values of x [rows][k] times weight [n][k] transposed; no bias. */
void ocl_blas_forward(ocl_runtime *, const cream_tensor *x, cream_buf weight, const cream_bn *, cream_bn_mode,
                      float momentum, const cream_tensor *y);
/* The gradients of y [rows][m], which both backwards take: where they are, or written out. */
cream_buf ocl_blas_gradients(ocl_runtime *, const cream_tensor *y, const cream_grad *);
/* out [chunks][m][n] = gradients of y [rows][m] transposed times values of x [rows][n], by chunk of rows. */
void ocl_blas_backward_weight(ocl_runtime *, const cream_tensor *x, const cream_tensor *y,
                              cream_buf gradients, int chunk, cream_buf out);
/* Gradients of y times weight [y->c][n], to the sink. */
void ocl_blas_backward_data(ocl_runtime *, const cream_tensor *y, cream_buf gradients, cream_buf weight,
                            int n, const cream_sink *);

/* ---- ops_depthwise.c --------------------------------------------------------------------- */

/* Raw output and, where bn is present, what follows from it. */
void ocl_depthwise_forward(ocl_runtime *, const cream_conv *, const cream_tensor *x, const cream_bn *,
                           cream_bn_mode, float momentum, const cream_tensor *y);
void ocl_depthwise_backward(ocl_runtime *, const cream_conv *, const cream_tensor *x, const cream_tensor *y,
                            const cream_grad *, const cream_sink *);
/* Elements of OCL_PARTIAL that the weights' gradients take. */
size_t ocl_depthwise_partial(const cream_conv *, int n, int oh, int ow);

/* ---- the table's slots, file by file ------------------------------------------------------------------- */
void ocl_conv_init(cream_backend *);
void ocl_map_init(cream_backend *);
void ocl_se_init(cream_backend *);
void ocl_loss_init(cream_backend *);
void ocl_flat_init(cream_backend *);

#endif
