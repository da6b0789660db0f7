#include "ops.h"

#include "core/base/rng.h"

cream_buf ocl_values(ocl_runtime *ocl, const cream_tensor *x) {
  int pitch = ocl_pitch(ocl, x->c);
  ocl_chunks k = ocl_chunks_of(x, 1);
  cream_buf out = ocl_scratch(ocl, OCL_VALUES, (size_t)ocl_pixels(x) * (size_t)pitch);
  ocl_run(ocl, "map_values", ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
          OCL(out), OCL_CHUNKS(&k), OCL(pitch));
  return out;
}

cream_buf ocl_gradients(ocl_runtime *ocl, const cream_tensor *y, const cream_grad *dy, int pitch) {
  ocl_chunks k = ocl_chunks_of(y, 1);
  cream_buf out = ocl_scratch(ocl, OCL_GRADIENTS, (size_t)ocl_pixels(y) * (size_t)pitch);
  ocl_run(ocl, "map_gradients", ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(y),
          OCL_GRAD(dy), OCL(out), OCL_CHUNKS(&k), OCL(pitch));
  return out;
}

void ocl_pool(ocl_runtime *ocl, const cream_tensor *x, const ocl_chunks *k, float factor, cream_buf partial) {
  ocl_run(ocl, "map_pool", ocl_chunk_groups(ocl, k->c, k->chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
          OCL(partial), OCL_CHUNKS(k), OCL(factor));
}

static void pool_forward(cream_backend *backend, const cream_tensor *x, cream_buf out) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(x, 1);
  cream_buf partial = out;
  if (k.parts > 1) partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * (size_t)k.c);
  ocl_pool(ocl, x, &k, 1.0f / (float)k.area, partial);
  if (k.parts > 1) ocl_sum_parts(ocl, partial, out, x->n, k.c, k.parts, 1);
}

static void pool_backward(cream_backend *backend, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                          cream_buf pool) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(x, 1);
  if (bn) {
    cream_buf partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * 2 * (size_t)k.c);
    ocl_run(ocl, "map_pool_gradient", ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl),
            OCL_TENSOR(x), OCL(dout), OCL(bn->mean), OCL(bn->invstd), OCL(partial), OCL_CHUNKS(&k));
    ocl_norm_backward(ocl, bn, x->c, partial, CREAM_NO_BUF, CREAM_NO_BUF, k.chunks, ocl_pixels(x));
  }
  int count = x->n * x->c;
  ocl_run(ocl, "flat_copy", ocl_flat_groups(ocl_groups((size_t)count, (size_t)ocl_lanes(ocl))),
          OCL_FLAT_ITEMS, OCL(dout), OCL(pool), OCL(count), OCL(1.0f / (float)k.area));
}

static void add_forward(cream_backend *backend, const cream_tensor *a, const cream_tensor *b,
                        const cream_tensor *out) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(out, 1);
  ocl_run(ocl, "map_add", ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(a),
          OCL_TENSOR(b), OCL(out->raw), OCL_CHUNKS(&k));
}

static void dropout_gate(cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed,
                         uint64_t step) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_DROPOUT, step);
  ocl_run(ocl_of(backend), "flat_dropout", ocl_flat_groups(count), OCL_FLAT_ITEMS, OCL(gate), OCL((int)count),
          OCL(p), OCL((float)(1.0 / (1.0 - p))), OCL(seed), ocl_arg_unsigned(rng.counter[2]),
          ocl_arg_unsigned(rng.counter[3]));
}

void ocl_map_init(cream_backend *backend) {
  backend->pool_forward = pool_forward;
  backend->pool_backward = pool_backward;
  backend->add_forward = add_forward;
  backend->dropout_gate = dropout_gate;
}
