#include <string.h>

#include "io/report/term_text.h"
#include "watch.h"

enum { TWO_COLUMNS = 72, GAP = 2 };

void watch_plot(watch_plots *all, const char *title, bool legend) {
  all->plots[all->n++] = (cream_term_plot){.title = title, .no_legend = !legend};
}

void watch_curve(watch_plots *all, const char *name, const cream_curve *curve, double smooth, bool raw) {
  cream_term_plot *plot = &all->plots[all->n - 1];
  if (plot->n == CREAM_TERM_CURVES) return;
  cream_curve *smoothed = &all->smooth[all->n - 1][plot->n];
  plot->curves[plot->n].name = name;
  plot->curves[plot->n].curve = smooth > 0 ? smoothed : curve;
  plot->curves[plot->n].raw = smooth > 0 && raw ? curve : NULL;
  if (smooth > 0) cream_curve_smooth(curve, smooth, smoothed);
  plot->n++;
}

void watch_put_plots(FILE *out, watch_plots *all, const watch_view *view, int lines) {
  int columns = view->screen.columns, across = columns >= TWO_COLUMNS ? 2 : 1;
  int down = (all->n + across - 1) / across;
  while (down > 1 && lines / down < CREAM_TERM_LEAST_HEIGHT) down--;
  int wide = (columns - (across > 1 ? GAP : 0)) / across, high = lines / down;
  if (high < CREAM_TERM_LEAST_HEIGHT || wide < CREAM_TERM_LEAST_WIDTH) return;
  for (int p = 0; p < all->n; p++)
    cream_term_draw(&all->canvases[p], &all->plots[p], wide, high, &view->term);
  for (int row = 0; row < down; row++)
    for (int line = 0; line < all->canvases[0].height; line++) {
      for (int column = 0; column < across && row * across + column < all->n; column++) {
        if (column) fprintf(out, "%*s", GAP, "");
        cream_term_write_line(out, &all->canvases[row * across + column], line, &view->term);
      }
      fputc('\n', out);
    }
}

void watch_put_title(FILE *out, const char *dir, const char *state, const watch_view *view) {
  char name[2048], rest[512];
  int columns = view->screen.columns, room = columns - 2 - cream_term_width(state);
  int width = cream_term_cut(dir, room < 8 ? 8 : room, view->term.unicode, name, sizeof name);
  cream_term_cut(state, columns - width - 2, view->term.unicode, rest, sizeof rest);
  fprintf(out, "%s  %s\n", name, rest);
}
