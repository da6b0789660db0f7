/* A cluster whose ranks are the threads of one process. */
#ifndef CREAM_TESTS_THREADS_H
#define CREAM_TESTS_THREADS_H

#include <pthread.h>
#include <string.h>

#include "core/cluster/cluster.h"

enum { THREADS_MAX_RANKS = 8, THREADS_MAX_BEGUN = 256 };

/* A sum of `count` values, or a gather of so many bytes. */
typedef struct threads_call {
  float *values;
  size_t count;
  bool half;
  const void *own; /* of a gather; NULL: a sum */
  void *all;
} threads_call;

typedef struct threads {
  int size, arrived;
  unsigned round;
  bool failed;
  pthread_mutex_t lock;
  pthread_cond_t moved;
  const void *shown[THREADS_MAX_RANKS]; /* by each rank, between two meetings */
  size_t shown_size[THREADS_MAX_RANKS];
  threads_call calls[THREADS_MAX_RANKS][THREADS_MAX_BEGUN]; /* begun */
  int n_calls[THREADS_MAX_RANKS];
  uint64_t next; /* job */
  cream_cluster ranks[THREADS_MAX_RANKS];
} threads;

/* A rank has failed: those that wait for it fail too. */
static inline void threads_fail(threads *t) {
  pthread_mutex_lock(&t->lock);
  t->failed = true;
  pthread_cond_broadcast(&t->moved);
  pthread_mutex_unlock(&t->lock);
}

/* Waits until all ranks are here. */
static inline cream_status threads_meet(threads *t, cream_error *err) {
  pthread_mutex_lock(&t->lock);
  unsigned round = t->round;
  if (!t->failed && ++t->arrived == t->size) {
    t->arrived = 0;
    t->round++;
    pthread_cond_broadcast(&t->moved);
  }
  while (!t->failed && t->round == round) pthread_cond_wait(&t->moved, &t->lock);
  bool met = t->round != round;
  pthread_mutex_unlock(&t->lock);
  return met ? CREAM_OK : cream_fail(err, CREAM_FAILED, "another rank failed");
}

/* Shows bytes to all ranks. They may be read until the next meeting. */
static inline cream_status threads_show(cream_cluster *c, const void *bytes, size_t size, cream_error *err) {
  threads *t = c->self;
  t->shown[c->rank] = bytes;
  t->shown_size[c->rank] = size;
  cream_status status = threads_meet(t, err);
  for (int r = 0; r < t->size && !status; r++)
    if (t->shown_size[r] != size)
      status = cream_fail(err, CREAM_FAILED, "rank %d: %zu bytes, rank %d %zu", c->rank, size, r,
                          t->shown_size[r]);
  return status;
}

static inline cream_status threads_sum_begin(cream_cluster *c, float *values, size_t count, bool half,
                                             cream_error *err) {
  threads *t = c->self;
  (void)err;
  CREAM_ASSERT(t->n_calls[c->rank] < THREADS_MAX_BEGUN);
  t->calls[c->rank][t->n_calls[c->rank]++] = (threads_call){.values = values, .count = count, .half = half};
  return CREAM_OK;
}

static inline cream_status threads_gather_begin(cream_cluster *c, const void *own, size_t size, void *all,
                                                cream_error *err) {
  threads *t = c->self;
  (void)err;
  CREAM_ASSERT(t->n_calls[c->rank] < THREADS_MAX_BEGUN);
  t->calls[c->rank][t->n_calls[c->rank]++] = (threads_call){.count = size, .own = own, .all = all};
  return CREAM_OK;
}

/* As it travels; half: with 10 bits of the mantissa. */
static inline float threads_rounded(float value, bool half) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (half) bits &= 0xffffe000u;
  memcpy(&value, &bits, sizeof bits);
  return value;
}

/* The sum of element i over ranks first .. first + n - 1. */
static inline float threads_tree(const threads *t, size_t i, int first, int n, bool half) {
  if (n == 1) return threads_rounded(((const float *)t->shown[first])[i], half);
  return threads_tree(t, i, first, n / 2, half) + threads_tree(t, i, first + n / 2, n / 2, half);
}

static inline cream_status threads_sum(cream_cluster *c, const threads_call *sum, cream_error *err) {
  threads *t = c->self;
  float *out = malloc(sum->count * sizeof *out);
  CREAM_ASSERT(out);
  cream_status status = threads_show(c, sum->values, sum->count * sizeof *out, err);
  for (size_t i = 0; i < sum->count && !status; i++) out[i] = threads_tree(t, i, 0, t->size, sum->half);
  if (!status) status = threads_meet(t, err);
  if (!status) memcpy(sum->values, out, sum->count * sizeof *out);
  free(out);
  return status;
}

static inline cream_status threads_gather(cream_cluster *c, const threads_call *gather, cream_error *err) {
  threads *t = c->self;
  cream_status status = threads_show(c, gather->own, gather->count, err);
  for (int r = 0; r < t->size && !status; r++)
    memcpy((char *)gather->all + (size_t)r * gather->count, t->shown[r], gather->count);
  return status ? status : threads_meet(t, err);
}

static inline cream_status threads_wait(cream_cluster *c, cream_error *err) {
  threads *t = c->self;
  cream_status status = CREAM_OK;
  c->waited++;
  for (int i = 0; i < t->n_calls[c->rank] && !status; i++) {
    const threads_call *call = &t->calls[c->rank][i];
    status = call->own ? threads_gather(c, call, err) : threads_sum(c, call, err);
  }
  t->n_calls[c->rank] = 0;
  return status;
}

static inline cream_status threads_broadcast(cream_cluster *c, void *bytes, size_t size, cream_error *err) {
  threads *t = c->self;
  cream_status status = threads_show(c, bytes, size, err);
  if (!status && c->rank > 0) memcpy(bytes, t->shown[0], size);
  return status ? status : threads_meet(t, err);
}

static inline cream_status threads_take(cream_cluster *c, uint64_t *number, cream_error *err) {
  threads *t = c->self;
  pthread_mutex_lock(&t->lock);
  *number = t->next++;
  const bool failed = t->failed;
  pthread_mutex_unlock(&t->lock);
  return failed ? cream_fail(err, CREAM_FAILED, "another rank failed") : CREAM_OK;
}

static inline void threads_open(threads *t, int size) {
  memset(t, 0, sizeof *t);
  t->size = size;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->moved, NULL);
  for (int r = 0; r < size; r++)
    t->ranks[r] = (cream_cluster){.rank = r,
                                  .size = size,
                                  .self = t,
                                  .sum_begin = threads_sum_begin,
                                  .gather_begin = threads_gather_begin,
                                  .wait = threads_wait,
                                  .broadcast = threads_broadcast,
                                  .take = threads_take};
}

static inline void threads_close(threads *t) {
  pthread_mutex_destroy(&t->lock);
  pthread_cond_destroy(&t->moved);
}

#endif
