/* The display of a run on stderr: on a terminal a bar and the board, redrawn in place; in a pipe plain lines, one every
 * few seconds. Colours are used only on a terminal and where NO_COLOR is not set. */
#ifndef CREAM_TOOLS_PROGRESS_H
#define CREAM_TOOLS_PROGRESS_H

#include <stdbool.h>

#include "core/base/event.h"
#include "core/search/board.h"

typedef struct progress {
  bool terminal, colour;
  const cream_skeleton *skeleton; /* names the board's paths; may be NULL */
  double started, shown;          /* progress_now() at the start of the phase and at the last output */
  uint64_t first_step;            /* done before the phase began */
  int lines;                      /* of the live region on the terminal */
  cream_board board;              /* as last seen */
  bool has_board;
  cream_event last; /* the last step; its pointers are not kept */
} progress;

void progress_init(progress *, const cream_skeleton *);
void progress_event(progress *, const cream_event *);
/* Ends the display, so that other text can follow the bar. Further calls do nothing. */
void progress_end(progress *);

/* The board as a table of `board->count` + 1 lines. */
void progress_print_board(FILE *, const cream_board *, const cream_skeleton *);

/* Seconds of a monotonic clock. */
double progress_now(void);

#endif
