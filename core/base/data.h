/* Sources of images: the interface through which the core reads batches. io/dataset implements it. */
#ifndef CREAM_CORE_DATA_H
#define CREAM_CORE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct cream_batch {
  int n, side, channels; /* square images */
  const uint8_t *pixels; /* [n, side, side, channels]; owned by the source, valid until its next call */
  const int32_t *labels; /* [n] */
} cream_batch;

/* Which batches of an epoch will be read: of every `parts`, only those from the `first` one on, `own` of them. parts 0:
 * all of them. */
typedef struct cream_source_parts {
  int parts, first, own;
} cream_source_parts;

/* A set of labelled images as batches. A batch is a function of (seed of the source, epoch, step) alone. */
typedef struct cream_source {
  void *self;
  size_t count; /* images */
  int classes;
  int batch, side, channels;
  float mean[4], std[4]; /* of pixel/255, by channel */
  /* Batch `step` of `epoch`. A training source shuffles, augments and drops the incomplete last batch. Other
   * sources give images in order, and their last batch may be smaller. Reading steps in order is fastest. */
  cream_status (*read)(struct cream_source *, uint64_t epoch, uint64_t step, cream_batch *, cream_error *);
  /* The given images (n <= batch) in the given order, not augmented. */
  cream_status (*pick)(struct cream_source *, const uint32_t *indices, int n, cream_batch *, cream_error *);
  void (*destroy)(struct cream_source *);
  double waited;                /* seconds spent in read() and pick() waiting for images, in all */
  cream_source_parts announced; /* set by the reader, for prefetching */
} cream_source;

/* Batches of an epoch: whole ones of a training source (drop_last), else all. */
static inline size_t cream_source_steps(const cream_source *source, int drop_last) {
  size_t batch = (size_t)source->batch;
  return drop_last ? source->count / batch : (source->count + batch - 1) / batch;
}

/* Draws n_heldout of `count` indices of a training set by seed, stratified by label. Writes both lists in
 * ascending
 * order: heldout[n_heldout] and rest[count - n_heldout]. */
void cream_split(const int32_t *labels, size_t count, int classes, uint64_t seed, size_t n_heldout,
                 uint32_t *heldout, uint32_t *rest);

#endif
