/* Batches of images from a data set, decoded and augmented by worker threads in advance. */
#ifndef CREAM_IO_LOADER_H
#define CREAM_IO_LOADER_H

#include <stdbool.h>

#include "core/base/config.h"
#include "core/base/data.h"
#include "data.h"
#include "skipped_images.h"

typedef struct cream_loader_options {
  cream_part part;
  const uint32_t *indices; /* images of the part, copied; NULL: all */
  size_t count;            /* of `indices`; ignored if that is NULL */
  int batch, side;
  uint64_t seed;
  bool train;   /* reshuffle every epoch, whole batches only; else in the order of `indices` */
  bool augment; /* random changes, different in every epoch; only with `train` */
  int workers;  /* threads; 0: read() decodes in the calling thread */
  const cream_augment_config *transforms; /* copied; required by data sets without a decode function */
  cream_skipped
      *skipped;    /* records images that cannot be used; must outlive the loader; NULL: they are errors */
  int rank, ranks; /* every ranks-th image of the order, starting at `rank`; ranks 0: all */
} cream_loader_options;

/* Creates a source (core/base/data.h) of batches. The data set must outlive it.
 *
 * Batches depend neither on the number of workers nor on the order in which they are read. Workers fill a ring of
 * workers + 2 batches; beside it a worker has memory for one image. Images are decoded by the data set if it has a
 * decode function, else loaded and transformed (io/image/transform.h). An image that cannot be used is replaced by the
 * next usable one in the order of `indices`, with that image's label.
 *
 * CREAM_BAD_CONFIG: a size below 1, a training batch larger than the data, or contradictory transforms. CREAM_BAD_DATA:
 * no images, fewer images than classes (in training or in a whole part), or an index out of range. */
cream_status cream_loader_create(const cream_dataset *, const cream_loader_options *, cream_source **,
                                 cream_error *);

/* Returns the pixels of the batch that follows the one read last, and their size, so that they can be sent to a device
 * early; NULL if the batch is not ready. They are unchanged until that batch is read. `source` is that of a loader. */
const uint8_t *cream_loader_prefetch(void *source, size_t *bytes);

/* Destroys a source; NULL is ignored. */
void cream_source_destroy(cream_source *);

#endif
