#include "ops_blas.h"

#include "blas.h"
#include "memory.h"
#include "ops_map.h"
#include "ops_norm.h"

/* In CLBlast's column-major terms a row-major [rows][c] is a matrix of c rows and `rows` columns. */

static ocl_matrix weights(cream_buf at, int ld, bool transposed) {
  return (ocl_matrix){.at = at, .ld = ld, .transposed = transposed};
}

/* The values of x: x itself where no map is pending, else OCL_VALUES. */
static ocl_matrix values(ocl_runtime *ocl, const cream_tensor *x) {
  bool plain = !cream_buf_present(x->scale) && !cream_buf_present(x->gate) && x->act == CREAM_ACT_NONE;
  if (plain) return (ocl_matrix){.at = x->raw, .ld = x->c};
  return (ocl_matrix){.at = ocl_values(ocl, x), .ld = ocl_pitch(ocl, x->c)};
}

cream_buf ocl_blas_gradients(ocl_runtime *ocl, const cream_tensor *y, const cream_grad *dy) {
  bool plain = dy->kind == CREAM_GRAD_Z && !cream_buf_present(dy->a);
  return plain ? dy->g : ocl_gradients(ocl, y, dy, y->c);
}

void ocl_blas_forward(ocl_runtime *ocl, const cream_tensor *x, cream_buf weight, const cream_bn *bn,
                      cream_bn_mode mode, float momentum, const cream_tensor *y) {
  ocl_gemm(ocl, y->c, ocl_pixels(y), x->c, 1, weights(weight, x->c, true), values(ocl, x), 0,
           (ocl_matrix){.at = y->raw, .ld = y->c});
  if (!bn) return;
  ocl_chunks k = ocl_chunks_of(y, 1);
  cream_buf partial = CREAM_NO_BUF;
  if (mode != CREAM_BN_RUNNING) {
    partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * 2 * (size_t)k.c);
    ocl_run_map_moments(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), y->raw, partial,
                        OCL_CHUNKS(&k));
  }
  ocl_norm_forward(ocl, bn, mode, momentum, y, partial, k.chunks, k.parts, k.area, k.rows);
}

void ocl_blas_backward_weight(ocl_runtime *ocl, const cream_tensor *x, const cream_tensor *y,
                              cream_buf gradients, int chunk, cream_buf out) {
  int rows = ocl_pixels(y), whole = rows / chunk, rest = rows % chunk;
  size_t size = (size_t)x->c * (size_t)y->c;
  ocl_matrix a = values(ocl, x), b = {.at = gradients, .ld = y->c, .transposed = true};
  ocl_matrix c = {.at = out, .ld = x->c, .stride = size};
  a.stride = (size_t)chunk * (size_t)a.ld;
  b.stride = (size_t)chunk * (size_t)b.ld;
  if (whole > 1)
    ocl_gemm_batched(ocl, whole, x->c, y->c, chunk, 1, a, b, 0, c);
  else if (whole == 1)
    ocl_gemm(ocl, x->c, y->c, chunk, 1, a, b, 0, c);
  a.at = cream_buf_at(a.at, (size_t)whole * a.stride);
  b.at = cream_buf_at(b.at, (size_t)whole * b.stride);
  c.at = cream_buf_at(c.at, (size_t)whole * size);
  ocl_gemm(ocl, x->c, y->c, rest, 1, a, b, 0, c);
}

void ocl_blas_backward_data(ocl_runtime *ocl, const cream_tensor *y, cream_buf gradients, cream_buf weight,
                            int n, const cream_sink *sink) {
  const cream_tensor *node = sink->node;
  ocl_chunks k = ocl_chunks_of(node, 1);
  ocl_sink s = ocl_sink_begin(ocl, sink, k.chunks, k.parts);
  bool plain = s.sums == 0 && !cream_buf_present(sink->add) && !cream_buf_present(node->gate) &&
               node->act == CREAM_ACT_NONE;
  ocl_matrix c = {.at = sink->g, .ld = n};
  if (!plain) c.at = ocl_scratch(ocl, OCL_VALUES, (size_t)ocl_pixels(y) * (size_t)n);
  ocl_gemm(ocl, n, ocl_pixels(y), y->c, 1, weights(weight, n, false), (ocl_matrix){gradients, y->c, 0, false},
           0, c);
  if (plain) return;
  ocl_run_map_sink(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), c.at, OCL_SINK(&s),
                   OCL_CHUNKS(&k));
  ocl_sink_end(ocl, &s, k.chunks, k.parts);
}
