/* Dense convolutions by CLBlast: maps and gradients are written out before a product, statistics and sinks are a
 * pass after it. The same functions with our own kernels are in ops_conv.c. */
#ifndef CREAM_OPENCL_OPS_BLAS_H
#define CREAM_OPENCL_OPS_BLAS_H

#include "chunks.h"

/* y = values of x [rows][k] times weight [n][k] transposed; no bias. */
void ocl_blas_forward(ocl_runtime *, const cream_tensor *x, cream_buf weight, const cream_bn *, cream_bn_mode,
                      float momentum, const cream_tensor *y);
/* The gradients of y [rows][m], which both backward functions take: the buffer that has them, or OCL_GRADIENTS. */
cream_buf ocl_blas_gradients(ocl_runtime *, const cream_tensor *y, const cream_grad *);
/* out [chunks][m][n] = gradients of y [rows][m] transposed times values of x [rows][n], by chunk of rows. */
void ocl_blas_backward_weight(ocl_runtime *, const cream_tensor *x, const cream_tensor *y,
                              cream_buf gradients, int chunk, cream_buf out);
/* Gradients of y times weight [y->c][n], to the sink. */
void ocl_blas_backward_data(ocl_runtime *, const cream_tensor *y, cream_buf gradients, cream_buf weight,
                            int n, const cream_sink *);

#endif
