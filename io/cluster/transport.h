/* What carries bytes between the processes of a run: MPI (io/cluster/mpi/, a module that is loaded at run time), or the
 * threads of a test. All functions of one rank are called by one thread. Messages between two ranks with the same tag
 * arrive in the order in which they were sent.
 */
#ifndef CREAM_IO_CLUSTER_TRANSPORT_H
#define CREAM_IO_CLUSTER_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { CREAM_ANY_RANK = -1, CREAM_MAX_MESSAGE = 1 << 30 };

/* A message that is under way. */
typedef struct cream_request {
  uintptr_t id;
} cream_request;

typedef struct cream_transport {
  void *self;
  /* Joins the other processes. */
  cream_status (*open)(void *self, int *rank, int *size, cream_error *);
  /* Leaves them; all ranks have to. */
  void (*close)(void *self);
  /* Ends the processes of all ranks; does not return. */
  void (*abort)(void *self, int code);
  /* Begin a message of at most CREAM_MAX_MESSAGE bytes; the memory stays where it is until the message is done. One that
   * was sent may then still be on its way. */
  cream_status (*send)(void *self, const void *, size_t, int to, int tag, cream_request *, cream_error *);
  cream_status (*receive)(void *self, void *, size_t, int from, int tag, cream_request *, cream_error *);
  cream_status (*test)(void *self, cream_request *, bool *done, cream_error *);
  /* Gives up a message that is not done. */
  void (*cancel)(void *self, cream_request *);
} cream_transport;

/* ---- between program and module ------------------------------------------------------------------------ */

enum { CREAM_MPI_INTERFACE = 2 };

/* What a module exports as `cream_mpi_module_table`. */
typedef struct cream_mpi_module {
  int version; /* CREAM_MPI_INTERFACE */
  cream_transport transport;
} cream_mpi_module;

#endif
