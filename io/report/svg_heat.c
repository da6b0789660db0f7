#include <math.h>
#include <string.h>

#include "html.h"
#include "svg_plot.h"

enum { WIDTH = 400, TOP = 34, ROW = 20, CHARACTER = 8, LEAST_CELL = 34 };

/* The largest number of bytes of a name. */
static double longest(const char *const *names, int count) {
  size_t most = 0;
  for (int i = 0; i < count; i++)
    if (strlen(names[i]) > most) most = strlen(names[i]);
  return (double)most;
}

static void write_cell(FILE *out, const cream_heat *heat, int row, int column, double x, double y,
                       double width) {
  double share = heat->values[row * heat->columns + column];
  if (!isfinite(share)) return;
  cream_html(out,
             "<g><title>%s, %s: %.1f %%</title><rect class=\"heat\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
             "height=\"%d\" fill-opacity=\"%.3f\"/>",
             heat->row_names[row], heat->column_names[column], 100 * share, x, y, width - 1, ROW - 1,
             0.04 + 0.72 * share);
  if (width >= LEAST_CELL)
    fprintf(out, "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%.0f</text>", x + (width - 1) / 2, y + 14,
            100 * share);
  fputs("</g>", out);
}

static void write_names(FILE *out, const cream_heat *heat, double left, double width) {
  cream_html(out, "<text class=\"axis\" x=\"2\" y=\"12\">%s</text>", heat->y);
  cream_html(out, "<text class=\"axis\" x=\"%.1f\" y=\"12\">%s</text>\n<g class=\"tick\">", left, heat->x);
  /* If columns are too narrow for their names, only every n-th is named. */
  int every = (int)ceil((longest(heat->column_names, heat->columns) + 1) * CHARACTER / width);
  for (int c = 0; c < heat->columns; c += every)
    cream_html(out, "<text class=\"%s\" x=\"%.1f\" y=\"28\">%s</text>", every > 1 ? "start" : "mid",
               left + c * width + (every > 1 ? 0 : width / 2), heat->column_names[c]);
  for (int r = 0; r < heat->rows; r++)
    cream_html(out, "<text class=\"end\" x=\"%.1f\" y=\"%d\">%s</text>", left - 5, TOP + r * ROW + 14,
               heat->row_names[r]);
  fputs("</g>\n", out);
}

static void write_numbers(FILE *out, const cream_heat *heat) {
  static const char *const headings[] = {"layer", "choice", "share (%)", NULL};
  cream_figure_table_begin(out, headings);
  int rows = 0;
  for (int r = 0; r < heat->rows; r++)
    for (int c = 0; c < heat->columns; c++) {
      double share = heat->values[r * heat->columns + c];
      if (!isfinite(share) || ++rows > 4 * CREAM_PLOT_ROWS) continue;
      cream_html(out, "<tr><td>%s</td><td>%s</td><td>%.2f</td></tr>\n", heat->row_names[r],
                 heat->column_names[c], 100 * share);
    }
  cream_figure_table_end(out, rows > 4 * CREAM_PLOT_ROWS ? "Only the first rows are listed." : NULL);
}

void cream_heat_write(FILE *out, const cream_heat *heat) {
  double left = fmax(longest(heat->row_names, heat->rows), (double)strlen(heat->y)) * CHARACTER + 8;
  double width = (WIDTH - left) / heat->columns;
  char summary[256];
  snprintf(summary, sizeof summary, "Shares of %d choices in %d layers. The table below lists them.",
           heat->columns, heat->rows);
  const cream_figure figure = {heat->id, heat->title, heat->caption, WIDTH, TOP + ROW * heat->rows + 2};
  cream_figure_begin(out, &figure, summary);
  write_names(out, heat, left, width);
  fputs("<g class=\"s0 tick cells\">", out);
  for (int r = 0; r < heat->rows; r++)
    for (int c = 0; c < heat->columns; c++)
      write_cell(out, heat, r, c, left + c * width, TOP + r * ROW, width);
  fputs("</g>\n", out);
  cream_figure_end_drawing(out);
  write_numbers(out, heat);
  cream_figure_end(out, &figure);
}
