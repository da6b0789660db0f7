/* The display of a run on stderr: on a terminal the board, a bar and the numbers of the last step, redrawn in place and
 * never wider or higher than the window; in a pipe plain lines, one every few seconds. */
#ifndef CREAM_TOOLS_PROGRESS_H
#define CREAM_TOOLS_PROGRESS_H

#include <stdbool.h>

#include "core/base/event.h"
#include "core/search/board.h"
#include "terminal.h"

enum { PROGRESS_LINES = CREAM_MAX_BOARD + 3 };

typedef struct progress {
  terminal terminal;
  const cream_skeleton *skeleton; /* names the board's paths; may be NULL */
  double started, shown;          /* progress_now() at the start of the phase and at the last output */
  uint64_t first_step;            /* done before the phase began */
  int lines;                      /* of the live region on the terminal */
  int widths[PROGRESS_LINES];     /* columns of each */
  int drawn_columns;              /* of the window when they were drawn */
  cream_board board;              /* as last seen */
  bool has_board;
  char budget[64];  /* of the board */
  cream_event last; /* the last step; its pointers are not kept */
} progress;

void progress_init(progress *, const cream_skeleton *);
void progress_event(progress *, const cream_event *);
/* Ends the display, so that other text can follow the bar. Further calls do nothing. */
void progress_end(progress *);

/* Seconds of a monotonic clock. */
double progress_now(void);

#endif
