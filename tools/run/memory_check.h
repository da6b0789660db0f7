/* Whether a run fits in memory, checked before it starts. */
#ifndef CREAM_TOOLS_MEMORY_CHECK_H
#define CREAM_TOOLS_MEMORY_CHECK_H

#include "core/base/status.h"
#include "core/net/memory.h"
#include "device.h"

/* The run, which can be made with any batch. */
typedef struct memory_check {
  const char *key; /* of the batch among the settings */
  int batch;
  const cream_source *train, *heldout; /* heldout may be NULL */
  cream_backend *backend;
  int workers; /* threads that make batches */
  void *self;
  /* Makes the run with that batch, backend and sources, ends it, and adds to *bytes what its state takes on the host. */
  cream_status (*make)(void *self, int batch, cream_backend *, cream_source *train, cream_source *heldout,
                       size_t *bytes, cream_error *);
} memory_check;

/* Bytes that the run needs: of the host, and of a device. Memory that a device shares with the host counts in both. */
cream_status memory_check_measure(const memory_check *, size_t *host, size_t *device, cream_error *);
/* CREAM_FAILED, naming the largest batch that fits, where the run needs more memory than is free. *fits is that
 * batch, 0 where none fits. */
cream_status memory_check_run(const memory_check *, int *fits, cream_error *);
/* The same, except that with the device "auto" *backend becomes the CPU where the run does not fit on the device that
 * was chosen; a line on stderr says so. */
cream_status memory_check_or_fall_back(memory_check *, const device_options *, cream_backend **backend,
                                       int *fits, cream_error *);

#endif
