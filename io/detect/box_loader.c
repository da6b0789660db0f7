#include "box_loader.h"

#include <stdlib.h>
#include <string.h>

#include "box_transform.h"
#include "io/dataset/ring.h"

enum { CHANNELS = 3 };

/* The content of a batch. */
typedef struct loader_slot {
  uint8_t *pixels;
  uint32_t *images;                /* [batch] */
  size_t *first;                   /* [batch+1] */
  float (*scale)[2], (*offset)[2]; /* [batch] */
  int32_t (*size)[2];              /* [batch] */
  cream_box *boxes;
  size_t room;
} loader_slot;

/* The buffers of a thread. */
typedef struct worker {
  cream_image image;
  cream_box_memory memory;
} worker;

typedef struct loader {
  cream_box_source source;
  const cream_box_set *set;
  const cream_box_part *part;
  cream_box_loader_options options;
  cream_box_transform transform;
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

static cream_status check_size(const cream_box_image *of, const cream_box_work *work, cream_error *err) {
  if (work->width == of->width && work->height == of->height) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%.300s: the image has %d x %d pixels, but its boxes are for %d x %d; correct the annotation", of->path,
      work->width, work->height, of->width, of->height);
}

/* Makes room for the boxes of one more image. */
static cream_status reserve(loader_slot *content, size_t count, cream_error *err) {
  if (count <= content->room) return CREAM_OK;
  size_t room = count + count / 2 + 64;
  cream_box *boxes = realloc(content->boxes, room * sizeof *boxes);
  if (!boxes) return cream_fail_memory(err, room * sizeof *boxes, "boxes");
  content->boxes = boxes;
  content->room = room;
  return CREAM_OK;
}

/* Decodes and transforms one image as the i-th of a batch. rng: NULL: as in an evaluation. */
static cream_status decode(const loader *self, worker *w, uint32_t image, cream_rng *rng,
                           loader_slot *content, int i, cream_error *err) {
  const cream_box_image *of = &self->part->images[image];
  const size_t from = self->part->first[image], n = self->part->first[image + 1] - from;
  cream_box_work work = cream_box_transform_begin(&self->transform, rng);
  cream_box_view view;
  w->image.crop = &work.crop;
  cream_status status = cream_image_read(of->path, 0, &w->image, err);
  w->image.crop = NULL;
  if (!status)
    status = cream_box_transform_finish(&work, &w->image, &w->memory,
                                        content->pixels + (size_t)i * image_bytes(self), &view, err);
  if (!status) status = check_size(of, &work, err);
  if (!status) status = reserve(content, content->first[i] + n, err);
  if (status) return status;
  cream_box *boxes = content->boxes + content->first[i];
  if (n) memcpy(boxes, self->part->boxes + from, n * sizeof *boxes);
  content->first[i + 1] = content->first[i] + cream_box_transform_boxes(&work, &view, boxes, n);
  content->images[i] = image;
  memcpy(content->scale[i], view.scale, sizeof view.scale);
  memcpy(content->offset[i], view.offset, sizeof view.offset);
  memcpy(content->size[i], view.size, sizeof view.size);
  return CREAM_OK;
}

/* Decodes the image at a place of the list, or the next one that can be used. Images skipped before are tried again, since
 * a batch must not depend on the batches read before. */
static cream_status decode_usable(const loader *self, worker *w, uint32_t place, uint64_t epoch, bool changed,
                                  loader_slot *content, int i, cream_error *err) {
  for (size_t next = 0; next < self->count; next++) {
    uint32_t image = self->images[(place + next) % self->count];
    cream_rng rng = cream_rng_at(self->options.seed, CREAM_RNG_AUGMENT, epoch * self->part->count + image);
    cream_error reason;
    cream_status status = decode(self, w, image, changed ? &rng : NULL, content, i, &reason);
    if (status == CREAM_BAD_DATA && self->options.skipped) {
      status = cream_skipped_add(self->options.skipped, self->options.part, image, &reason, err);
      if (status) return status;
      continue;
    }
    if (status) *err = reason;
    return status;
  }
  return cream_fail(err, CREAM_BAD_DATA, "%s: none of %zu images can be used", self->set->format,
                    self->count);
}

static void fill(void *context, int worker_number, cream_ring_slot *slot, bool changed) {
  const loader *self = context;
  loader_slot *content = &self->slots[slot->index];
  slot->status = CREAM_OK;
  content->first[0] = 0;
  for (int i = 0; i < slot->n && !slot->status; i++)
    slot->status = decode_usable(self, &self->workers[worker_number], slot->places[i], slot->epoch,
                                 changed && self->options.augment.enabled, content, i, &slot->error);
}

static cream_status deliver(const loader *self, const cream_ring_slot *slot, cream_box_batch *batch,
                            cream_error *err) {
  if (slot->status) {
    if (err) *err = slot->error;
    return slot->status;
  }
  const loader_slot *content = &self->slots[slot->index];
  *batch = (cream_box_batch){.n = slot->n,
                             .side = self->options.side,
                             .channels = CHANNELS,
                             .pixels = content->pixels,
                             .boxes = content->boxes,
                             .first = content->first,
                             .images = content->images,
                             .scale = (const float(*)[2])content->scale,
                             .offset = (const float(*)[2])content->offset,
                             .size = (const int32_t(*)[2])content->size};
  return CREAM_OK;
}

/* ---- the source ---------------------------------------------------------------------------------- */

static cream_status loader_read(cream_box_source *source, uint64_t epoch, uint64_t step,
                                cream_box_batch *batch, cream_error *err) {
  loader *self = source->self;
  return deliver(self, cream_ring_read(self->ring, source->announced, epoch, step, &source->waited), batch,
                 err);
}

static cream_status loader_pick(cream_box_source *source, const uint32_t *indices, int n,
                                cream_box_batch *batch, cream_error *err) {
  loader *self = source->self;
  return deliver(self, cream_ring_pick(self->ring, indices, n, &source->waited), batch, err);
}

const uint8_t *cream_box_loader_prefetch(void *source, size_t *bytes) {
  loader *self = ((cream_box_source *)source)->self;
  const cream_ring_slot *slot = cream_ring_next(self->ring);
  *bytes = slot ? (size_t)slot->n * image_bytes(self) : 0;
  return slot ? self->slots[slot->index].pixels : NULL;
}

static void slot_free(loader_slot *content) {
  free(content->pixels);
  free(content->images);
  free(content->first);
  free(content->scale);
  free(content->offset);
  free(content->size);
  free(content->boxes);
}

static void loader_destroy(cream_box_source *source) {
  loader *self = source->self;
  const int n_slots = self->ring ? cream_ring_slots(self->ring) : 0;
  cream_ring_destroy(self->ring);
  for (int i = 0; self->workers && i <= self->options.workers; i++) {
    cream_image_free(&self->workers[i].image);
    cream_box_memory_free(&self->workers[i].memory);
  }
  for (int i = 0; self->slots && i < n_slots; i++) slot_free(&self->slots[i]);
  free(self->slots);
  free(self->workers);
  free(self->images);
  free(self);
}

void cream_box_source_destroy(cream_box_source *source) {
  if (source) source->destroy(source);
}

/* ---- creation ------------------------------------------------------------------------------------ */

static cream_status check(const cream_box_set *set, const cream_box_loader_options *options, size_t count,
                          cream_error *err) {
  if (options->batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, expected at least 1", options->batch);
  if (options->workers < 0 || options->workers > CREAM_RING_MAX_WORKERS)
    return cream_fail(err, CREAM_BAD_CONFIG, "workers: got %d, expected 0 to %d", options->workers,
                      CREAM_RING_MAX_WORKERS);
  if (options->ranks < 0 || options->rank < 0 || options->rank >= (options->ranks ? options->ranks : 1))
    return cream_fail(err, CREAM_BAD_CONFIG, "rank: got %d of %d, expected 0 to the number of ranks less 1",
                      options->rank, options->ranks);
  if (count == 0) return cream_fail(err, CREAM_BAD_DATA, "%s: no images; expected at least one", set->format);
  size_t share = options->ranks > 1 ? count / (size_t)options->ranks : count;
  if (options->train && (size_t)options->batch > share)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "batch: got %d, expected at most %zu, the training images of %s; lower it",
                      options->batch, share, set->format);
  for (size_t i = 0; options->indices && i < count; i++)
    if (options->indices[i] >= set->parts[options->part].count)
      return cream_fail(err, CREAM_BAD_DATA, "%s: got index %u, but the part has %zu images", set->format,
                        options->indices[i], set->parts[options->part].count);
  return CREAM_OK;
}

static bool slot_alloc(const loader *self, loader_slot *content) {
  const size_t batch = (size_t)self->options.batch;
  *content = (loader_slot){.pixels = calloc(batch, image_bytes(self)),
                           .images = calloc(batch, sizeof *content->images),
                           .first = calloc(batch + 1, sizeof *content->first),
                           .scale = calloc(batch, sizeof *content->scale),
                           .offset = calloc(batch, sizeof *content->offset),
                           .size = calloc(batch, sizeof *content->size),
                           .boxes = calloc(64, sizeof *content->boxes),
                           .room = 64};
  return content->pixels && content->images && content->first && content->scale && content->offset &&
         content->size && content->boxes;
}

static bool allocate(loader *self) {
  const int n_slots = cream_ring_slots(self->ring);
  self->slots = calloc((size_t)n_slots, sizeof *self->slots);
  self->workers = calloc((size_t)self->options.workers + 1, sizeof *self->workers);
  self->images = malloc(self->count * sizeof *self->images);
  bool good = self->slots && self->workers && self->images;
  for (int i = 0; i < n_slots && good; i++) good = slot_alloc(self, &self->slots[i]);
  return good;
}

/* The ring of batches, and memory for them. */
static cream_status make_ring(loader *self, cream_error *err) {
  const cream_box_loader_options *options = &self->options;
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

cream_status cream_box_loader_create(const cream_box_set *set, const cream_box_loader_options *options,
                                     cream_box_source **source, cream_error *err) {
  size_t count = options->indices ? options->count : set->parts[options->part].count;
  cream_box_transform transform;
  cream_box_augment augment = options->train ? options->augment : cream_box_augment_defaults();
  augment.enabled = augment.enabled && options->train;
  cream_status status = check(set, options, count, err);
  if (!status) status = cream_box_transform_init(&transform, &augment, options->side, set->mean, err);
  if (status) return status;
  loader *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the loader");
  self->set = set;
  self->part = &set->parts[options->part];
  self->transform = transform;
  self->options = *options;
  self->options.indices = NULL;
  self->options.augment = augment;
  self->options.ranks = options->ranks ? options->ranks : 1;
  self->count = count;
  self->source = (cream_box_source){.self = self,
                                    .classes = set->classes,
                                    .batch = options->batch,
                                    .side = options->side,
                                    .channels = CHANNELS,
                                    .read = loader_read,
                                    .pick = loader_pick,
                                    .destroy = loader_destroy};
  memcpy(self->source.mean, set->mean, sizeof set->mean);
  memcpy(self->source.std, set->std, sizeof set->std);
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
