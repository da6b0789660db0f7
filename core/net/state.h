/* Everything that a run needs to resume after a step, as a list of named parts: a file can hold it without
 * knowing what the parts mean. Random numbers have no state (rng.h) and a batch is a function of epoch and
 * step (data.h), so the step counter stands for both.
 */
#ifndef CREAM_CORE_STATE_H
#define CREAM_CORE_STATE_H

#include "core/backend.h"

typedef enum cream_state_kind {
  CREAM_STATE_F32, /* floats in device memory */
  CREAM_STATE_U64, /* uint64_t in host memory */
  CREAM_STATE_F64, /* double in host memory */
} cream_state_kind;

typedef struct cream_state_part {
  const char *name; /* "weights", "optimiser.m", "board.score"; a literal */
  cream_state_kind kind;
  size_t count;     /* elements */
  cream_buf device; /* of F32 */
  void *host;       /* of U64 and F64 */
} cream_state_part;

enum { CREAM_STATE_MAX = 32 };

/* The parts point into the run's own memory: valid until its next step. */
typedef struct cream_state {
  cream_backend *backend;
  uint64_t step;
  double *seconds; /* the run's clock: seconds it has taken so far; in no snapshot */
  int n;
  cream_state_part parts[CREAM_STATE_MAX];
} cream_state;

/* An absent buffer adds no part. */
void cream_state_add_device(cream_state *, const char *name, cream_buf, size_t count);
/* `kind` is U64 or F64. */
void cream_state_add_host(cream_state *, const char *name, cream_state_kind, void *, size_t count);

/* Bytes of one part, and of all parts without gaps. */
size_t cream_state_part_bytes(const cream_state_part *);
size_t cream_state_bytes(const cream_state *);
/* Copies all parts, in order, to or from memory of cream_state_bytes(). A snapshot fails with CREAM_BAD_DATA,
 * which names the part, where a float is not finite: such a state is not worth a checkpoint. */
cream_status cream_state_snapshot(const cream_state *, void *memory, cream_error *);
cream_status cream_state_restore(const cream_state *, const void *memory, cream_error *);

/* What takes checkpoints of a run. All functions NULL (zeroed): no checkpoints. */
typedef struct cream_checkpointer {
  void *self;
  /* Whether a checkpoint is due after this step; epoch_end: it was the last step of its epoch. */
  bool (*due)(void *self, uint64_t step, bool epoch_end);
  /* Copies the state. A failure stops the run; CREAM_BAD_DATA comes from cream_state_snapshot. */
  cream_status (*save)(void *self, const cream_state *, cream_error *);
  /* Restores the last checkpoint; CREAM_FAILED if there is none. */
  cream_status (*restore)(void *self, const cream_state *, cream_error *);
} cream_checkpointer;

#endif
