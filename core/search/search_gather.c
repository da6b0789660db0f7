#include "search_internal.h"

cream_status search_gather_init(search_gather *gather, const cream_search *search, int paths,
                                cream_error *err) {
  cream_backend *backend = search->backend;
  gather->paths = paths;
  gather->capacity = cream_net_max_slices(search->train.net) * paths;
  size_t room = (size_t)gather->capacity;
  gather->slices = malloc(room * sizeof *gather->slices);
  gather->users = malloc(room * sizeof *gather->users);
  gather->host_norms = malloc(room * sizeof *gather->host_norms);
  gather->first = malloc(room * sizeof *gather->first);
  gather->drawn = malloc((size_t)paths * sizeof *gather->drawn);
  if (!gather->slices || !gather->users || !gather->host_norms || !gather->first || !gather->drawn)
    return cream_fail_memory(err, room * (sizeof *gather->slices + 12), "the gradients of several paths");
  cream_status status =
      backend->alloc(backend, cream_train_gradient_room(search->train.net, paths), &gather->sum, err);
  if (!status) status = backend->alloc(backend, 4, &gather->total, err);
  return status ? status : backend->alloc(backend, room, &gather->norms, err);
}

void search_gather_destroy(search_gather *gather, const cream_search *search) {
  cream_buf *buffers[] = {&gather->sum, &gather->total, &gather->norms};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  free(gather->slices);
  free(gather->users);
  free(gather->first);
  free(gather->drawn);
  free(gather->host_norms);
  *gather = (search_gather){0};
}

static int find(const search_gather *gather, size_t w) {
  for (int i = 0; i < gather->n; i++)
    if (gather->slices[i].w == w) return i;
  return -1;
}

void search_gather_begin(search_gather *gather, cream_search *search) {
  cream_train *train = &search->train;
  size_t used = 0;
  gather->n = 0;
  for (int k = 0; k < gather->paths; k++) {
    int slices = cream_net_slices(train->net, &gather->drawn[k], train->slices);
    for (int i = 0; i < slices; i++) {
      cream_slice slice = train->slices[i];
      int at = find(gather, slice.w);
      if (at >= 0) {
        gather->users[at]++;
        continue;
      }
      CREAM_ASSERT(gather->n < gather->capacity);
      slice.g = used;
      used += slice.count;
      gather->users[gather->n] = 1;
      gather->first[gather->n] = k;
      gather->slices[gather->n++] = slice;
    }
  }
}

cream_buf search_gather_forward(search_gather *gather, cream_search *search, int k) {
  search->path = gather->drawn[k];
  if (k == 0) search->backend->fill(search->backend, gather->total, 4, 0);
  return search_forward(search);
}

void search_gather_add(search_gather *gather, cream_search *search, int k, const cream_loss *loss,
                       cream_buf logits) {
  cream_backend *backend = search->backend;
  cream_train *train = &search->train;
  cream_train_loss(train, loss, logits, search->x.n);
  cream_net_backward(train->net, cream_net_dlogits(train->net));
  backend->axpy(backend, gather->total, 1, train->result, 4);
  int slices = cream_net_slices(train->net, &search->path, train->slices);
  for (int i = 0; i < slices; i++) {
    cream_slice slice = train->slices[i];
    int at = find(gather, slice.w);
    cream_buf from = cream_buf_at(cream_net_gradients(train->net), slice.g);
    cream_buf to = cream_buf_at(gather->sum, gather->slices[at].g);
    if (gather->first[at] == k)
      backend->copy(backend, to, from, slice.count);
    else
      backend->axpy(backend, to, 1, from, slice.count);
  }
}

void search_gather_end_part(search_gather *gather, cream_search *search) {
  cream_train *train = &search->train;
  if (!search_has_parts(search)) return;
  for (int i = 0; i < gather->n; i++) {
    const cream_slice *slice = &gather->slices[i];
    cream_parts_add(&train->parts, train->part, cream_buf_at(gather->sum, slice->g), slice->g, slice->count,
                    false);
  }
  cream_train_add_result(train, gather->total);
}

cream_status search_gather_update(search_gather *gather, cream_search *search, cream_event *event,
                                  cream_error *err) {
  cream_backend *backend = search->backend;
  cream_train *train = &search->train;
  cream_status status = cream_train_end_step(train, err);
  if (status) return status;
  cream_blocks blocks = train->blocks;
  if (search_has_parts(search))
    backend->copy(backend, gather->total, train->result, 4); /* the mean over the parts */
  else
    blocks.g = gather->sum;
  const cream_gradient gradient = {blocks.g, gather->norms, gather->slices, gather->n, gather->host_norms};
  for (int i = 0; i < gather->n; i++)
    if (gather->users[i] > 1) cream_gradient_scale(backend, &gradient, i, 1.0 / gather->users[i]);
  status = cream_gradient_clip(backend, &gradient, search->config.search.clip, err);
  if (status) return status;
  cream_optim optim = search_optim(search, event);
  backend->optim_step(backend, &optim, gather->slices, gather->n, &blocks);
  backend->fill(backend, train->result, 4, 0);
  backend->axpy(backend, train->result, 1.0f / (float)gather->paths, gather->total, 4);
  return cream_train_result(train, event, "search.lr.lr", err);
}
