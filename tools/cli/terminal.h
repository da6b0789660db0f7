/* The terminal that an output may be. */
#ifndef CREAM_TOOLS_TERMINAL_H
#define CREAM_TOOLS_TERMINAL_H

#include <stdbool.h>

typedef struct terminal {
  int fd;
  bool is;      /* the output is a terminal */
  bool moves;   /* and its cursor can be moved */
  bool colour;  /* and NO_COLOR is not set */
  bool unicode; /* the locale is UTF-8, and the terminal can show it; also known of other outputs */
  int columns, lines;
} terminal;

/* Also measures it. */
terminal terminal_of(int fd);
/* Sets `columns` and `lines`: COLUMNS and LINES where they are set, else the size of the terminal, else 80 x 24. To be
 * called before each output that depends on them, as a window can be resized at any time. */
void terminal_measure(terminal *);

#endif
