/* The transforms of Winograd's algorithm F(4x4, 3x3) (A. Lavin and S. Gray, Fast algorithms for convolutional neural
 * networks, 2016). A tile of 4x4 outputs of a 3x3 convolution is
 *
 *     Y = A^T [(G g G^T) * (B^T d B)] A,      d: 6x6 inputs, g: 3x3 weights, *: 36 products by element.
 *
 * The points are 0, -5/8, 5/8, -3/2, 3/2 and infinity: their squares and cubes are exact, and the error is half of that of the
 * usual 0, -1, 1, -2, 2 (B. Barabasz et al., Error analysis and improving the accuracy of Winograd convolution, 2020).
 */
#ifndef CREAM_CPU_KERNELS_WINOGRAD_TRANSFORMS_H
#define CREAM_CPU_KERNELS_WINOGRAD_TRANSFORMS_H

#include "simd.h"

/* Outputs, inputs and weights of a side of a tile, and the products of a tile. */
enum { WINOGRAD_OUT = 4, WINOGRAD_IN = 6, WINOGRAD_KERNEL = 3, WINOGRAD_POINTS = WINOGRAD_IN * WINOGRAD_IN };

#define WINOGRAD_A  0.625f
#define WINOGRAD_A2 0.390625f
#define WINOGRAD_A3 0.244140625f
#define WINOGRAD_B  1.5f
#define WINOGRAD_B2 2.25f
#define WINOGRAD_B3 3.375f
/* G's denominators: products of the differences between a point and the others. */
#define WINOGRAD_G0 (1.0f / (WINOGRAD_A2 * WINOGRAD_B2))
#define WINOGRAD_GA (1.0f / (2 * WINOGRAD_A2 * (WINOGRAD_A2 - WINOGRAD_B2)))
#define WINOGRAD_GB (1.0f / (2 * WINOGRAD_B2 * (WINOGRAD_B2 - WINOGRAD_A2)))

/* One of the matrices below times a vector. */
typedef void winograd_line(const vf *x, vf *out);

/* B^T: 6 to 6. */
CPU_INLINE void winograd_input(const vf *d, vf *out) {
  const vf product = vf_set(WINOGRAD_A2 * WINOGRAD_B2), sum = vf_set(-WINOGRAD_A2 - WINOGRAD_B2);
  const vf even_a = vf_fma(vf_set(-WINOGRAD_B2), d[2], d[4]),
           odd_a = vf_fma(vf_set(-WINOGRAD_B2), d[1], d[3]);
  const vf even_b = vf_fma(vf_set(-WINOGRAD_A2), d[2], d[4]),
           odd_b = vf_fma(vf_set(-WINOGRAD_A2), d[1], d[3]);
  out[0] = vf_fma(product, d[0], vf_fma(sum, d[2], d[4]));
  out[1] = vf_fma(vf_set(WINOGRAD_A), odd_a, even_a);
  out[2] = vf_fma(vf_set(-WINOGRAD_A), odd_a, even_a);
  out[3] = vf_fma(vf_set(WINOGRAD_B), odd_b, even_b);
  out[4] = vf_fma(vf_set(-WINOGRAD_B), odd_b, even_b);
  out[5] = vf_fma(product, d[1], vf_fma(sum, d[3], d[5]));
}

/* G: 3 to 6. */
CPU_INLINE void winograd_weight(const vf *g, vf *out) {
  const vf even_a = vf_fma(vf_set(WINOGRAD_A2), g[2], g[0]), even_b = vf_fma(vf_set(WINOGRAD_B2), g[2], g[0]);
  out[0] = vf_set(WINOGRAD_G0) * g[0];
  out[1] = vf_set(WINOGRAD_GA) * vf_fma(vf_set(WINOGRAD_A), g[1], even_a);
  out[2] = vf_set(WINOGRAD_GA) * vf_fma(vf_set(-WINOGRAD_A), g[1], even_a);
  out[3] = vf_set(WINOGRAD_GB) * vf_fma(vf_set(WINOGRAD_B), g[1], even_b);
  out[4] = vf_set(WINOGRAD_GB) * vf_fma(vf_set(-WINOGRAD_B), g[1], even_b);
  out[5] = g[2];
}

/* A^T: 6 to 4. */
CPU_INLINE void winograd_output(const vf *m, vf *out) {
  const vf even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
  out[0] = m[0] + even_a + even_b;
  out[1] = vf_fma(vf_set(WINOGRAD_B), odd_b, vf_set(WINOGRAD_A) * odd_a);
  out[2] = vf_fma(vf_set(WINOGRAD_B2), even_b, vf_set(WINOGRAD_A2) * even_a);
  out[3] = vf_fma(vf_set(WINOGRAD_B3), odd_b, vf_fma(vf_set(WINOGRAD_A3), odd_a, m[5]));
}

/* A: 4 to 6, the adjoint of winograd_output. */
CPU_INLINE void winograd_output_gradient(const vf *y, vf *out) {
  const vf even_a = vf_fma(vf_set(WINOGRAD_A2), y[2], y[0]), odd_a = vf_fma(vf_set(WINOGRAD_A2), y[3], y[1]);
  const vf even_b = vf_fma(vf_set(WINOGRAD_B2), y[2], y[0]), odd_b = vf_fma(vf_set(WINOGRAD_B2), y[3], y[1]);
  out[0] = y[0];
  out[1] = vf_fma(vf_set(WINOGRAD_A), odd_a, even_a);
  out[2] = vf_fma(vf_set(-WINOGRAD_A), odd_a, even_a);
  out[3] = vf_fma(vf_set(WINOGRAD_B), odd_b, even_b);
  out[4] = vf_fma(vf_set(-WINOGRAD_B), odd_b, even_b);
  out[5] = y[3];
}

/* G^T: 6 to 3, the adjoint of winograd_weight. */
CPU_INLINE void winograd_weight_gradient(const vf *u, vf *out) {
  const vf even_a = vf_set(WINOGRAD_GA) * (u[1] + u[2]), odd_a = vf_set(WINOGRAD_GA) * (u[1] - u[2]);
  const vf even_b = vf_set(WINOGRAD_GB) * (u[3] + u[4]), odd_b = vf_set(WINOGRAD_GB) * (u[3] - u[4]);
  out[0] = vf_fma(vf_set(WINOGRAD_G0), u[0], even_a + even_b);
  out[1] = vf_fma(vf_set(WINOGRAD_B), odd_b, vf_set(WINOGRAD_A) * odd_a);
  out[2] = vf_fma(vf_set(WINOGRAD_B2), even_b, vf_fma(vf_set(WINOGRAD_A2), even_a, u[5]));
}

/* A square of vectors in memory: floats from a row and from a column to the next. */
typedef struct winograd_square {
  size_t row, col;
} winograd_square;

/* Channels c..c+lanes-1 of one tile: out = f x f^T for x[from][from]. Of out[to][to], `rows` rows and `cols` columns are
 * written. f, from and to are constants. */
CPU_INLINE void winograd_step(winograd_line *f, int from, int to, const float *x, winograd_square in,
                              float *out, winograd_square at, int rows, int cols, int c, int lanes) {
  vf half[WINOGRAD_IN][WINOGRAD_IN], line[WINOGRAD_IN], result[WINOGRAD_IN];
  CPU_UNROLL
  for (int j = 0; j < from; j++) {
    CPU_UNROLL
    for (int i = 0; i < from; i++)
      line[i] = vf_load_n(x + (size_t)i * in.row + (size_t)j * in.col + c, lanes);
    f(line, half[j]);
  }
  CPU_UNROLL
  for (int i = 0; i < to; i++) {
    CPU_UNROLL
    for (int j = 0; j < from; j++) line[j] = half[j][i];
    f(line, result);
    CPU_UNROLL
    for (int j = 0; j < to; j++)
      if (i < rows && j < cols)
        vf_store_n(out + (size_t)i * at.row + (size_t)j * at.col + c, result[j], lanes);
  }
}

#endif
