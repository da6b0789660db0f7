#include "ops.h"

/* Local memory of the kernels of se.cl: two rows of whole vectors. */
static ocl_arg local_rows(const ocl_runtime *ocl, const cream_se *se) {
  size_t bytes = (size_t)(ocl_pitch(ocl, se->c) + ocl_pitch(ocl, se->r)) * sizeof(float);
  CREAM_ASSERT(bytes <= OCL_MAX_LOCAL_BYTES);
  return OCL_LOCAL(bytes);
}

static void se_forward(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(x, 1);
  cream_buf partial = ocl_scratch(ocl, OCL_PARTIAL, (size_t)k.chunks * (size_t)k.c);
  ocl_pool(ocl, x, &k, 1.0f / (float)k.area, partial);
  ocl_run(ocl, "se_forward", ((ocl_size){(size_t)x->n, 1, 1}), OCL_FLAT_ITEMS, OCL(partial), OCL(se->w1),
          OCL(se->b1), OCL(se->w2), OCL(se->b2), OCL(se->pooled), OCL(se->hidden), OCL(se->gate_z),
          OCL(se->gate), local_rows(ocl, se), OCL(se->c), OCL(se->r), OCL(k.parts), OCL(se->act),
          OCL(se->gate_act));
}

static void se_backward(cream_backend *backend, const cream_se *se, const cream_tensor *x,
                        cream_buf gate_sums, const cream_bn *bn, cream_buf pool) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t n = (size_t)x->n, outer = n * (size_t)se->c, inner = n * (size_t)se->r;
  cream_buf dz = ocl_scratch(ocl, OCL_SMALL, outer + 2 * inner);
  cream_buf dhidden = cream_buf_at(dz, outer), active = cream_buf_at(dhidden, inner);
  if (!cream_buf_present(dz)) return;
  ocl_run(ocl, "se_backward", ((ocl_size){n, 1, 1}), OCL_FLAT_ITEMS, OCL(gate_sums), OCL(se->gate_z),
          OCL(se->hidden), OCL(se->w1), OCL(se->w2), OCL(dz), OCL(dhidden), OCL(active), OCL(pool),
          local_rows(ocl, se), OCL(se->c), OCL(se->r), OCL((float)ocl_area(x)), OCL(se->act),
          OCL(se->gate_act));
  size_t lanes = (size_t)ocl_lanes(ocl), c = (size_t)se->c, r = (size_t)se->r;
  ocl_run(ocl, "se_weights", ocl_flat_groups(c * ocl_groups(r, lanes) + r * ocl_groups(c, lanes)),
          OCL_FLAT_ITEMS, OCL(dz), OCL(dhidden), OCL(active), OCL(se->pooled), OCL(se->dw1), OCL(se->db1),
          OCL(se->dw2), OCL(se->db2), OCL(x->n), OCL(se->c), OCL(se->r));
  if (bn) ocl_norm_backward(ocl, bn, se->c, gate_sums, se->gate, pool, x->n, ocl_pixels(x));
}

void ocl_se_init(cream_backend *backend) {
  backend->se_forward = se_forward;
  backend->se_backward = se_backward;
}
