#include "parts.h"

cream_status cream_parts_check(const char *section, int count, const cream_cluster *cluster,
                               cream_error *err) {
  const int ranks = cream_cluster_size(cluster);
  if (cream_parts_divide(count, ranks)) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s.accumulate: got %d parts for %d ranks, expected a power of two from %d on, so that all "
      "ranks have the same number; change it or the number of ranks",
      section, count, ranks, ranks);
}

static bool alone(const cream_parts *parts) {
  return cream_cluster_alone(parts->cluster);
}

static int levels_of(int own) {
  int levels = 0;
  while (1 << levels < own) levels++;
  return levels;
}

cream_status cream_parts_init(cream_parts *parts, cream_backend *backend, cream_cluster *cluster, int count,
                              size_t room, int pieces, bool half, cream_error *err) {
  const int ranks = cream_cluster_size(cluster);
  CREAM_ASSERT(count >= 1 && count <= CREAM_MAX_PARTS && count % ranks == 0);
  *parts = (cream_parts){.backend = backend,
                         .cluster = cluster,
                         .count = count,
                         .own = count / ranks,
                         .first = count / ranks * cream_cluster_rank(cluster),
                         .half = half,
                         .room = room,
                         .capacity = pieces};
  cream_status status = CREAM_OK;
  if (count == 1) return status;
  const int levels = levels_of(parts->own);
  for (int i = 0; i < (levels ? levels : 1) && !status; i++)
    status = backend->alloc(backend, room, &parts->partial[i], err);
  parts->mean = parts->partial[0];
  if (!status && !alone(parts)) {
    size_t bytes = room * sizeof *parts->host + (size_t)pieces * sizeof *parts->pieces;
    parts->host = malloc(room * sizeof *parts->host);
    parts->pieces = malloc((size_t)pieces * sizeof *parts->pieces);
    if (!parts->host || !parts->pieces) status = cream_fail_memory(err, bytes, "the sums over ranks");
  }
  if (status) cream_parts_destroy(parts);
  return status;
}

void cream_parts_destroy(cream_parts *parts) {
  for (int i = 0; i < CREAM_PARTS_LEVELS; i++)
    if (cream_buf_present(parts->partial[i])) parts->backend->release(parts->backend, parts->partial[i]);
  free(parts->host);
  free(parts->pieces);
  *parts = (cream_parts){0};
}

void cream_parts_begin(cream_parts *parts) {
  parts->packed = parts->begun = parts->expected = 0;
  parts->n_pieces = 0;
  parts->status = CREAM_OK;
}

/* Hands what was packed since the last time to the cluster: a block can have more than a bucket. */
static void flush(cream_parts *parts, bool half) {
  while (!parts->status && parts->begun < parts->packed) {
    const size_t left = parts->packed - parts->begun;
    const size_t count = left < CREAM_PARTS_BUCKET ? left : CREAM_PARTS_BUCKET;
    parts->status =
        parts->cluster->sum_begin(parts->cluster, parts->host + parts->begun, count, half, &parts->error);
    parts->begun += count;
  }
}

/* Elements that set off together now. */
static size_t bucket(const cream_parts *parts) {
  const size_t left = parts->expected > parts->packed ? parts->expected - parts->packed : 0;
  if (!parts->expected || left > CREAM_PARTS_BUCKET) return CREAM_PARTS_BUCKET;
  return left > CREAM_PARTS_LEAST ? left : CREAM_PARTS_LEAST;
}

/* Sends the sum over the own parts. */
static void pack(cream_parts *parts, cream_buf values, size_t at, size_t count, bool exact) {
  if (parts->status) return;
  CREAM_ASSERT(parts->n_pieces < parts->capacity && parts->packed + count <= parts->room);
  exact = exact && parts->half; /* or all values are */
  if (exact) flush(parts, true);
  parts->status =
      parts->backend->download(parts->backend, parts->host + parts->packed, values, count, &parts->error);
  parts->pieces[parts->n_pieces++] = (cream_parts_piece){values, at, count};
  parts->packed += count;
  if (exact)
    flush(parts, false);
  else if (parts->packed - parts->begun >= bucket(parts))
    flush(parts, parts->half);
}

/* Writes sums, divided by the number of parts, to `mean`. */
static void divide(cream_parts *parts, cream_buf values, size_t at, size_t count) {
  cream_buf mean = cream_buf_at(parts->mean, at);
  parts->backend->fill(parts->backend, mean, count, 0);
  parts->backend->axpy(parts->backend, mean, 1.0f / (float)parts->count, values, count);
}

void cream_parts_add(cream_parts *parts, int part, cream_buf values, size_t at, size_t count, bool exact) {
  cream_backend *backend = parts->backend;
  const bool last = part == parts->own - 1;
  int level = 0;
  /* A bit of `part` is set where a level holds a partial sum. */
  for (; part >> level & 1 || (last && part >> level); level++)
    if (part >> level & 1) backend->axpy(backend, values, 1, cream_buf_at(parts->partial[level], at), count);
  if (!last)
    backend->copy(backend, cream_buf_at(parts->partial[level], at), values, count);
  else if (alone(parts))
    divide(parts, values, at, count);
  else
    pack(parts, values, at, count, exact);
}

cream_status cream_parts_end(cream_parts *parts, cream_error *err) {
  if (alone(parts)) return CREAM_OK;
  flush(parts, parts->half);
  if (!parts->status) parts->status = parts->cluster->wait(parts->cluster, &parts->error);
  if (parts->status) {
    if (err) *err = parts->error;
    return parts->status;
  }
  const float *from = parts->host;
  for (int i = 0; i < parts->n_pieces; from += parts->pieces[i++].count) {
    const cream_parts_piece *piece = &parts->pieces[i];
    parts->backend->upload(parts->backend, piece->values, from, piece->count);
    divide(parts, piece->values, piece->at, piece->count);
  }
  return CREAM_OK;
}
