#include "blas.h"
#include "error.h"
#include "memory.h"
#include "ops.h"
#include "ops_blas.h"
#include "ops_depthwise.h"
#include "ops_norm.h"

/* Weight gradients are cut into enough products for WEIGHT_TILES work-groups, each over at least WEIGHT_ROWS
 * rows. */
enum { WEIGHT_TILES = 256, WEIGHT_ROWS = 256, WEIGHT_STEP = 32 };

static bool by_blas(const ocl_runtime *ocl) {
  return ocl->info.blas;
}

/* Whether the convolution is a product of patches and not of the input's rows. */
static bool needs_patches(const cream_conv *conv) {
  return conv->kernel != 1 || conv->stride != 1 || conv->pad != 0;
}

static int tiles(const ocl_runtime *ocl, int n) {
  return (n + ocl->tiling.tile - 1) / ocl->tiling.tile;
}

/* Work-groups of a product of n columns, all along x (GROUP of kernels/common.cl). */
static ocl_size tile_groups(const ocl_runtime *ocl, int n, int row_tiles, int chunks) {
  return (ocl_size){(size_t)tiles(ocl, n) * (size_t)row_tiles * (size_t)chunks, 1, 1};
}

static ocl_size tile_items(const ocl_runtime *ocl) {
  const ocl_tiling *t = &ocl->tiling;
  return (ocl_size){ocl->info.cpu ? 1 : (size_t)(t->tile / t->rows * (t->tile / ocl_lanes(ocl))), 1, 1};
}

/* Rows of a chunk of the weight gradients [m][n] over `rows`: a multiple of WEIGHT_STEP, as the depth of tiles is. */
static int weight_chunk(const ocl_runtime *ocl, int rows, int m, int n) {
  int all = tiles(ocl, m) * tiles(ocl, n), chunks = (WEIGHT_TILES + all - 1) / all;
  int chunk = (rows + chunks - 1) / chunks;
  return ((chunk > WEIGHT_ROWS ? chunk : WEIGHT_ROWS) + WEIGHT_STEP - 1) / WEIGHT_STEP * WEIGHT_STEP;
}

/* The matrix of the product: the input itself or its patches. */
static cream_tensor matrix_of(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                              const cream_tensor *y) {
  if (!needs_patches(conv)) return *x;
  int pixels = ocl_pixels(y), taps = ocl_taps(conv);
  cream_tensor patches = {.n = pixels, .h = 1, .w = 1, .c = x->c * taps};
  patches.raw = ocl_scratch(ocl, OCL_VALUES, (size_t)pixels * (size_t)patches.c);
  ocl_run_map_patches(ocl, ocl_flat_groups(ocl, (size_t)pixels * (size_t)taps), ocl_flat_items(ocl),
                      OCL_TENSOR(x), patches.raw, x->c, pixels, OCL_GEOMETRY(conv, x, y));
  return patches;
}

static void dense_forward(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x, const cream_bn *bn,
                          cream_bn_mode mode, float momentum, const cream_tensor *y) {
  cream_tensor matrix = matrix_of(ocl, conv, x, y);
  cream_buf partial = CREAM_NO_BUF;
  int rows = ocl_pixels(y), row_tiles = tiles(ocl, rows);
  if (by_blas(ocl) && !cream_buf_present(conv->bias)) {
    ocl_blas_forward(ocl, &matrix, conv->weight, bn, mode, momentum, y);
    return;
  }
  if (bn && mode != CREAM_BN_RUNNING)
    partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)row_tiles * 2 * (size_t)y->c);
  ocl_run_product_forward(ocl, tile_groups(ocl, y->c, row_tiles, 1), tile_items(ocl), OCL_TENSOR(&matrix),
                          conv->weight, conv->bias, y->raw, partial, rows, matrix.c, y->c, ocl_area(&matrix),
                          ocl_area(y));
  if (bn) ocl_norm_forward(ocl, bn, mode, momentum, y, partial, row_tiles, row_tiles, rows, ocl->tiling.tile);
}

static void backward_weight(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *matrix,
                            const cream_tensor *y, const cream_grad *dy) {
  int rows = ocl_pixels(y), chunk = weight_chunk(ocl, rows, y->c, matrix->c),
      chunks = (rows + chunk - 1) / chunk;
  size_t size = (size_t)y->c * (size_t)matrix->c;
  cream_buf out = conv->dweight;
  if (chunks > 1) out = ocl_scratch(ocl, OCL_PARTIAL, (size_t)chunks * size);
  if (by_blas(ocl))
    ocl_blas_backward_weight(ocl, matrix, y, dy->g, chunk, out);
  else
    ocl_run_product_backward_weight(ocl, tile_groups(ocl, matrix->c, tiles(ocl, y->c), chunks),
                                    tile_items(ocl), OCL_TENSOR(y), OCL_GRAD(dy), OCL_TENSOR(matrix), out,
                                    rows, y->c, matrix->c, ocl_area(y), ocl_area(matrix), chunk);
  if (chunks > 1) ocl_sum_parts(ocl, out, conv->dweight, 1, (int)size, chunks, 1);
}

/* Writes the product of the pending gradient and the weights [y->c][n] to the sink. */
static void product_backward_data(ocl_runtime *ocl, const cream_tensor *y, const cream_grad *dy,
                                  cream_buf weight, int n, const cream_sink *sink) {
  const cream_tensor *node = sink->node;
  if (by_blas(ocl)) {
    ocl_blas_backward_data(ocl, y, dy->g, weight, n, sink);
    return;
  }
  int rows = ocl_pixels(y), span = ocl_sink_sums(sink) == 5 ? ocl_area(node) : rows;
  int parts = tiles(ocl, span), row_tiles = rows / span * parts;
  ocl_sink s = ocl_sink_begin(ocl, sink, row_tiles, parts);
  ocl_run_product_backward_data(ocl, tile_groups(ocl, n, row_tiles, 1), tile_items(ocl), OCL_TENSOR(y),
                                OCL_GRAD(dy), weight, OCL_SINK(&s), rows, y->c, n, ocl_area(y),
                                ocl_area(node), span, parts);
  ocl_sink_end(ocl, &s, row_tiles, parts);
}

/* The same through the gradients of the patches. */
static void patches_backward_data(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                                  const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cream_tensor patches = {.n = ocl_pixels(y), .h = 1, .w = 1, .c = x->c * ocl_taps(conv)};
  cream_sink plain = {.node = &patches};
  plain.g = ocl_scratch(ocl, OCL_VALUES, (size_t)patches.n * (size_t)patches.c);
  product_backward_data(ocl, y, dy, conv->weight, patches.c, &plain);
  ocl_chunks k = ocl_chunks_of(x, 1);
  ocl_sink s = ocl_sink_begin(ocl, sink, k.chunks, k.parts);
  ocl_run_map_patch_gradients(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), plain.g,
                              OCL_SINK(&s), OCL_CHUNKS(&k), OCL_GEOMETRY(conv, x, y));
  ocl_sink_end(ocl, &s, k.chunks, k.parts);
}

static void dense_backward(ocl_runtime *ocl, const cream_conv *conv, const cream_tensor *x,
                           const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cream_tensor matrix = matrix_of(ocl, conv, x, y);
  cream_grad plain = {.kind = CREAM_GRAD_Z};
  if (by_blas(ocl)) {
    plain.g = ocl_blas_gradients(ocl, y, dy);
    dy = &plain;
  }
  backward_weight(ocl, conv, &matrix, y, dy);
  if (!cream_buf_present(sink->g)) return;
  if (needs_patches(conv))
    patches_backward_data(ocl, conv, x, y, dy, sink);
  else
    product_backward_data(ocl, y, dy, conv->weight, x->c, sink);
}

/* ---- slots --------------------------------------------------------------------------------------------- */

static void conv_forward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                         const cream_bn *bn, cream_bn_mode mode, float momentum, const cream_tensor *y) {
  (conv->depthwise ? ocl_depthwise_forward : dense_forward)(ocl_of(backend), conv, x, bn, mode, momentum, y);
}

static void conv_backward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  ocl_runtime *ocl = ocl_of(backend);
  if (cream_buf_present(conv->dbias)) ocl_bias_backward(ocl, y, dy, conv->dbias);
  (conv->depthwise ? ocl_depthwise_backward : dense_backward)(ocl, conv, x, y, dy, sink);
}

void ocl_conv_init(cream_backend *backend) {
  CREAM_CONV_OPS(CREAM_SET_OP)
}

/* ---- workspace ----------------------------------------------------------------------------------------- */

static void raise(size_t *size, size_t wanted) {
  if (*size < wanted) *size = wanted;
}

/* Partial sums of the tensor, for any chunks of pixels and tiles of rows. */
static int partial_sums(const ocl_runtime *ocl, const cream_tensor *t) {
  ocl_chunks any = ocl_chunks_of(t, 1), lines = ocl_chunks_of(t, t->w);
  int most = any.chunks > lines.chunks ? any.chunks : lines.chunks;
  int row_tiles = t->n * tiles(ocl, ocl_area(t));
  return most > row_tiles ? most : row_tiles;
}

/* Raises the elements of each scratch to those that conv_forward and conv_backward of `conv` on [n,h,w,cin] and what
 * follows them need. */
static void scratch_sizes(const ocl_runtime *ocl, const cream_conv *conv, int n, int h, int w,
                          size_t size[OCL_SCRATCHES]) {
  cream_tensor x = {.n = n, .h = h, .w = w, .c = conv->cin};
  cream_tensor y = {.n = n, .h = cream_conv_out(conv, h), .w = cream_conv_out(conv, w), .c = conv->cout};
  size_t in = (size_t)ocl_pixels(&x), out = (size_t)ocl_pixels(&y);
  raise(&size[OCL_PARTIAL], (size_t)partial_sums(ocl, &x) * 5 * (size_t)x.c);
  raise(&size[OCL_PARTIAL], (size_t)partial_sums(ocl, &y) * 2 * (size_t)y.c);
  raise(&size[OCL_PARTIAL], OCL_LEAST_PARTIAL);
  raise(&size[OCL_MERGED], ocl_merged_size(x.c, partial_sums(ocl, &x)));
  raise(&size[OCL_MERGED], ocl_merged_size(y.c, partial_sums(ocl, &y)));
  raise(&size[OCL_SMALL], 3 * (size_t)n * (size_t)conv->cout);
  if (conv->depthwise) {
    raise(&size[OCL_VALUES], in * (size_t)ocl_pitch(ocl, x.c));
    raise(&size[OCL_GRADIENTS], out * (size_t)ocl_pitch(ocl, y.c));
    raise(&size[OCL_PARTIAL], ocl_depthwise_partial(conv, n, y.h, y.w));
    return;
  }
  int depth = x.c * ocl_taps(conv), chunk = weight_chunk(ocl, (int)out, y.c, depth);
  raise(&size[OCL_PARTIAL], ocl_groups(out, (size_t)chunk) * (size_t)y.c * (size_t)depth);
  if (needs_patches(conv)) raise(&size[OCL_VALUES], out * (size_t)depth);
  if (!by_blas(ocl)) return;
  ocl_gemm_plan(ocl, false);
  ocl_gemm_plan(ocl, true);
  raise(&size[OCL_VALUES], in * (size_t)ocl_pitch(ocl, x.c));
  raise(&size[OCL_GRADIENTS], out * (size_t)ocl_pitch(ocl, y.c));
}

cream_status ocl_reserve(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                         cream_error *err) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t size[OCL_SCRATCHES] = {0};
  scratch_sizes(ocl, conv, n, h, w, size);
  for (int slot = 0; slot < OCL_SCRATCHES; slot++)
    if (size[slot]) ocl_scratch(ocl, slot, size[slot]);
  return ocl_status(ocl, err);
}

void ocl_workspace(cream_backend *backend, const cream_conv *conv, int n, int h, int w,
                   size_t sizes[CREAM_WORKSPACES]) {
  scratch_sizes(ocl_of(backend), conv, n, h, w, sizes);
}
