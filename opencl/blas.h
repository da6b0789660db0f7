/* Products through CLBlast. */
#ifndef CREAM_OPENCL_BLAS_H
#define CREAM_OPENCL_BLAS_H

#include "runtime.h"

/* A single-precision matrix, column-major. */
typedef struct ocl_matrix {
  cream_buf at;
  int ld;
  size_t stride; /* elements from one matrix of a batch to the next; 0: the same for all (A and B only) */
  bool transposed;
} ocl_matrix;

/* C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C; C is not transposed. Sizes of 0 queue nothing (beta is
 * then not applied). The direct path is forced, so offsets, strides of 0 and padded leading dimensions are
 * right (CLBlast's indirect path ignores them in some cases). */
void ocl_gemm(ocl_runtime *, int m, int n, int k, float alpha, ocl_matrix a, ocl_matrix b, float beta,
              ocl_matrix c);
void ocl_gemm_batched(ocl_runtime *, int batch, int m, int n, int k, float alpha, ocl_matrix a, ocl_matrix b,
                      float beta, ocl_matrix c);

/* Announces at plan time that a training calls ocl_gemm or ocl_gemm_batched: ocl_blas_warm then compiles the
 * routine (seconds). Without it the first call waits. */
void ocl_gemm_plan(const ocl_runtime *, bool batched);
/* Compiles the planned routines in the background. */
void ocl_blas_warm(ocl_runtime *);

/* Takes options->parameters, if there are any; then forces CLBlast's direct path. */
cream_status ocl_blas_init(ocl_runtime *, const cream_device_options *, cream_error *);
void ocl_blas_end(ocl_runtime *);
/* Sets the parameters of one kernel from a line "KERNEL NAME=VALUE ..."; a message if CLBlast refuses it,
 * else NULL. */
const char *ocl_blas_override(ocl_runtime *, const char *line);

#endif
