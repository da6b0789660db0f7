/* Products without CLBlast, for checkers that cannot run it (CREAM_OPENCL_BLAS=own). */

/* For each z: C[m,n] = alpha*op(A)*op(B) + beta*C, column-major; work-groups of 8 x 4. */
__attribute__((reqd_work_group_size(8, 4, 1))) __kernel void
gemm_own(const int m, const int n, const int k, const float alpha, IN(a), const int lda, const ulong stride_a,
         const int transposed_a, IN(b), const int ldb, const ulong stride_b, const int transposed_b,
         const float beta, BUF(c), const int ldc, const ulong stride_c) {
  AT(a);
  AT(b);
  AT(c);
  const int i = get_global_id(0), j = get_global_id(1);
  if (i >= m || j >= n) return;
  a += get_global_id(2) * stride_a + (size_t)i * (transposed_a ? lda : 1);
  b += get_global_id(2) * stride_b + (size_t)j * (transposed_b ? 1 : ldb);
  c += get_global_id(2) * stride_c + (size_t)j * ldc + i;
  const size_t step_a = transposed_a ? 1 : lda, step_b = transposed_b ? ldb : 1;
  float sum = 0.0f;
  for (int l = 0; l < k; l++) sum += a[l * step_a] * b[l * step_b];
  *c = beta == 0.0f ? alpha * sum : alpha * sum + beta * *c;
}
