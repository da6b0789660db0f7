#include <math.h>

#include "chunks.h"
#include "memory.h"
#include "ops.h"

/* Elements of a dot product for a work-group, and the largest number of work-groups. */
enum { DOT_SHARE = 4096, DOT_GROUPS = 256, MAX_RUNS = 256 };

static ocl_size vector_groups(const ocl_runtime *ocl, size_t count) {
  return ocl_flat_groups(ocl, ocl_groups(count, (size_t)ocl_lanes(ocl)));
}

static void fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_run_flat_fill(ocl, vector_groups(ocl, count), ocl_flat_items(ocl), dst, (int)count, value);
}

static void copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_run_flat_copy(ocl, vector_groups(ocl, count), ocl_flat_items(ocl), src, dst, (int)count, 1.0f);
}

static void axpy(cream_backend *backend, cream_buf y, float alpha, cream_buf x, size_t count) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_run_flat_axpy(ocl, vector_groups(ocl, count), ocl_flat_items(ocl), x, y, (int)count, alpha);
}

static void dot(cream_backend *backend, cream_buf x, cream_buf y, size_t count, cream_buf out) {
  ocl_runtime *ocl = ocl_of(backend);
  size_t groups = ocl_groups(count, DOT_SHARE);
  if (groups > DOT_GROUPS) groups = DOT_GROUPS;
  if (groups == 0) groups = 1;
  cream_buf partial = groups > 1 ? ocl_scratch(ocl, OCL_SMALL, groups) : out;
  ocl_run_flat_dot(ocl, (ocl_size){groups, 1, 1}, ocl_flat_items(ocl), x, y, partial, (int)count,
                   (int)groups * ocl->tiling.items);
  if (groups > 1)
    ocl_run_flat_dot(ocl, (ocl_size){1, 1, 1}, ocl_flat_items(ocl), partial, CREAM_NO_BUF, out, (int)groups,
                     ocl->tiling.items);
}

/* ---- optimisers ---------------------------------------------------------------------------------------- */

/* A run of parameters, as in kernels/flat.cl. */
typedef struct run {
  cl_uint w, g, count, decayed, item;
} run;

/* Joins adjacent slices into runs; in a run those with decay come first. */
static int join_slices(const cream_slice *slices, int count, cl_uint lanes, run runs[MAX_RUNS],
                       cl_uint *items) {
  int n = 0;
  *items = 0;
  for (const cream_slice *s = slices; s < slices + count; s++) {
    run *last = n ? &runs[n - 1] : NULL;
    if (s->count == 0) continue;
    if (last && last->w + last->count == s->w && last->g + last->count == s->g &&
        (!s->decay || last->decayed == last->count)) {
      last->count += (cl_uint)s->count;
      if (s->decay) last->decayed = last->count;
    } else {
      CREAM_ASSERT(n < MAX_RUNS);
      cl_uint size = (cl_uint)s->count;
      runs[n++] = (run){(cl_uint)s->w, (cl_uint)s->g, size, s->decay ? size : 0, 0};
    }
  }
  for (int i = 0; i < n; i++) {
    runs[i].item = *items;
    *items += (runs[i].count + lanes - 1) / lanes;
  }
  return n;
}

/* 1 / (1 - decay^step), which corrects a mean that began at 0; infinite at step 0. */
static float correction(float decay, uint64_t step) {
  return (float)(1.0 / (1.0 - pow(decay, (double)step)));
}

static void optim_step(cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int count,
                       const cream_blocks *blocks) {
  ocl_runtime *ocl = ocl_of(backend);
  run runs[MAX_RUNS];
  cl_uint items;
  int n = join_slices(slices, count, (cl_uint)ocl_lanes(ocl), runs, &items);
  if (n == 0) return;
  float momentum = cream_buf_present(blocks->m) ? optim->momentum : 0;
  cream_buf table = ocl_scratch(ocl, OCL_TABLE, MAX_RUNS * sizeof(run) / sizeof(cl_uint));
  if (!cream_buf_present(table)) return;
  ocl_upload_bytes(ocl, table, runs, (size_t)n * sizeof *runs);
  ocl_run_flat_optim(ocl, ocl_flat_groups(ocl, items), ocl_flat_items(ocl), table, n, (int)items, blocks->w,
                     blocks->g, blocks->m, blocks->v, blocks->ema, (int)optim->kind, optim->lr, momentum,
                     optim->weight_decay, (float)(1.0 - optim->alpha), optim->eps,
                     (float)(1.0 - optim->ema_decay), optim->nesterov, correction(momentum, optim->step),
                     correction(optim->alpha, optim->step));
}

void ocl_flat_init(cream_backend *backend) {
  CREAM_FLAT_OPS(CREAM_SET_OP)
}
