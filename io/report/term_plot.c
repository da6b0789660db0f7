#include "term_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "term_axis.h"
#include "term_text.h"

enum { LABEL = CREAM_TICK_LABEL + 1, MARK_EVERY = 12 };

/* By curve: its letter, and its colour (SGR). */
static const struct {
  char letter;
  int colour;
} styles[] = {{'*', 36}, {'o', 33}, {'x', 35}, {'+', 32}, {'#', 34}, {'@', 31}, {'%', 96}, {'&', 93}};
_Static_assert(sizeof styles / sizeof *styles == CREAM_TERM_CURVES, "every curve has a letter and a colour");

/* What the plot shows, and where: x0 .. x1 over `columns` cells, y1 .. y0 over `rows`. */
typedef struct extent {
  double x0, x1, y0, y1, y_step;
  int columns, rows, per_x, per_y; /* dots in a cell */
} extent;

static int limit(int value, int least, int most) {
  return value < least ? least : value > most ? most : value;
}

/* ---- axes ---------------------------------------------------------------------------------------- */

static void include(extent *e, const cream_curve *curve) {
  for (size_t i = 0; curve && i < curve->count; i++) {
    e->x0 = fmin(e->x0, curve->points[i].x), e->x1 = fmax(e->x1, curve->points[i].x);
    e->y0 = fmin(e->y0, curve->points[i].y), e->y1 = fmax(e->y1, curve->points[i].y);
  }
}

static extent measure(const cream_term_plot *plot, const cream_term_canvas *canvas, bool unicode) {
  extent e = {.x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY};
  for (int c = 0; c < plot->n; c++) {
    include(&e, plot->curves[c].curve);
    include(&e, plot->curves[c].raw);
  }
  if (!(e.x0 <= e.x1)) e.x0 = e.y0 = 0, e.x1 = e.y1 = 1;
  if (!(e.x1 > e.x0)) e.x1 = e.x0 + 1;
  double size = fmax(fabs(e.y0), fabs(e.y1));
  if (!(e.y1 - e.y0 > 1e-3 * size)) e.y0 -= 0.01 * size + 1e-9, e.y1 += 0.01 * size + 1e-9;
  e.columns = canvas->width - LABEL, e.rows = canvas->height - 2;
  e.per_x = unicode ? 2 : 1, e.per_y = unicode ? 4 : 1;
  e.y_step = cream_tick_widen(&e.y0, &e.y1, limit((e.rows - 1) / 2, 2, 6));
  return e;
}

/* Dots from the left and from the top. */
static int place_x(const extent *e, double x) {
  return (int)((x - e->x0) / (e->x1 - e->x0) * (e->columns * e->per_x - 1) + 0.5);
}

static int place_y(const extent *e, double y) {
  return (int)((e->y1 - y) / (e->y1 - e->y0) * (e->rows * e->per_y - 1) + 0.5);
}

static void label_y(cream_term_canvas *canvas, const extent *e) {
  double largest = fmax(fabs(e->y0), fabs(e->y1));
  int n = (int)((e->y1 - e->y0) / e->y_step + 0.5);
  for (int i = 0; i <= n; i++) {
    double value = e->y0 + i * e->y_step;
    cream_tick_label(value, e->y_step, largest, canvas->labels[place_y(e, value) / e->per_y]);
  }
}

/* Each label is centred below its tick; one that would touch the label before it is left out. */
static void label_x(cream_term_canvas *canvas, const extent *e) {
  int most = e->columns < 12 ? 1 : e->columns / 6, end = -1;
  double step = fmax(1, cream_tick_step(e->x1 - e->x0, most));
  memset(canvas->foot, ' ', (size_t)canvas->width);
  canvas->foot[canvas->width] = '\0';
  for (double i = ceil(e->x0 / step - 1e-9); i * step <= e->x1 + 1e-9 * step; i++) {
    char label[24];
    cream_tick_label(i * step, step, fabs(e->x1), label);
    int length = (int)strlen(label), at = LABEL + place_x(e, i * step) / e->per_x - length / 2;
    if (at + length > canvas->width) at = canvas->width - length;
    if (at <= end || at < 0) continue;
    memcpy(canvas->foot + at, label, (size_t)length);
    end = at + length;
  }
}

/* ---- curves -------------------------------------------------------------------------------------- */

/* Sets the dot (x, y); a cell has 2 x 4 dots with Unicode, one without. */
static void set_dot(cream_term_canvas *canvas, const extent *e, int x, int y, int curve,
                    cream_term_cell kind) {
  static const unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  int row = y / e->per_y, column = x / e->per_x;
  if (canvas->kind[row][column] != kind) canvas->mask[row][column] = 0;
  canvas->mask[row][column] |= bits[y % e->per_y][x % e->per_x];
  canvas->kind[row][column] = (unsigned char)kind;
  canvas->curve[row][column] = (unsigned char)curve;
}

static void draw_raw(cream_term_canvas *canvas, const extent *e, const cream_curve *curve, int which) {
  for (size_t i = 0; curve && i < curve->count; i++)
    set_dot(canvas, e, place_x(e, curve->points[i].x), place_y(e, curve->points[i].y), which, CREAM_CELL_RAW);
}

static void draw_line(cream_term_canvas *canvas, const extent *e, const cream_curve *curve, int which) {
  int last_x = -1, last_y = 0;
  for (size_t i = 0; i < curve->count; i++) {
    int x = place_x(e, curve->points[i].x), y = place_y(e, curve->points[i].y);
    int steps = last_x < 0 ? 0 : abs(x - last_x) > abs(y - last_y) ? abs(x - last_x) : abs(y - last_y);
    for (int s = 0; s < steps; s++)
      set_dot(canvas, e, last_x + (x - last_x) * s / steps, last_y + (y - last_y) * s / steps, which,
              CREAM_CELL_LINE);
    set_dot(canvas, e, x, y, which, CREAM_CELL_LINE);
    last_x = x, last_y = y;
  }
}

/* The value at x, which is inside the curve. */
static double value_at(const cream_curve *curve, double x) {
  size_t i = 0;
  while (i + 1 < curve->count && curve->points[i + 1].x <= x) i++;
  const cream_point *a = &curve->points[i], *b = i + 1 < curve->count ? a + 1 : a;
  return b->x > a->x ? a->y + (b->y - a->y) * (x - a->x) / (b->x - a->x) : a->y;
}

/* Marks some cells of a line with its letter, in other columns than those of the other n - 1 lines; a mark also shows
 * where the line is hidden below another. A short line has one mark, at its end. */
static void draw_marks(cream_term_canvas *canvas, const extent *e, const cream_curve *curve, int which,
                       int n) {
  if (!curve->count) return;
  double first = curve->points[0].x, last = curve->points[curve->count - 1].x;
  int from = place_x(e, first) / e->per_x, to = place_x(e, last) / e->per_x;
  int column = MARK_EVERY * which / n + 1;
  while (column < from) column += MARK_EVERY;
  if (column > to) column = to;
  for (; column <= to; column += MARK_EVERY) {
    double x = e->x0 + (e->x1 - e->x0) * column / (e->columns - 1);
    double y = value_at(curve, fmin(fmax(x, first), last));
    set_dot(canvas, e, column * e->per_x, place_y(e, y), which, CREAM_CELL_MARK);
  }
}

static void name_curves(cream_term_canvas *canvas, const cream_term_plot *plot) {
  snprintf(canvas->head[0], sizeof canvas->head[0], "%s", plot->title);
  for (int c = 0; c < plot->n && !plot->no_legend; c++) {
    const cream_curve *curve = plot->curves[c].curve;
    char value[16] = "-";
    if (curve->count) snprintf(value, sizeof value, "%.3g", curve->points[curve->count - 1].y);
    snprintf(canvas->head[1 + c], sizeof canvas->head[0], " %c %.40s %s", styles[c].letter,
             plot->curves[c].name, value);
  }
}

void cream_term_draw(cream_term_canvas *canvas, const cream_term_plot *plot, int width, int height,
                     const cream_term *term) {
  memset(canvas, 0, sizeof *canvas);
  canvas->width = limit(width, CREAM_TERM_LEAST_WIDTH, CREAM_TERM_MAX_WIDTH);
  canvas->height = limit(height, CREAM_TERM_LEAST_HEIGHT, CREAM_TERM_MAX_HEIGHT);
  extent e = measure(plot, canvas, term->unicode);
  bool any = false;
  for (int c = plot->n; c-- > 0;) draw_raw(canvas, &e, plot->curves[c].raw, c);
  for (int c = plot->n; c-- > 0;) draw_line(canvas, &e, plot->curves[c].curve, c);
  for (int c = 0; c < plot->n; c++) {
    if (term->unicode || plot->n > 1) draw_marks(canvas, &e, plot->curves[c].curve, c, plot->n);
    any |= plot->curves[c].curve->count > 0;
  }
  name_curves(canvas, plot);
  if (any) label_y(canvas, &e);
  if (any) label_x(canvas, &e);
}

/* ---- output -------------------------------------------------------------------------------------- */

void cream_term_write_mark(FILE *out, int curve, const cream_term *term) {
  if (term->colour) fprintf(out, "\033[%dm", styles[curve].colour);
  fputc(styles[curve].letter, out);
  if (term->colour) fputs("\033[0m", out);
}

static void write_cell(FILE *out, const cream_term_canvas *canvas, int row, int column,
                       const cream_term *term) {
  cream_term_cell kind = (cream_term_cell)canvas->kind[row][column];
  int curve = canvas->curve[row][column];
  unsigned char mask = canvas->mask[row][column];
  if (kind == CREAM_CELL_EMPTY) {
    fputc(' ', out);
    return;
  }
  if (term->colour) fprintf(out, "\033[%s%dm", kind == CREAM_CELL_RAW ? "2;" : "", styles[curve].colour);
  if (kind == CREAM_CELL_RAW)
    fputs(term->unicode ? "\xc2\xb7" : ".", out); /* a middle dot */
  else if (kind == CREAM_CELL_MARK || !term->unicode)
    fputc(styles[curve].letter, out);
  else
    fprintf(out, "\xe2%c%c", 0xa0 + (mask >> 6), 0x80 + (mask & 0x3f)); /* U+2800 + mask in UTF-8 */
  if (term->colour) fputs("\033[0m", out);
}

/* Padded to the width of the canvas, or cut. */
static void write_head(FILE *out, const cream_term_canvas *canvas, const cream_term *term) {
  int left = canvas->width;
  for (int part = 0; part <= CREAM_TERM_CURVES && left > 0; part++) {
    char rest[sizeof canvas->head] = "", text[sizeof canvas->head];
    for (int p = part; p <= CREAM_TERM_CURVES; p++) strcat(rest, canvas->head[p]);
    bool whole = cream_term_width(rest) <= left ||
                 cream_term_width(canvas->head[part]) + (term->unicode ? 1 : 3) <= left;
    int width = cream_term_cut(whole ? canvas->head[part] : rest, left, term->unicode, text, sizeof text);
    bool coloured = term->colour && part && width;
    if (coloured) fprintf(out, "\033[%dm", styles[part - 1].colour);
    fputs(text, out);
    if (coloured) fputs("\033[0m", out);
    left -= width;
    if (!whole) break;
  }
  fprintf(out, "%*s", left, "");
}

void cream_term_write_line(FILE *out, const cream_term_canvas *canvas, int line, const cream_term *term) {
  int row = line - 1;
  if (line == 0) {
    write_head(out, canvas, term);
  } else if (line == canvas->height - 1) {
    fprintf(out, "%-*.*s", canvas->width, canvas->width, canvas->foot);
  } else {
    bool tick = canvas->labels[row][0] != '\0';
    fprintf(out, "%*.*s%s", LABEL - 1, LABEL - 1, canvas->labels[row],
            term->unicode ? tick ? "\xe2\x94\xa4" : "\xe2\x94\x82"
            : tick        ? "+"
                          : "|");
    for (int column = 0; column < canvas->width - LABEL; column++) write_cell(out, canvas, row, column, term);
  }
}
