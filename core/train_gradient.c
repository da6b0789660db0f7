#include <math.h>

#include "train.h"

void cream_train_gather(cream_train *train, int part) {
  if (train->accumulate == 1) return;
  cream_backend *backend = train->backend;
  size_t count = cream_net_gradient_count(train->net);
  float share = 1.0f / (float)train->accumulate;
  if (part == 0) {
    backend->fill(backend, train->sum, count, 0);
    backend->fill(backend, train->total, 4, 0);
  }
  backend->axpy(backend, train->sum, share, cream_net_gradients(train->net), count);
  backend->axpy(backend, train->total, share, train->result, 4);
  if (part == train->accumulate - 1) backend->copy(backend, train->result, train->total, 4);
}

cream_status cream_train_clip(cream_train *train, const cream_path *path, double clip, cream_error *err) {
  if (clip <= 0) return CREAM_OK;
  cream_backend *backend = train->backend;
  int n = cream_net_slices(train->net, path, train->slices);
  for (int i = 0; i < n; i++) {
    cream_buf part = cream_buf_at(train->blocks.g, train->slices[i].g);
    backend->dot(backend, part, part, train->slices[i].count, cream_buf_at(train->norms, (size_t)i));
  }
  cream_status status = backend->download(backend, train->host_norms, train->norms, (size_t)n, err);
  if (status) return status;
  double squares = 0;
  for (int i = 0; i < n; i++) squares += train->host_norms[i];
  double scale = clip / (sqrt(squares) + 1e-6); /* as PyTorch's clip_grad_norm_ */
  for (int i = 0; i < n && scale < 1; i++) {
    cream_buf part = cream_buf_at(train->blocks.g, train->slices[i].g);
    backend->axpy(backend, part, (float)(scale - 1), part, train->slices[i].count);
  }
  return CREAM_OK;
}
