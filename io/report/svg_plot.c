#include "svg_plot.h"

#include <math.h>
#include <string.h>

#include "html.h"

enum { WIDTH = 400, HEIGHT = 250, TOP = 22, BOTTOM = 40, RIGHT = 14, CHARACTER = 8, LINE_MARKS = 6 };

/* An axis with its ticks and its position in the drawing. */
typedef struct scale {
  double min, max, from, to; /* values and coordinates of both ends */
  int n_ticks;
  double ticks[CREAM_TICKS];
  char text[CREAM_TICKS][24];
} scale;

cream_plot cream_plot_of(const char *id, const char *title, const char *x, const char *y,
                         const char *caption) {
  return (cream_plot){.id = id,
                      .title = title,
                      .caption = caption,
                      .x = {.label = x, .min = NAN, .max = NAN},
                      .y = {.label = y, .min = NAN, .max = NAN}};
}

cream_plot_series *cream_plot_add(cream_plot *plot, const char *name, cream_series_kind kind,
                                  const cream_point *points, size_t count) {
  if (plot->n_series == CREAM_PLOT_SERIES) plot->n_series--;
  cream_plot_series *series = &plot->series[plot->n_series];
  *series = (cream_plot_series){
      .name = name, .kind = kind, .style = plot->n_series, .points = points, .count = count};
  plot->n_series++;
  return series;
}

/* Whether the point can be drawn. */
static bool seen(const cream_point *point) {
  return isfinite(point->x) && isfinite(point->y);
}

bool cream_plot_empty(const cream_plot *plot) {
  for (int s = 0; s < plot->n_series; s++)
    for (size_t i = 0; i < plot->series[s].count; i++)
      if (seen(&plot->series[s].points[i])) return false;
  return true;
}

/* ---- axes ---------------------------------------------------------------------------------------- */

/* The smallest of 1, 2, 2.5, 5, 10, ... that is at least `step`. */
static double round_step(double step) {
  static const double steps[] = {1, 2, 2.5, 5, 10};
  double power = pow(10, floor(log10(step)));
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (step <= steps[i] * power * (1 + 1e-9)) return steps[i] * power;
  return 10 * power;
}

int cream_ticks(double min, double max, int most, double ticks[CREAM_TICKS], double *step) {
  if (most > CREAM_TICKS) most = CREAM_TICKS;
  double least = fmax(fabs(min), fabs(max)) * 1e-9;
  if (!(max - min > least)) {
    double around = min == 0 ? 1 : fabs(min) / 10;
    min -= around, max += around;
  }
  *step = round_step((max - min) / (most - 1));
  double first = floor(min / *step + 1e-9);
  int count = (int)(ceil(max / *step - 1e-9) - first) + 1;
  while (count > most) {
    *step = round_step(*step * 1.01);
    first = floor(min / *step + 1e-9);
    count = (int)(ceil(max / *step - 1e-9) - first) + 1;
  }
  for (int i = 0; i < count; i++) ticks[i] = (first + i) * *step;
  return count;
}

char *cream_tick_text(double value, double step, double largest, char *text, size_t size) {
  static const struct {
    double least, unit;
    const char *suffix;
  } units[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {1e-3, 1, ""}};
  if (fabs(value) < step / 2) value = 0;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (fabs(largest) < units[i].least) continue;
    double scaled = step / units[i].unit;
    int digits = 0;
    while (digits < 6 && fabs(scaled * pow(10, digits) - round(scaled * pow(10, digits))) > 1e-6) digits++;
    snprintf(text, size, "%.*f%s", digits, value / units[i].unit, value == 0 ? "" : units[i].suffix);
    return text;
  }
  snprintf(text, size, "%.3g", value);
  return text;
}

static void widen(double *min, double *max, double value) {
  if (!isfinite(value)) return;
  *min = fmin(*min, value);
  *max = fmax(*max, value);
}

/* The range of the data, or that of the axis. Bars begin at 0. */
static void extent(const cream_plot *plot, bool y, double *min, double *max) {
  const cream_axis *axis = y ? &plot->y : &plot->x;
  *min = INFINITY, *max = -INFINITY;
  for (int s = 0; s < plot->n_series; s++) {
    const cream_plot_series *series = &plot->series[s];
    for (size_t i = 0; i < series->count; i++) {
      const cream_point *point = &series->points[i];
      if (!seen(point)) continue;
      widen(min, max, y ? point->y : point->x);
      bool bars = series->kind == CREAM_SERIES_BARS;
      if (y && bars) widen(min, max, 0);
      if (bars ? !y : y && series->band) {
        widen(min, max, point->low);
        widen(min, max, point->high);
      }
    }
  }
  if (isfinite(axis->min)) *min = axis->min;
  if (isfinite(axis->max)) *max = axis->max;
  if (!(*min <= *max)) *min = 0, *max = 1;
}

static void set_ticks(scale *axis, double min, double max, int most) {
  double step;
  axis->n_ticks = cream_ticks(min, max, most, axis->ticks, &step);
  axis->min = axis->ticks[0];
  axis->max = axis->ticks[axis->n_ticks - 1];
  double largest = fmax(fabs(axis->min), fabs(axis->max));
  for (int i = 0; i < axis->n_ticks; i++)
    cream_tick_text(axis->ticks[i], step, largest, axis->text[i], sizeof axis->text[i]);
}

/* Rounds only the lower end outwards; the upper end is that of the data, plus a margin. */
static void set_ticks_within(scale *axis, double min, double max, int most) {
  set_ticks(axis, min, max, most);
  double room = (max - axis->min) * 0.02;
  if (!(room > 0)) return;
  while (axis->n_ticks > 2 && axis->ticks[axis->n_ticks - 1] > max + room) axis->n_ticks--;
  axis->max = fmax(max + room / 2, axis->ticks[axis->n_ticks - 1]);
}

static double widest(const scale *axis) {
  size_t most = 0;
  for (int i = 0; i < axis->n_ticks; i++) {
    size_t length = strlen(axis->text[i]);
    if (length > most) most = length;
  }
  return (double)most * CHARACTER;
}

static double place(const scale *axis, double value) {
  double at = axis->from + (value - axis->min) / (axis->max - axis->min) * (axis->to - axis->from);
  return fmin(fmax(at, -10000), 10000);
}

static void make_scales(const cream_plot *plot, scale *x, scale *y) {
  double min, max;
  extent(plot, true, &min, &max);
  set_ticks(y, min, max, 6);
  y->from = HEIGHT - BOTTOM, y->to = TOP;
  x->from = widest(y) + 10;
  extent(plot, false, &min, &max);
  int most = 8;
  do {
    set_ticks_within(x, min, max, most);
    x->to = WIDTH - fmax(RIGHT, CHARACTER * (double)strlen(x->text[x->n_ticks - 1]) / 2 + 2);
  } while ((widest(x) + 12) * x->n_ticks > x->to - x->from && --most > 2);
}

static void write_axes(FILE *out, const cream_plot *plot, const scale *x, const scale *y) {
  fputs("<g class=\"grid\">", out);
  for (int i = 0; i < y->n_ticks; i++)
    fprintf(out, "<path d=\"M%.1f %.1fH%.1f\"/>", x->from, place(y, y->ticks[i]), x->to);
  for (int i = 0; i < x->n_ticks; i++)
    fprintf(out, "<path d=\"M%.1f %.1fv4\"/>", place(x, x->ticks[i]), y->from);
  fputs("</g>\n<g class=\"tick\">", out);
  for (int i = 0; i < y->n_ticks; i++)
    cream_html(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>", x->from - 5,
               place(y, y->ticks[i]) + 4, y->text[i]);
  for (int i = 0; i < x->n_ticks; i++)
    cream_html(out, "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%s</text>", place(x, x->ticks[i]),
               y->from + 17, x->text[i]);
  cream_html(out, "</g>\n<text class=\"axis\" x=\"2\" y=\"11\">%s</text>", plot->y.label);
  cream_html(out, "<text class=\"axis end\" x=\"%.1f\" y=\"%d\">%s</text>\n", x->to, HEIGHT - 6,
             plot->x.label);
}

/* ---- series -------------------------------------------------------------------------------------- */

static void write_band(FILE *out, const cream_plot_series *series, const scale *x, const scale *y) {
  const char *command = "M";
  fputs("<path class=\"band\" d=\"", out);
  for (size_t i = 0; i < series->count; i++) {
    if (!seen(&series->points[i])) continue;
    fprintf(out, "%s%.1f %.1f", command, place(x, series->points[i].x), place(y, series->points[i].high));
    command = "L";
  }
  for (size_t i = series->count; i-- > 0;)
    if (seen(&series->points[i]))
      fprintf(out, "L%.1f %.1f", place(x, series->points[i].x), place(y, series->points[i].low));
  fputs("\"/>", out);
}

static void write_line(FILE *out, const cream_plot_series *series, const scale *x, const scale *y) {
  bool pen = false;
  fprintf(out, "<path class=\"line\" stroke-dasharray=\"%s\" d=\"", cream_figure_dash(series->style));
  for (size_t i = 0; i < series->count; i++) {
    const cream_point *point = &series->points[i];
    if (!seen(point)) {
      pen = false;
      continue;
    }
    double px = place(x, point->x), py = place(y, point->y);
    if (pen && series->kind == CREAM_SERIES_STEPS)
      fprintf(out, "H%.1fV%.1f", px, py);
    else
      fprintf(out, "%s%.1f %.1f", pen ? "L" : "M", px, py);
    pen = true;
  }
  fputs("\"/>", out);
  if (series->faint) return;
  /* A few marks, so that lines differ not only in colour. */
  for (int m = 0; m < LINE_MARKS; m++) {
    size_t i = series->count * (2 * (size_t)m + 1) / (2 * LINE_MARKS);
    if (i < series->count && seen(&series->points[i]))
      cream_figure_mark(out, series->style, place(x, series->points[i].x), place(y, series->points[i].y));
  }
}

static void write_dots(FILE *out, const cream_plot_series *series, const scale *x, const scale *y) {
  for (size_t i = 0; i < series->count; i++) {
    if (!seen(&series->points[i])) continue;
    double px = place(x, series->points[i].x), py = place(y, series->points[i].y);
    if (series->labels && series->labels[i]) {
      cream_html(out, "<g><title>%s</title>", series->labels[i]);
      cream_figure_mark(out, series->style, px, py);
      fputs("</g>", out);
    } else if (series->faint) {
      fprintf(out, "<path class=\"dot\" d=\"M%.1f %.1fh0\"/>", px, py);
    } else {
      cream_figure_mark(out, series->style, px, py);
    }
  }
}

static void write_bars(FILE *out, const cream_plot_series *series, const scale *x, const scale *y) {
  for (size_t i = 0; i < series->count; i++) {
    const cream_point *point = &series->points[i];
    if (!seen(point)) continue;
    double left = place(x, point->low), right = place(x, point->high), top = place(y, point->y);
    fprintf(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", left, top,
            fmax(right - left - 1, 0.5), fmax(y->from - top, 0));
  }
}

static void write_series(FILE *out, const cream_plot_series *series, const scale *x, const scale *y) {
  fprintf(out, "<g class=\"s%d%s\">", series->style % CREAM_FIGURE_STYLES, series->faint ? " faint" : "");
  switch (series->kind) {
  case CREAM_SERIES_LINE:
  case CREAM_SERIES_STEPS:
    if (series->band) write_band(out, series, x, y);
    write_line(out, series, x, y);
    break;
  case CREAM_SERIES_DOTS:
    write_dots(out, series, x, y);
    break;
  case CREAM_SERIES_BARS:
    write_bars(out, series, x, y);
    break;
  }
  fputs("</g>\n", out);
}

/* The sample of a series in the legend, 30 x 12 units. */
static void write_sample(FILE *out, const cream_plot_series *series) {
  switch (series->kind) {
  case CREAM_SERIES_LINE:
  case CREAM_SERIES_STEPS:
    fprintf(out, "<path class=\"line\" stroke-dasharray=\"%s\" d=\"M1 6h28\"/>",
            cream_figure_dash(series->style));
    if (!series->faint) cream_figure_mark(out, series->style, 15, 6);
    break;
  case CREAM_SERIES_DOTS:
    if (series->faint)
      fputs("<path class=\"dot\" d=\"M10 6h0M15 4h0M20 8h0\"/>", out);
    else
      cream_figure_mark(out, series->style, 15, 6);
    break;
  case CREAM_SERIES_BARS:
    fputs("<rect class=\"bar\" x=\"9\" y=\"1\" width=\"12\" height=\"10\"/>", out);
    break;
  }
}

static void write_legend(FILE *out, const cream_plot *plot) {
  fputs("<ul class=\"legend\">", out);
  for (int s = 0; s < plot->n_series; s++) {
    const cream_plot_series *series = &plot->series[s];
    fprintf(out, "<li><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\"><g class=\"s%d%s\">",
            series->style % CREAM_FIGURE_STYLES, series->faint ? " faint" : "");
    write_sample(out, series);
    cream_html(out, "</g></svg>%s</li>", series->name);
  }
  fputs("</ul>\n", out);
}

/* ---- numbers ------------------------------------------------------------------------------------- */

static void put_cell(FILE *out, double value) {
  if (isfinite(value))
    fprintf(out, "<td>%.6g</td>", value);
  else
    fputs("<td>-</td>", out);
}

/* A row for each point; of more than `most`, evenly spaced ones with the first and the last. */
static void write_rows(FILE *out, const cream_plot_series *series, size_t most, bool spread, bool labels) {
  size_t count = series->count < most ? series->count : most;
  for (size_t row = 0; row < count; row++) {
    size_t i = count > 1 ? row * (series->count - 1) / (count - 1) : series->count - 1;
    const cream_point *point = &series->points[i];
    cream_html(out, "<tr><td>%s</td>", series->name);
    put_cell(out, point->x);
    put_cell(out, point->y);
    bool has = series->band || series->kind == CREAM_SERIES_BARS;
    if (spread) put_cell(out, has ? point->low : NAN);
    if (spread) put_cell(out, has ? point->high : NAN);
    if (labels) cream_html(out, "<td>%s</td>", series->labels && series->labels[i] ? series->labels[i] : "");
    fputs("</tr>\n", out);
  }
}

static void write_table(FILE *out, const cream_plot *plot) {
  bool spread = false, labels = false, thinned = false;
  size_t most = (size_t)(CREAM_PLOT_ROWS / (plot->n_series ? plot->n_series : 1));
  for (int s = 0; s < plot->n_series; s++) {
    spread |= plot->series[s].band || plot->series[s].kind == CREAM_SERIES_BARS;
    labels |= plot->series[s].labels != NULL;
    thinned |= plot->series[s].count > most;
  }
  const char *headings[7] = {"series", plot->x.label, plot->y.label};
  int n = 3;
  if (spread) headings[n++] = "from", headings[n++] = "to";
  if (labels) headings[n++] = "label";
  cream_figure_table_begin(out, headings);
  for (int s = 0; s < plot->n_series; s++) write_rows(out, &plot->series[s], most, spread, labels);
  cream_figure_table_end(out, thinned ? "Not all points are listed; the rows are evenly spaced." : NULL);
}

static void summarise(const cream_plot *plot, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "%s against %s.", plot->y.label, plot->x.label);
  for (int s = 0; s < plot->n_series && used < size; s++) {
    const cream_plot_series *series = &plot->series[s];
    double min = INFINITY, max = -INFINITY, last = NAN;
    for (size_t i = 0; i < series->count; i++) {
      if (!seen(&series->points[i])) continue;
      last = series->points[i].y;
      widen(&min, &max, last);
    }
    if (isfinite(last))
      used += (size_t)snprintf(text + used, size - used,
                               " %.60s: %zu points from %.4g to %.4g, the last is %.4g.", series->name,
                               series->count, min, max, last);
  }
}

void cream_plot_write(FILE *out, const cream_plot *plot) {
  char summary[4096];
  summarise(plot, summary, sizeof summary);
  const cream_figure figure = {plot->id, plot->title, plot->caption, WIDTH, HEIGHT};
  scale x, y;
  make_scales(plot, &x, &y);
  cream_figure_begin(out, &figure, summary);
  write_axes(out, plot, &x, &y);
  for (int faint = 1; faint >= 0; faint--)
    for (int s = 0; s < plot->n_series; s++)
      if (plot->series[s].faint == (bool)faint) write_series(out, &plot->series[s], &x, &y);
  cream_figure_end_drawing(out);
  write_legend(out, plot);
  write_table(out, plot);
  cream_figure_end(out, &figure);
}
