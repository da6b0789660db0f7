/* How much memory a run would take, without taking it: a backend that only counts. Searches, retrainings and
 * nets are created on it as on any other backend, but not run; then it holds the sizes of what they
 * allocated.
 */
#ifndef CREAM_CORE_MEMORY_H
#define CREAM_CORE_MEMORY_H

#include "core/backend.h"
#include "core/base/data.h"

typedef struct cream_counter {
  cream_backend base;  /* its buffers have no memory: uploads, fills and copies do nothing */
  cream_backend *real; /* the backend whose tensor sizes and workspace are counted; not owned */
  size_t bytes;        /* of all buffers */
  size_t largest;      /* bytes of the largest buffer, of the workspace too */
  size_t workspace;    /* bytes; 0 where `real` has no `workspace` */
  size_t workspaces[CREAM_WORKSPACES]; /* elements of its buffers */
} cream_counter;

/* `real` must outlive the counter, which needs no destroy. */
void cream_counter_init(cream_counter *, cream_backend *real);

/* A source like `like`, but with batches of `batch` images without content; it needs no destroy. `labels`:
 * `batch` zeros that outlive it. */
cream_source cream_counter_source(const cream_source *like, int batch, int32_t *labels);

#endif
