/* Where images come from. The core reads batches through this; io makes them. */
#ifndef CREAM_CORE_DATA_H
#define CREAM_CORE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct cream_batch {
  int n, side, channels; /* square pictures */
  const uint8_t *pixels; /* [n, side, side, channels]; owned by the source, valid until its next call */
  const int32_t *labels; /* [n] */
} cream_batch;

/* A set of labelled images as batches. A batch is a function of (seed of the source, epoch, step) alone. */
typedef struct cream_source {
  void *self;
  size_t count; /* images */
  int classes;
  int batch, side, channels;
  float mean[4], std[4]; /* of pixel/255, by channel */
  /* Batch `step` of `epoch`. A training source shuffles, augments and leaves out the incomplete last
   * batch; another gives images in order, and the last batch may be smaller. Steps in order are quickest. */
  cream_status (*read)(struct cream_source *, uint64_t epoch, uint64_t step, cream_batch *, cream_error *);
  /* The given images (n <= batch) in the given order, not augmented. */
  cream_status (*pick)(struct cream_source *, const uint32_t *indices, int n, cream_batch *, cream_error *);
  void (*destroy)(struct cream_source *);
  double waited; /* seconds that read() and pick() took until their images were there, in all */
} cream_source;

/* Batches of an epoch: whole ones of a training source (drop_last), else all. */
static inline size_t cream_source_steps(const cream_source *source, int drop_last) {
  size_t batch = (size_t)source->batch;
  return drop_last ? source->count / batch : (source->count + batch - 1) / batch;
}

/* Draws `heldout` of `count` indices out of a training set by seed, stratified by label; both lists come
 * out sorted. heldout[] has room for *n_heldout (set by the caller), rest[] for the others. */
void cream_split(const int32_t *labels, size_t count, int classes, uint64_t seed, size_t n_heldout,
                 uint32_t *heldout, uint32_t *rest);

#endif
