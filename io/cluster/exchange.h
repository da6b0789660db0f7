/* What all ranks do together, on a wire: every rank calls the same function with the same sizes. */
#ifndef CREAM_IO_CLUSTER_EXCHANGE_H
#define CREAM_IO_CLUSTER_EXCHANGE_H

#include "wire.h"

/* Memory for messages, which grows to the largest. Zeroed at first. */
typedef struct cream_exchange {
  cream_wire *wire; /* its size is a power of two, but for a gather */
  char *bytes;
  size_t size;
  bool unlimited; /* without the timeout */
} cream_exchange;

void cream_exchange_free(cream_exchange *);
/* As in core/cluster/cluster.h. */
cream_status cream_exchange_sum(cream_exchange *, float *values, size_t count, bool half, cream_error *);
cream_status cream_exchange_broadcast(cream_exchange *, void *, size_t, cream_error *);
cream_status cream_exchange_gather(cream_exchange *, const void *own, size_t size, void *all, cream_error *);

#endif
