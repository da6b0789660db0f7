#include "chunks.h"
#include "memory.h"
#include "ops.h"

static void softmax(cream_backend *backend, cream_buf logits, int n, int k, cream_buf out) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_run_loss_softmax(ocl, (ocl_size){(size_t)n, 1, 1}, ocl_flat_items(ocl), logits, out, k);
}

static void loss(cream_backend *backend, const cream_loss *spec, cream_buf logits, int n, int k,
                 cream_buf dlogits, cream_buf result) {
  ocl_runtime *ocl = ocl_of(backend);
  cream_buf rows = ocl_scratch(ocl, OCL_SMALL, 3 * (size_t)n);
  ocl_run_loss_rows(ocl, (ocl_size){(size_t)n, 1, 1}, ocl_flat_items(ocl), logits, spec->labels, spec->target,
                    dlogits, rows, n, k, spec->hard, spec->soft, spec->smoothing);
  ocl_run_loss_finish(ocl, (ocl_size){1, 1, 1}, ocl_flat_items(ocl), rows, result, n, spec->hard, spec->soft);
}

static void match(cream_backend *backend, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                  cream_buf diff, cream_buf scores) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl_run_loss_match(ocl, (ocl_size){(size_t)entries, 1, 1}, ocl_flat_items(ocl), p, phi, theta, diff, scores,
                     len);
}

void ocl_loss_init(cream_backend *backend) {
  CREAM_LOSS_OPS(CREAM_SET_OP)
}
