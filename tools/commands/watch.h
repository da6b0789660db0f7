/* The frames of cream watch. Internal to tools/commands/watch*.c. */
#ifndef CREAM_TOOLS_WATCH_H
#define CREAM_TOOLS_WATCH_H

#include <stdio.h>

#include "io/report/term_plot.h"
#include "io/run/metrics_read.h"
#include "io/run/study_follow.h"
#include "tools/cli/terminal.h"

typedef struct watch_view {
  terminal screen;
  cream_term term;
  double smooth; /* weight of the moving average; 0: raw values only */
} watch_view;

/* Plots with room for smoothed curves. */
enum { WATCH_PLOTS = 4 };
typedef struct watch_plots {
  int n;
  cream_term_plot plots[WATCH_PLOTS];
  cream_curve smooth[WATCH_PLOTS][CREAM_TERM_CURVES];
  cream_term_canvas canvases[WATCH_PLOTS];
} watch_plots;

/* Begins the next plot. */
void watch_plot(watch_plots *, const char *title, bool legend);
/* Adds a curve to the last plot, up to CREAM_TERM_CURVES. smooth: the weight; the raw values are drawn too where `raw`. */
void watch_curve(watch_plots *, const char *name, const cream_curve *, double smooth, bool raw);
/* Writes the plots into `lines` lines, as many as fit. */
void watch_put_plots(FILE *, watch_plots *, const watch_view *, int lines);

/* Writes "DIR  STATE": the folder is cut first. */
void watch_put_title(FILE *, const char *dir, const char *state, const watch_view *);
/* Both write at most `lines` lines, none wider than the screen. */
void watch_put_run(FILE *, const char *dir, const cream_metrics *, const watch_view *, int lines);
void watch_put_study(FILE *, const cream_follow *, const watch_view *, int lines);

#endif
