#include "train_internal.h"

static bool several(const cream_train *train) {
  return train->parts.count > 1;
}

static bool alone(const cream_train *train) {
  return cream_cluster_alone(train->cluster);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

size_t cream_train_gradient_room(const cream_net *net, int paths) {
  size_t together = cream_net_gradient_count(net) * (size_t)paths, all = cream_net_weight_count(net);
  return together < all ? together : all;
}

static cream_status init_statistics(cream_train *train, int paths, cream_error *err) {
  cream_train_statistics *s = &train->statistics;
  cream_backend *backend = train->backend;
  const size_t spans = (size_t)cream_net_max_spans(train->net);
  const size_t most = cream_net_path_statistics(train->net) * (size_t)paths;
  s->n_paths = paths;
  s->spans = malloc(spans * sizeof *s->spans);
  s->paths = malloc((size_t)paths * sizeof *s->paths);
  if (!s->spans || !s->paths)
    return cream_fail_memory(err, (size_t)paths * sizeof *s->paths, "the paths of a step");
  cream_status status = backend->alloc(backend, cream_net_statistic_count(train->net), &s->running, err);
  if (status || alone(train)) return status;
  const size_t own = most * (size_t)train->parts.own, all = most * (size_t)train->parts.count;
  s->own_host = malloc(own * sizeof *s->own_host);
  s->all = malloc(all * sizeof *s->all);
  if (!s->own_host || !s->all)
    return cream_fail_memory(err, (own + all) * sizeof *s->all, "the statistics of all parts");
  return backend->alloc(backend, own, &s->own, err);
}

cream_status train_init_parts(cream_train *train, const cream_train_options *options, cream_error *err) {
  const int count = options->accumulate ? options->accumulate : 1,
            paths = options->paths ? options->paths : 1;
  const size_t gradients = cream_train_gradient_room(train->net, paths);
  const int pieces = paths * cream_net_max_slices(train->net) + 1;
  cream_status status = cream_parts_init(&train->parts, train->backend, options->cluster, count,
                                         gradients + 4, pieces, options->half, err);
  if (status || count == 1) return status;
  train->blocks.g = train->parts.mean;
  return init_statistics(train, paths, err);
}

void train_destroy_parts(cream_train *train) {
  cream_train_statistics *s = &train->statistics;
  cream_parts_destroy(&train->parts);
  if (cream_buf_present(s->running)) train->backend->release(train->backend, s->running);
  if (cream_buf_present(s->own)) train->backend->release(train->backend, s->own);
  free(s->own_host);
  free(s->all);
  free(s->paths);
  free(s->spans);
}

size_t cream_train_messages(const cream_train *train) {
  const cream_parts *parts = &train->parts;
  if (alone(train) || !several(train)) return 0;
  const size_t statistics = cream_net_path_statistics(train->net) * (size_t)train->statistics.n_paths;
  return (parts->room + statistics * (size_t)(parts->own + parts->count)) * sizeof(float) +
         (size_t)parts->capacity * sizeof *parts->pieces;
}

/* ---- statistics -------------------------------------------------------------------------------------- */

/* running += momentum * (batch - running) for the spans of a path. `packed`: of batch, the spans one after the other. */
static size_t move_statistics(cream_train *train, const cream_path *path, cream_buf batch, bool packed) {
  cream_train_statistics *s = &train->statistics;
  cream_backend *backend = train->backend;
  size_t used = 0;
  int n = cream_net_statistic_spans(train->net, path, s->spans);
  for (int i = 0; i < n; i++) {
    const cream_span *span = &s->spans[i];
    cream_buf running = cream_buf_at(s->running, span->at);
    backend->axpy(backend, running, -CREAM_BN_MOMENTUM, running, span->count);
    backend->axpy(backend, running, CREAM_BN_MOMENTUM, cream_buf_at(batch, packed ? used : span->at),
                  span->count);
    used += span->count;
  }
  return used;
}

/* Stores the statistics that the forward pass of a path has left. */
static void pack_statistics(cream_train *train, const cream_path *path) {
  cream_train_statistics *s = &train->statistics;
  int n = cream_net_statistic_spans(train->net, path, s->spans);
  for (int i = 0; i < n; i++) {
    const cream_span *span = &s->spans[i];
    train->backend->copy(train->backend, cream_buf_at(s->own, s->used),
                         cream_buf_at(cream_net_statistics(train->net), span->at), span->count);
    s->used += span->count;
  }
}

/* After the last forward pass of a step: the statistics of the own parts set off, while the caller computes the backward
 * pass. A failure is that of the step's sums. */
static void send_statistics(cream_train *train) {
  cream_train_statistics *s = &train->statistics;
  cream_parts *parts = &train->parts;
  if (alone(train) || train->part < parts->own - 1 || s->sent || s->used == 0 || parts->status) return;
  s->sent = true;
  parts->status = train->backend->download(train->backend, s->own_host, s->own, s->used, &parts->error);
  if (!parts->status)
    parts->status = train->cluster->gather_begin(train->cluster, s->own_host, s->used * sizeof *s->own_host,
                                                 s->all, &parts->error);
}

/* Moves the running statistics by those of all parts of all ranks, in order. */
static void move_by_all(cream_train *train) {
  cream_train_statistics *s = &train->statistics;
  cream_backend *backend = train->backend;
  const size_t count = s->used / (size_t)train->parts.own; /* of a part */
  for (int p = 0; p < train->parts.count && s->sent; p++) {
    size_t at = 0;
    backend->upload(backend, s->own, s->all + (size_t)p * count, count);
    for (int k = 0; k < s->n; k++) at += move_statistics(train, &s->paths[k], cream_buf_at(s->own, at), true);
  }
}

/* ---- a step ------------------------------------------------------------------------------------------ */

void cream_train_begin_step(cream_train *train) {
  if (!several(train)) return;
  cream_parts_begin(&train->parts);
  train->statistics.used = 0;
  train->statistics.sent = false;
  train->backend->copy(train->backend, train->statistics.running, cream_net_statistics(train->net),
                       cream_net_statistic_count(train->net));
}

void cream_train_begin_part(cream_train *train, int part) {
  train->part = part;
  train->statistics.n = 0;
}

cream_buf cream_train_forward(cream_train *train, const cream_path *path, const cream_tensor *x,
                              float dropout, uint64_t drop_seed, uint64_t drop_step) {
  cream_train_statistics *s = &train->statistics;
  cream_backend *backend = train->backend;
  cream_net *net = train->net;
  if (!several(train))
    return cream_net_forward_train(net, path, x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, dropout, drop_seed,
                                   drop_step);
  CREAM_ASSERT(s->n < s->n_paths);
  s->paths[s->n++] = *path;
  int n = cream_net_statistic_spans(net, path, s->spans);
  for (int i = 0; i < n; i++)
    backend->fill(backend, cream_buf_at(cream_net_statistics(net), s->spans[i].at), s->spans[i].count, 0);
  cream_buf logits = cream_net_forward_train(net, path, x, CREAM_BN_TRAIN, 1, dropout, drop_seed, drop_step);
  if (alone(train))
    move_statistics(train, path, cream_net_statistics(net), false);
  else
    pack_statistics(train, path);
  return logits;
}

static void add_span(void *self, cream_span span) {
  cream_train *train = self;
  cream_parts_add(&train->parts, train->part, cream_buf_at(cream_net_gradients(train->net), span.at), span.at,
                  span.count, false);
}

/* The gradient of the only path of the last own part is about to be computed. */
static void expect_gradient(cream_train *train) {
  const int n = cream_net_slices(train->net, &train->statistics.paths[0], train->slices);
  size_t count = 0;
  if (train->part < train->parts.own - 1) return;
  for (int i = 0; i < n; i++) count += train->slices[i].count;
  cream_parts_expect(&train->parts, count);
}

void cream_train_backward(cream_train *train) {
  if (several(train)) {
    send_statistics(train);
    expect_gradient(train);
    cream_net_set_done(train->net, add_span, train);
  }
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  cream_net_set_done(train->net, NULL, NULL);
  cream_train_add_result(train, train->result);
}

void cream_train_add_result(cream_train *train, cream_buf result) {
  if (!several(train)) return;
  send_statistics(train);
  cream_parts_add(&train->parts, train->part, result, train->parts.room - 4, 4, true);
}

cream_status cream_train_end_step(cream_train *train, cream_error *err) {
  cream_backend *backend = train->backend;
  if (!several(train)) return CREAM_OK;
  cream_status status = cream_parts_end(&train->parts, err);
  if (status) return status;
  if (!alone(train)) move_by_all(train);
  backend->copy(backend, train->result, cream_buf_at(train->parts.mean, train->parts.room - 4), 4);
  backend->copy(backend, cream_net_statistics(train->net), train->statistics.running,
                cream_net_statistic_count(train->net));
  return CREAM_OK;
}

uint64_t cream_train_batch_number(const cream_train *train, uint64_t step) {
  return step * (uint64_t)train->parts.count + (uint64_t)(train->parts.first + train->part);
}

cream_source_parts cream_train_announced(const cream_train *train) {
  return (cream_source_parts){
      .parts = alone(train) ? 0 : train->parts.count, .first = train->parts.first, .own = train->parts.own};
}
