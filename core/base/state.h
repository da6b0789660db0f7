/* Everything that a run would need to go on from where it is, as a list of named parts, so that a file can
 * hold it without knowing what it is. Random numbers have no state (rng.h), and a batch is a function of
 * epoch and step (data.h): the step counter stands for both. */
#ifndef CREAM_CORE_STATE_H
#define CREAM_CORE_STATE_H

#include "core/backend.h"
#include "core/net/net.h"
#include "core/search/board.h"
#include "core/space/budget.h"

typedef enum cream_state_kind {
  CREAM_STATE_F32, /* floats in device memory */
  CREAM_STATE_U64, /* plain values of the host, at `host` */
  CREAM_STATE_F64,
} cream_state_kind;

typedef struct cream_state_part {
  const char *name; /* "weights", "optimiser.m", "board.score"; a literal */
  cream_state_kind kind;
  size_t count;
  cream_buf device;
  void *host;
} cream_state_part;

enum { CREAM_STATE_MAX = 32 };

/* The parts lie where the run keeps them: valid while it lives and does not go on. */
typedef struct cream_state {
  cream_backend *backend;
  uint64_t step;
  double *seconds; /* that the run has taken so far, where it keeps them; they are in no snapshot */
  int n;
  cream_state_part parts[CREAM_STATE_MAX];
} cream_state;

void cream_state_add_device(cream_state *, const char *name, cream_buf, size_t count); /* absent: left out */
void cream_state_add_host(cream_state *, const char *name, cream_state_kind, void *, size_t count);

/* Bytes of a part, and of all parts without gaps. */
size_t cream_state_part_bytes(const cream_state_part *);
size_t cream_state_bytes(const cream_state *);
/* Copies all parts to or from memory of cream_state_bytes(), in their order. A snapshot with a float that is
 * no finite number fails (CREAM_BAD_DATA) and names its part: no such state is worth keeping. */
cream_status cream_state_snapshot(const cream_state *, void *memory, cream_error *);
cream_status cream_state_restore(const cream_state *, const void *memory, cream_error *);

/* Tells networks apart by the names and shapes of their parameters and the resolution. */
uint64_t cream_state_fingerprint(const cream_net *);

/* Boards as plain values, one after the other: a part for each field. */
enum { CREAM_BOARD_PLACES = CREAM_MAX_BUDGETS * CREAM_MAX_BOARD };
typedef struct cream_board_image {
  uint64_t count[CREAM_MAX_BUDGETS];
  double score[CREAM_BOARD_PLACES], loss[CREAM_BOARD_PLACES], flops[CREAM_BOARD_PLACES];
  double params[CREAM_BOARD_PLACES];
  uint64_t step[CREAM_BOARD_PLACES], slot[CREAM_BOARD_PLACES];
  uint64_t path[CREAM_BOARD_PLACES][CREAM_MAX_LAYERS], slice[CREAM_BOARD_PLACES][CREAM_MAX_SLICE];
} cream_board_image;

/* Board `b` of those that the image holds; the others of it are left alone. */
void cream_board_pack(const cream_board *, int b, cream_board_image *);
/* Of the first `n` boards. */
void cream_board_image_parts(cream_board_image *, int n, cream_state *);
/* Fails with CREAM_BAD_DATA, and a board as it was, where a value is none that a board of this network, with
 * slices of `slice` out of `heldout` images, can have. */
cream_status cream_board_unpack(cream_board *, int b, const cream_board_image *, const cream_skeleton *,
                                int slice, size_t heldout, cream_error *);

/* Saves and restores checkpoints of a run. Functions may be NULL: without them (a zeroed one) nothing is saved. */
typedef struct cream_checkpointer {
  void *self;
  /* Whether to save after this step; asked after every whole step. epoch_end: it was the last of its epoch. */
  bool (*due)(void *self, uint64_t step, bool epoch_end);
  /* Takes a copy. A failing status stops the run; CREAM_BAD_DATA is that of cream_state_snapshot. */
  cream_status (*save)(void *self, const cream_state *, cream_error *);
  /* Restores the last state that was saved; CREAM_FAILED if there is none. */
  cream_status (*restore)(void *self, const cream_state *, cream_error *);
} cream_checkpointer;

#endif
