#include <math.h>

#include "train.h"

void cream_gradient_scale(cream_backend *backend, const cream_gradient *gradient, int i, double factor) {
  cream_buf part = cream_buf_at(gradient->g, gradient->slices[i].g);
  backend->axpy(backend, part, (float)(factor - 1), part, gradient->slices[i].count);
}

cream_status cream_gradient_clip(cream_backend *backend, const cream_gradient *gradient, double clip,
                                 cream_error *err) {
  if (clip <= 0) return CREAM_OK;
  for (int i = 0; i < gradient->n; i++) {
    cream_buf part = cream_buf_at(gradient->g, gradient->slices[i].g);
    backend->dot(backend, part, part, gradient->slices[i].count, cream_buf_at(gradient->norms, (size_t)i));
  }
  cream_status status =
      backend->download(backend, gradient->host_norms, gradient->norms, (size_t)gradient->n, err);
  if (status) return status;
  double squares = 0;
  for (int i = 0; i < gradient->n; i++) squares += gradient->host_norms[i];
  double factor = clip / (sqrt(squares) + 1e-6);
  for (int i = 0; i < gradient->n && factor < 1; i++) cream_gradient_scale(backend, gradient, i, factor);
  return CREAM_OK;
}

cream_status cream_train_clip(cream_train *train, const cream_path *path, double clip, cream_error *err) {
  const cream_gradient gradient = {.g = train->blocks.g,
                                   .norms = train->norms,
                                   .slices = train->slices,
                                   .n = cream_net_slices(train->net, path, train->slices),
                                   .host_norms = train->host_norms};
  return cream_gradient_clip(train->backend, &gradient, clip, err);
}
