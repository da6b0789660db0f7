#include "meta.h"

#include <math.h>

cream_status cream_meta_init(cream_meta *meta, cream_net *net, cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  size_t slices = (size_t)cream_net_max_slices(net), count = cream_net_gradient_count(net);
  *meta = (cream_meta){.backend = backend, .net = net};
  meta->slices = malloc(slices * sizeof *meta->slices);
  meta->host = malloc(slices * sizeof *meta->host);
  cream_status status = CREAM_OK;
  if (!meta->slices || !meta->host)
    status = cream_fail_memory(err, slices * (sizeof *meta->slices + 4), "the meta network's update");
  if (!status) status = backend->alloc(backend, count, &meta->weights, err);
  if (!status) status = backend->alloc(backend, count, &meta->direction, err);
  if (!status) status = backend->alloc(backend, slices, &meta->dots, err);
  if (!status) status = backend->alloc(backend, 4, &meta->result, err);
  if (status) cream_meta_destroy(meta);
  return status;
}

void cream_meta_destroy(cream_meta *meta) {
  cream_buf *buffers[] = {&meta->weights, &meta->direction, &meta->dots, &meta->result};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) meta->backend->release(meta->backend, *buffers[i]);
  free(meta->slices);
  free(meta->host);
  *meta = (cream_meta){0};
}

/* Writes the loss of logits to meta->result and its gradient to the net's gradient block. */
static void gradient(cream_meta *meta, const cream_loss *loss, cream_buf logits, int n) {
  cream_buf dlogits = cream_net_dlogits(meta->net);
  int classes = cream_net_skeleton(meta->net)->classes;
  meta->backend->loss(meta->backend, loss, logits, n, classes, dlogits, meta->result);
  cream_net_backward(meta->net, dlogits);
}

static cream_buf forward(cream_meta *meta, const cream_path *path, const cream_tensor *x) {
  return cream_net_forward_train(meta->net, path, x, CREAM_BN_BATCH, 0, 0, 0, 0);
}

/* Writes w' to the net's weights, w to meta->weights, and grad KD - grad CE to meta->direction. */
static void virtual_step(cream_meta *meta, const cream_meta_problem *problem, int n_slices) {
  cream_backend *backend = meta->backend;
  cream_buf gradients = cream_net_gradients(meta->net), weights = cream_net_weights(meta->net);
  size_t count = cream_net_gradient_count(meta->net);
  cream_buf logits = forward(meta, problem->path, &problem->x_train);
  cream_loss kd = {.soft = 1, .labels = problem->y_train, .target = problem->target};
  cream_loss ce = {.hard = 1, .smoothing = problem->smoothing, .labels = problem->y_train};
  gradient(meta, &kd, logits, problem->x_train.n);
  backend->copy(backend, meta->direction, gradients, count);
  gradient(meta, &ce, logits, problem->x_train.n);
  backend->axpy(backend, meta->direction, -1, gradients, count);
  for (int i = 0; i < n_slices; i++) {
    const cream_slice *slice = &meta->slices[i];
    cream_buf w = cream_buf_at(weights, slice->w);
    backend->copy(backend, cream_buf_at(meta->weights, slice->g), w, slice->count);
    /* grad L_train = grad CE + rho/2 * (grad KD - grad CE) */
    backend->axpy(backend, w, -problem->lr, cream_buf_at(gradients, slice->g), slice->count);
    backend->axpy(backend, w, -problem->lr * problem->rho / 2, cream_buf_at(meta->direction, slice->g),
                  slice->count);
  }
}

cream_status cream_meta_slope(cream_meta *meta, const cream_meta_problem *problem, double *slope,
                              double *loss, cream_error *err) {
  cream_backend *backend = meta->backend;
  cream_buf gradients = cream_net_gradients(meta->net), weights = cream_net_weights(meta->net);
  int n_slices = cream_net_slices(meta->net, problem->path, meta->slices);
  virtual_step(meta, problem, n_slices);

  cream_buf logits = forward(meta, problem->path, &problem->x_heldout);
  cream_loss ce = {.hard = 1, .labels = problem->y_heldout};
  gradient(meta, &ce, logits, problem->x_heldout.n);
  for (int i = 0; i < n_slices; i++) {
    const cream_slice *slice = &meta->slices[i];
    backend->dot(backend, cream_buf_at(gradients, slice->g), cream_buf_at(meta->direction, slice->g),
                 slice->count, cream_buf_at(meta->dots, (size_t)i));
    backend->copy(backend, cream_buf_at(weights, slice->w), cream_buf_at(meta->weights, slice->g),
                  slice->count);
  }
  float result[4];
  cream_status status = backend->download(backend, meta->host, meta->dots, (size_t)n_slices, err);
  if (!status) status = backend->download(backend, result, meta->result, 4, err);
  if (status) return status;
  double dot = 0;
  for (int i = 0; i < n_slices; i++) dot += meta->host[i];
  *slope = -0.5 * problem->lr * dot;
  if (loss) *loss = result[0];
  return CREAM_OK;
}

cream_status cream_meta_descend(cream_meta *meta, cream_match *match, int slot, double slope, double rho,
                                double lr, double clip, double *norm, cream_error *err) {
  cream_backend *backend = meta->backend;
  size_t n = match->inputs;
  cream_buf diff = cream_buf_at(match->diff, (size_t)slot * n), bias = cream_buf_at(match->theta, n);
  float squared, b;
  backend->dot(backend, diff, diff, n, meta->result);
  cream_status status = backend->download(backend, &squared, meta->result, 1, err);
  if (!status) status = backend->download(backend, &b, bias, 1, err);
  if (status) return status;
  double g = slope * rho * (1 - rho); /* gradient of the bias; that of the weights is g * diff */
  *norm = fabs(g) * sqrt((double)squared + 1);
  double scale = clip > 0 && *norm > clip ? clip / *norm : 1;
  double move = -lr * scale * g;
  backend->axpy(backend, match->theta, (float)move, diff, n);
  b += (float)move;
  backend->upload(backend, bias, &b, 1);
  return backend->synchronise(backend, err);
}
