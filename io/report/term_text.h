/* Text for terminals: how wide it is, cut to a width, lines and tables of which the important parts fit. Text is UTF-8.
 * Control characters and bytes that are not UTF-8 are replaced by "?". */
#ifndef CREAM_IO_TERM_TEXT_H
#define CREAM_IO_TERM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Columns that a text takes. */
int cream_term_width(const char *text);

/* Copies `text`, which takes at most `columns` columns afterwards; a text that was cut ends in "…", without Unicode in
 * "...". Returns the columns taken. A copy that does not fit into `size` bytes is cut too. */
int cream_term_cut(const char *text, int columns, bool unicode, char *out, size_t size);

typedef struct cream_term_field {
  int rank; /* 0: most important; of equal ones the later is dropped first */
  char text[64];
} cream_term_field;

/* Joins the fields that are not empty with two spaces. Fields are dropped, the least important first, until the rest fits
 * into `columns`; the last one is cut. Changes the dropped fields to "". Returns the columns taken. */
int cream_term_join(cream_term_field *, int n, int columns, bool unicode, char *out, size_t size);

/* "[####....]": `columns` wide, at least 3; share: from 0 to 1. Returns `out` (at least columns + 1 bytes). */
char *cream_term_bar(double share, int columns, char *out);

/* A column of a table. */
typedef struct cream_term_column {
  int width; /* with the space around it */
  int rank;  /* as of a field; a negative one is always shown */
} cream_term_column;

/* Bits of the columns that fit into `columns` together with `rest` columns for a text after them. */
unsigned cream_term_fit(const cream_term_column *, int n, int columns, int rest);

#endif
