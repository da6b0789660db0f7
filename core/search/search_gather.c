#include "search_internal.h"

cream_status search_gather_init(search_gather *gather, const cream_search *search, int paths,
                                cream_error *err) {
  cream_backend *backend = search->backend;
  gather->capacity = cream_net_max_slices(search->train.net) * paths;
  size_t room = (size_t)gather->capacity;
  gather->slices = malloc(room * sizeof *gather->slices);
  gather->users = malloc(room * sizeof *gather->users);
  gather->host_norms = malloc(room * sizeof *gather->host_norms);
  if (!gather->slices || !gather->users || !gather->host_norms)
    return cream_fail_memory(err, room * (sizeof *gather->slices + 8), "the gradients of several paths");
  cream_status status = backend->alloc(backend, cream_net_weight_count(search->train.net), &gather->sum, err);
  if (!status) status = backend->alloc(backend, 4, &gather->total, err);
  return status ? status : backend->alloc(backend, room, &gather->norms, err);
}

void search_gather_destroy(search_gather *gather, const cream_search *search) {
  cream_buf *buffers[] = {&gather->sum, &gather->total, &gather->norms};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  free(gather->slices);
  free(gather->users);
  free(gather->host_norms);
  *gather = (search_gather){0};
}

void search_gather_begin(search_gather *gather, const cream_search *search) {
  gather->n = gather->paths = 0;
  search->backend->fill(search->backend, gather->total, 4, 0);
}

static int find(const search_gather *gather, size_t w) {
  for (int i = 0; i < gather->n; i++)
    if (gather->slices[i].w == w) return i;
  return -1;
}

void search_gather_add(search_gather *gather, cream_search *search, const cream_loss *loss, cream_buf logits,
                       int n) {
  cream_backend *backend = search->backend;
  cream_train *train = &search->train;
  cream_train_loss(train, loss, logits, n);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  backend->axpy(backend, gather->total, 1, train->result, 4);
  gather->paths++;
  int slices = cream_net_slices(train->net, &search->path, train->slices);
  for (int i = 0; i < slices; i++) {
    cream_slice slice = train->slices[i];
    cream_buf from = cream_buf_at(cream_net_gradients(train->net), slice.g);
    cream_buf to = cream_buf_at(gather->sum, slice.w);
    int at = find(gather, slice.w);
    if (at >= 0) {
      backend->axpy(backend, to, 1, from, slice.count);
      gather->users[at]++;
      continue;
    }
    CREAM_ASSERT(gather->n < gather->capacity);
    backend->copy(backend, to, from, slice.count);
    slice.g = slice.w;
    gather->users[gather->n] = 1;
    gather->slices[gather->n++] = slice;
  }
}

cream_status search_gather_update(search_gather *gather, cream_search *search, cream_event *event,
                                  cream_error *err) {
  cream_backend *backend = search->backend;
  cream_train *train = &search->train;
  const cream_gradient gradient = {gather->sum, gather->norms, gather->slices, gather->n, gather->host_norms};
  for (int i = 0; i < gather->n; i++)
    if (gather->users[i] > 1) cream_gradient_scale(backend, &gradient, i, 1.0 / gather->users[i]);
  cream_status status = cream_gradient_clip(backend, &gradient, search->config.search.clip, err);
  if (status) return status;
  cream_optim optim = search_optim(search, event);
  cream_blocks blocks = train->blocks;
  blocks.g = gather->sum;
  backend->optim_step(backend, &optim, gather->slices, gather->n, &blocks);
  backend->fill(backend, train->result, 4, 0);
  backend->axpy(backend, train->result, 1.0f / (float)gather->paths, gather->total, 4);
  return cream_train_result(train, event, "search.lr.lr", err);
}
