#include "term_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 9 };

/* By curve: the letter that draws it without Unicode, and its colour (SGR). */
static const struct {
  char letter;
  int colour;
} styles[] = {{'*', 36}, {'o', 33}, {'x', 35}};
_Static_assert(sizeof styles / sizeof *styles == CREAM_TERM_CURVES, "every curve has a letter and a colour");

typedef struct extent {
  double x0, x1, y0, y1;
} extent;

static extent measure(const cream_term_plot *plot) {
  extent e = {INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (int c = 0; c < plot->n; c++) {
    const cream_curve *curve = plot->curves[c].curve;
    for (size_t i = 0; i < curve->count; i++) {
      e.x0 = fmin(e.x0, curve->points[i].x), e.x1 = fmax(e.x1, curve->points[i].x);
      e.y0 = fmin(e.y0, curve->points[i].y), e.y1 = fmax(e.y1, curve->points[i].y);
    }
  }
  if (!(e.x0 <= e.x1)) return (extent){0, 1, 0, 1};
  if (!(e.x1 > e.x0)) e.x1 = e.x0 + 1;
  double least = fmax(fabs(e.y1) * 1e-3, 1e-9);
  if (!(e.y1 - e.y0 > least)) e.y0 -= least, e.y1 += least;
  return e;
}

/* Sets the dot (x, y), counted from the left and the top; a cell has 2 x 4 dots with Unicode, one without. */
static void set_dot(cream_term_canvas *canvas, int x, int y, int curve, bool unicode) {
  static const unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  int row = unicode ? y / 4 : y, column = unicode ? x / 2 : x;
  canvas->mask[row][column] |= bits[unicode ? y % 4 : 0][unicode ? x % 2 : 0];
  canvas->curve[row][column] = (unsigned char)(curve + 1);
}

static void draw_curve(cream_term_canvas *canvas, const cream_curve *curve, int which, const extent *e,
                       int columns, int rows, bool unicode) {
  int last_x = -1, last_y = 0;
  for (size_t i = 0; i < curve->count; i++) {
    int x = (int)((curve->points[i].x - e->x0) / (e->x1 - e->x0) * (columns - 1) + 0.5);
    int y = (int)((e->y1 - curve->points[i].y) / (e->y1 - e->y0) * (rows - 1) + 0.5);
    int steps = last_x < 0 ? 0 : abs(x - last_x) > abs(y - last_y) ? abs(x - last_x) : abs(y - last_y);
    for (int s = 0; s < steps; s++)
      set_dot(canvas, last_x + (x - last_x) * s / steps, last_y + (y - last_y) * s / steps, which, unicode);
    set_dot(canvas, x, y, which, unicode);
    last_x = x, last_y = y;
  }
}

static int limit(int value, int least, int most) {
  return value < least ? least : value > most ? most : value;
}

static void name_curves(cream_term_canvas *canvas, const cream_term_plot *plot, const cream_term *term) {
  snprintf(canvas->head[0], sizeof canvas->head[0], "%s", plot->title);
  for (int c = 0; c < plot->n; c++) {
    const cream_curve *curve = plot->curves[c].curve;
    char mark[4] = "", value[16] = "-";
    if (!term->unicode) snprintf(mark, sizeof mark, "%c ", styles[c].letter);
    if (curve->count) snprintf(value, sizeof value, "%.3g", curve->points[curve->count - 1].y);
    snprintf(canvas->head[1 + c], sizeof canvas->head[0], " %s%s %s", mark, plot->curves[c].name, value);
  }
}

/* Labels the ends of both axes. */
static void label_axes(cream_term_canvas *canvas, const extent *e) {
  int columns = canvas->width - LABEL, rows = canvas->height - 2;
  snprintf(canvas->labels[0], sizeof canvas->labels[0], "%.3g", e->y1);
  if (rows > 1) snprintf(canvas->labels[rows - 1], sizeof canvas->labels[0], "%.3g", e->y0);
  snprintf(canvas->foot, sizeof canvas->foot, "%*s%-*.4g%*.6g", LABEL, "", columns / 2, e->x0,
           columns - columns / 2, e->x1);
}

void cream_term_draw(cream_term_canvas *canvas, const cream_term_plot *plot, int width, int height,
                     const cream_term *term) {
  memset(canvas, 0, sizeof *canvas);
  canvas->width = limit(width, 24, CREAM_TERM_MAX_WIDTH);
  canvas->height = limit(height, 5, CREAM_TERM_MAX_HEIGHT);
  int columns = canvas->width - LABEL, rows = canvas->height - 2;
  extent e = measure(plot);
  for (int c = plot->n; c-- > 0;)
    draw_curve(canvas, plot->curves[c].curve, c, &e, columns * (term->unicode ? 2 : 1),
               rows * (term->unicode ? 4 : 1), term->unicode);
  name_curves(canvas, plot, term);
  bool any = false;
  for (int c = 0; c < plot->n; c++) any |= plot->curves[c].curve->count > 0;
  if (any) label_axes(canvas, &e);
}

static void write_cell(FILE *out, const cream_term_canvas *canvas, int row, int column,
                       const cream_term *term) {
  int curve = canvas->curve[row][column];
  if (!curve) {
    fputc(' ', out);
    return;
  }
  if (term->colour) fprintf(out, "\033[%dm", styles[curve - 1].colour);
  unsigned char mask = canvas->mask[row][column];
  if (term->unicode)
    fprintf(out, "\xe2%c%c", 0xa0 + (mask >> 6), 0x80 + (mask & 0x3f)); /* U+2800 + mask in UTF-8 */
  else
    fputc(styles[curve - 1].letter, out);
  if (term->colour) fputs("\033[0m", out);
}

/* Cut or padded to the width of the canvas. */
static void write_head(FILE *out, const cream_term_canvas *canvas, const cream_term *term) {
  int left = canvas->width;
  for (int part = 0; part <= CREAM_TERM_CURVES; part++) {
    int length = (int)strlen(canvas->head[part]);
    if (length > left) length = left;
    bool coloured = term->colour && part && length;
    if (coloured) fprintf(out, "\033[%dm", styles[part - 1].colour);
    fwrite(canvas->head[part], 1, (size_t)length, out);
    if (coloured) fputs("\033[0m", out);
    left -= length;
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
    fprintf(out, "%*.*s%s", LABEL - 1, LABEL - 1, canvas->labels[row], term->unicode ? "\xe2\x94\x82" : "|");
    for (int column = 0; column < canvas->width - LABEL; column++) write_cell(out, canvas, row, column, term);
  }
}
