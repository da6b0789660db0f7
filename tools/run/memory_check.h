/* Whether a run fits in memory, told before it starts. */
#ifndef CREAM_TOOLS_FIT_H
#define CREAM_TOOLS_FIT_H

#include "core/base/status.h"
#include "core/net/memory.h"
#include "device.h"

/* The run in question, with some other batch. */
typedef struct fit {
  const char *key; /* of the batch among the settings */
  int batch;
  const cream_source *train, *heldout; /* heldout may be NULL */
  cream_backend *backend;
  int workers; /* that make batches */
  void *self;
  /* Makes and ends the run with that batch on those, and adds to *bytes what it keeps on the host. */
  cream_status (*make)(void *self, int batch, cream_backend *, cream_source *train, cream_source *heldout,
                       size_t *bytes, cream_error *);
} fit;

/* CREAM_FAILED, with the largest batch that fits, where the run needs more than there is. *fits is that
 * batch, 0 where none fits. */
cream_status fit_check(const fit *, int *fits, cream_error *);
/* The same; where it does not fit on the device that "auto" chose, *backend becomes the CPU, and that is
 * told. */
cream_status fit_or_fall_back(fit *, const device_options *, cream_backend **backend, int *fits,
                              cream_error *);

#endif
