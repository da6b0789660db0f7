#include "memory.h"
#include "ops.h"
#include "ops_norm.h"

/* Work-groups of the losses, at most. */
enum { LOSS_GROUPS = 256 };
_Static_assert(3 * LOSS_GROUPS <= OCL_LEAST_PARTIAL, "the sums of all groups are reserved");

#define OCL_FUSION(x, out) (x)->h, (x)->w, (out)->h, (out)->w

static void fuse_forward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_chunks k = ocl_chunks_of(out, 1);
  for (int i = 0; i < fuse->n; i++) {
    const cream_tensor *x = &fuse->x[i];
    ocl_run_detect_fuse(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
                        fuse->weight, out->raw, OCL_CHUNKS(&k), OCL_FUSION(x, out), i, fuse->n);
  }
}

static void weight_gradients(ocl_runtime *ocl, const cream_fuse *fuse, const cream_tensor *out,
                             cream_buf dout) {
  ocl_chunks k = ocl_chunks_of(out, 1);
  const size_t count = (size_t)k.chunks * (size_t)k.c;
  cream_buf partial = ocl_scratch(ocl, OCL_PARTIAL, CREAM_FUSE_MAX * count);
  for (int i = 0; i < fuse->n; i++) {
    const cream_tensor *x = &fuse->x[i];
    ocl_run_detect_products(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
                            dout, cream_buf_at(partial, (size_t)i * count), OCL_CHUNKS(&k),
                            OCL_FUSION(x, out));
  }
  ocl_run_detect_weights(ocl, (ocl_size){1, 1, 1}, ocl_flat_items(ocl), partial, fuse->weight, fuse->dweight,
                         fuse->n, (int)count);
}

static void fuse_backward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out,
                          cream_buf dout, const cream_sink *sinks) {
  ocl_runtime *ocl = ocl_of(backend);
  if (cream_buf_present(fuse->dweight)) weight_gradients(ocl, fuse, out, dout);
  for (int i = 0; i < fuse->n; i++) {
    const cream_tensor *x = &fuse->x[i];
    if (!cream_buf_present(sinks[i].g)) continue;
    ocl_chunks k = ocl_chunks_of(x, 1);
    ocl_sink s = ocl_sink_begin(ocl, &sinks[i], k.chunks, k.parts);
    ocl_run_detect_gather(ocl, ocl_chunk_groups(ocl, k.c, k.chunks), ocl_chunk_items(ocl), OCL_TENSOR(x),
                          dout, fuse->weight, OCL_SINK(&s), OCL_CHUNKS(&k), OCL_FUSION(x, out), i, fuse->n);
    ocl_sink_end(ocl, &s, k.chunks, k.parts);
  }
}

static void box_loss(cream_backend *backend, const cream_box_loss *terms, cream_buf logits, cream_buf deltas,
                     size_t entries, int classes, cream_buf dlogits, cream_buf ddeltas, cream_buf result) {
  ocl_runtime *ocl = ocl_of(backend);
  const int count = (int)entries, chunk = (count + LOSS_GROUPS - 1) / LOSS_GROUPS;
  const int groups = (count + chunk - 1) / chunk;
  cream_buf rows = ocl_scratch(ocl, OCL_PARTIAL, 3 * LOSS_GROUPS);
  ocl_run_detect_losses(ocl, (ocl_size){(size_t)groups, 1, 1}, ocl_flat_items(ocl), logits, deltas,
                        terms->labels, terms->targets, dlogits, ddeltas, rows, count, classes, chunk,
                        terms->alpha, terms->gamma, terms->beta, terms->box);
  ocl_run_detect_loss(ocl, (ocl_size){1, 1, 1}, ocl_flat_items(ocl), rows, result, groups, terms->box);
}

void ocl_detect_init(cream_backend *backend) {
  CREAM_DETECT_OPS(CREAM_SET_OP)
}
