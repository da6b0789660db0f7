#include "exchange.h"

#include <string.h>

#include "half.h"

/* Sums of fewer bytes take half as many messages, of the whole. */
enum { SMALL = 4096 };

void cream_exchange_free(cream_exchange *x) {
  free(x->bytes);
  x->bytes = NULL;
  x->size = 0;
}

static cream_status reserve(cream_exchange *x, size_t size, cream_error *err) {
  if (size <= x->size) return CREAM_OK;
  char *bytes = realloc(x->bytes, size);
  if (!bytes) return cream_fail_memory(err, size, "the messages of other ranks");
  x->bytes = bytes;
  x->size = size;
  return CREAM_OK;
}

/* Sends and receives at the same time. */
static cream_status swap(cream_exchange *x, int peer, const void *out, size_t out_size, void *in,
                         size_t in_size, cream_error *err) {
  cream_parcel sent, received;
  cream_status status = cream_wire_receive(x->wire, in, in_size, peer, &received, err);
  if (status == CREAM_OK) status = cream_wire_send(x->wire, out, out_size, peer, &sent, err);
  if (status != CREAM_OK) return status;
  return cream_wire_wait(x->wire, (cream_parcel *[]){&received, &sent}, 2, !x->unlimited, err);
}

/* ---- sums ---------------------------------------------------------------------------------------------- */

/* The values are cut into `size` chunks. Chunks first to last - 1 are summed so far, or complete. */
typedef struct chunks {
  size_t count;
  int size;
  int first, last;
} chunks;

static size_t start_of(const chunks *c, int chunk) {
  return c->count / (size_t)c->size * (size_t)chunk +
         c->count % (size_t)c->size * (size_t)chunk / (size_t)c->size;
}

/* Where a chunk begins in half precision. */
static size_t packed_start(const chunks *c, int chunk) {
  size_t start = 0;
  for (int i = 0; i < chunk; i++) start += cream_half_size(start_of(c, i + 1) - start_of(c, i));
  return start;
}

static cream_status sum_small(cream_exchange *x, float *values, size_t count, cream_error *err) {
  const size_t size = count * sizeof *values;
  cream_status status = reserve(x, size, err);
  float *theirs = (float *)x->bytes;
  for (int bit = 1; bit < x->wire->size && status == CREAM_OK; bit *= 2) {
    status = swap(x, x->wire->rank ^ bit, values, size, theirs, size, err);
    for (size_t i = 0; i < count && status == CREAM_OK; i++) values[i] += theirs[i];
  }
  return status;
}

/* Halves the chunks of this rank with the rank that differs in `bit`: it keeps one half, and gets the other's share of
 * it. */
static cream_status reduce(cream_exchange *x, chunks *c, int bit, float *values, bool half,
                           cream_error *err) {
  const int middle = (c->first + c->last) / 2, peer = x->wire->rank ^ bit;
  const bool upper = (x->wire->rank & bit) != 0;
  const size_t low = start_of(c, c->first), cut = start_of(c, middle), high = start_of(c, c->last);
  const size_t from = upper ? cut : low, n = upper ? high - cut : cut - low;
  const size_t other = upper ? low : cut, sent = upper ? cut - low : high - cut;
  c->first = upper ? middle : c->first;
  c->last = upper ? c->last : middle;
  const size_t in_size = half ? 2 * cream_half_size(n) : 4 * n;
  cream_status status = reserve(x, in_size + (half ? 2 * cream_half_size(sent) : 0), err);
  if (status != CREAM_OK) return status;
  if (half) {
    uint16_t *in = (uint16_t *)x->bytes, *out = in + cream_half_size(n);
    cream_half_pack(values + other, sent, out);
    status = swap(x, peer, out, 2 * cream_half_size(sent), in, in_size, err);
    if (status == CREAM_OK) cream_half_add(in, n, values + from);
    return status;
  }
  const float *theirs = (const float *)x->bytes;
  status = swap(x, peer, values + other, 4 * sent, x->bytes, in_size, err);
  for (size_t i = 0; i < n && status == CREAM_OK; i++) values[from + i] += theirs[i];
  return status;
}

/* Doubles the complete chunks. `place` gives the byte where a chunk begins. */
static cream_status collect(cream_exchange *x, chunks *c, int bit, char *bytes,
                            size_t (*place)(const chunks *, int), cream_error *err) {
  const int n = c->last - c->first;
  const bool upper = (x->wire->rank & bit) != 0;
  const int first = upper ? c->first - n : c->last; /* the other's */
  const size_t out = place(c, c->first), out_end = place(c, c->last);
  const size_t in = place(c, first), in_end = place(c, first + n);
  c->first = upper ? first : c->first;
  c->last = c->first + 2 * n;
  return swap(x, x->wire->rank ^ bit, bytes + out, out_end - out, bytes + in, in_end - in, err);
}

static size_t float_place(const chunks *c, int chunk) {
  return 4 * start_of(c, chunk);
}
static size_t half_place(const chunks *c, int chunk) {
  return 2 * packed_start(c, chunk);
}

static cream_status collect_all(cream_exchange *x, chunks *c, float *values, bool half, cream_error *err) {
  cream_status status = half ? reserve(x, half_place(c, c->size), err) : CREAM_OK;
  char *bytes = half ? x->bytes : (char *)values;
  if (status == CREAM_OK && half)
    cream_half_pack(values + start_of(c, c->first), start_of(c, c->last) - start_of(c, c->first),
                    (uint16_t *)(bytes + half_place(c, c->first)));
  for (int bit = x->wire->size / 2; bit >= 1 && status == CREAM_OK; bit /= 2)
    status = collect(x, c, bit, bytes, half ? half_place : float_place, err);
  for (int i = 0; half && i < c->size && status == CREAM_OK; i++)
    cream_half_unpack((const uint16_t *)(bytes + half_place(c, i)), start_of(c, i + 1) - start_of(c, i),
                      values + start_of(c, i));
  return status;
}

cream_status cream_exchange_sum(cream_exchange *x, float *values, size_t count, bool half, cream_error *err) {
  if (!half && count * sizeof *values <= SMALL) return sum_small(x, values, count, err);
  chunks c = {count, x->wire->size, 0, x->wire->size};
  cream_status status = CREAM_OK;
  for (int bit = 1; bit < x->wire->size && status == CREAM_OK; bit *= 2)
    status = reduce(x, &c, bit, values, half, err);
  return status == CREAM_OK ? collect_all(x, &c, values, half, err) : status;
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* A tree: rank r gets them from r without its highest bit, and then passes them to r + each higher power of two. */
cream_status cream_exchange_broadcast(cream_exchange *x, void *bytes, size_t size, cream_error *err) {
  const int rank = x->wire->rank, ranks = x->wire->size;
  int bit = 1;
  cream_parcel parcel, *one[] = {&parcel};
  cream_status status = CREAM_OK;
  while (bit <= rank) bit *= 2;
  if (rank > 0) {
    status = cream_wire_receive(x->wire, bytes, size, rank - bit / 2, &parcel, err);
    if (status == CREAM_OK) status = cream_wire_wait(x->wire, one, 1, !x->unlimited, err);
  }
  for (; rank + bit < ranks && status == CREAM_OK; bit *= 2) {
    status = cream_wire_send(x->wire, bytes, size, rank + bit, &parcel, err);
    if (status == CREAM_OK) status = cream_wire_wait(x->wire, one, 1, !x->unlimited, err);
  }
  return status;
}

/* A ring, in which every rank passes on what it got last: any number of ranks. */
static cream_status gather_ring(cream_exchange *x, size_t size, char *all, cream_error *err) {
  const int rank = x->wire->rank, ranks = x->wire->size;
  const int to = (rank + 1) % ranks, from = (rank + ranks - 1) % ranks;
  cream_status status = CREAM_OK;
  for (int step = 0; step < ranks - 1 && status == CREAM_OK; step++) {
    cream_parcel sent, received;
    const int out = (rank + ranks - step) % ranks, in = (from + ranks - step) % ranks;
    status = cream_wire_receive(x->wire, all + (size_t)in * size, size, from, &received, err);
    if (status == CREAM_OK) status = cream_wire_send(x->wire, all + (size_t)out * size, size, to, &sent, err);
    if (status == CREAM_OK)
      status = cream_wire_wait(x->wire, (cream_parcel *[]){&received, &sent}, 2, !x->unlimited, err);
  }
  return status;
}

cream_status cream_exchange_gather(cream_exchange *x, const void *own, size_t size, void *all,
                                   cream_error *err) {
  const int rank = x->wire->rank, ranks = x->wire->size;
  char *bytes = all;
  memcpy(bytes + (size_t)rank * size, own, size);
  if (ranks & (ranks - 1)) return gather_ring(x, size, bytes, err);
  cream_status status = CREAM_OK;
  for (int n = 1; n < ranks && status == CREAM_OK; n *= 2) {
    const size_t mine = (size_t)(rank / n * n) * size, theirs = (size_t)((rank ^ n) / n * n) * size;
    status = swap(x, rank ^ n, bytes + mine, (size_t)n * size, bytes + theirs, (size_t)n * size, err);
  }
  return status;
}
