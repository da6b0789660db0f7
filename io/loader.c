#include "loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHANNELS = 3, MAX_WORKERS = 256 };

/* Batches are numbered through all epochs: epoch * steps + step. Batch b is filled into slot b % n_slots. */
typedef enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY } slot_state;

typedef struct loader_slot {
  slot_state state;
  uint64_t batch;
  uint64_t epoch;
  int n;
  uint32_t *images; /* [batch] of the part */
  uint8_t *pixels;
  int32_t *labels;
  cream_status status; /* of filling it */
  cream_error error;
} loader_slot;

/* The order of the pictures in an epoch. */
typedef struct epoch_order {
  bool known;
  uint64_t epoch;
  uint32_t *images; /* [count] */
} epoch_order;

typedef struct loader {
  cream_source source;
  const cream_dataset *dataset;
  cream_loader_options options;
  uint32_t *images;      /* [count] of the part */
  epoch_order orders[2]; /* by parity of the epoch; a source that does not shuffle has none */
  uint64_t steps;        /* batches of an epoch */
  loader_slot picked;

  pthread_mutex_t lock;
  pthread_cond_t moved;  /* the window moved, or the loader ends */
  pthread_cond_t filled; /* a slot is ready */
  uint64_t first;        /* the window of batches wanted: first .. first + n_slots - 1 */
  bool started, ending;
  int n_slots, n_threads;
  loader_slot *slots;
  pthread_t *threads;
} loader;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- filling a batch ----------------------------------------------------------------------------- */

static const uint32_t *order_of_epoch(loader *self, uint64_t epoch) {
  if (!self->options.train) return self->images;
  epoch_order *order = &self->orders[epoch & 1];
  if (!order->known || order->epoch != epoch) {
    cream_rng rng = cream_rng_at(self->options.seed, CREAM_RNG_SHUFFLE, epoch);
    memcpy(order->images, self->images, self->source.count * sizeof *order->images);
    cream_rng_shuffle(&rng, order->images, self->source.count);
    order->epoch = epoch;
    order->known = true;
  }
  return order->images;
}

/* Takes a slot for a batch and notes its images. The lock is held. */
static void claim(loader *self, loader_slot *slot, uint64_t batch) {
  uint64_t step = batch % self->steps, from = step * (uint64_t)self->options.batch;
  uint64_t left = self->source.count - from;
  slot->state = SLOT_FILLING;
  slot->batch = batch;
  slot->epoch = batch / self->steps;
  slot->n = left < (uint64_t)self->options.batch ? (int)left : self->options.batch;
  memcpy(slot->images, order_of_epoch(self, slot->epoch) + from, (size_t)slot->n * sizeof *slot->images);
}

/* Decodes the images of a slot; needs no lock. */
static void fill(const loader *self, loader_slot *slot, bool augment) {
  const cream_loader_options *options = &self->options;
  size_t picture = (size_t)options->side * (size_t)options->side * CHANNELS;
  slot->status = CREAM_OK;
  for (int i = 0; i < slot->n && !slot->status; i++) {
    uint32_t image = slot->images[i];
    cream_rng rng = cream_rng_at(options->seed, CREAM_RNG_AUGMENT,
                                 slot->epoch * self->dataset->count[options->part] + image);
    slot->labels[i] = self->dataset->labels[options->part][image];
    slot->status =
        self->dataset->decode(self->dataset, options->part, image, options->side, augment ? &rng : NULL,
                              slot->pixels + (size_t)i * picture, &slot->error);
  }
}

static cream_status deliver(const loader *self, const loader_slot *slot, cream_batch *batch,
                            cream_error *err) {
  if (slot->status) {
    if (err) *err = slot->error;
    return slot->status;
  }
  *batch = (cream_batch){.n = slot->n,
                         .side = self->options.side,
                         .channels = CHANNELS,
                         .pixels = slot->pixels,
                         .labels = slot->labels};
  return CREAM_OK;
}

/* ---- workers ------------------------------------------------------------------------------------- */

/* The first batch of the window that nobody has begun, claimed; NULL if there is none. A slot that is being
 * filled for a batch no longer wanted is free again when that is done. */
static loader_slot *claim_next(loader *self) {
  if (!self->started) return NULL;
  for (int i = 0; i < self->n_slots; i++) {
    uint64_t batch = self->first + (uint64_t)i;
    loader_slot *slot = &self->slots[batch % (uint64_t)self->n_slots];
    if (slot->state == SLOT_FILLING || (slot->state == SLOT_READY && slot->batch == batch)) continue;
    claim(self, slot, batch);
    return slot;
  }
  return NULL;
}

static void *work(void *argument) {
  loader *self = argument;
  pthread_mutex_lock(&self->lock);
  while (!self->ending) {
    loader_slot *slot = claim_next(self);
    if (!slot) {
      pthread_cond_wait(&self->moved, &self->lock);
      continue;
    }
    pthread_mutex_unlock(&self->lock);
    fill(self, slot, self->options.augment);
    pthread_mutex_lock(&self->lock);
    slot->state = SLOT_READY;
    pthread_cond_broadcast(&self->filled);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

/* ---- the source ---------------------------------------------------------------------------------- */

/* Where pictures are the same in every epoch the next batch with this step serves, whatever its epoch. */
static uint64_t number_of(const loader *self, uint64_t epoch, uint64_t step) {
  if (self->options.train) return epoch * self->steps + step;
  return self->first + (step + self->steps - self->first % self->steps) % self->steps;
}

static cream_status loader_read(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                                cream_error *err) {
  loader *self = source->self;
  CREAM_ASSERT(step < self->steps);
  double start = now();
  pthread_mutex_lock(&self->lock);
  uint64_t number = number_of(self, epoch, step);
  loader_slot *slot = &self->slots[number % (uint64_t)self->n_slots];
  self->first = number;
  self->started = true;
  if (self->n_threads) {
    pthread_cond_broadcast(&self->moved);
    while (slot->state != SLOT_READY || slot->batch != number) pthread_cond_wait(&self->filled, &self->lock);
  } else if (slot->state != SLOT_READY || slot->batch != number) {
    claim(self, slot, number);
    fill(self, slot, self->options.augment);
    slot->state = SLOT_READY;
  }
  pthread_mutex_unlock(&self->lock);
  source->waited += now() - start;
  return deliver(self, slot, batch, err);
}

static cream_status loader_pick(cream_source *source, const uint32_t *indices, int n, cream_batch *batch,
                                cream_error *err) {
  loader *self = source->self;
  CREAM_ASSERT(n >= 0 && n <= source->batch);
  for (int i = 0; i < n; i++) {
    CREAM_ASSERT(indices[i] < source->count);
    self->picked.images[i] = self->images[indices[i]];
  }
  self->picked.n = n;
  fill(self, &self->picked, false);
  return deliver(self, &self->picked, batch, err);
}

static void slot_free(loader_slot *slot) {
  free(slot->images);
  free(slot->pixels);
  free(slot->labels);
}

static void loader_destroy(cream_source *source) {
  loader *self = source->self;
  pthread_mutex_lock(&self->lock);
  self->ending = true;
  pthread_cond_broadcast(&self->moved);
  pthread_mutex_unlock(&self->lock);
  for (int i = 0; i < self->n_threads; i++) pthread_join(self->threads[i], NULL);
  for (int i = 0; self->slots && i < self->n_slots; i++) slot_free(&self->slots[i]);
  slot_free(&self->picked);
  free(self->slots);
  free(self->threads);
  free(self->images);
  for (int i = 0; i < 2; i++) free(self->orders[i].images);
  pthread_cond_destroy(&self->filled);
  pthread_cond_destroy(&self->moved);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

void cream_source_destroy(cream_source *source) {
  if (source) source->destroy(source);
}

/* ---- creation ------------------------------------------------------------------------------------ */

static cream_status check(const cream_dataset *dataset, const cream_loader_options *options, size_t count,
                          cream_error *err) {
  if (options->batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, expected at least 1", options->batch);
  if (options->side < 1 || options->side > 8192)
    return cream_fail(err, CREAM_BAD_CONFIG, "side of the pictures: got %d, expected 1 to 8192",
                      options->side);
  if (options->workers < 0 || options->workers > MAX_WORKERS)
    return cream_fail(err, CREAM_BAD_CONFIG, "workers: got %d, expected 0 to %d", options->workers,
                      MAX_WORKERS);
  if (options->augment && !options->train)
    return cream_fail(err, CREAM_BAD_CONFIG, "augmentation is for training alone");
  if (count == 0) return cream_fail(err, CREAM_BAD_DATA, "%s: no pictures to read", dataset->name);
  if ((size_t)dataset->classes > count)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %zu pictures for %d classes; at least one for each is needed",
                      dataset->name, count, dataset->classes);
  if (options->train && (size_t)options->batch > count)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, but %s has only %zu training pictures; lower it",
                      options->batch, dataset->name, count);
  for (size_t i = 0; options->indices && i < count; i++)
    if (options->indices[i] >= dataset->count[options->part])
      return cream_fail(err, CREAM_BAD_DATA, "%s: picture %u is wanted, of which there are %zu",
                        dataset->name, options->indices[i], dataset->count[options->part]);
  return CREAM_OK;
}

static bool slot_alloc(loader_slot *slot, const cream_loader_options *options) {
  size_t batch = (size_t)options->batch, side = (size_t)options->side;
  slot->images = calloc(batch, sizeof *slot->images);
  slot->labels = calloc(batch, sizeof *slot->labels);
  slot->pixels = calloc(batch, side * side * CHANNELS);
  return slot->images && slot->labels && slot->pixels;
}

static bool allocate(loader *self) {
  size_t count = self->source.count;
  self->slots = calloc((size_t)self->n_slots, sizeof *self->slots);
  self->threads = calloc((size_t)self->options.workers + 1, sizeof *self->threads);
  self->images = malloc(count * sizeof *self->images);
  bool good = self->slots && self->threads && self->images && slot_alloc(&self->picked, &self->options);
  for (int i = 0; i < self->n_slots && good; i++) good = slot_alloc(&self->slots[i], &self->options);
  for (int i = 0; i < 2 && self->options.train && good; i++) {
    self->orders[i].images = malloc(count * sizeof *self->orders[i].images);
    good = self->orders[i].images != NULL;
  }
  return good;
}

/* Signals stay with the thread that opened the loader. */
static cream_status start_workers(loader *self, cream_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  for (int i = 0; i < self->options.workers && !failure; i++) {
    failure = pthread_create(&self->threads[i], NULL, work, self);
    if (!failure) self->n_threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failure) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot start worker %d of %d: %s; lower the number of workers",
                    self->n_threads + 1, self->options.workers, strerror(failure));
}

cream_status cream_loader_create(const cream_dataset *dataset, const cream_loader_options *options,
                                 cream_source **source, cream_error *err) {
  size_t count = options->indices ? options->count : dataset->count[options->part];
  cream_status status = check(dataset, options, count, err);
  if (status) return status;
  loader *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the loader");
  self->dataset = dataset;
  self->options = *options;
  self->options.indices = NULL;
  self->n_slots = options->workers ? options->workers + 2 : 1;
  self->source = (cream_source){.self = self,
                                .count = count,
                                .classes = dataset->classes,
                                .batch = options->batch,
                                .side = options->side,
                                .channels = CHANNELS,
                                .read = loader_read,
                                .pick = loader_pick,
                                .destroy = loader_destroy};
  memcpy(self->source.mean, dataset->mean, sizeof dataset->mean);
  memcpy(self->source.std, dataset->std, sizeof dataset->std);
  self->steps = cream_source_steps(&self->source, options->train);
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->moved, NULL);
  pthread_cond_init(&self->filled, NULL);
  if (!allocate(self)) {
    size_t bytes = (size_t)(self->n_slots + 1) * (size_t)options->batch * (size_t)options->side *
                   (size_t)options->side * CHANNELS;
    status = cream_fail_memory(err, bytes, "batches of pictures");
    goto fail;
  }
  for (size_t i = 0; i < count; i++) self->images[i] = options->indices ? options->indices[i] : (uint32_t)i;
  status = start_workers(self, err);
  if (status) goto fail;
  *source = &self->source;
  return CREAM_OK;
fail:
  loader_destroy(&self->source);
  return status;
}
