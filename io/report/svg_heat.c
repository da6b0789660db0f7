#include <math.h>
#include <string.h>

#include "html.h"
#include "svg_plot.h"

enum {
  WIDTH = 400,
  HEADING = 34, /* above the cells, where the names of columns are horizontal */
  ROW = 20,
  CHARACTER = 8,
  LINE = 13, /* the width of a name that is written vertically */
  MOST_CHARACTERS = 12,
  LEAST_CELL = 34
};

/* Shares above STRONG fill the cell so strongly that its text is black in both themes. */
#define STRONG 0.66

static double opacity(double share) {
  return 0.04 + 0.72 * share;
}

/* The length of a name in characters, and the bytes of as many as are drawn. */
static int measure(const char *name, int *bytes) {
  int characters = 0;
  *bytes = 0;
  for (int i = 0; name[i]; i++) {
    if (((unsigned char)name[i] & 0xc0) == 0x80) continue;
    if (++characters <= MOST_CHARACTERS) *bytes = i + 1;
  }
  while (((unsigned char)name[*bytes] & 0xc0) == 0x80) ++*bytes;
  return characters;
}

/* Writes a name, cut after MOST_CHARACTERS. */
static void write_name(FILE *out, const char *name) {
  char text[4 * MOST_CHARACTERS + 1];
  int bytes, characters = measure(name, &bytes);
  snprintf(text, sizeof text, "%.*s", bytes, name);
  cream_html(out, characters > MOST_CHARACTERS ? "%s\xe2\x80\xa6" : "%s", text);
}

/* The largest number of characters of a name, as drawn. */
static int longest(const char *const *names, int count) {
  int most = 0, bytes;
  for (int i = 0; i < count; i++) {
    int characters = measure(names[i], &bytes);
    if (characters > most) most = characters;
  }
  return most > MOST_CHARACTERS ? MOST_CHARACTERS + 1 : most;
}

/* Where the cells are. */
typedef struct layout {
  double left, top, width; /* of a cell */
  bool vertical;           /* the names of columns are */
} layout;

static layout lay_out(const cream_heat *heat) {
  layout at = {.top = HEADING};
  int characters = longest(heat->row_names, heat->rows), y = (int)strlen(heat->y);
  at.left = (characters > y ? characters : y) * CHARACTER + 12;
  at.width = (WIDTH - at.left) / heat->columns;
  double name = longest(heat->column_names, heat->columns) * CHARACTER;
  at.vertical = name + CHARACTER > at.width;
  if (at.vertical) at.top += name - CHARACTER;
  return at;
}

static void write_cell(FILE *out, const cream_heat *heat, const layout *at, int row, int column) {
  double share = heat->values[row * heat->columns + column];
  double x = at->left + column * at->width, y = at->top + row * ROW;
  if (!isfinite(share)) return;
  cream_html(out,
             "<g><title>%s, %s: %.1f %%</title><rect class=\"heat\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
             "height=\"%d\" fill-opacity=\"%.3f\"/>",
             heat->row_names[row], heat->column_names[column], 100 * share, x, y, at->width - 1, ROW - 1,
             opacity(share));
  if (at->width >= LEAST_CELL)
    fprintf(out, "<text class=\"mid%s\" x=\"%.1f\" y=\"%.1f\">%.0f</text>", share > STRONG ? " strong" : "",
            x + (at->width - 1) / 2, y + 14, 100 * share);
  fputs("</g>", out);
}

static void write_column(FILE *out, const cream_heat *heat, const layout *at, int column) {
  double x = at->left + (column + 0.5) * at->width, y = at->top - 6;
  if (at->vertical)
    cream_html(out, "<text x=\"%.1f\" y=\"%.1f\" transform=\"rotate(-90 %.1f %.1f)\">", x + 4, y, x + 4, y);
  else
    cream_html(out, "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", x, y);
  write_name(out, heat->column_names[column]);
  fputs("</text>", out);
}

static void write_names(FILE *out, const cream_heat *heat, const layout *at) {
  cream_html(out, "<text class=\"axis\" x=\"2\" y=\"12\">%s</text>", heat->y);
  cream_html(out, "<text class=\"axis\" x=\"%.1f\" y=\"12\">%s</text>\n<g class=\"tick\">", at->left,
             heat->x);
  /* If columns are narrower than a line of text, only every n-th is named. */
  int every = (int)ceil(LINE / at->width);
  for (int c = 0; c < heat->columns; c += every) write_column(out, heat, at, c);
  for (int r = 0; r < heat->rows; r++) {
    cream_html(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", at->left - 5, at->top + r * ROW + 14);
    write_name(out, heat->row_names[r]);
    fputs("</text>", out);
  }
  fputs("</g>\n", out);
}

/* The colours of some shares: drawn like the cells, so that they are right in every theme. */
static void write_legend(FILE *out) {
  static const int shares[] = {0, 25, 50, 75, 100};
  fputs("<ul class=\"legend\">", out);
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
    fprintf(
        out,
        "<li><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\" class=\"s0\"><rect class=\"heat\" width=\"30\" "
        "height=\"12\" fill-opacity=\"%.3f\"/></svg>%d %%</li>",
        opacity(shares[i] / 100.0), shares[i]);
  fputs("</ul>\n", out);
}

static void write_numbers(FILE *out, const cream_heat *heat) {
  const char *const headings[] = {heat->y, heat->x, "share (%)", NULL};
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
  const layout at = lay_out(heat);
  char summary[256];
  snprintf(summary, sizeof summary,
           "A grid of shares with %d rows (%.40s) and %d columns (%.40s). The table below lists them.",
           heat->rows, heat->y, heat->columns, heat->x);
  const cream_figure figure = {heat->id, heat->title, heat->caption, WIDTH, at.top + ROW * heat->rows + 2};
  cream_figure_begin(out, &figure, summary);
  write_names(out, heat, &at);
  fputs("<g class=\"s0 tick cells\">", out);
  for (int r = 0; r < heat->rows; r++)
    for (int c = 0; c < heat->columns; c++) write_cell(out, heat, &at, r, c);
  fputs("</g>\n", out);
  cream_figure_end_drawing(out);
  write_legend(out);
  write_numbers(out, heat);
  cream_figure_end(out, &figure);
}
