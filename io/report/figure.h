/* The frame of every drawing in a report: a <figure> with a heading, the drawing as SVG with a description for
 * screen readers, a caption that explains it, and a table of its numbers. */
#ifndef CREAM_IO_FIGURE_H
#define CREAM_IO_FIGURE_H

#include <stdbool.h>
#include <stdio.h>

/* Series differ in colour (CSS classes s0 ... s7), dash and mark. */
enum { CREAM_FIGURE_STYLES = 8 };

typedef struct cream_figure {
  const char *id; /* unique in the document */
  const char *title;
  const char *caption;
  double width, height; /* of the drawing, in SVG units; a character of class "tick" is about 6 wide */
} cream_figure;

/* Called in this order: begin, the drawing, end_drawing, a legend and a table, end. summary: describes the
 * drawing in words. */
void cream_figure_begin(FILE *, const cream_figure *, const char *summary);
void cream_figure_end_drawing(FILE *);
void cream_figure_end(FILE *, const cream_figure *);

/* Draws the mark of a style at a point. */
void cream_figure_mark(FILE *, int style, double x, double y);
/* The stroke-dasharray of a style. */
const char *cream_figure_dash(int style);

/* What is between these scrolls where it is wider than the page, by the keyboard too, and shows at its edges that it
 * is cut. Every table is within a pair. label: what screen readers call it; tall: its height is limited too. */
void cream_scroll_begin(FILE *, const char *label, bool tall);
void cream_scroll_end(FILE *);

/* Called in this order: begin (headings end with NULL), rows as <tr> elements, end. note: what the table leaves
 * out; NULL: nothing. */
void cream_figure_table_begin(FILE *, const char *const *headings);
void cream_figure_table_end(FILE *, const char *note);

#endif
