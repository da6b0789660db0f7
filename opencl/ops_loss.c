#include "ops.h"

static void softmax(cream_backend *backend, cream_buf logits, int n, int k, cream_buf out) {
  ocl_run(ocl_of(backend), "loss_softmax", ((ocl_size){(size_t)n, 1, 1}), OCL_FLAT_ITEMS, OCL(logits),
          OCL(out), OCL(k));
}

static void loss(cream_backend *backend, const cream_loss *spec, cream_buf logits, int n, int k,
                 cream_buf dlogits, cream_buf result) {
  ocl_runtime *ocl = ocl_of(backend);
  cream_buf rows = ocl_scratch(ocl, OCL_SMALL, 3 * (size_t)n);
  ocl_run(ocl, "loss_rows", ((ocl_size){(size_t)n, 1, 1}), OCL_FLAT_ITEMS, OCL(logits), OCL(spec->labels),
          OCL(spec->target), OCL(dlogits), OCL(rows), OCL(n), OCL(k), OCL(spec->hard), OCL(spec->soft),
          OCL(spec->smoothing));
  ocl_run(ocl, "loss_finish", ((ocl_size){1, 1, 1}), OCL_FLAT_ITEMS, OCL(rows), OCL(result), OCL(n),
          OCL(spec->hard), OCL(spec->soft));
}

static void match(cream_backend *backend, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                  cream_buf diff, cream_buf scores) {
  ocl_run(ocl_of(backend), "loss_match", ((ocl_size){(size_t)entries, 1, 1}), OCL_FLAT_ITEMS, OCL(p),
          OCL(phi), OCL(theta), OCL(diff), OCL(scores), OCL(len));
}

void ocl_loss_init(cream_backend *backend) {
  backend->softmax = softmax;
  backend->loss = loss;
  backend->match = match;
}
