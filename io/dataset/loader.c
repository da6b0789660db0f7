#include "loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/image/transform.h"

enum { CHANNELS = 3, MAX_WORKERS = 256 };

/* Batches have the number epoch * steps + step. Batch b is stored in slot b % n_slots; where some batches are skipped,
 * those that are read are counted instead. */
typedef enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY } slot_state;

typedef struct loader_slot {
  slot_state state;
  uint64_t batch;
  uint64_t epoch;
  int n;
  uint32_t *places; /* [batch]: indices in loader.images */
  uint8_t *pixels;
  int32_t *labels;
  cream_status status; /* of filling the slot */
  cream_error error;
} loader_slot;

/* The order of the images in an epoch. */
typedef struct epoch_order {
  bool known;
  uint64_t epoch;
  uint32_t *places; /* [count]: indices in loader.images */
} epoch_order;

struct loader;

/* A thread that fills batches, with its buffers. */
typedef struct worker {
  struct loader *loader;
  pthread_t thread;
  cream_image image;
  cream_transform_memory memory;
} worker;

typedef struct loader {
  cream_source source;
  const cream_dataset *dataset;
  cream_loader_options options;
  cream_transforms transforms;
  size_t count;          /* images of all ranks */
  uint32_t *images;      /* [count]: indices in the part */
  epoch_order orders[2]; /* by parity of the epoch; unused if the source does not shuffle */
  uint64_t steps;        /* batches of an epoch */
  loader_slot picked;    /* of pick() */

  pthread_mutex_t lock;
  pthread_cond_t moved;  /* `first` has changed, or the loader is being destroyed */
  pthread_cond_t filled; /* a slot is ready */
  uint64_t first;        /* workers fill n_slots batches from this one on */
  bool skipping; /* of every `parts` batches only `own`, from own_first on, are read (cream_source.parts) */
  uint64_t parts, own_first, own;
  bool started, ending; /* a batch has been read; the loader is being destroyed */
  int n_slots, n_threads;
  loader_slot *slots;
  worker *workers; /* [options.workers + 1]; the first has the buffers of the calling thread */
} loader;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- filling a batch ----------------------------------------------------------------------------- */

/* The order of the images in an epoch; NULL: that of `images`. */
static const uint32_t *order_of_epoch(loader *self, uint64_t epoch) {
  if (!self->options.train) return NULL;
  epoch_order *order = &self->orders[epoch & 1];
  if (!order->known || order->epoch != epoch) {
    cream_rng rng = cream_rng_at(self->options.seed, CREAM_RNG_SHUFFLE, epoch);
    for (size_t i = 0; i < self->count; i++) order->places[i] = (uint32_t)i;
    cream_rng_shuffle(&rng, order->places, self->count);
    order->epoch = epoch;
    order->known = true;
  }
  return order->places;
}

/* The index among the images of all ranks of image i of this rank. */
static size_t spread(const loader *self, size_t i) {
  return i * (size_t)self->options.ranks + (size_t)self->options.rank;
}

/* Assigns a slot to a batch and determines its images. The caller holds the lock. */
static void claim(loader *self, loader_slot *slot, uint64_t batch) {
  uint64_t step = batch % self->steps, from = step * (uint64_t)self->options.batch;
  uint64_t left = self->source.count - from;
  slot->state = SLOT_FILLING;
  slot->batch = batch;
  slot->epoch = batch / self->steps;
  slot->n = left < (uint64_t)self->options.batch ? (int)left : self->options.batch;
  const uint32_t *order = order_of_epoch(self, slot->epoch);
  for (int i = 0; i < slot->n; i++) {
    size_t at = spread(self, from + (uint64_t)i);
    slot->places[i] = order ? order[at] : (uint32_t)at;
  }
}

/* Decodes and transforms one image; rng: see cream_dataset.decode. */
static cream_status decode(const loader *self, worker *w, uint32_t image, cream_rng *rng, uint8_t *pixels,
                           cream_error *err) {
  const cream_dataset *dataset = self->dataset;
  cream_part part = self->options.part;
  if (dataset->decode) return dataset->decode(dataset, part, image, self->options.side, rng, pixels, err);
  cream_transform_work work = cream_transform_begin(&self->transforms, rng, ~0u);
  w->image.crop = &work.crop;
  cream_status status = dataset->load(dataset, part, image, 0, &w->image, err);
  w->image.crop = NULL;
  return status ? status : cream_transform_finish(&work, &w->image, &w->memory, pixels, err);
}

/* Decodes the image at a place of the list, or the next one that can be used. Images skipped before are tried again,
 * since a batch must not depend on the batches read before. */
static cream_status decode_usable(const loader *self, worker *w, uint32_t place, uint64_t epoch, bool augment,
                                  uint8_t *pixels, int32_t *label, cream_error *err) {
  cream_part part = self->options.part;
  for (size_t i = 0; i < self->count; i++) {
    uint32_t image = self->images[(place + i) % self->count];
    cream_rng rng =
        cream_rng_at(self->options.seed, CREAM_RNG_AUGMENT, epoch * self->dataset->count[part] + image);
    *label = self->dataset->labels[part][image];
    cream_error reason;
    cream_status status = decode(self, w, image, augment ? &rng : NULL, pixels, &reason);
    if (status == CREAM_BAD_DATA && self->options.skipped) {
      status = cream_skipped_add(self->options.skipped, part, image, &reason, err);
      if (status) return status;
      continue;
    }
    if (status) *err = reason;
    return status;
  }
  return cream_fail(err, CREAM_BAD_DATA, "%s: none of %zu images can be used", self->dataset->name,
                    self->count);
}

/* Decodes the images of a slot. Needs no lock. */
static void fill(const loader *self, worker *w, loader_slot *slot, bool augment) {
  size_t image_bytes = (size_t)self->options.side * (size_t)self->options.side * CHANNELS;
  slot->status = CREAM_OK;
  for (int i = 0; i < slot->n && !slot->status; i++)
    slot->status = decode_usable(self, w, slot->places[i], slot->epoch, augment,
                                 slot->pixels + (size_t)i * image_bytes, &slot->labels[i], &slot->error);
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

/* ---- the order of reading ---------------------------------------------------------------------------- */

/* Takes over what the source announces, for a reader that is at batch `number`. The caller holds the lock. */
static void heed(loader *self, const cream_source *source, uint64_t number) {
  self->parts = (uint64_t)source->parts;
  self->own_first = (uint64_t)source->first;
  self->own = (uint64_t)source->own;
  self->skipping = false;
  if (self->parts == 0 || self->own == self->parts || self->parts > self->steps) return;
  const uint64_t step = number % self->steps, part = step % self->parts;
  self->skipping = part >= self->own_first && part < self->own_first + self->own &&
                   step / self->parts < self->steps / self->parts;
}

/* The place of a batch in the order of reading. */
static uint64_t place_of(const loader *self, uint64_t number) {
  if (!self->skipping) return number;
  const uint64_t groups = self->steps / self->parts, step = number % self->steps;
  return (number / self->steps * groups + step / self->parts) * self->own + step % self->parts -
         self->own_first;
}

/* The batch that is read `i` batches after the first one. */
static uint64_t batch_after(const loader *self, uint64_t i) {
  if (!self->skipping) return self->first + i;
  const uint64_t groups = self->steps / self->parts, place = place_of(self, self->first) + i;
  const uint64_t group = place / self->own;
  return group / groups * self->steps + group % groups * self->parts + self->own_first + place % self->own;
}

static loader_slot *slot_of(const loader *self, uint64_t number) {
  return &self->slots[place_of(self, number) % (uint64_t)self->n_slots];
}

/* ---- workers ------------------------------------------------------------------------------------- */

/* Claims the first batch of the window that is neither being filled nor ready; NULL if there is none. A slot that is
 * being filled for a batch outside of the window becomes free when that is done. */
static loader_slot *claim_next(loader *self) {
  if (!self->started) return NULL;
  for (int i = 0; i < self->n_slots; i++) {
    uint64_t batch = batch_after(self, (uint64_t)i);
    loader_slot *slot = slot_of(self, batch);
    if (slot->state == SLOT_FILLING || (slot->state == SLOT_READY && slot->batch == batch)) continue;
    claim(self, slot, batch);
    return slot;
  }
  return NULL;
}

static void *work(void *argument) {
  worker *w = argument;
  loader *self = w->loader;
  pthread_mutex_lock(&self->lock);
  while (!self->ending) {
    loader_slot *slot = claim_next(self);
    if (!slot) {
      pthread_cond_wait(&self->moved, &self->lock);
      continue;
    }
    pthread_mutex_unlock(&self->lock);
    fill(self, w, slot, self->options.augment);
    pthread_mutex_lock(&self->lock);
    slot->state = SLOT_READY;
    pthread_cond_broadcast(&self->filled);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

/* ---- the source ---------------------------------------------------------------------------------- */

/* Without training all epochs are the same, so any epoch's batch of this step will do: that closest after `first`. */
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
  heed(self, source, number);
  loader_slot *slot = slot_of(self, number);
  self->first = number;
  self->started = true;
  if (self->n_threads) {
    pthread_cond_broadcast(&self->moved);
    while (slot->state != SLOT_READY || slot->batch != number) pthread_cond_wait(&self->filled, &self->lock);
  } else if (slot->state != SLOT_READY || slot->batch != number) {
    claim(self, slot, number);
    fill(self, &self->workers[0], slot, self->options.augment);
    slot->state = SLOT_READY;
  }
  pthread_mutex_unlock(&self->lock);
  source->waited += now() - start;
  return deliver(self, slot, batch, err);
}

const uint8_t *cream_loader_prefetch(void *source, size_t *bytes) {
  loader *self = ((cream_source *)source)->self;
  size_t image_bytes = (size_t)self->options.side * (size_t)self->options.side * CHANNELS;
  pthread_mutex_lock(&self->lock);
  uint64_t number = batch_after(self, 1);
  const loader_slot *slot = slot_of(self, number);
  bool ready = self->n_threads && self->started && slot->state == SLOT_READY && slot->batch == number &&
               slot->status == CREAM_OK;
  *bytes = ready ? (size_t)slot->n * image_bytes : 0;
  pthread_mutex_unlock(&self->lock);
  return ready ? slot->pixels : NULL;
}

static cream_status loader_pick(cream_source *source, const uint32_t *indices, int n, cream_batch *batch,
                                cream_error *err) {
  loader *self = source->self;
  const double start = now();
  CREAM_ASSERT(n >= 0 && n <= source->batch);
  for (int i = 0; i < n; i++) {
    CREAM_ASSERT(indices[i] < source->count);
    self->picked.places[i] = (uint32_t)spread(self, indices[i]);
  }
  self->picked.n = n;
  fill(self, &self->workers[0], &self->picked, false);
  source->waited += now() - start;
  return deliver(self, &self->picked, batch, err);
}

static void slot_free(loader_slot *slot) {
  free(slot->places);
  free(slot->pixels);
  free(slot->labels);
}

static void loader_destroy(cream_source *source) {
  loader *self = source->self;
  pthread_mutex_lock(&self->lock);
  self->ending = true;
  pthread_cond_broadcast(&self->moved);
  pthread_mutex_unlock(&self->lock);
  for (int i = 1; i <= self->n_threads; i++) pthread_join(self->workers[i].thread, NULL);
  for (int i = 0; self->workers && i <= self->options.workers; i++) {
    cream_image_free(&self->workers[i].image);
    cream_transform_memory_free(&self->workers[i].memory);
  }
  for (int i = 0; self->slots && i < self->n_slots; i++) slot_free(&self->slots[i]);
  slot_free(&self->picked);
  free(self->slots);
  free(self->workers);
  free(self->images);
  for (int i = 0; i < 2; i++) free(self->orders[i].places);
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
    return cream_fail(err, CREAM_BAD_CONFIG, "side: got %d, expected 1 to 8192 pixels", options->side);
  if (options->workers < 0 || options->workers > MAX_WORKERS)
    return cream_fail(err, CREAM_BAD_CONFIG, "workers: got %d, expected 0 to %d", options->workers,
                      MAX_WORKERS);
  if (options->ranks < 0 || options->rank < 0 || options->rank >= (options->ranks ? options->ranks : 1))
    return cream_fail(err, CREAM_BAD_CONFIG, "rank: got %d of %d, expected 0 to the number of ranks less 1",
                      options->rank, options->ranks);
  if (options->augment && !options->train)
    return cream_fail(err, CREAM_BAD_CONFIG, "augment: expected only with train");
  if (count == 0)
    return cream_fail(err, CREAM_BAD_DATA, "%s: no images; expected at least one", dataset->name);
  if ((size_t)dataset->classes > count && (options->train || !options->indices))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got %zu images for %d classes, expected at least one per class", dataset->name,
                      count, dataset->classes);
  size_t share = options->ranks > 1 ? count / (size_t)options->ranks : count;
  if (options->train && (size_t)options->batch > share)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "batch: got %d, expected at most %zu, the training images of %s; lower it",
                      options->batch, share, dataset->name);
  for (size_t i = 0; options->indices && i < count; i++)
    if (options->indices[i] >= dataset->count[options->part])
      return cream_fail(err, CREAM_BAD_DATA, "%s: got index %u, but the part has %zu images", dataset->name,
                        options->indices[i], dataset->count[options->part]);
  return CREAM_OK;
}

static bool slot_alloc(loader_slot *slot, const cream_loader_options *options) {
  size_t batch = (size_t)options->batch, side = (size_t)options->side;
  slot->places = calloc(batch, sizeof *slot->places);
  slot->labels = calloc(batch, sizeof *slot->labels);
  slot->pixels = calloc(batch, side * side * CHANNELS);
  return slot->places && slot->labels && slot->pixels;
}

static bool allocate(loader *self) {
  size_t count = self->count;
  self->slots = calloc((size_t)self->n_slots, sizeof *self->slots);
  self->workers = calloc((size_t)self->options.workers + 1, sizeof *self->workers);
  self->images = malloc(count * sizeof *self->images);
  bool good = self->slots && self->workers && self->images && slot_alloc(&self->picked, &self->options);
  for (int i = 0; i < self->n_slots && good; i++) good = slot_alloc(&self->slots[i], &self->options);
  for (int i = 0; i < 2 && self->options.train && good; i++) {
    self->orders[i].places = malloc(count * sizeof *self->orders[i].places);
    good = self->orders[i].places != NULL;
  }
  return good;
}

/* Workers block all signals, so that the creating thread receives them. */
static cream_status start_workers(loader *self, cream_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  for (int i = 1; i <= self->options.workers && !failure; i++) {
    self->workers[i].loader = self;
    failure = pthread_create(&self->workers[i].thread, NULL, work, &self->workers[i]);
    if (!failure) self->n_threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failure) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot start worker %d of %d: %s; lower the number of workers",
                    self->n_threads + 1, self->options.workers, strerror(failure));
}

/* The number of images of a rank; in training it is equal for all ranks. */
static size_t share_of(const cream_loader_options *options, size_t count) {
  size_t ranks = (size_t)options->ranks;
  return options->train ? count / ranks : (count + ranks - 1 - (size_t)options->rank) / ranks;
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
  self->options.transforms = NULL;
  self->options.ranks = options->ranks ? options->ranks : 1;
  self->count = count;
  self->n_slots = options->workers ? options->workers + 2 : 1;
  self->source = (cream_source){.self = self,
                                .count = share_of(&self->options, count),
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
  if (!dataset->decode) {
    CREAM_ASSERT(options->transforms);
    status = cream_transforms_init(&self->transforms, options->transforms, options->side, dataset->mean,
                                   dataset->std, err);
    if (status) {
      free(self);
      return status;
    }
  }
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->moved, NULL);
  pthread_cond_init(&self->filled, NULL);
  if (!allocate(self)) {
    size_t bytes = (size_t)(self->n_slots + 1) * (size_t)options->batch * (size_t)options->side *
                   (size_t)options->side * CHANNELS;
    status = cream_fail_memory(err, bytes, "batches of images");
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
