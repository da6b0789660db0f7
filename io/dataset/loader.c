#include "loader.h"

#include <stdlib.h>
#include <string.h>

#include "io/image/transform.h"
#include "ring.h"

enum { CHANNELS = 3 };

/* The content of a batch. */
typedef struct loader_slot {
  uint8_t *pixels;
  int32_t *labels;
} loader_slot;

/* The buffers of a thread. */
typedef struct worker {
  cream_image image;
  cream_transform_memory memory;
} worker;

typedef struct loader {
  cream_source source;
  const cream_dataset *dataset;
  cream_loader_options options;
  cream_transforms transforms;
  size_t count;     /* images of all ranks */
  uint32_t *images; /* [count]: indices in the part */
  cream_ring *ring;
  loader_slot *slots; /* [cream_ring_slots] */
  worker *workers;    /* [options.workers + 1]; the first has the buffers of the calling thread */
} loader;

static size_t image_bytes(const loader *self) {
  return (size_t)self->options.side * (size_t)self->options.side * CHANNELS;
}

/* ---- filling a batch ----------------------------------------------------------------------------- */

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

/* Decodes the images of a slot. */
static void fill(void *context, int worker_number, cream_ring_slot *slot, bool changed) {
  const loader *self = context;
  loader_slot *content = &self->slots[slot->index];
  worker *w = &self->workers[worker_number];
  slot->status = CREAM_OK;
  for (int i = 0; i < slot->n && !slot->status; i++)
    slot->status =
        decode_usable(self, w, slot->places[i], slot->epoch, changed && self->options.augment,
                      content->pixels + (size_t)i * image_bytes(self), &content->labels[i], &slot->error);
}

static cream_status deliver(const loader *self, const cream_ring_slot *slot, cream_batch *batch,
                            cream_error *err) {
  if (slot->status) {
    if (err) *err = slot->error;
    return slot->status;
  }
  *batch = (cream_batch){.n = slot->n,
                         .side = self->options.side,
                         .channels = CHANNELS,
                         .pixels = self->slots[slot->index].pixels,
                         .labels = self->slots[slot->index].labels};
  return CREAM_OK;
}

/* ---- the source ---------------------------------------------------------------------------------- */

static cream_status loader_read(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                                cream_error *err) {
  loader *self = source->self;
  return deliver(self, cream_ring_read(self->ring, source->announced, epoch, step, &source->waited), batch,
                 err);
}

const uint8_t *cream_loader_prefetch(void *source, size_t *bytes) {
  loader *self = ((cream_source *)source)->self;
  const cream_ring_slot *slot = cream_ring_next(self->ring);
  *bytes = slot ? (size_t)slot->n * image_bytes(self) : 0;
  return slot ? self->slots[slot->index].pixels : NULL;
}

static cream_status loader_pick(cream_source *source, const uint32_t *indices, int n, cream_batch *batch,
                                cream_error *err) {
  loader *self = source->self;
  return deliver(self, cream_ring_pick(self->ring, indices, n, &source->waited), batch, err);
}

static void loader_destroy(cream_source *source) {
  loader *self = source->self;
  const int n_slots = self->ring ? cream_ring_slots(self->ring) : 0;
  cream_ring_destroy(self->ring);
  for (int i = 0; self->workers && i <= self->options.workers; i++) {
    cream_image_free(&self->workers[i].image);
    cream_transform_memory_free(&self->workers[i].memory);
  }
  for (int i = 0; self->slots && i < n_slots; i++) {
    free(self->slots[i].pixels);
    free(self->slots[i].labels);
  }
  free(self->slots);
  free(self->workers);
  free(self->images);
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
  if (options->workers < 0 || options->workers > CREAM_RING_MAX_WORKERS)
    return cream_fail(err, CREAM_BAD_CONFIG, "workers: got %d, expected 0 to %d", options->workers,
                      CREAM_RING_MAX_WORKERS);
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

static bool allocate(loader *self) {
  const size_t batch = (size_t)self->options.batch;
  const int n_slots = cream_ring_slots(self->ring);
  self->slots = calloc((size_t)n_slots, sizeof *self->slots);
  self->workers = calloc((size_t)self->options.workers + 1, sizeof *self->workers);
  self->images = malloc(self->count * sizeof *self->images);
  bool good = self->slots && self->workers && self->images;
  for (int i = 0; i < n_slots && good; i++) {
    self->slots[i] =
        (loader_slot){calloc(batch, image_bytes(self)), calloc(batch, sizeof *self->slots[i].labels)};
    good = self->slots[i].pixels && self->slots[i].labels;
  }
  return good;
}

/* The ring of batches, and memory for them. */
static cream_status make_ring(loader *self, cream_error *err) {
  const cream_loader_options *options = &self->options;
  const cream_ring_options ring = {.count = self->count,
                                   .batch = options->batch,
                                   .train = options->train,
                                   .rank = options->rank,
                                   .ranks = options->ranks,
                                   .seed = options->seed,
                                   .workers = options->workers,
                                   .fill = fill,
                                   .self = self};
  cream_status status = cream_ring_create(&ring, &self->ring, err);
  if (status) return status;
  if (allocate(self)) return CREAM_OK;
  return cream_fail_memory(err,
                           (size_t)cream_ring_slots(self->ring) * (size_t)options->batch * image_bytes(self),
                           "batches of images");
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
  self->source = (cream_source){.self = self,
                                .classes = dataset->classes,
                                .batch = options->batch,
                                .side = options->side,
                                .channels = CHANNELS,
                                .read = loader_read,
                                .pick = loader_pick,
                                .destroy = loader_destroy};
  memcpy(self->source.mean, dataset->mean, sizeof dataset->mean);
  memcpy(self->source.std, dataset->std, sizeof dataset->std);
  if (!dataset->decode) {
    CREAM_ASSERT(options->transforms);
    status = cream_transforms_init(&self->transforms, options->transforms, options->side, dataset->mean,
                                   dataset->std, err);
    if (status) {
      free(self);
      return status;
    }
  }
  status = make_ring(self, err);
  if (status) goto fail;
  self->source.count = cream_ring_count(self->ring);
  for (size_t i = 0; i < count; i++) self->images[i] = options->indices ? options->indices[i] : (uint32_t)i;
  status = cream_ring_start(self->ring, err);
  if (status) goto fail;
  *source = &self->source;
  return CREAM_OK;
fail:
  loader_destroy(&self->source);
  return status;
}
