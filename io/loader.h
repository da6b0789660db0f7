/* Batches out of a data set, decoded and augmented by worker threads ahead of time. */
#ifndef CREAM_IO_LOADER_H
#define CREAM_IO_LOADER_H

#include <stdbool.h>

#include "core/data.h"
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
} cream_loader_options;

/* A source (core/data.h) of the data set, which must outlive it. Batches do not depend on the number of
 * workers nor on the order they are read in. Workers fill a ring of workers + 2 batches, so that is all the
 * memory it takes. CREAM_BAD_CONFIG for sizes below 1 and a training batch larger than the data,
 * CREAM_BAD_DATA for fewer pictures than classes or an index beyond the data. */
cream_status cream_loader_create(const cream_dataset *, const cream_loader_options *, cream_source **,
                                 cream_error *);

/* Destroys a source that may be NULL. */
void cream_source_destroy(cream_source *);

#endif
