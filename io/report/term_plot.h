/* Plots curves in a terminal, with braille patterns or, without Unicode, with letters. */
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

/* What the terminal supports. */
typedef struct cream_term {
  bool unicode, colour;
} cream_term;

/* A drawn plot: a line with the title and the last value of each curve, the rows of the plot with the labels of
 * its y axis, and a line with the labels of the x axis. */
typedef struct cream_term_canvas {
  int width, height;
  unsigned char mask[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH];  /* 2 x 4 dots, as in braille */
  unsigned char curve[CREAM_TERM_MAX_HEIGHT][CREAM_TERM_MAX_WIDTH]; /* number of the curve, from 1; 0: none */
  char head[1 + CREAM_TERM_CURVES][64]; /* the title, then the legend of each curve */
  char foot[CREAM_TERM_MAX_WIDTH + 1];
  char labels[CREAM_TERM_MAX_HEIGHT][16];
} cream_term_canvas;

/* Draws the plot with width x height characters, limited to 24 x 5 at least and the maxima above at most. */
void cream_term_draw(cream_term_canvas *, const cream_term_plot *, int width, int height, const cream_term *);
/* Writes one line of the canvas, padded to its width, without an end of line. */
void cream_term_write_line(FILE *, const cream_term_canvas *, int line, const cream_term *);

#endif
