/* Sources of images with boxes, for detection: the interface through which the core reads batches, as data.h is for
 * classification. io/detect implements it. */
#ifndef CREAM_CORE_BOXES_H
#define CREAM_CORE_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data.h"

/* A box in pixels of the image that it belongs to. The left edge of the first pixel is 0, so a box around that pixel
 * alone is 0, 0, 1, 1. */
typedef struct cream_box {
  float x1, y1, x2, y2; /* x1 < x2, y1 < y2 */
  int32_t label;        /* 0..classes-1 */
  bool crowd;           /* a region with many objects: neither an object to find nor background */
  float score;          /* of a detection; 1 for boxes of a data set */
} cream_box;

typedef struct cream_box_batch {
  int n, side, channels;    /* square images */
  const uint8_t *pixels;    /* [n, side, side, channels]; owned by the source, valid until its next call */
  const cream_box *boxes;   /* of all images, in pixels of the input (0..side) */
  const size_t *first;      /* [n+1]: boxes of image i are first[i] .. first[i+1]-1 */
  const uint32_t *images;   /* [n]: index of each image in its set */
  const float (*scale)[2];  /* [n] of x, y: original pixel = (input pixel - offset) / scale */
  const float (*offset)[2]; /* [n] of x, y */
  const int32_t (*size)[2]; /* [n]: width and height of the original image */
} cream_box_batch;

/* A set of images with boxes as batches. A batch is a function of (seed of the source, epoch, step) alone. */
typedef struct cream_box_source {
  void *self;
  size_t count; /* images */
  int classes;
  int batch, side, channels;
  float mean[4], std[4]; /* of pixel/255, by channel */
  /* Batch `step` of `epoch`. A training source shuffles, augments and drops the incomplete last batch. Other
   * sources give images in order, and their last batch may be smaller. Reading steps in order is fastest. */
  cream_status (*read)(struct cream_box_source *, uint64_t epoch, uint64_t step, cream_box_batch *,
                       cream_error *);
  /* The given images (n <= batch) in the given order, not augmented. */
  cream_status (*pick)(struct cream_box_source *, const uint32_t *indices, int n, cream_box_batch *,
                       cream_error *);
  void (*destroy)(struct cream_box_source *);
  double waited;                /* seconds spent in read() and pick() waiting for images, in all */
  cream_source_parts announced; /* set by the reader, for prefetching */
} cream_box_source;

/* Batches of an epoch: whole ones of a training source (drop_last), else all. */
static inline size_t cream_box_source_steps(const cream_box_source *source, int drop_last) {
  size_t batch = (size_t)source->batch;
  return drop_last ? source->count / batch : (source->count + batch - 1) / batch;
}

/* A box of the input in pixels of the original, cut to the original: scale, offset and size as in a batch. */
cream_box cream_box_original(const cream_box *, const float scale[2], const float offset[2],
                             const int32_t size[2]);

#endif
