/* The frame around every picture of a report: a <figure> with a heading, an SVG that says what it shows, a
 * caption that says how to read it, and its numbers as a table. */
#ifndef CREAM_IO_FIGURE_H
#define CREAM_IO_FIGURE_H

#include <stdio.h>

/* Series are told apart by colour (CSS class s0 ... s7), dash and mark. */
enum { CREAM_FIGURE_STYLES = 8 };

typedef struct cream_figure {
  const char *id; /* unique in the document */
  const char *title;
  const char *caption;
  double width, height; /* of the drawing, in units: text of class "tick" is about 6 units a character */
} cream_figure;

/* In this order: begin, the drawing, end_drawing, what may stand below it, end. `summary`: what the drawing
 * shows, for those who cannot see it. */
void cream_figure_begin(FILE *, const cream_figure *, const char *summary);
void cream_figure_end_drawing(FILE *);
void cream_figure_end(FILE *, const cream_figure *);

/* The mark of a style around a point. */
void cream_figure_mark(FILE *, int style, double x, double y);
/* stroke-dasharray of a style. */
const char *cream_figure_dash(int style);

/* Below the drawing, in this order: begin with NULL-ended headings, rows of cells, end. `note` (NULL: none)
 * says what the table leaves out. */
void cream_figure_table_begin(FILE *, const char *const *headings);
void cream_figure_table_end(FILE *, const char *note);

#endif
