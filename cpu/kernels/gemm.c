#include "gemm.h"

#include <cblas.h>

typedef vf gemm_sums[CPU_GEMM_ROWS][CPU_PANEL_VECTORS];

typedef enum gemm_kind { GEMM_FLOAT, GEMM_BF16, GEMM_BF16_ZERO } gemm_kind;
/* The last vector of a row: some of its lanes, all, or half of them. */
typedef enum gemm_last { GEMM_PART, GEMM_WHOLE, GEMM_HALF } gemm_last;

/* The words that k values take. */
static inline int gemm_depth(gemm_kind kind, int k) {
  return kind == GEMM_FLOAT ? k : (int)cpu_bf16_words((size_t)k);
}

CPU_INLINE vf gemm_fma(gemm_kind kind, bool half, vf a, vf b, vf sum) {
  if (kind == GEMM_FLOAT) return half ? vf_fma_half(a, b, sum) : vf_fma(a, b, sum);
  return half ? cpu_bf16_fma_half(a, b, sum) : cpu_bf16_fma(a, b, sum);
}

/* Adds the products of one k; `kind` is how. With GEMM_BF16_ZERO they are zeros, and a and b are not read. */
CPU_INLINE void gemm_step(gemm_kind kind, int rows, int vectors, gemm_last last, int lanes, const float *a,
                          size_t a_row, const float *b, gemm_sums sum) {
  vf vb[CPU_PANEL_VECTORS];
  CPU_UNROLL
  for (int j = 0; j < vectors; j++) {
    const float *at = b + j * CPU_LANES;
    vb[j] = kind == GEMM_BF16_ZERO                  ? (vf){0}
            : j < vectors - 1 || last == GEMM_WHOLE ? vf_load(at)
            : last == GEMM_HALF                     ? vf_load_half(at)
                                                    : vf_load_part(at, lanes);
  }
  CPU_UNROLL
  for (int i = 0; i < rows; i++) {
    const vf va = kind == GEMM_BF16_ZERO ? (vf){0} : vf_set(a[(size_t)i * a_row]);
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) {
      sum[i][j] = gemm_fma(kind, last == GEMM_HALF && j == vectors - 1, va, vb[j], sum[i][j]);
      CPU_KEEP(sum[i][j]);
    }
  }
}

/* `kind`, `rows`, `vectors` and `last` are constants where this is expanded: the sums stay in registers. The last
 * vector has `part` lanes. */
CPU_INLINE void gemm_tile(gemm_kind kind, int rows, int vectors, gemm_last last, int part, int k,
                          cpu_matrix a, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate) {
  gemm_sums sum;
  const int lanes = last == GEMM_WHOLE ? CPU_LANES : part;
  CPU_UNROLL
  for (int i = 0; i < rows; i++) {
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) sum[i][j] = (vf){0};
  }
  CPU_UNROLL
  for (int i = 0; i < rows; i++) { /* rows of C lie apart, and would be waited for at the end */
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) __builtin_prefetch(c + (size_t)i * ldc + j * CPU_LANES, 1);
  }
  const float *row = a.at;
  if (kind == GEMM_FLOAT || CPU_BF16_WORD == 2) {
    for (int p = 0; p < k; p++, row += a.col, b += ldb)
      gemm_step(kind, rows, vectors, last, lanes, row, a.row, b, sum);
  } else { /* pairs, the second first, as the instruction does: k = 1, 0, 3, 2 and so on */
    const ptrdiff_t a_pair = 2 * (ptrdiff_t)a.col, b_pair = 2 * (ptrdiff_t)ldb;
    ptrdiff_t a_step = -(ptrdiff_t)a.col, b_step = -(ptrdiff_t)ldb;
    if (k > 1) row += a.col, b += ldb;
    for (int p = 0; p < k / 2 * 2;
         p++, row += a_step, b += b_step, a_step = a_pair - a_step, b_step = b_pair - b_step)
      gemm_step(kind, rows, vectors, last, lanes, row, a.row, b, sum);
    if (k % 2) {
      if (k > 1) row -= a.col, b -= ldb;
      gemm_step(GEMM_BF16_ZERO, rows, vectors, last, lanes, row, a.row, b, sum);
      gemm_step(kind, rows, vectors, last, lanes, row, a.row, b, sum);
    }
  }
  CPU_UNROLL
  for (int i = 0; i < rows; i++) {
    CPU_UNROLL
    for (int j = 0; j < vectors; j++) {
      float *out = c + (size_t)i * ldc + j * CPU_LANES;
      const int count = j == vectors - 1 ? lanes : CPU_LANES;
      const bool half = last == GEMM_HALF && j == vectors - 1;
      vf v = sum[i][j];
      if (accumulate) v += half ? vf_load_half(out) : vf_load_n(out, count);
      if (accumulate && kind != GEMM_FLOAT) v = cpu_bf16_flush(v);
      if (half)
        vf_store_half(out, v);
      else
        vf_store_n(out, v, count);
    }
  }
}

/* As many tiles of ROWS rows as fit into m; returns the rows done. */
#define GEMM_ARGUMENTS                                                                                       \
  int m, int part, int k, cpu_matrix a, const float *b, size_t ldb, float *c, size_t ldc, bool accumulate
typedef int gemm_tile_fn(GEMM_ARGUMENTS);
#define GEMM_TILE(KIND, ROWS, VECTORS, LAST)                                                                 \
  static int gemm_##KIND##_##ROWS##_##VECTORS##_##LAST(GEMM_ARGUMENTS) {                                     \
    int i = 0;                                                                                               \
    for (; i + ROWS <= m; i += ROWS, a.at += ROWS * a.row, c += ROWS * ldc)                                  \
      gemm_tile(GEMM_##KIND, ROWS, VECTORS, GEMM_##LAST, part, k, a, b, ldb, c, ldc, accumulate);            \
    return i;                                                                                                \
  }
#define GEMM_NAME(KIND, ROWS, VECTORS, LAST) gemm_##KIND##_##ROWS##_##VECTORS##_##LAST,
/* X for every form of the last vector, number of vectors and of rows. */
#if CPU_HALF_LANES
#define GEMM_LASTS(X, KIND, ROWS, VECTORS)                                                                   \
  X(KIND, ROWS, VECTORS, PART) X(KIND, ROWS, VECTORS, WHOLE) X(KIND, ROWS, VECTORS, HALF)
#else
#define GEMM_LASTS(X, KIND, ROWS, VECTORS) X(KIND, ROWS, VECTORS, PART) X(KIND, ROWS, VECTORS, WHOLE)
#endif
#define GEMM_VECTORS(X, KIND, ROWS)                                                                          \
  GEMM_LASTS(X, KIND, ROWS, 1) GEMM_LASTS(X, KIND, ROWS, 2) GEMM_LASTS(X, KIND, ROWS, 3)
#if CPU_GEMM_ROWS == 8
#define GEMM_LEVELS(X, KIND)                                                                                 \
  GEMM_VECTORS(X, KIND, 1) GEMM_VECTORS(X, KIND, 2) GEMM_VECTORS(X, KIND, 4) GEMM_VECTORS(X, KIND, 8)
enum { GEMM_LEVEL_COUNT = 4 };
#else
#define GEMM_LEVELS(X, KIND) GEMM_VECTORS(X, KIND, 1) GEMM_VECTORS(X, KIND, 2) GEMM_VECTORS(X, KIND, 4)
enum { GEMM_LEVEL_COUNT = 3 };
#endif
GEMM_LEVELS(GEMM_TILE, FLOAT)
GEMM_LEVELS(GEMM_TILE, BF16)

/* [kind], then by log2 of the rows, vectors, and form of the last one. */
enum { GEMM_LAST_COUNT = CPU_HALF_LANES ? 3 : 2, GEMM_FORMS = CPU_PANEL_VECTORS * GEMM_LAST_COUNT };
static gemm_tile_fn *const gemm_tiles[][GEMM_LEVEL_COUNT * GEMM_FORMS] = {
    [GEMM_FLOAT] = {GEMM_LEVELS(GEMM_NAME, FLOAT)}, [GEMM_BF16] = {GEMM_LEVELS(GEMM_NAME, BF16)}};

/* One column panel of `n` <= CPU_PANEL columns. */
static void gemm_panel(gemm_kind kind, int m, int n, int k, cpu_matrix a, const float *b, size_t ldb,
                       float *c, size_t ldc, bool accumulate) {
  const int vectors = (n + CPU_LANES - 1) / CPU_LANES, part = n - (vectors - 1) * CPU_LANES;
  const gemm_last last = part == CPU_LANES ? GEMM_WHOLE : part == CPU_HALF_LANES ? GEMM_HALF : GEMM_PART;
  const int form = (vectors - 1) * GEMM_LAST_COUNT + (int)last;
  for (int level = GEMM_LEVEL_COUNT - 1, i = 0; i < m; level--) {
    const cpu_matrix rows = {a.at + (size_t)i * a.row, a.row, a.col};
    i += gemm_tiles[kind][level * GEMM_FORMS + form](m - i, part, k, rows, b, ldb, c + (size_t)i * ldc, ldc,
                                                     accumulate);
  }
}

/* All columns: those of the next panel lie `step` floats further on in b. */
static void gemm_panels(gemm_kind kind, int m, int n, int k, cpu_matrix a, const float *b, size_t step,
                        size_t ldb, float *c, size_t ldc, bool accumulate) {
  for (int j = 0; j < n; j += CPU_PANEL, b += step)
    gemm_panel(kind, m, n - j < CPU_PANEL ? n - j : CPU_PANEL, k, a, b, ldb, c + j, ldc, accumulate);
}

/* OpenBLAS is faster for products of few columns (most of a panel would be padding) and where this file is
 * compiled for short vectors. Measured on tiles of 256 rows with AVX-512: 16 and 24 columns
 * 105 to 127 GFLOP/s a core against 80 to 111; from 40 columns on 87 to 104 against 94 to 117. It refuses rows of b
 * that overlap, as the windows of a strided convolution do. */
static bool by_openblas(int m, int n, int k, cpu_matrix a, size_t ldb) {
  return ldb >= (size_t)n && (a.row == 1 || a.col == 1) && (size_t)m * (size_t)n * (size_t)k >= 16 * 1024;
}

void CPU_NAME(cpu_gemm)(bool exact, int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c,
                        size_t ldc, bool accumulate) {
  if (cpu_gemm_by_blas(exact, n) && by_openblas(m, n, k, a, ldb)) {
    const bool transposed = a.row == 1 && a.col != 1;
    cblas_sgemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, m, n, k, 1, a.at,
                (int)(transposed ? a.col : a.row), b, (int)ldb, accumulate ? 1 : 0, c, (int)ldc);
    return;
  }
  gemm_panels(GEMM_FLOAT, m, n, k, a, b, CPU_PANEL, ldb, c, ldc, accumulate);
}

void CPU_NAME(cpu_gemm_packed)(int m, int n, int k, cpu_matrix a, const float *packed, float *c, size_t ldc,
                               bool accumulate) {
  gemm_panels(GEMM_FLOAT, m, n, k, a, packed, CPU_PANEL * (size_t)k, CPU_PANEL, c, ldc, accumulate);
}

void CPU_NAME(cpu_gemm_bf16)(int m, int n, int k, cpu_matrix a, const float *b, size_t ldb, float *c,
                             size_t ldc, bool accumulate) {
  const unsigned before = cpu_bf16_begin();
  gemm_panels(GEMM_BF16, m, n, gemm_depth(GEMM_BF16, k), a, b, CPU_PANEL, ldb, c, ldc, accumulate);
  cpu_bf16_end(before);
}
void CPU_NAME(cpu_gemm_bf16_packed)(int m, int n, int k, cpu_matrix a, const float *packed, float *c,
                                    size_t ldc, bool accumulate) {
  const int depth = gemm_depth(GEMM_BF16, k);
  const unsigned before = cpu_bf16_begin();
  gemm_panels(GEMM_BF16, m, n, depth, a, packed, CPU_PANEL * (size_t)depth, CPU_PANEL, c, ldc, accumulate);
  cpu_bf16_end(before);
}

void CPU_NAME(cpu_gemm_rows)(cpu_steps steps, int m, int n, int k, cpu_matrix a, const float *packed,
                             float *c, size_t ldc, bool accumulate) {
  for (int j = 0; j < n; j += CPU_PANEL)
    for (int i = 0; i < steps.count; i++) {
      const cpu_matrix left = {a.at + (size_t)i * steps.a, a.row, a.col};
      gemm_panel(GEMM_FLOAT, m, n - j < CPU_PANEL ? n - j : CPU_PANEL, k, left,
                 packed + (size_t)j * (size_t)k, CPU_PANEL, c + (size_t)i * steps.c + j, ldc, accumulate);
    }
}

CPU_INLINE void copy_step(const float *from, float *to, int c, int lanes) {
  vf_store_n(to + c, vf_load_n(from + c, lanes), lanes);
}
/* to[p][0..n-1] = from[p][0..n-1], rows `ld` and `ld_to` apart. */
CPU_INLINE void copy_rows(int n, int k, const float *from, size_t ld, float *to, size_t ld_to) {
  for (int p = 0; p < k; p++, from += ld, to += ld_to) CPU_FOR_LANES(n, copy_step, from, to);
}
/* One panel of rows. */
static void copy_panel(int n, int k, const float *from, size_t ld, float *to) {
  if (n == CPU_PANEL)
    copy_rows(CPU_PANEL, k, from, ld, to, CPU_PANEL);
  else
    copy_rows(n, k, from, ld, to, CPU_PANEL);
}
/* Rows of a register tile, n <= CPU_GEMM_ROWS of them. */
static void copy_tile(int n, int k, const float *from, size_t ld, float *to) {
  for (int p = 0; p < k; p++, from += ld, to += CPU_GEMM_ROWS) {
    if (n == CPU_GEMM_ROWS)
      memcpy(to, from, CPU_GEMM_ROWS * sizeof *to);
    else
      memcpy(to, from, (size_t)n * sizeof *to);
  }
}

void CPU_NAME(cpu_gemm_copy)(int n, int k, const float *b, size_t ldb, float *packed) {
  for (int j = 0; j < n; j += CPU_PANEL)
    copy_panel(n - j < CPU_PANEL ? n - j : CPU_PANEL, k, b + j, ldb, packed + (size_t)j * (size_t)k);
}

typedef void copy_fn(int n, int k, const float *from, size_t ld, float *to);
/* `width` columns from `from` on, of all products, as units of `unit` columns. */
static void copy_all(copy_fn *copy, int unit, int width, cpu_steps steps, size_t step, int k,
                     const float *from, size_t ld, float *to) {
  for (int j = 0; j < width; j += unit)
    for (int i = 0; i < steps.count; i++, to += unit * k)
      copy(width - j < unit ? width - j : unit, k, from + (size_t)i * step + j, ld, to);
}

void CPU_NAME(cpu_gemm_outer)(cpu_steps steps, int m, int n, int k, const float *a, size_t lda,
                              const float *b, size_t ldb, float *scratch, float *c, size_t ldc,
                              bool accumulate) {
  enum { ROWS = CPU_GEMM_ROWS };
  const size_t depth = (size_t)steps.count * (size_t)k;
  const bool rows_outside = m > n;
  float *left = scratch, *right = scratch + (size_t)(m + ROWS) / ROWS * ROWS * depth;
  if (rows_outside) {
    left = scratch + (size_t)(n + CPU_PANEL) / CPU_PANEL * CPU_PANEL * depth, right = scratch;
    copy_all(copy_panel, CPU_PANEL, n, steps, steps.b, k, b, ldb, right);
  } else {
    copy_all(copy_tile, ROWS, m, steps, steps.a, k, a, lda, left);
  }
  const int outer = rows_outside ? m : n, outer_step = rows_outside ? ROWS : CPU_PANEL;
  for (int o = 0; o < outer; o += outer_step) {
    const int some = outer - o < outer_step ? outer - o : outer_step;
    if (rows_outside)
      copy_all(copy_tile, ROWS, some, steps, steps.a, k, a + o, lda, left);
    else
      copy_all(copy_panel, CPU_PANEL, some, steps, steps.b, k, b + o, ldb, right);
    const int inner = rows_outside ? n : m, inner_step = rows_outside ? CPU_PANEL : ROWS;
    for (int x = 0; x < inner; x += inner_step) {
      const int rest = inner - x < inner_step ? inner - x : inner_step;
      const int row = rows_outside ? o : x, column = rows_outside ? x : o;
      const float *tile = left + (rows_outside ? 0 : (size_t)x * depth);
      const float *panel = right + (rows_outside ? (size_t)x * depth : 0);
      for (int i = 0; i < steps.count; i++, tile += ROWS * k, panel += CPU_PANEL * k)
        gemm_panel(GEMM_FLOAT, rows_outside ? some : rest, rows_outside ? rest : some, k,
                   (cpu_matrix){tile, 1, ROWS}, panel, CPU_PANEL, c + (size_t)row * ldc + column, ldc,
                   accumulate || i > 0);
    }
  }
}

/* to[p][i] = from[i][p] for a square of CPU_LANES: each round interleaves the halves. */
CPU_INLINE void transpose_square(const float *from, size_t ld, float *to, size_t ld_to) {
  vf a[CPU_LANES], b[CPU_LANES];
  vi low, high;
  for (int i = 0; i < CPU_LANES / 2; i++) {
    low[2 * i] = i, low[2 * i + 1] = CPU_LANES + i;
    high[2 * i] = CPU_LANES / 2 + i, high[2 * i + 1] = CPU_LANES + CPU_LANES / 2 + i;
  }
  CPU_UNROLL
  for (int i = 0; i < CPU_LANES; i++) a[i] = vf_load(from + (size_t)i * ld);
  CPU_UNROLL
  for (int round = 1; round < CPU_LANES; round *= 2) {
    CPU_UNROLL
    for (int i = 0; i < CPU_LANES / 2; i++) {
      b[2 * i] = vf_shuffle(a[i], a[i + CPU_LANES / 2], low);
      b[2 * i + 1] = vf_shuffle(a[i], a[i + CPU_LANES / 2], high);
    }
    CPU_UNROLL
    for (int i = 0; i < CPU_LANES; i++) a[i] = b[i];
  }
  CPU_UNROLL
  for (int i = 0; i < CPU_LANES; i++) vf_store(to + (size_t)i * ld_to, a[i]);
}

/* CPU_LANES words of CPU_LANES rows, transposed; of `lanes` rows of `count` values, where these are fewer, the others 0. */
static void pack_square(gemm_kind kind, const float *from, size_t ld, int lanes, int count, float *to) {
  const int line = CPU_LANES * (kind == GEMM_FLOAT ? 1 : CPU_BF16_WORD);
  float words[CPU_LANES * CPU_LANES], square[CPU_LANES * CPU_LANES], row[CPU_LANES * CPU_BF16_WORD];
  if (lanes >= CPU_LANES && count >= line && kind == GEMM_FLOAT) {
    transpose_square(from, ld, to, CPU_PANEL);
    return;
  }
  for (int l = 0; l < CPU_LANES; l++) {
    const float *at = from + (size_t)l * ld;
    if (l >= lanes || count < line) {
      memset(row, 0, sizeof row);
      if (l < lanes) memcpy(row, at, (size_t)(count < line ? count : line) * sizeof *row);
      at = row;
    }
    vf_store(words + l * CPU_LANES, kind == GEMM_FLOAT ? vf_load(at) : cpu_bf16_line(at));
  }
  if (count >= line) {
    transpose_square(words, CPU_LANES, to, CPU_PANEL);
    return;
  }
  transpose_square(words, CPU_LANES, square, CPU_LANES);
  const int rows = gemm_depth(kind, count);
  for (int p = 0; p < rows; p++) vf_store(to + p * CPU_PANEL, vf_load(square + p * CPU_LANES));
}
static void pack(gemm_kind kind, int count, int k, const float *w, size_t ldw, float *packed) {
  const int word = kind == GEMM_FLOAT ? 1 : CPU_BF16_WORD, depth = gemm_depth(kind, k);
  for (int j = 0; j < count; j += CPU_PANEL, packed += (size_t)CPU_PANEL * (size_t)depth)
    for (int i = 0; i < CPU_PANEL; i += CPU_LANES) {
      const int lanes = count - j - i; /* may be 0 or less */
      const float *from = w + (size_t)(j + i) * ldw;
      for (int p = 0; p < depth; p += CPU_LANES)
        pack_square(kind, from + p * word, ldw, lanes, k - p * word, packed + i + (size_t)p * CPU_PANEL);
    }
}

void CPU_NAME(cpu_gemm_pack)(int count, int k, const float *w, size_t ldw, float *packed) {
  pack(GEMM_FLOAT, count, k, w, ldw, packed);
}
void CPU_NAME(cpu_gemm_bf16_pack)(int count, int k, const float *w, size_t ldw, float *packed) {
  pack(GEMM_BF16, count, k, w, ldw, packed);
}

/* sum += the products of elements i..i+count-1, count <= CPU_WIDE. */
CPU_INLINE void dot_step(const float *x, const float *w, vf_wide *sum, int i, int count) {
  CPU_UNROLL
  for (int j = 0; j < CPU_PARTS; j++) {
    const int at = i + j * CPU_LANES, lanes = count - j * CPU_LANES;
    if (lanes >= CPU_LANES)
      sum->part[j] = vf_fma(vf_load(x + at), vf_load(w + at), sum->part[j]);
    else if (lanes > 0)
      sum->part[j] = vf_fma(vf_load_part(x + at, lanes), vf_load_part(w + at, lanes), sum->part[j]);
  }
}
/* The product of two vectors of k floats. */
static float dot(int k, const float *x, const float *w) {
  vf_wide sum[CPU_BLOCK] = {{{{0}}}};
  int p = 0;
  for (; p + CPU_BLOCK * CPU_WIDE <= k; p += CPU_BLOCK * CPU_WIDE) {
    CPU_UNROLL
    for (int i = 0; i < CPU_BLOCK; i++) dot_step(x + p, w + p, &sum[i], i * CPU_WIDE, CPU_WIDE);
  }
  for (; p + CPU_WIDE <= k; p += CPU_WIDE) dot_step(x, w, &sum[0], p, CPU_WIDE);
  if (p < k) dot_step(x, w, &sum[1], p, k - p);
  for (int i = 1; i < CPU_BLOCK; i++) {
    CPU_UNROLL
    for (int j = 0; j < CPU_PARTS; j++) sum[0].part[j] += sum[i].part[j];
  }
  return vf_wide_sum(&sum[0]);
}

void CPU_NAME(cpu_gemm_few)(int m, int n, int k, const float *x, size_t ldx, const float *w, size_t ldw,
                            float *c, size_t ldc) {
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++) c[(size_t)i * ldc + j] = dot(k, x + (size_t)i * ldx, w + (size_t)j * ldw);
}
