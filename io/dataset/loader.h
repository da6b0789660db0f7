/* Batches out of a data set, decoded and augmented by worker threads ahead of time. */
#ifndef CREAM_IO_LOADER_H
#define CREAM_IO_LOADER_H

#include <stdbool.h>

#include "skipped_images.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "data.h"

typedef struct cream_loader_options {
  cream_part part;
  const uint32_t *indices; /* which pictures of the part, copied; NULL: all */
  size_t count;            /* of indices; ignored without them */
  int batch, side;
  uint64_t seed;
  bool train;   /* shuffled anew every epoch, whole batches only; else in the order of `indices` */
  bool augment; /* pictures change at random, in another way every epoch; only with `train` */
  int workers;  /* threads; 0: read() decodes by itself */
  const cream_augment_config *transforms; /* copied; needed by data sets that do not decode by themselves */
  cream_bad
      *bad; /* counts pictures that cannot be used, and must outlive the loader; NULL: none may be bad */
  int rank, ranks; /* every ranks-th picture of the order from `rank` on; ranks 0: all */
} cream_loader_options;

/* A source (core/base/data.h) of the data set, which must outlive it. Batches do not depend on the number of
 * workers nor on the order they are read in. Workers fill a ring of workers + 2 batches, so that and a
 * picture for each worker is all the memory it takes. Pictures are loaded and go through the transforms
 * (transform.h), or the data set decodes them. For a picture that cannot be used the next good one stands in,
 * in the order of `indices`, with its label. CREAM_BAD_CONFIG for sizes below 1, a training batch larger than
 * the data and contradictory transforms, CREAM_BAD_DATA for no pictures, fewer of them than classes (of training or a
 * whole part) or an index beyond the data. */
cream_status cream_loader_create(const cream_dataset *, const cream_loader_options *, cream_source **,
                                 cream_error *);

/* The pixels of the batch after the one read last, and their number, for whoever can use the time until it is read;
 * NULL if it is not ready. They stay as they are until then. `source` is a loader's. */
const uint8_t *cream_loader_ahead(void *source, size_t *bytes);

/* Destroys a source that may be NULL. */
void cream_source_destroy(cream_source *);

#endif
