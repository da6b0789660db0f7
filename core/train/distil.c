#include "distil.h"

#include <stddef.h>

cream_status cream_distil_init(cream_distil *distil, cream_backend *backend, int batch, int classes,
                               double weight, double temperature, cream_error *err) {
  *distil = (cream_distil){
      .backend = backend, .classes = classes, .weight = (float)weight, .temperature = (float)temperature};
  size_t count = (size_t)batch * (size_t)classes;
  cream_status status = backend->alloc(backend, count, &distil->scaled, err);
  if (!status) status = backend->alloc(backend, count, &distil->target, err);
  if (!status) status = backend->alloc(backend, count, &distil->gradient, err);
  if (!status) status = backend->alloc(backend, 8, &distil->results, err);
  if (status) cream_distil_destroy(distil);
  return status;
}

void cream_distil_destroy(cream_distil *distil) {
  cream_buf *buffers[] = {&distil->scaled, &distil->target, &distil->gradient, &distil->results};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) distil->backend->release(distil->backend, *buffers[i]);
  *distil = (cream_distil){0};
}

/* scaled = logits / T */
static void scale(cream_distil *distil, cream_buf logits, size_t count) {
  cream_backend *backend = distil->backend;
  backend->fill(backend, distil->scaled, count, 0);
  backend->axpy(backend, distil->scaled, 1 / distil->temperature, logits, count);
}

void cream_distil_loss(cream_distil *distil, const cream_loss *labels, cream_buf logits, cream_buf teacher,
                       int n, cream_buf dlogits, cream_buf result) {
  cream_backend *backend = distil->backend;
  const int k = distil->classes;
  const size_t count = (size_t)n * (size_t)k;
  const float weight = distil->weight, square = distil->temperature * distil->temperature;
  cream_buf entropy = distil->results, cross = cream_buf_at(distil->results, 4);
  cream_loss hard = *labels,
             soft = {.soft = weight * square, .labels = labels->labels, .target = distil->target};
  hard.hard *= 1 - weight;
  hard.soft *= 1 - weight;
  /* KL(p || q) is the cross-entropy of p and q less that of p and itself. */
  scale(distil, teacher, count);
  backend->softmax(backend, distil->scaled, n, k, distil->target);
  backend->loss(backend, &soft, distil->scaled, n, k, CREAM_NO_BUF, entropy);
  scale(distil, logits, count);
  backend->loss(backend, &soft, distil->scaled, n, k, distil->gradient, cross);
  backend->loss(backend, &hard, logits, n, k, dlogits, result);
  backend->axpy(backend, dlogits, 1 / distil->temperature, distil->gradient, count);
  backend->axpy(backend, result, 1, cross, 1);
  backend->axpy(backend, result, -1, entropy, 1);
  cream_buf divergence = cream_buf_at(result, 2);
  backend->fill(backend, divergence, 1, 0);
  backend->axpy(backend, divergence, square, cream_buf_at(cross, 2), 1);
  backend->axpy(backend, divergence, -square, cream_buf_at(entropy, 2), 1);
}
