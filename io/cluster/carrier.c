#include "carrier.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "exchange.h"

enum { QUEUE = 64 };
/* Between two looks for notices while there is nothing to do; and while ranks take jobs from this one. */
static const double idle_seconds = 0.02, giving_seconds = 0.001;

typedef enum call_kind { SUM, BROADCAST, GATHER, TAKE, LEAVE, END_ALL } call_kind;

typedef struct call {
  call_kind kind;
  void *in, *out;
  size_t size; /* bytes; of a sum: floats */
  bool half;
  int code; /* END_ALL */
} call;

struct cream_carrier {
  cream_cluster cluster;
  cream_carrier_options options;
  cream_wire wire;
  cream_exchange exchange;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  call queue[QUEUE];
  uint64_t queued, finished; /* calls */
  bool open, opening;        /* the wire; cream_carrier_open waits */
  bool gone;                 /* the thread has ended */
  bool ending;               /* cream_carrier_end takes care of a failure */
  bool delivered;            /* a call has returned the failure of another rank */
  double failed_at;          /* 0: no failure */
  cream_status status;       /* of the first call that failed; later ones are not carried out */
  cream_error error;
};

/* ---- the thread ---------------------------------------------------------------------------------------- */

/* The line of a failure: "rank 3 (host): cause". */
static void name_failure(const cream_carrier *c, cream_error *err) {
  const int rank = c->wire.failed_rank;
  const cream_error *cause = &c->wire.failure;
  const char *host = c->wire.hosts[rank];
  if (rank == 0 && cause->status == CREAM_BAD_CONFIG)
    *err = *cause;
  else
    cream_fail(err, cause->status, "rank %d (%s): %s", rank, *host ? host : "host unknown", cause->text);
}

static cream_status leave(cream_carrier *c, cream_error *err) {
  cream_status status = CREAM_OK;
  char own = 1, *all = malloc((size_t)c->wire.size);
  if (!all) return cream_fail_memory(err, (size_t)c->wire.size, "the end of the run");
  c->exchange.unlimited = true; /* rank 0 may still test and write */
  if (c->wire.size > 1) status = cream_exchange_gather(&c->exchange, &own, 1, all, err);
  free(all);
  if (status == CREAM_OK) cream_wire_close(&c->wire);
  return status;
}

static cream_status carry_out(cream_carrier *c, const call *k, cream_error *err) {
  switch (k->kind) {
  case SUM:
    return cream_exchange_sum(&c->exchange, k->out, k->size, k->half, err);
  case BROADCAST:
    return cream_exchange_broadcast(&c->exchange, k->out, k->size, err);
  case GATHER:
    return cream_exchange_gather(&c->exchange, k->in, k->size, k->out, err);
  case TAKE:
    return cream_wire_take(&c->wire, k->out, err);
  case LEAVE:
    return leave(c, err);
  case END_ALL:
    c->options.transport->abort(c->options.transport->self, k->code);
    return CREAM_OK;
  }
  return CREAM_OK;
}

/* Under the lock. An error of the transport itself becomes one of this rank, which the others have to know. */
static void note_failure(cream_carrier *c, cream_status status, cream_error *err) {
  if (c->status != CREAM_OK) return;
  if (!c->wire.failed) {
    c->wire.own = *err;
    atomic_store(&c->wire.announce, true);
    cream_error ignored;
    (void)cream_wire_poll(&c->wire, &ignored);
  }
  c->status = status;
  c->failed_at = cream_wire_now();
  name_failure(c, &c->error);
}

/* A failure that the rank's own thread takes no notice of in time, because it computes. */
static void end_without_rank(cream_carrier *c) {
  const double grace = c->options.grace > 0 ? c->options.grace : 3;
  const double patience = c->wire.rank == 0 ? grace : 2 * grace;
  if (!c->open || c->failed_at == 0 || cream_wire_now() - c->failed_at < patience) return;
  if (c->ending && c->wire.rank == 0) return; /* it is about to do the same */
  c->open = false;
  pthread_mutex_unlock(&c->lock);
  c->options.report(c->options.self, c->error.text);
  c->options.transport->abort(c->options.transport->self, c->status);
  pthread_mutex_lock(&c->lock);
}

/* Under the lock: waits for a call, and looks for notices meanwhile. */
static void idle(cream_carrier *c) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)((c->wire.gives ? giving_seconds : idle_seconds) * 1e9);
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_cond_timedwait(&c->work, &c->lock, &until);
  if (c->queued > c->finished || !c->open) return;
  cream_error err;
  pthread_mutex_unlock(&c->lock);
  cream_status status = c->status == CREAM_OK ? cream_wire_poll(&c->wire, &err) : CREAM_OK;
  pthread_mutex_lock(&c->lock);
  if (status != CREAM_OK) {
    note_failure(c, status, &err);
    pthread_cond_broadcast(&c->done);
  }
  end_without_rank(c);
}

static void next(cream_carrier *c) {
  const call k = c->queue[c->finished % QUEUE];
  cream_error err;
  const bool refused = c->status != CREAM_OK && k.kind != END_ALL;
  pthread_mutex_unlock(&c->lock);
  cream_status status = refused ? c->status : carry_out(c, &k, &err);
  pthread_mutex_lock(&c->lock);
  if (status != CREAM_OK && !refused) note_failure(c, status, &err);
  if (k.kind == LEAVE && status == CREAM_OK) c->open = false;
  c->finished++;
  pthread_cond_broadcast(&c->done);
}

/* Every rank learns the names of all hosts. */
static cream_status exchange_hosts(cream_carrier *c, cream_error *err) {
  char own[CREAM_HOST_NAME];
  if (c->wire.size == 1) return CREAM_OK;
  memcpy(own, c->wire.host, sizeof own);
  return cream_exchange_gather(&c->exchange, own, sizeof own, c->wire.hosts, err);
}

static void *run(void *self) {
  cream_carrier *c = self;
  cream_error err;
  prctl(PR_SET_TIMERSLACK, 1000); /* of short sleeps: nanoseconds */
  cream_status status = cream_wire_open(&c->wire, &err);
  const bool joined = status == CREAM_OK;
  if (joined) status = exchange_hosts(c, &err);
  pthread_mutex_lock(&c->lock);
  c->opening = false;
  c->open = joined;
  if (status != CREAM_OK && joined) {
    note_failure(c, status, &err); /* calls return it */
  } else if (status != CREAM_OK) {
    c->status = status;
    c->error = err;
  }
  pthread_cond_broadcast(&c->done);
  while (c->open || c->queued > c->finished)
    if (c->queued > c->finished)
      next(c);
    else
      idle(c);
  c->gone = true;
  pthread_cond_broadcast(&c->done);
  pthread_mutex_unlock(&c->lock);
  return NULL;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static cream_status result(cream_carrier *c, cream_error *err) {
  if (c->status == CREAM_OK) return CREAM_OK;
  c->delivered = true;
  *err = c->error;
  return c->status;
}

/* Puts a call into the queue; wait: until it is done. */
static cream_status enqueue(cream_carrier *c, call k, bool wait, cream_error *err) {
  const double from = cream_wire_now();
  pthread_mutex_lock(&c->lock);
  while (c->queued - c->finished == QUEUE) pthread_cond_wait(&c->done, &c->lock);
  c->queue[c->queued++ % QUEUE] = k;
  const uint64_t ticket = c->queued;
  pthread_cond_signal(&c->work);
  while (wait && c->finished < ticket && !c->gone) pthread_cond_wait(&c->done, &c->lock);
  cream_status status = result(c, err);
  c->cluster.waited += cream_wire_now() - from;
  pthread_mutex_unlock(&c->lock);
  return status;
}

static cream_carrier *carrier_of(cream_cluster *cluster) {
  return cluster->self;
}

static cream_status sum_begin(cream_cluster *cluster, float *values, size_t count, bool half,
                              cream_error *err) {
  cream_carrier *c = carrier_of(cluster);
  atomic_fetch_add(&c->wire.arrived, 1);
  return enqueue(c, (call){.kind = SUM, .out = values, .size = count, .half = half}, false, err);
}

static cream_status wait_for_all(cream_cluster *cluster, cream_error *err) {
  cream_carrier *c = carrier_of(cluster);
  const double from = cream_wire_now();
  pthread_mutex_lock(&c->lock);
  while (c->finished < c->queued) pthread_cond_wait(&c->done, &c->lock);
  cream_status status = result(c, err);
  cluster->waited += cream_wire_now() - from;
  pthread_mutex_unlock(&c->lock);
  return status;
}

static cream_status broadcast(cream_cluster *cluster, void *bytes, size_t size, cream_error *err) {
  cream_carrier *c = carrier_of(cluster);
  atomic_fetch_add(&c->wire.arrived, 1);
  return enqueue(c, (call){.kind = BROADCAST, .out = bytes, .size = size}, true, err);
}

static cream_status gather_begin(cream_cluster *cluster, const void *own, size_t size, void *all,
                                 cream_error *err) {
  cream_carrier *c = carrier_of(cluster);
  atomic_fetch_add(&c->wire.arrived, 1);
  return enqueue(c, (call){.kind = GATHER, .in = (void *)own, .out = all, .size = size}, false, err);
}

static cream_status take(cream_cluster *cluster, uint64_t *number, cream_error *err) {
  return enqueue(carrier_of(cluster), (call){.kind = TAKE, .out = number}, true, err);
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

cream_cluster *cream_carrier_cluster(cream_carrier *c) {
  return &c->cluster;
}

void cream_carrier_set_timeout(cream_carrier *c, double seconds) {
  atomic_store(&c->wire.timeout, seconds);
}

const char *cream_carrier_host(const cream_carrier *c, int rank) {
  return c->wire.size > 1 ? c->wire.hosts[rank] : c->wire.host;
}

static cream_status wait_until_open(cream_carrier *c, cream_error *err) {
  pthread_mutex_lock(&c->lock);
  while (c->opening) pthread_cond_wait(&c->done, &c->lock);
  cream_status status = c->open ? CREAM_OK : c->status;
  if (status != CREAM_OK) *err = c->error;
  pthread_mutex_unlock(&c->lock);
  if (status != CREAM_OK) return status;
  c->cluster = (cream_cluster){.rank = c->wire.rank,
                               .size = c->wire.size,
                               .self = c,
                               .sum_begin = sum_begin,
                               .gather_begin = gather_begin,
                               .wait = wait_for_all,
                               .broadcast = broadcast,
                               .take = take};
  return CREAM_OK;
}

cream_status cream_carrier_open(const cream_carrier_options *options, cream_carrier **out, cream_error *err) {
  cream_carrier *c = calloc(1, sizeof *c);
  *out = NULL;
  if (!c) return cream_fail_memory(err, sizeof *c, "the other ranks");
  c->options = *options;
  c->wire.transport = options->transport;
  c->exchange.wire = &c->wire;
  c->opening = true;
  atomic_store(&c->wire.timeout, options->timeout);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->work, &monotonic);
  pthread_cond_init(&c->done, NULL);
  pthread_condattr_destroy(&monotonic);
  if (pthread_create(&c->thread, NULL, run, c) != 0) {
    free(c);
    return cream_fail(err, CREAM_FAILED, "no thread can be started for the other ranks");
  }
  cream_status status = wait_until_open(c, err);
  if (status == CREAM_OK) {
    *out = c;
    return CREAM_OK;
  }
  pthread_join(c->thread, NULL);
  cream_carrier_destroy(c);
  return status;
}

/* Announces the rank's own failure, unless another one was first and is known to it. */
static void announce(cream_carrier *c, const cream_error *err) {
  pthread_mutex_lock(&c->lock);
  c->ending = true;
  if (!c->delivered && c->status == CREAM_OK) {
    c->wire.own = *err;
    atomic_store(&c->wire.announce, true);
    pthread_cond_signal(&c->work);
    while (c->status == CREAM_OK) pthread_cond_wait(&c->done, &c->lock);
  } else if (!c->delivered && c->wire.rank == 0) { /* both failed at once: rank 0 reports its own failure */
    c->wire.failed_rank = 0;
    c->wire.failure = *err;
    name_failure(c, &c->error);
  }
  pthread_mutex_unlock(&c->lock);
}

/* Rank 0 ends all processes at once; the others wait until it has done so, and then do it themselves. */
static void end_all(cream_carrier *c) {
  cream_error ignored;
  if (c->wire.rank == 0) {
    c->options.report(c->options.self, c->error.text);
    (void)enqueue(c, (call){.kind = END_ALL, .code = c->status}, true, &ignored);
  }
  pthread_mutex_lock(&c->lock);
  if (c->wire.rank == 0) c->open = false;
  pthread_cond_signal(&c->work);
  pthread_mutex_unlock(&c->lock);
  pthread_join(c->thread, NULL);
}

cream_status cream_carrier_end(cream_carrier *c, cream_status status, const cream_error *err) {
  cream_error failure;
  if (status == CREAM_OK || status == CREAM_INTERRUPTED) {
    if (enqueue(c, (call){.kind = LEAVE}, true, &failure) == CREAM_OK) {
      pthread_join(c->thread, NULL);
      return status;
    }
  }
  announce(c, status == CREAM_OK || status == CREAM_INTERRUPTED ? &failure : err);
  status = c->status;
  end_all(c);
  return status;
}

void cream_carrier_destroy(cream_carrier *c) {
  if (!c) return;
  cream_exchange_free(&c->exchange);
  cream_wire_free(&c->wire);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->work);
  pthread_cond_destroy(&c->done);
  free(c);
}
