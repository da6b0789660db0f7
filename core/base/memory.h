/* How much memory a run would take, without taking it: a backend that only counts. Search, retrain and net
 * are made on it as on any other (made, not run), and what they asked for is known. */
#ifndef CREAM_CORE_MEMORY_H
#define CREAM_CORE_MEMORY_H

#include "core/backend.h"
#include "data.h"

typedef struct cream_counter {
  cream_backend base;  /* buffers without memory: nothing is stored and nothing comes back */
  cream_backend *real; /* asked for the sizes of tensors */
  size_t bytes;        /* of buffers */
  size_t workspace;    /* bytes, where the real one tells them */
} cream_counter;

/* `real` must outlive it. */
void cream_counter_init(cream_counter *, cream_backend *real);

/* A source like `like`, but with batches of `batch` pictures that have no content; it needs no end. `labels`:
 * `batch` zeros that outlive it. */
cream_source cream_counter_source(const cream_source *like, int batch, int32_t *labels);

#endif
