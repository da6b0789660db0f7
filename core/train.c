#include "train.h"

#include <math.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

cream_status cream_train_init(cream_train *train, cream_backend *backend, const cream_train_options *options,
                              cream_error *err) {
  *train = (cream_train){.backend = backend,
                         .listener = options->listener,
                         .time_budget = options->time_budget,
                         .batch = options->batch};
  cream_status status = cream_net_create(backend, options->skeleton, &options->net, &train->net, err);
  if (status) return status;
  train->blocks.w = cream_net_weights(train->net);
  train->blocks.g = cream_net_gradients(train->net);
  size_t weights = cream_net_weight_count(train->net);
  if (!status) status = backend->alloc(backend, weights, &train->blocks.m, err);
  if (!status && options->second_moment) status = backend->alloc(backend, weights, &train->blocks.v, err);
  if (!status && options->ema) status = backend->alloc(backend, weights, &train->blocks.ema, err);
  if (!status) status = backend->alloc(backend, (size_t)options->net.batch, &train->labels, err);
  if (!status) status = backend->alloc(backend, 4, &train->result, err);
  size_t bytes = (size_t)cream_net_max_slices(train->net) * sizeof *train->slices;
  train->slices = malloc(bytes);
  if (!status && !train->slices) status = cream_fail_memory(err, bytes, "the slices of a path");
  if (status) {
    cream_train_destroy(train);
    return status;
  }
  if (options->second_moment) backend->fill(backend, train->blocks.v, weights, 1); /* TensorFlow's form */
  if (options->ema) backend->copy(backend, train->blocks.ema, train->blocks.w, weights);
  train->started = train->epoch_started = now();
  return CREAM_OK;
}

void cream_train_destroy(cream_train *train) {
  cream_buf *buffers[] = {&train->blocks.m, &train->blocks.v, &train->blocks.ema, &train->labels,
                          &train->result};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) train->backend->release(train->backend, *buffers[i]);
  cream_net_destroy(train->net);
  free(train->slices);
  *train = (cream_train){0};
}

cream_tensor cream_train_upload(cream_train *train, const cream_source *source, const cream_batch *batch) {
  cream_backend *backend = train->backend;
  cream_tensor x = cream_net_input(train->net, batch->n, batch->side);
  backend->upload_pixels(backend, &x, batch->pixels, source->mean, source->std);
  backend->upload(backend, train->labels, batch->labels, (size_t)batch->n);
  return x;
}

void cream_train_loss(cream_train *train, const cream_loss *loss, cream_buf logits, int n) {
  int classes = cream_net_skeleton(train->net)->classes;
  train->backend->loss(train->backend, loss, logits, n, classes, cream_net_dlogits(train->net),
                       train->result);
}

void cream_train_update(cream_train *train, const cream_path *path, const cream_optim *optim) {
  int n = cream_net_slices(train->net, path, train->slices);
  train->backend->optim_step(train->backend, optim, train->slices, n, &train->blocks);
}

cream_status cream_train_result(cream_train *train, cream_event *event, const char *lr_key,
                                cream_error *err) {
  float result[4];
  cream_status status = train->backend->download(train->backend, result, train->result, 4, err);
  if (status) return status;
  event->loss = result[0];
  event->hard = result[1];
  event->soft = result[2];
  event->accuracy = result[3] / (double)train->batch;
  if (isfinite(event->loss)) return CREAM_OK;
  char path[256];
  cream_path_format(cream_net_skeleton(train->net), event->path, path, sizeof path);
  return cream_fail(err, CREAM_FAILED, "step %llu: the loss is %g on path %s; lower %s (now %g at this step)",
                    (unsigned long long)event->step, event->loss, path, lr_key, event->lr);
}

cream_status cream_train_emit(cream_train *train, cream_event *event, cream_error *err) {
  double seconds = now() - train->epoch_started;
  uint64_t steps = event->step - train->epoch_first_step;
  event->images_per_second = seconds > 0 ? (double)steps * train->batch / seconds : 0;
  if (!train->listener.on_event) return CREAM_OK;
  return train->listener.on_event(train->listener.self, event, err);
}

void cream_train_begin_epoch(cream_train *train, uint64_t step) {
  train->epoch_started = now();
  train->epoch_first_step = step;
}

bool cream_train_out_of_time(const cream_train *train) {
  return train->time_budget > 0 && now() - train->started > 60 * train->time_budget;
}

bool cream_train_stopped(const cream_train *train) {
  return train->listener.stop && *train->listener.stop;
}

cream_status cream_train_check(const cream_skeleton *skeleton, const cream_source *source, int epochs,
                               int batch, const char *section, cream_error *err) {
  if (epochs < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.epochs: got %d, expected at least 1", section, epochs);
  if (batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.batch: got %d, expected at least 1", section, batch);
  if ((size_t)batch > source->count)
    return cream_fail(err, CREAM_BAD_CONFIG, "%s.batch: got %d, expected at most the %zu training images",
                      section, batch, source->count);
  if (skeleton->classes != source->classes)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "classes: the network has %d and the data %d; they must be the same", skeleton->classes,
                      source->classes);
  return CREAM_OK;
}
