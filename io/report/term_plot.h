/* Curves in a terminal, drawn with braille patterns or, where it has none, with letters. */
#ifndef CREAM_IO_TERM_PLOT_H
#define CREAM_IO_TERM_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "io/base/curve.h"

enum { CREAM_TERM_CURVES = 3, CREAM_TERM_MAX_WIDTH = 200, CREAM_TERM_MAX_HEIGHT = 60 };

typedef struct cream_term_plot {
  const char *title; /* with its unit */
  int n;
  struct {
    const char *name;
    const cream_curve *curve;
  } curves[CREAM_TERM_CURVES];
} cream_term_plot;

/* What a terminal can show. */
typedef struct cream_term {
  bool unicode, colour;
} cream_term;

/* A plot as cells: a line of the title and the curves' last values, the plot with its y axis, a line of the x
 * axis. */
typedef struct cream_term_canvas {
  int width, height;
  unsigned char mask[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH];  /* dots of a cell: 2 x 4, as in braille */
  unsigned char curve[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH]; /* whose they are; from 1, 0: none */
  char head[1 + CREAM_TERM_CURVES][64]; /* the title, then what stands for each curve */
  char foot[CREAM_TERM_MAX_WIDTH + 1];
  char labels[CREAM_TERM_MAX_HEIGHT][16];
} cream_term_canvas;

/* Draws into width x height characters, at least 24 x 5; both are cut to what there is room for. */
void cream_term_draw(cream_term_canvas *, const cream_term_plot *, int width, int height, const cream_term *);
/* Writes one line of the canvas, `width` columns wide, without an end of line. */
void cream_term_write_line(FILE *, const cream_term_canvas *, int line, const cream_term *);

#endif
