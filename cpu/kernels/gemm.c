#include "gemm.h"

#include <cblas.h>

/* `rows`, `vectors` and `whole` are constants where this is expanded: the sums stay in registers. The last
 * vector has `last` lanes. */
CPU_INLINE void gemm_tile(int rows, int vectors, bool whole, int last, int k, cpu_matrix a, const float *b,
                          size_t ldb, float *c, size_t ldc, bool accumulate) {
  vf sum[CPU_GEMM_ROWS][CPU_PANEL_VECTORS];
  const int lanes = whole ? CPU_LANES : last;
  CPU_UNROLL
  for (int i = 0; i < rows; i++) {
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) sum[i][j] = (vf){0};
  }
  const float *row = a.at;
  for (int p = 0; p < k; p++, row += a.col, b += ldb) {
    vf vb[CPU_PANEL_VECTORS];
    CPU_UNROLL
    for (int j = 0; j < vectors; j++)
      vb[j] =
          j == vectors - 1 && !whole ? vf_load_part(b + j * CPU_LANES, lanes) : vf_load(b + j * CPU_LANES);
    CPU_UNROLL
    for (int i = 0; i < rows; i++) {
      vf va = vf_set(row[(size_t)i * a.row]);
      CPU_UNROLL
      for (int j = 0; j < vectors; j++) sum[i][j] += va * vb[j];
    }
  }
  CPU_UNROLL
  for (int i = 0; i < rows; i++) {
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) {
      float *out = c + (size_t)i * ldc + j * CPU_LANES;
      int count = j == vectors - 1 ? lanes : CPU_LANES;
      vf v = sum[i][j];
      if (accumulate) v += vf_load_n(out, count);
      vf_store_n(out, v, count);
    }
  }
}

#define GEMM_ARGUMENTS                                                                                       \
  int last, int k, cpu_matrix a, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate
typedef void gemm_tile_fn(GEMM_ARGUMENTS);
#define GEMM_TILE(ROWS, VECTORS, WHOLE)                                                                      \
  static void gemm_##ROWS##_##VECTORS##_##WHOLE(GEMM_ARGUMENTS) {                                            \
    gemm_tile(ROWS, VECTORS, WHOLE, last, k, a, b, ldb, c, ldc, accumulate);                                 \
  }
#define GEMM_TILES(ROWS)                                                                                     \
  GEMM_TILE(ROWS, 1, 0)                                                                                      \
  GEMM_TILE(ROWS, 1, 1)                                                                                      \
  GEMM_TILE(ROWS, 2, 0) GEMM_TILE(ROWS, 2, 1) GEMM_TILE(ROWS, 3, 0) GEMM_TILE(ROWS, 3, 1)
#define GEMM_ROW(ROWS)                                                                                       \
  {                                                                                                          \
    {gemm_##ROWS##_1_0, gemm_##ROWS##_1_1}, {gemm_##ROWS##_2_0, gemm_##ROWS##_2_1}, {                        \
      gemm_##ROWS##_3_0, gemm_##ROWS##_3_1                                                                   \
    }                                                                                                        \
  }
GEMM_TILES(1)
GEMM_TILES(2)
GEMM_TILES(4)
#if CPU_GEMM_ROWS == 8
GEMM_TILES(8)
#endif

/* [log2 of the rows][vectors - 1][last vector is whole] */
static gemm_tile_fn *const gemm_tiles[][CPU_PANEL_VECTORS][2] = {GEMM_ROW(1), GEMM_ROW(2), GEMM_ROW(4),
#if CPU_GEMM_ROWS == 8
                                                                 GEMM_ROW(8)
#endif
};

/* One column panel of `n` <= CPU_PANEL columns. */
static void gemm_panel(int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c, size_t ldc,
                       bool accumulate) {
  int vectors = (n + CPU_LANES - 1) / CPU_LANES, last = n - (vectors - 1) * CPU_LANES;
  int step = CPU_GEMM_ROWS, level = (int)(sizeof gemm_tiles / sizeof gemm_tiles[0]) - 1;
  for (int i = 0; i < m; i += step) {
    while (i + step > m) step /= 2, level--;
    cpu_matrix rows = {a.at + (size_t)i * a.row, a.row, a.col};
    gemm_tiles[level][vectors - 1][last == CPU_LANES](last, k, rows, b, ldb, c + (size_t)i * ldc, ldc,
                                                      accumulate);
  }
}

/* OpenBLAS is quicker where a product has few columns (of a panel, most would be padding) and where this file is
 * compiled without vectors worth the name. Measured on tiles of 256 rows with AVX-512: 16 and 24 columns
 * 105 to 127 GFLOP/s a core against 80 to 111; from 40 columns on 87 to 104 against 94 to 117. */
static bool by_openblas(int m, int n, int k, cpu_matrix a) {
  const bool few = CPU_LANES < 8 || n <= 2 * CPU_LANES;
  return few && (a.row == 1 || a.col == 1) && (size_t)m * (size_t)n * (size_t)k >= 16 * 1024;
}

void CPU_NAME(cpu_gemm)(int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c, size_t ldc,
                        bool accumulate) {
  if (by_openblas(m, n, k, a)) {
    const bool transposed = a.row == 1 && a.col != 1;
    cblas_sgemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, m, n, k, 1, a.at,
                (int)(transposed ? a.col : a.row), b, (int)ldb, accumulate ? 1 : 0, c, (int)ldc);
    return;
  }
  for (int j = 0; j < n; j += CPU_PANEL) {
    int width = n - j < CPU_PANEL ? n - j : CPU_PANEL;
    gemm_panel(m, width, k, a, b + j, ldb, c + j, ldc, accumulate);
  }
}

void CPU_NAME(cpu_gemm_packed)(int m, int n, int k, cpu_matrix a, const float *packed, float *c, size_t ldc,
                               bool accumulate) {
  for (int j = 0; j < n; j += CPU_PANEL) {
    int width = n - j < CPU_PANEL ? n - j : CPU_PANEL;
    gemm_panel(m, width, k, a, packed + (size_t)j * (size_t)k, CPU_PANEL, c + j, ldc, accumulate);
  }
}

void CPU_NAME(cpu_gemm_pack)(int count, int k, const float *w, size_t ldw, float *packed) {
  for (int j = 0; j < count; j += CPU_PANEL, packed += (size_t)CPU_PANEL * (size_t)k) {
    int width = count - j < CPU_PANEL ? count - j : CPU_PANEL;
    for (int p = 0; p < k; p++) {
      float *row = packed + (size_t)p * CPU_PANEL;
      for (int i = 0; i < width; i++) row[i] = w[(size_t)(j + i) * ldw + (size_t)p];
      for (int i = width; i < CPU_PANEL; i++) row[i] = 0;
    }
  }
}
