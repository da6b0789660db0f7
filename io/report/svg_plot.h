/* Plots as SVG: lines, steps, dots and bars on two axes, and grids of shares, each with a table of its numbers. */
#ifndef CREAM_IO_SVG_PLOT_H
#define CREAM_IO_SVG_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "figure.h"
#include "io/base/curve.h"

enum { CREAM_PLOT_SERIES = 24, CREAM_TICKS = 16, CREAM_PLOT_ROWS = 240 };

typedef enum cream_series_kind {
  CREAM_SERIES_LINE,  /* connects the points; with `band`, over an area from low to high */
  CREAM_SERIES_STEPS, /* each value holds until the next point */
  CREAM_SERIES_DOTS,
  CREAM_SERIES_BARS,
} cream_series_kind;

typedef struct cream_plot_series {
  const char *name;
  cream_series_kind kind;
  int style; /* colour, dash and mark */
  bool band;
  bool faint;                /* drawn behind the others, with thin lines or small dots */
  const cream_point *points; /* x or y NaN: a gap; low, high: for `band`, and the edges of BARS */
  size_t count;
  const char *const *labels; /* [count] of DOTS: tooltips, also in the table; or NULL */
} cream_plot_series;

typedef struct cream_axis {
  const char *label; /* with its unit: "top-1 (%)" */
  double min, max;   /* NaN: that of the data, rounded outwards */
} cream_axis;

typedef struct cream_plot {
  const char *id, *title, *caption;
  cream_axis x, y;
  int n_series;
  cream_plot_series series[CREAM_PLOT_SERIES];
} cream_plot;

/* A plot without series. The texts must stay valid until the plot is written. */
cream_plot cream_plot_of(const char *id, const char *title, const char *x, const char *y,
                         const char *caption);
/* Adds a series of the next style and returns it, so that its fields can be changed. In a full plot it replaces
 * the last series. The name and the points must stay valid until the plot is written. */
cream_plot_series *cream_plot_add(cream_plot *, const char *name, cream_series_kind, const cream_point *,
                                  size_t count);
/* Whether no series has a finite point. */
bool cream_plot_empty(const cream_plot *);
void cream_plot_write(FILE *, const cream_plot *);

/* A grid of shares, with a legend of its colours. Long names are cut in the drawing, and whole in its table. */
typedef struct cream_heat {
  const char *id, *title, *caption;
  const char *x, *y; /* headings of columns and rows */
  int rows, columns;
  const double *values;            /* [rows][columns], 0 to 1; NaN: the cell is empty */
  const char *const *row_names;    /* [rows] */
  const char *const *column_names; /* [columns] */
} cream_heat;

void cream_heat_write(FILE *, const cream_heat *);

/* Sets at most `most` (2 or more) round ticks at equal distances that enclose the range from `min` to `max`.
 * Returns their number; *step: their distance. */
int cream_ticks(double min, double max, int most, double ticks[CREAM_TICKS], double *step);
/* A short text of a tick: "0.25", "20k". largest: the largest absolute value of all ticks. Returns `text`. */
char *cream_tick_text(double value, double step, double largest, char *text, size_t size);

#endif
