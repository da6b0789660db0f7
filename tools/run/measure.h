/* How fast a device trains. */
#ifndef CREAM_TOOLS_MEASURE_H
#define CREAM_TOOLS_MEASURE_H

#include "core/backend.h"

/* Seconds of the fastest of a few training steps of a small network; a first step, which compiles kernels, does
 * not count. */
cream_status measure_step(cream_backend *, double *seconds, cream_error *);

#endif
