/* Boards as parts of a run's state (core/net/state.h). */
#ifndef CREAM_CORE_BOARD_STATE_H
#define CREAM_CORE_BOARD_STATE_H

#include "board.h"
#include "core/net/state.h"
#include "core/space/budget.h"

/* All boards of a search as plain values, one board after the other: each field is a part of the state. */
enum { CREAM_BOARD_PLACES = CREAM_MAX_BUDGETS * CREAM_MAX_BOARD };
typedef struct cream_board_image {
  uint64_t count[CREAM_MAX_BUDGETS];
  double score[CREAM_BOARD_PLACES], loss[CREAM_BOARD_PLACES], flops[CREAM_BOARD_PLACES];
  double params[CREAM_BOARD_PLACES];
  uint64_t step[CREAM_BOARD_PLACES], slot[CREAM_BOARD_PLACES];
  uint64_t path[CREAM_BOARD_PLACES][CREAM_MAX_LAYERS], slice[CREAM_BOARD_PLACES][CREAM_MAX_SLICE];
} cream_board_image;

/* Copies a board into place `b` of the image; the other places are unchanged. */
void cream_board_pack(const cream_board *, int b, cream_board_image *);
/* Adds the parts of the first `n` boards to a state. */
void cream_board_image_parts(cream_board_image *, int n, cream_state *);
/* Copies place `b` of the image into a board. Fails with CREAM_BAD_DATA, the board unchanged, where a value
 * is impossible for a board of this network with slices of `slice` out of `heldout` images. */
cream_status cream_board_unpack(cream_board *, int b, const cream_board_image *, const cream_skeleton *,
                                int slice, size_t heldout, cream_error *);

#endif
