/* Plots curves in a terminal, with braille patterns or, without Unicode, with ASCII characters. Every curve has a letter
 * of its own beside its colour: its line without Unicode, marks along its line with it. */
#ifndef CREAM_IO_TERM_PLOT_H
#define CREAM_IO_TERM_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "io/base/curve.h"

enum { CREAM_TERM_CURVES = 8, CREAM_TERM_MAX_WIDTH = 200, CREAM_TERM_MAX_HEIGHT = 60 };
enum { CREAM_TERM_LEAST_WIDTH = 24, CREAM_TERM_LEAST_HEIGHT = 5 };

typedef struct cream_term_plot {
  const char *title; /* with its unit */
  bool no_legend;    /* the curves are named elsewhere */
  int n;
  struct {
    const char *name;
    const cream_curve *curve;
    const cream_curve *raw; /* the values that `curve` smooths, drawn faintly; may be NULL */
  } curves[CREAM_TERM_CURVES];
} cream_term_plot;

/* What the terminal supports. */
typedef struct cream_term {
  bool unicode, colour;
} cream_term;

typedef enum cream_term_cell {
  CREAM_CELL_EMPTY,
  CREAM_CELL_RAW,
  CREAM_CELL_LINE,
  CREAM_CELL_MARK
} cream_term_cell;

/* A drawn plot: a line with the title and the last value of each curve, the rows of the plot with the labels of
 * its y axis, and a line with the labels of the x axis. */
typedef struct cream_term_canvas {
  int width, height;
  unsigned char kind[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH];  /* a cream_term_cell */
  unsigned char mask[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH];  /* 2 x 4 dots, as in braille */
  unsigned char curve[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH]; /* number of the curve */
  char head[1 + CREAM_TERM_CURVES][64]; /* the title, then the legend of each curve */
  char foot[CREAM_TERM_MAX_WIDTH + 1];
  char labels[CREAM_TERM_MAX_HEIGHT][24]; /* "": no tick at this row */
} cream_term_canvas;

/* Draws the plot with width x height characters, limited to the least and largest sizes above. */
void cream_term_draw(cream_term_canvas *, const cream_term_plot *, int width, int height, const cream_term *);
/* Writes one line of the canvas, padded to its width, without an end of line. */
void cream_term_write_line(FILE *, const cream_term_canvas *, int line, const cream_term *);
/* Writes the letter of a curve in its colour. */
void cream_term_write_mark(FILE *, int curve, const cream_term *);

#endif
