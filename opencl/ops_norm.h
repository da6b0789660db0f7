/* Completes sums over chunks: batch norm, sinks, biases. */
#ifndef CREAM_OPENCL_OPS_NORM_H
#define CREAM_OPENCL_OPS_NORM_H

#include "chunks.h"

/* Statistics, scale and shift of y from partial [chunks][2][C]; chunks of `rows` pixels, `parts` of them
 * in each span of `span`. CREAM_BN_RUNNING needs no partial sums. */
void ocl_norm_forward(ocl_runtime *, const cream_bn *, cream_bn_mode, float momentum, const cream_tensor *y,
                      cream_buf partial, int chunks, int parts, int span, int rows);
/* Elements of OCL_MERGED that both take for that many chunks. */
size_t ocl_merged_size(int c, int chunks);
/* a, b, c, dgamma, dbeta from partial [chunks][2][C] over `pixels`; where gate is present from gate_sums
 * [n][5][C] with the squeeze's gradient `pool`. */
void ocl_norm_backward(ocl_runtime *, const cream_bn *, int c, cream_buf partial, cream_buf gate,
                       cream_buf pool, int chunks, int pixels);
/* out [n][run] = factor * sum of partial [n][parts][run] over the parts. */
void ocl_sum_parts(ocl_runtime *, cream_buf partial, cream_buf out, int n, int run, int parts, float factor);
/* dbias of a convolution. */
void ocl_bias_backward(ocl_runtime *, const cream_tensor *y, const cream_grad *, cream_buf dbias);

/* A sink that a kernel writes to, and where its partial sums go. */
typedef struct ocl_sink {
  const cream_sink *sink;
  int sums;
  cream_buf mean, invstd, partial;
} ocl_sink;

/* How many sums the sink takes: 0, 2 or 5, see SINK in kernels/common.cl. */
int ocl_sink_sums(const cream_sink *);
ocl_sink ocl_sink_begin(ocl_runtime *, const cream_sink *, int chunks, int parts);
void ocl_sink_end(ocl_runtime *, const ocl_sink *, int chunks, int parts);
#define OCL_SINK(s)                                                                                          \
  (s)->sink->g, (s)->sink->add, OCL_TENSOR((s)->sink->node), (s)->mean, (s)->invstd, (s)->partial, (s)->sums

#endif
