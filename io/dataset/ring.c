#include "ring.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/rng.h"

/* Batches have the number epoch * steps + step. Batch b is stored in slot b % n_slots; where some batches are skipped,
 * those that are read are counted instead. */
typedef enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY } slot_state;

typedef struct ring_slot {
  cream_ring_slot slot; /* the first member */
  slot_state state;
  uint64_t batch;
} ring_slot;

/* The order of the images in an epoch. */
typedef struct epoch_order {
  bool known;
  uint64_t epoch;
  uint32_t *places; /* [count] */
} epoch_order;

typedef struct worker {
  cream_ring *ring;
  int number; /* from 1 */
  pthread_t thread;
} worker;

struct cream_ring {
  cream_ring_options options;
  size_t own_count;      /* images of this rank */
  epoch_order orders[2]; /* by parity of the epoch; unused if the source does not shuffle */
  uint64_t steps;        /* batches of an epoch */

  pthread_mutex_t lock;
  pthread_cond_t moved;  /* `first` has changed, or the ring is being destroyed */
  pthread_cond_t filled; /* a slot is ready */
  uint64_t first;        /* workers fill n_slots batches from this one on */
  bool
      skipping; /* of every `parts` batches only `own`, from own_first on, are read (cream_source.announced) */
  uint64_t parts, own_first, own;
  bool started, ending; /* a batch has been read; the ring is being destroyed */
  int n_slots, n_threads;
  ring_slot *slots; /* [n_slots + 1]; the last is that of pick */
  worker *workers;  /* [options.workers] */
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- the images of a batch ------------------------------------------------------------------------ */

/* The order of the images in an epoch; NULL: that of the images. */
static const uint32_t *order_of_epoch(cream_ring *self, uint64_t epoch) {
  if (!self->options.train) return NULL;
  epoch_order *order = &self->orders[epoch & 1];
  if (!order->known || order->epoch != epoch) {
    cream_rng rng = cream_rng_at(self->options.seed, CREAM_RNG_SHUFFLE, epoch);
    for (size_t i = 0; i < self->options.count; i++) order->places[i] = (uint32_t)i;
    cream_rng_shuffle(&rng, order->places, self->options.count);
    order->epoch = epoch;
    order->known = true;
  }
  return order->places;
}

/* The index among the images of all ranks of image i of this rank. */
static size_t spread(const cream_ring *self, size_t i) {
  return i * (size_t)self->options.ranks + (size_t)self->options.rank;
}

/* Assigns a slot to a batch and determines its images. The caller holds the lock. */
static void claim(cream_ring *self, ring_slot *slot, uint64_t batch) {
  uint64_t step = batch % self->steps, from = step * (uint64_t)self->options.batch;
  uint64_t left = self->own_count - from;
  slot->state = SLOT_FILLING;
  slot->batch = batch;
  slot->slot.epoch = batch / self->steps;
  slot->slot.n = left < (uint64_t)self->options.batch ? (int)left : self->options.batch;
  const uint32_t *order = order_of_epoch(self, slot->slot.epoch);
  for (int i = 0; i < slot->slot.n; i++) {
    size_t at = spread(self, from + (uint64_t)i);
    slot->slot.places[i] = order ? order[at] : (uint32_t)at;
  }
}

/* ---- the order of reading ---------------------------------------------------------------------------- */

/* Takes over what the source announces, for a reader that is at batch `number`. The caller holds the lock. */
static void heed(cream_ring *self, cream_source_parts said, uint64_t number) {
  self->parts = (uint64_t)said.parts;
  self->own_first = (uint64_t)said.first;
  self->own = (uint64_t)said.own;
  self->skipping = false;
  if (self->parts == 0 || self->own == self->parts || self->parts > self->steps) return;
  const uint64_t step = number % self->steps, part = step % self->parts;
  self->skipping = part >= self->own_first && part < self->own_first + self->own &&
                   step / self->parts < self->steps / self->parts;
}

/* The place of a batch in the order of reading. */
static uint64_t place_of(const cream_ring *self, uint64_t number) {
  if (!self->skipping) return number;
  const uint64_t groups = self->steps / self->parts, step = number % self->steps;
  return (number / self->steps * groups + step / self->parts) * self->own + step % self->parts -
         self->own_first;
}

/* The batch that is read `i` batches after the first one. */
static uint64_t batch_after(const cream_ring *self, uint64_t i) {
  if (!self->skipping) return self->first + i;
  const uint64_t groups = self->steps / self->parts, place = place_of(self, self->first) + i;
  const uint64_t group = place / self->own;
  return group / groups * self->steps + group % groups * self->parts + self->own_first + place % self->own;
}

static ring_slot *slot_of(const cream_ring *self, uint64_t number) {
  return &self->slots[place_of(self, number) % (uint64_t)self->n_slots];
}

/* ---- workers ------------------------------------------------------------------------------------- */

/* Claims the first batch of the window that is neither being filled nor ready; NULL if there is none. A slot that is
 * being filled for a batch outside of the window becomes free when that is done. */
static ring_slot *claim_next(cream_ring *self) {
  if (!self->started) return NULL;
  for (int i = 0; i < self->n_slots; i++) {
    uint64_t batch = batch_after(self, (uint64_t)i);
    ring_slot *slot = slot_of(self, batch);
    if (slot->state == SLOT_FILLING || (slot->state == SLOT_READY && slot->batch == batch)) continue;
    claim(self, slot, batch);
    return slot;
  }
  return NULL;
}

static void *work(void *argument) {
  worker *w = argument;
  cream_ring *self = w->ring;
  pthread_mutex_lock(&self->lock);
  while (!self->ending) {
    ring_slot *slot = claim_next(self);
    if (!slot) {
      pthread_cond_wait(&self->moved, &self->lock);
      continue;
    }
    pthread_mutex_unlock(&self->lock);
    self->options.fill(self->options.self, w->number, &slot->slot, self->options.train);
    pthread_mutex_lock(&self->lock);
    slot->state = SLOT_READY;
    pthread_cond_broadcast(&self->filled);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Without training all epochs are the same, so any epoch's batch of this step will do: that closest after `first`. */
static uint64_t number_of(const cream_ring *self, uint64_t epoch, uint64_t step) {
  if (self->options.train) return epoch * self->steps + step;
  return self->first + (step + self->steps - self->first % self->steps) % self->steps;
}

const cream_ring_slot *cream_ring_read(cream_ring *self, cream_source_parts said, uint64_t epoch,
                                       uint64_t step, double *waited) {
  CREAM_ASSERT(step < self->steps);
  double start = now();
  pthread_mutex_lock(&self->lock);
  uint64_t number = number_of(self, epoch, step);
  heed(self, said, number);
  ring_slot *slot = slot_of(self, number);
  self->first = number;
  self->started = true;
  if (self->n_threads) {
    pthread_cond_broadcast(&self->moved);
    while (slot->state != SLOT_READY || slot->batch != number) pthread_cond_wait(&self->filled, &self->lock);
  } else if (slot->state != SLOT_READY || slot->batch != number) {
    claim(self, slot, number);
    self->options.fill(self->options.self, 0, &slot->slot, self->options.train);
    slot->state = SLOT_READY;
  }
  pthread_mutex_unlock(&self->lock);
  *waited += now() - start;
  return &slot->slot;
}

const cream_ring_slot *cream_ring_next(cream_ring *self) {
  pthread_mutex_lock(&self->lock);
  uint64_t number = batch_after(self, 1);
  const ring_slot *slot = slot_of(self, number);
  bool ready = self->n_threads && self->started && slot->state == SLOT_READY && slot->batch == number &&
               slot->slot.status == CREAM_OK;
  pthread_mutex_unlock(&self->lock);
  return ready ? &slot->slot : NULL;
}

const cream_ring_slot *cream_ring_pick(cream_ring *self, const uint32_t *indices, int n, double *waited) {
  const double start = now();
  cream_ring_slot *slot = &self->slots[self->n_slots].slot;
  CREAM_ASSERT(n >= 0 && n <= self->options.batch);
  for (int i = 0; i < n; i++) {
    CREAM_ASSERT(indices[i] < self->own_count);
    slot->places[i] = (uint32_t)spread(self, indices[i]);
  }
  slot->n = n;
  self->options.fill(self->options.self, 0, slot, false);
  *waited += now() - start;
  return slot;
}

int cream_ring_slots(const cream_ring *self) {
  return self->n_slots + 1;
}

size_t cream_ring_count(const cream_ring *self) {
  return self->own_count;
}

/* ---- creation ------------------------------------------------------------------------------------ */

/* Workers block all signals, so that the creating thread receives them. */
cream_status cream_ring_start(cream_ring *self, cream_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  for (int i = 0; i < self->options.workers && !failure; i++) {
    self->workers[i] = (worker){.ring = self, .number = i + 1};
    failure = pthread_create(&self->workers[i].thread, NULL, work, &self->workers[i]);
    if (!failure) self->n_threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failure) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot start worker %d of %d: %s; lower the number of workers",
                    self->n_threads + 1, self->options.workers, strerror(failure));
}

void cream_ring_destroy(cream_ring *self) {
  if (!self) return;
  pthread_mutex_lock(&self->lock);
  self->ending = true;
  pthread_cond_broadcast(&self->moved);
  pthread_mutex_unlock(&self->lock);
  for (int i = 0; i < self->n_threads; i++) pthread_join(self->workers[i].thread, NULL);
  for (int i = 0; self->slots && i <= self->n_slots; i++) free(self->slots[i].slot.places);
  free(self->slots);
  free(self->workers);
  for (int i = 0; i < 2; i++) free(self->orders[i].places);
  pthread_cond_destroy(&self->filled);
  pthread_cond_destroy(&self->moved);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

/* The number of images of a rank. */
static size_t share_of(const cream_ring_options *options) {
  size_t ranks = (size_t)options->ranks;
  return options->train ? options->count / ranks
                        : (options->count + ranks - 1 - (size_t)options->rank) / ranks;
}

static bool allocate(cream_ring *self) {
  self->slots = calloc((size_t)self->n_slots + 1, sizeof *self->slots);
  self->workers = calloc((size_t)self->options.workers + 1, sizeof *self->workers);
  bool good = self->slots && self->workers;
  for (int i = 0; i <= self->n_slots && good; i++) {
    self->slots[i].slot.index = i;
    self->slots[i].slot.places = calloc((size_t)self->options.batch, sizeof(uint32_t));
    good = self->slots[i].slot.places != NULL;
  }
  for (int i = 0; i < 2 && self->options.train && good; i++) {
    self->orders[i].places = malloc(self->options.count * sizeof *self->orders[i].places);
    good = self->orders[i].places != NULL;
  }
  return good;
}

cream_status cream_ring_create(const cream_ring_options *options, cream_ring **ring, cream_error *err) {
  CREAM_ASSERT(options->batch > 0 && options->ranks > 0 && options->workers >= 0);
  cream_ring *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the loader");
  self->options = *options;
  self->n_slots = options->workers ? options->workers + 2 : 1;
  self->own_count = share_of(options);
  size_t batch = (size_t)options->batch;
  self->steps = options->train ? self->own_count / batch : (self->own_count + batch - 1) / batch;
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->moved, NULL);
  pthread_cond_init(&self->filled, NULL);
  *ring = self;
  if (allocate(self)) return CREAM_OK;
  cream_ring_destroy(self);
  *ring = NULL;
  return cream_fail_memory(err, options->count * sizeof(uint32_t), "the order of images");
}
