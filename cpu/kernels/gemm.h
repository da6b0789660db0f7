/* Small single-threaded matrix products on tiles in the cache: register-tiled vector code, which adds products in the
 * order of k, or OpenBLAS where that is faster and its order, which the processor decides, is allowed (not `exact`).
 * A may have any strides, so one form serves the three products of a layer:
 *
 *     C[m][n] (+)= sum over k of A(m,k) * B[k][n],   A(m,k) = a[m*a_row + k*a_col]
 */
#ifndef CREAM_CPU_KERNELS_GEMM_H
#define CREAM_CPU_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "bf16.h"

/* Vectors and columns of a register tile, and of a packed panel. */
#define CPU_PANEL_VECTORS 3
#define CPU_PANEL         (CPU_PANEL_VECTORS * CPU_LANES)
#if defined(__AVX512F__) || defined(__aarch64__)
#define CPU_GEMM_ROWS 8 /* of 32 vector registers, 24 hold sums */
#else
#define CPU_GEMM_ROWS 4
#endif

typedef struct cpu_matrix {
  const float *at;
  size_t row, col; /* strides in floats */
} cpu_matrix;

/* C[m][n] (+= where `accumulate`, else =) A[m][k] B[k][n]; rows of B lie ldb apart, of C ldc apart. */
void CPU_NAME(cpu_gemm)(bool exact, int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c,
                        size_t ldc, bool accumulate);

/* Floats that `n` columns of depth `k` take when packed. */
static inline size_t cpu_packed_size(int n, int k) {
  return (size_t)(n + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL * (size_t)k;
}
/* Packs `count` rows of W[n][k] (so that B = W transposed) as panels [k][CPU_PANEL], the last one padded
 * with zeros. */
void CPU_NAME(cpu_gemm_pack)(int count, int k, const float *w, size_t ldw, float *packed);
/* C[m][n] = A[m][k] B, B packed. */
void CPU_NAME(cpu_gemm_packed)(int m, int n, int k, cpu_matrix a, const float *packed, float *c, size_t ldc,
                               bool accumulate);

/* ---- operands in bfloat16 (bf16.h) ---- */
/* C[m][n] (+)= A B, where `k` counts values, and strides of a and b are of words: A of cpu_bf16_rows, {words of k, 1}, or
 * {1, m} of cpu_bf16_columns; B of cpu_bf16_columns. */
void CPU_NAME(cpu_gemm_bf16)(int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c,
                             size_t ldc, bool accumulate);
/* As cpu_gemm_pack, panels [words of k][CPU_PANEL], and cpu_gemm_packed. */
void CPU_NAME(cpu_gemm_bf16_pack)(int count, int k, const float *w, size_t ldw, float *packed);
void CPU_NAME(cpu_gemm_bf16_packed)(int m, int n, int k, cpu_matrix a, const float *packed, float *c,
                                    size_t ldc, bool accumulate);

/* ---- floats ---- */
/* Packs B[k][n], whose rows lie ldb apart, in the same way, but leaves what pads the last panel as it is. */
void CPU_NAME(cpu_gemm_copy)(int n, int k, const float *b, size_t ldb, float *packed);

/* Whether cpu_gemm leaves products of n columns to OpenBLAS, where they are large enough: then nothing has to be packed. */
static inline bool cpu_gemm_by_blas(bool exact, int n) {
  return !exact && (CPU_LANES < 8 || n <= 2 * CPU_LANES);
}

/* `count` products whose operands lie `step` floats apart. */
typedef struct cpu_steps {
  int count;
  size_t a, b, c;
} cpu_steps;

/* As cpu_gemm_packed for each, with one B; a panel of it stays in the cache for all of them. */
void CPU_NAME(cpu_gemm_rows)(cpu_steps, int m, int n, int k, cpu_matrix a, const float *packed, float *c,
                             size_t ldc, bool accumulate);

/* C (+)= A^T B for A[k][m], B[k][n], one after another for each with one C. The narrower operand is packed whole, the other a
 * panel at a time, so that both are read in the order of memory; `scratch` has cpu_gemm_outer_size floats. */
void CPU_NAME(cpu_gemm_outer)(cpu_steps, int m, int n, int k, const float *a, size_t lda, const float *b,
                              size_t ldb, float *scratch, float *c, size_t ldc, bool accumulate);
static inline size_t cpu_gemm_outer_size(int m, int n, size_t k) {
  return ((size_t)(m < n ? m : n) + CPU_GEMM_ROWS + 2 * CPU_PANEL) * k;
}

/* C[m][n] = X[m][k] W[n][k]^T for few rows: W is read once, as it is. */
enum { CPU_FEW_ROWS = 4 };
void CPU_NAME(cpu_gemm_few)(int m, int n, int k, const float *x, size_t ldx, const float *w, size_t ldw,
                            float *c, size_t ldc);

#endif
