/* Plots as SVG: lines, steps, dots and bars on two axes, with a legend and their numbers. */
#ifndef CREAM_IO_SVG_PLOT_H
#define CREAM_IO_SVG_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "io/base/curve.h"
#include "figure.h"

enum { CREAM_PLOT_SERIES = 24, CREAM_TICKS = 16, CREAM_PLOT_ROWS = 240 };

typedef enum cream_series_kind {
  CREAM_SERIES_LINE,  /* through the points; with `band`, low to high behind it */
  CREAM_SERIES_STEPS, /* each value holds until the next point */
  CREAM_SERIES_DOTS,
  CREAM_SERIES_BARS,
} cream_series_kind;

typedef struct cream_plot_series {
  const char *name;
  cream_series_kind kind;
  int style; /* colour, dash and mark */
  bool band;
  bool faint;                /* behind the others, thin or small */
  const cream_point *points; /* x or y no number: a gap; low and high with `band`, and the edges of BARS */
  size_t count;
  const char *const *labels; /* [count] of DOTS, shown where the pointer rests, and in the table; or NULL */
} cream_plot_series;

typedef struct cream_axis {
  const char *label; /* with its unit: "top-1 (%)" */
  double min, max;   /* no number: those of the data, rounded outwards */
} cream_axis;

typedef struct cream_plot {
  const char *id, *title, *caption;
  cream_axis x, y;
  int n_series;
  cream_plot_series series[CREAM_PLOT_SERIES];
} cream_plot;

/* A plot without series. All text is used until it is written. */
cream_plot cream_plot_of(const char *id, const char *title, const char *x, const char *y,
                         const char *caption);
/* Adds a series of the next style; returns it, to be changed. With all places taken, the last is used
 * again. */
cream_plot_series *cream_plot_add(cream_plot *, const char *name, cream_series_kind, const cream_point *,
                                  size_t count);
/* Whether there is anything to see. */
bool cream_plot_empty(const cream_plot *);
void cream_plot_write(FILE *, const cream_plot *);

/* A grid of shares: rows of layers, columns of choices. */
typedef struct cream_heat {
  const char *id, *title, *caption;
  const char *x, *y; /* what columns and rows are */
  int rows, columns;
  const double *values;            /* [rows][columns], 0 to 1; no number: there is no such choice */
  const char *const *row_names;    /* [rows] */
  const char *const *column_names; /* [columns] */
} cream_heat;

void cream_heat_write(FILE *, const cream_heat *);

/* At most `most` (2 or more) round values from `min` to `max`, their outermost not inside them: ticks of an
 * axis that goes from the first to the last. Returns how many; *step is their distance. */
int cream_ticks(double min, double max, int most, double ticks[CREAM_TICKS], double *step);
/* A tick as short text: "0.25", "20k". largest: the largest of the ticks by size. Returns `text`. */
char *cream_tick_text(double value, double step, double largest, char *text, size_t size);

#endif
