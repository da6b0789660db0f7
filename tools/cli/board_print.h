/* Prints a board as a table. */
#ifndef CREAM_TOOLS_BOARD_PRINT_H
#define CREAM_TOOLS_BOARD_PRINT_H

#include <stdio.h>

#include "core/search/board.h"
#include "terminal.h"

typedef struct board_view {
  const cream_board *board;
  const cream_skeleton *skeleton; /* names the paths; may be NULL */
  const char *budget;             /* of the board; NULL or "": there is only one */
  int chosen;                     /* index of the row that is marked by ">" and by colour; -1: none */
  int rows;                       /* at most; fewer than 1: all */
} board_view;

/* A line of titles, and one for each entry. On a terminal each line fits its width: the less important columns are left
 * out, and paths are cut. Elsewhere the lines are whole and nothing is marked. */
void board_print(FILE *, const board_view *, const terminal *);

#endif
