#include "core/base/rng.h"
#include "memory.h"
#include "ops.h"
#include "ops_map.h"
#include "ops_norm.h"

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
    ocl_run_map_pool_gradient(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
                              dout, bn->mean, bn->invstd, partial, OCL_CHUNKS(&k));
    ocl_norm_backward(ocl, bn, x->c, partial, CREAM_NO_BUF, CREAM_NO_BUF, k.chunks, ocl_pixels(x));
  }
  int count = x->n * x->c;
  ocl_run_flat_copy(ocl, ocl_flat_groups(ocl, ocl_groups((size_t)count, (size_t)ocl_lanes(ocl))),
                    ocl_flat_items(ocl), dout, pool, count, 1.0f / (float)k.area);
}

static void add_forward(cream_backend *backend, const cream_tensor *a, const cream_tensor *b,
                        const cream_tensor *out) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(out, 1);
  ocl_run_map_add(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(a),
                  OCL_TENSOR(b), out->raw, OCL_CHUNKS(&k));
}

static void dropout_gate(cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed,
                         uint64_t step) {
  ocl_runtime *ocl = ocl_of(backend);
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_DROPOUT, step);
  ocl_run_flat_dropout(ocl, ocl_flat_groups(ocl, count), ocl_flat_items(ocl), gate, (int)count, p,
                       (float)(1.0 / (1.0 - p)), seed, rng.counter[2], rng.counter[3]);
}

void ocl_pool_init(cream_backend *backend) {
  CREAM_POOL_OPS(CREAM_SET_OP)
}
