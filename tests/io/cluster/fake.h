/* A transport between threads: messages arrive late, and in another order wherever that is allowed. */
#ifndef CREAM_TESTS_IO_CLUSTER_FAKE_H
#define CREAM_TESTS_IO_CLUSTER_FAKE_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "io/cluster/transport.h"

enum { FAKE_RANKS = 16 };

typedef struct fake_message {
  void *bytes;
  size_t size;
  int from, to, tag;
  int late; /* looks until it can be received */
  struct fake_message *next;
} fake_message;

typedef struct fake_receive {
  void *bytes;
  size_t size;
  int from, tag;
  struct fake_receive *next;
} fake_receive;

typedef struct fake_net {
  pthread_mutex_t lock;
  fake_message *messages; /* in the order in which they were sent */
  fake_receive *receives;
  int ranks;
  unsigned random;
  int mute;    /* messages to and from this rank are lost; -1: none */
  int aborted; /* the code; 0: not */
  int aborted_by;
} fake_net;

typedef struct fake_end {
  fake_net *net;
  int rank;
  cream_transport transport;
} fake_end;

static cream_status fake_open(void *self, int *rank, int *size, cream_error *err) {
  fake_end *end = self;
  (void)err;
  *rank = end->rank;
  *size = end->net->ranks;
  return CREAM_OK;
}

static void fake_close(void *self) {
  (void)self;
}

static void fake_abort(void *self, int code) {
  fake_end *end = self;
  pthread_mutex_lock(&end->net->lock);
  if (!end->net->aborted) end->net->aborted = code, end->net->aborted_by = end->rank;
  pthread_mutex_unlock(&end->net->lock);
}

static cream_status fake_send(void *self, const void *bytes, size_t size, int to, int tag,
                              cream_request *request, cream_error *err) {
  fake_end *end = self;
  fake_message *m = calloc(1, sizeof *m);
  (void)err;
  *m = (fake_message){malloc(size ? size : 1), size, end->rank, to, tag, 0, NULL};
  memcpy(m->bytes, bytes, size);
  pthread_mutex_lock(&end->net->lock);
  end->net->random = end->net->random * 1103515245u + 12345u;
  m->late = (int)(end->net->random >> 16) % 5;
  fake_message **last = &end->net->messages;
  while (*last) last = &(*last)->next;
  if (end->rank == end->net->mute || to == end->net->mute) {
    free(m->bytes);
    free(m);
  } else {
    *last = m;
  }
  pthread_mutex_unlock(&end->net->lock);
  request->id = 0;
  return CREAM_OK;
}

static cream_status fake_receive_begin(void *self, void *bytes, size_t size, int from, int tag,
                                       cream_request *request, cream_error *err) {
  fake_end *end = self;
  fake_receive *r = malloc(sizeof *r);
  (void)err;
  pthread_mutex_lock(&end->net->lock);
  *r = (fake_receive){bytes, size, from, tag, end->net->receives};
  end->net->receives = r;
  pthread_mutex_unlock(&end->net->lock);
  request->id = (uintptr_t)r;
  return CREAM_OK;
}

/* Takes the first message that fits, if it may arrive yet. */
static cream_status fake_test(void *self, cream_request *request, bool *done, cream_error *err) {
  fake_end *end = self;
  fake_receive *r = (fake_receive *)request->id;
  (void)err;
  *done = !r;
  if (!r) return CREAM_OK;
  pthread_mutex_lock(&end->net->lock);
  for (fake_message **at = &end->net->messages, *m; (m = *at); at = &m->next) {
    if (m->to != end->rank || m->tag != r->tag || (r->from >= 0 && m->from != r->from)) continue;
    if (m->late-- > 0) break;
    memcpy(r->bytes, m->bytes, m->size < r->size ? m->size : r->size);
    *at = m->next;
    free(m->bytes);
    free(m);
    request->id = 0;
    *done = true;
    break;
  }
  pthread_mutex_unlock(&end->net->lock);
  return CREAM_OK;
}

static void fake_cancel(void *self, cream_request *request) {
  (void)self;
  request->id = 0;
}

static inline void fake_connect(fake_net *net, fake_end ends[], int ranks) {
  *net = (fake_net){.ranks = ranks, .random = 7, .mute = -1};
  pthread_mutex_init(&net->lock, NULL);
  for (int rank = 0; rank < ranks; rank++)
    ends[rank] = (fake_end){net,
                            rank,
                            {&ends[rank], fake_open, fake_close, fake_abort, fake_send, fake_receive_begin,
                             fake_test, fake_cancel}};
}

static inline void fake_disconnect(fake_net *net) {
  for (fake_message *m = net->messages, *next; m; m = next) {
    next = m->next;
    free(m->bytes);
    free(m);
  }
  for (fake_receive *r = net->receives, *next; r; r = next) {
    next = r->next;
    free(r);
  }
  pthread_mutex_destroy(&net->lock);
}

#endif
