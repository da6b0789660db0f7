#include "memory.h"
#include "ops.h"
#include "ops_map.h"
#include "ops_norm.h"

/* Local memory of the kernels of se.cl: two rows of whole vectors. */
static ocl_local local_rows(const ocl_runtime *ocl, const cream_se *se) {
  size_t bytes = (size_t)(ocl_pitch(ocl, se->c) + ocl_pitch(ocl, se->r)) * sizeof(float);
  CREAM_ASSERT(bytes <= OCL_MAX_LOCAL_BYTES);
  return (ocl_local){bytes};
}

static void se_forward(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(x, 1);
  cream_buf partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * (size_t)k.c);
  ocl_pool(ocl, x, &k, 1.0f / (float)k.area, partial);
  ocl_run_se_forward(ocl, (ocl_size){(size_t)x->n, 1, 1}, ocl_flat_items(ocl), partial, se->w1, se->b1,
                     se->w2, se->b2, se->pooled, se->hidden, se->gate_z, se->gate, local_rows(ocl, se), se->c,
                     se->r, k.parts, se->act, se->gate_act);
}

static void se_backward(cream_backend *backend, const cream_se *se, const cream_tensor *x,
                        cream_buf gate_sums, const cream_bn *bn, cream_buf pool) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t n = (size_t)x->n, outer = n * (size_t)se->c, inner = n * (size_t)se->r;
  cream_buf dz = ocl_scratch(ocl, OCL_SMALL, outer + 2 * inner);
  cream_buf dhidden = cream_buf_at(dz, outer), active = cream_buf_at(dhidden, inner);
  if (!cream_buf_present(dz)) return;
  ocl_run_se_backward(ocl, (ocl_size){n, 1, 1}, ocl_flat_items(ocl), gate_sums, se->gate_z, se->hidden,
                      se->w1, se->w2, dz, dhidden, active, pool, local_rows(ocl, se), se->c, se->r,
                      (float)ocl_area(x), se->act, se->gate_act);
  size_t lanes = (size_t)ocl_lanes(ocl), c = (size_t)se->c, r = (size_t)se->r;
  ocl_run_se_weights(ocl, ocl_flat_groups(ocl, c * ocl_groups(r, lanes) + r * ocl_groups(c, lanes)),
                     ocl_flat_items(ocl), dz, dhidden, active, se->pooled, se->dw1, se->db1, se->dw2, se->db2,
                     x->n, se->c, se->r);
  if (bn) ocl_norm_backward(ocl, bn, se->c, gate_sums, se->gate, pool, x->n, ocl_pixels(x));
}

void ocl_se_init(cream_backend *backend) {
  CREAM_SE_OPS(CREAM_SET_OP)
}
