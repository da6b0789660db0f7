/* A cream_cluster on a transport. A thread of its own owns the transport: it carries out the calls of the rank in their
 * order, so that sums travel while the rank computes, and learns at any time that another rank has failed.
 *
 * How a run ends: every rank calls cream_carrier_end once. A rank that has failed is announced to the others, whose calls
 * then fail with a line that names it. Rank 0 reports the failure and ends all processes; where it cannot, another rank
 * does so some seconds later. */
#ifndef CREAM_IO_CLUSTER_CARRIER_H
#define CREAM_IO_CLUSTER_CARRIER_H

#include "core/cluster/cluster.h"
#include "transport.h"

typedef struct cream_carrier cream_carrier;

typedef struct cream_carrier_options {
  cream_transport *transport; /* stays where it is */
  double timeout;             /* seconds that a rank waits for the others; 0: no limit */
  /* Prints the reason for the end of all ranks, perhaps on the carrier's thread. */
  void (*report)(void *self, const char *line);
  void *self;
  double grace; /* seconds that rank 0 has to end after a failure, before that happens without it; 0: 3 */
} cream_carrier_options;

cream_status cream_carrier_open(const cream_carrier_options *, cream_carrier **, cream_error *);
cream_cluster *cream_carrier_cluster(cream_carrier *);
void cream_carrier_set_timeout(cream_carrier *, double seconds);
/* The name of a rank's host. */
const char *cream_carrier_host(const cream_carrier *, int rank);

/* Ends the run. CREAM_OK and CREAM_INTERRUPTED wait for all ranks, leave the transport and return the rank's own status.
 * With another status, here or on any rank, all processes end; this returns only where the transport's abort does. */
cream_status cream_carrier_end(cream_carrier *, cream_status, const cream_error *);
/* After cream_carrier_end has returned. */
void cream_carrier_destroy(cream_carrier *);

#endif
