#include "ops_map.h"

#include "memory.h"

cream_buf ocl_values(ocl_runtime *ocl, const cream_tensor *x) {
  int pitch = ocl_pitch(ocl, x->c);
  ocl_chunks k = ocl_chunks_of(x, 1);
  cream_buf out = ocl_scratch(ocl, OCL_VALUES, (size_t)ocl_pixels(x) * (size_t)pitch);
  ocl_run_map_values(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x), out,
                     OCL_CHUNKS(&k), pitch);
  return out;
}

cream_buf ocl_gradients(ocl_runtime *ocl, const cream_tensor *y, const cream_grad *dy, int pitch) {
  ocl_chunks k = ocl_chunks_of(y, 1);
  cream_buf out = ocl_scratch(ocl, OCL_GRADIENTS, (size_t)ocl_pixels(y) * (size_t)pitch);
  ocl_run_map_gradients(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(y),
                        OCL_GRAD(dy), out, OCL_CHUNKS(&k), pitch);
  return out;
}

void ocl_pool(ocl_runtime *ocl, const cream_tensor *x, const ocl_chunks *k, float factor, cream_buf partial) {
  ocl_run_map_pool(ocl, ocl_chunk_groups(ocl, k->c, k->chunks), ocl_chunk_items(ocl), OCL_TENSOR(x), partial,
                   OCL_CHUNKS(k), factor);
}
