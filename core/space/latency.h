/* Measured latencies of the parts of a network on a device (io/config/latency_table.h). */
#ifndef CREAM_CORE_LATENCY_H
#define CREAM_CORE_LATENCY_H

#include "space.h"

/* Milliseconds of every part of a skeleton at one resolution, batch size and number of threads. Those of a
 * path are `fixed` plus the sum over the layers of its choices. */
typedef struct cream_latencies {
  int n_layers;
  double fixed; /* stem, head and what a forward pass costs besides its blocks */
  double layer[CREAM_MAX_LAYERS][CREAM_MAX_OPS]; /* [layer][option]: may be below 0 (by regression) */
} cream_latencies;

double cream_latencies_path(const cream_latencies *, const cream_path *);

/* The latency of the fastest path. */
double cream_latencies_least(const cream_latencies *, const cream_skeleton *);

#endif
