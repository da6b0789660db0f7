/* Batches of images with boxes, decoded and changed by worker threads in advance. */
#ifndef CREAM_IO_BOX_LOADER_H
#define CREAM_IO_BOX_LOADER_H

#include "box_set.h"
#include "core/base/box_augment.h"
#include "io/dataset/skipped_images.h"

typedef struct cream_box_loader_options {
  cream_part part;
  const uint32_t *indices; /* images of the part, copied; NULL: all */
  size_t count;            /* of `indices`; ignored if that is NULL */
  int batch, side;
  uint64_t seed;
  bool train; /* reshuffle every epoch, whole batches only, and change images as `augment` says */
  cream_box_augment augment; /* unused without `train` */
  int workers;               /* threads; 0: read() decodes in the calling thread */
  cream_skipped
      *skipped;    /* records images that cannot be used; must outlive the source; NULL: they are errors */
  int rank, ranks; /* every ranks-th image of the order, starting at `rank`; ranks 0: all */
} cream_box_loader_options;

/* Creates a source (core/base/boxes.h) of batches. The set must outlive it. The rules are those of cream_loader_create: a
 * batch depends on neither the number of workers nor the order of reading, and an image that cannot be used is replaced by
 * the next usable one. An image whose size is not the annotated one cannot be used.
 *
 * CREAM_BAD_CONFIG: a size below 1, a training batch larger than the data, or contradictory settings. CREAM_BAD_DATA: no
 * images, or an index out of range. */
cream_status cream_box_loader_create(const cream_box_set *, const cream_box_loader_options *,
                                     cream_box_source **, cream_error *);

/* Returns the pixels of the batch that follows the one read last, and their size, so that they can be sent to a device
 * early; NULL if the batch is not ready. They are unchanged until that batch is read. `source` is that of a loader. */
const uint8_t *cream_box_loader_prefetch(void *source, size_t *bytes);

/* Destroys a source; NULL is ignored. */
void cream_box_source_destroy(cream_box_source *);

#endif
