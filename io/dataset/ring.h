/* The order of batches, and the threads that fill them in advance: what the loaders of images with labels (loader.h) and
 * with boxes (io/detect/box_loader.h) share. A ring knows which images a batch has, and nothing of their content.
 */
#ifndef CREAM_IO_RING_H
#define CREAM_IO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"

enum { CREAM_RING_MAX_WORKERS = 256 };

/* A batch. The owner of the ring has memory for the content of each slot, by its index. */
typedef struct cream_ring_slot {
  int index; /* 0 .. cream_ring_slots() - 1 */
  uint64_t epoch;
  int n;
  uint32_t *places;    /* [batch], of which n: numbers of images, 0 .. count - 1 */
  cream_status status; /* of filling it, with the error */
  cream_error error;
} cream_ring_slot;

typedef struct cream_ring_options {
  size_t count; /* images of all ranks */
  int batch;
  bool train;      /* reshuffle every epoch, whole batches only; else in order */
  int rank, ranks; /* every ranks-th image of the order, starting at `rank`; at least 1 */
  uint64_t seed;
  int workers; /* threads; 0: cream_ring_read fills in the calling thread */
  /* Fills a slot: sets its status and error. `worker` is 0 for the calling thread, else 1 .. workers; never the same one
   * at the same time. `changed`: with the random changes of training. */
  void (*fill)(void *self, int worker, cream_ring_slot *slot, bool changed);
  void *self;
} cream_ring_options;

typedef struct cream_ring cream_ring;

/* CREAM_FAILED: out of memory. */
cream_status cream_ring_create(const cream_ring_options *, cream_ring **, cream_error *);
/* Starts the threads, which fill slots from now on. CREAM_FAILED: the system does not provide them. */
cream_status cream_ring_start(cream_ring *, cream_error *);
/* Stops the threads. NULL is ignored. */
void cream_ring_destroy(cream_ring *);

/* Slots in all; the last is that of cream_ring_pick. */
int cream_ring_slots(const cream_ring *);
/* Images of this rank; in training the number is equal for all ranks. */
size_t cream_ring_count(const cream_ring *);

/* Returns the filled slot of a batch, valid until the next call. Adds the seconds of waiting to *waited. */
const cream_ring_slot *cream_ring_read(cream_ring *, cream_source_parts, uint64_t epoch, uint64_t step,
                                       double *waited);
/* The same for given images of this rank, filled in the calling thread without random changes. */
const cream_ring_slot *cream_ring_pick(cream_ring *, const uint32_t *indices, int n, double *waited);
/* The slot that will be read next, if it is filled without an error; else NULL. It is unchanged until then. */
const cream_ring_slot *cream_ring_next(cream_ring *);

#endif
