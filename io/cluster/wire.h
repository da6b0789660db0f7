/* One rank's end of a transport: waiting for messages without keeping a processor busy, notices of failures, and the
 * time after which a rank counts as missing. Everything but `arrived` and `announce` belongs to one thread. */
#ifndef CREAM_IO_CLUSTER_WIRE_H
#define CREAM_IO_CLUSTER_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "transport.h"

enum { CREAM_HOST_NAME = 64 };

typedef struct cream_notice {
  enum {
    CREAM_NOTICE_FAILED,
    CREAM_NOTICE_ASK,
    CREAM_NOTICE_ANSWER,
    CREAM_NOTICE_TAKE,
    CREAM_NOTICE_GIVE
  } kind;
  int rank; /* whose it is */
  int status;
  uint64_t arrived; /* GIVE: the number */
  char host[CREAM_HOST_NAME], text[512];
} cream_notice;

/* A notice that is being sent to a rank. */
typedef struct cream_letter {
  cream_notice notice;
  cream_request request;
  bool sent; /* under way */
} cream_letter;

typedef struct cream_wire {
  cream_transport *transport;
  int rank, size;
  _Atomic double timeout; /* seconds; 0: none */
  char host[CREAM_HOST_NAME];
  char (*hosts)[CREAM_HOST_NAME]; /* [size]; empty: not known yet */
  atomic_uint_fast64_t arrived;   /* calls of this rank that all ranks make */

  cream_notice incoming;
  cream_request listening;
  bool listens;
  cream_letter *letters, *answers; /* [size] by rank: own notices, and answers to questions */
  uint64_t *answered;              /* [size] of the last question: arrived + 1; 0: no answer */

  uint64_t next;       /* on rank 0: the next number of cream_wire_take */
  cream_letter *gifts; /* [size] by rank: numbers on their way, on rank 0; questions for them on others */
  bool gives,
      given; /* on rank 0: numbers were taken since the last message; on others: `number` has arrived */
  uint64_t number;

  bool failed; /* a rank has failed: nothing is sent any more */
  int failed_rank;
  cream_error failure; /* its cause */

  /* A failure of this rank that the others have to know: set by another thread, `own` first. */
  cream_error own;
  atomic_bool announce;
} cream_wire;

/* Joins the others. `wire` is zeroed but for its transport and timeout. */
cream_status cream_wire_open(cream_wire *, cream_error *);
/* Every rank has ended its messages; leaves the transport. */
void cream_wire_close(cream_wire *);
void cream_wire_free(cream_wire *);

/* Begin messages of any size. */
typedef struct cream_parcel {
  cream_request requests[40]; /* of its pieces */
  bool done[40];
  int n;
} cream_parcel;
cream_status cream_wire_send(cream_wire *, const void *, size_t, int to, cream_parcel *, cream_error *);
cream_status cream_wire_receive(cream_wire *, void *, size_t, int from, cream_parcel *, cream_error *);
/* Waits until all n parcels are done. limited: within the timeout. Fails where any rank fails. */
cream_status cream_wire_wait(cream_wire *, cream_parcel *const *, int n, bool limited, cream_error *);
/* As in core/cluster/cluster.h: rank 0 answers whenever it looks for notices. */
cream_status cream_wire_take(cream_wire *, uint64_t *number, cream_error *);
/* Looks for notices once, answers them, and announces a failure of this rank. */
cream_status cream_wire_poll(cream_wire *, cream_error *);

/* Sleeps between two looks: not at all at first, then up to 100 us. `looks` counts from 0. */
void cream_wire_pause(unsigned looks);
double cream_wire_now(void);

#endif
