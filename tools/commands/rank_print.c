#include "rank_print.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "io/report/term_text.h"
#include "tools/cli/columns.h"
#include "tools/cli/terminal.h"

enum { COLUMNS = 60, ROWS = 18, LINE = 600, LEAST_PATH = 12, TITLE = 36, LEAST_TITLE = 16 };

/* Room for lines: 0: any, as the output is no terminal. */
static int room_of(const terminal *screen) {
  return screen->is ? screen->columns - 1 : 0;
}

static void put_line(const char *line, const terminal *screen) {
  char cut[4 * LINE];
  cream_term_cut(line, room_of(screen) ? room_of(screen) : LINE, screen->unicode, cut, sizeof cut);
  puts(cut);
}

/* ---- paths ------------------------------------------------------------------------------------------- */

/* The columns before the path (columns.h), of `p`. */
#define PATH_COLUMNS(X)                                                                                      \
  X(NUMBER, 3, -1, "  #", "%3d", row + 1)                                                                    \
  X(SUPERNET, 10, 0, "  supernet", " %7.2f %%", 100 * p->supernet.top1)                                      \
  X(HELD_OUT, 10, -1, "  held out", " %7.2f %%", 100 * p->heldout.top1)                                      \
  X(TEST, 10, 1, "      test", " %7.2f %%", 100 * p->test.top1)                                              \
  X(FLOPS, 11, 2, "    M FLOPs", " %10.3f", cream_cost_flops(&p->cost) / 1e6)                                \
  X(PARAMS, 10, 3, "  M params", " %9.3f", p->cost.params / 1e6)

enum { PATH_COLUMNS(COLUMN_NAME) N_COLUMNS };
static const cream_term_column columns[N_COLUMNS] = {PATH_COLUMNS(COLUMN_WIDTH)};
static const char *const titles[N_COLUMNS] = {PATH_COLUMNS(COLUMN_TITLE)};

static void put_cells(char cells[N_COLUMNS][COLUMN_CELL], const cream_ranked *p, int row) {
  PATH_COLUMNS(COLUMN_PUT)
}

/* p: NULL: the line of titles. */
static void print_path(const cream_rank_report *report, const cream_ranked *p, int row, unsigned shown,
                       const terminal *screen) {
  char cells[N_COLUMNS][COLUMN_CELL], line[LINE] = "", path[400] = "path";
  if (p) put_cells(cells, p, row);
  if (p) cream_path_format(report->skeleton, &p->path, path, sizeof path);
  size_t length = 0;
  for (int c = 0; c < N_COLUMNS; c++)
    if (shown >> c & 1)
      length += (size_t)snprintf(line + length, sizeof line - length, "%s", p ? cells[c] : titles[c]);
  snprintf(line + length, sizeof line - length, "  %s", path);
  put_line(line, screen);
}

static void print_paths(const cream_rank_report *report, const int *order, const terminal *screen) {
  int room = room_of(screen);
  unsigned shown = cream_term_fit(columns, N_COLUMNS, room ? room - 2 : LINE, LEAST_PATH);
  print_path(report, NULL, 0, shown, screen);
  for (int i = 0; i < report->n; i++) print_path(report, &report->paths[order[i]], i, shown, screen);
}

/* ---- correlations ------------------------------------------------------------------------------------ */

static const char *title(const cream_correlation *c, char *text, size_t size) {
  snprintf(text, size, "%s, held-out accuracy", cream_rank_by_titles[c->by]);
  if (c->by != CREAM_RANK_BY_SUPERNET) return text;
  if (c->measure == CREAM_RANK_LOSS) return "losses, held out";
  return c->split == CREAM_RANK_TEST ? "held-out accuracy, test accuracy" : "accuracies, held out";
}

enum { TAU, TAU_INTERVAL, RHO, RHO_INTERVAL, RECALL, REGRET, N_NUMBERS };
static const cream_term_column numbers[N_NUMBERS] = {
    [TAU] = {8, -1},          [TAU_INTERVAL] = {18, 1}, [RHO] = {8, 0},
    [RHO_INTERVAL] = {18, 4}, [RECALL] = {9, 3},        [REGRET] = {9, 2}};

static void put_value(char cells[N_NUMBERS][COLUMN_CELL], int value, const cream_interval *interval) {
  snprintf(cells[value], COLUMN_CELL, "  %6.3f", interval->value);
  snprintf(cells[value + 1], COLUMN_CELL, "  [%6.3f, %6.3f]", interval->low, interval->high);
  if (isfinite(interval->value)) return;
  snprintf(cells[value], COLUMN_CELL, "  %6s", "-");
  snprintf(cells[value + 1], COLUMN_CELL, "  %16s", "");
}

/* A share or a difference of accuracies, in percent. */
static void put_percent(char *cell, double value) {
  if (isfinite(value))
    snprintf(cell, COLUMN_CELL, "  %7.2f", 100 * value);
  else
    snprintf(cell, COLUMN_CELL, "  %7s", "");
}

static void print_correlation(const char *name, const char *best, char cells[N_NUMBERS][COLUMN_CELL],
                              unsigned shown, const terminal *screen) {
  char line[LINE], cut[4 * TITLE + 4];
  int room = room_of(screen), width = TITLE;
  for (int i = 0, rest = 6; i < N_NUMBERS; i++) {
    if (shown >> i & 1) rest += numbers[i].width;
    if (room && room - rest < width) width = room - rest;
  }
  int taken = cream_term_cut(name, width, screen->unicode, cut, sizeof cut);
  snprintf(line, sizeof line, "%s%*s %5s", cut, width > taken ? width - taken : 0, "", best);
  for (int i = 0; i < N_NUMBERS; i++)
    if (shown >> i & 1) strncat(line, cells[i], COLUMN_CELL);
  put_line(line, screen);
}

static void print_correlations(const cream_rank_report *report, const terminal *screen) {
  char cells[N_NUMBERS][COLUMN_CELL] = {[TAU] = "     tau",     [TAU_INTERVAL] = "  95 % interval   ",
                                        [RHO] = "     rho",     [RHO_INTERVAL] = "  95 % interval   ",
                                        [RECALL] = "   recall", [REGRET] = "   regret"};
  int room = room_of(screen);
  unsigned shown = cream_term_fit(numbers, N_NUMBERS, room ? room : LINE, LEAST_TITLE + 6);
  putchar('\n');
  print_correlation("supernet's score, trained path's", "best", cells, shown, screen);
  for (int i = 0; i < report->n_correlations; i++) {
    const cream_correlation *c = &report->correlations[i];
    char best[16], text[TITLE + 16];
    snprintf(best, sizeof best, "%d", c->best);
    put_value(cells, TAU, &c->tau);
    put_value(cells, RHO, &c->rho);
    put_percent(cells[RECALL], c->recall.value);
    put_percent(cells[REGRET], c->regret.value);
    print_correlation(title(c, text, sizeof text), best, cells, shown, screen);
  }
}

/* ---- scatter ----------------------------------------------------------------------------------------- */

typedef struct axis {
  double low, high;
} axis;

static axis axis_of(const cream_rank_report *report, bool supernet) {
  axis a = {INFINITY, -INFINITY};
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *p = &report->paths[i];
    double value = supernet ? p->supernet.top1 : p->heldout.top1;
    a.low = fmin(a.low, value);
    a.high = fmax(a.high, value);
  }
  if (a.low == a.high) a = (axis){a.low - 0.005, a.high + 0.005};
  return a;
}

static int place(const axis *a, double value, int cells) {
  return (int)lround((value - a->low) / (a->high - a->low) * (cells - 1));
}

/* A point is a dot; several at one place are their number. */
static void print_scatter(const cream_rank_report *report, const terminal *screen) {
  int room = room_of(screen), wide = !room || room - 9 > COLUMNS ? COLUMNS : room - 9 < 8 ? 8 : room - 9;
  int count[ROWS][COLUMNS] = {0};
  const axis x = axis_of(report, true), y = axis_of(report, false);
  for (int i = 0; i < report->n; i++) {
    const cream_ranked *p = &report->paths[i];
    count[ROWS - 1 - place(&y, p->heldout.top1, ROWS)][place(&x, p->supernet.top1, wide)]++;
  }
  putchar('\n');
  put_line("trained from scratch, held-out accuracy (%), over the supernet's (%)", screen);
  for (int row = 0; row < ROWS; row++) {
    if (row == 0 || row == ROWS - 1)
      printf("%7.2f |", 100 * (row ? y.low : y.high));
    else
      printf("        |");
    for (int column = 0; column < wide; column++) {
      int n = count[row][column];
      putchar(n == 0 ? ' ' : n == 1 ? '.' : n < 10 ? '0' + n : '#');
    }
    putchar('\n');
  }
  printf("        +");
  for (int column = 0; column < wide; column++) putchar('-');
  printf("\n         %-*.2f%.2f\n", wide - 5, 100 * x.low, 100 * x.high);
}

void rank_print(const cream_rank_report *report) {
  const terminal screen = terminal_of(STDOUT_FILENO);
  int order[CREAM_RANK_MAX_PATHS];
  cream_rank_order(report->paths, report->n, order);
  print_paths(report, order, &screen);
  print_correlations(report, &screen);
  print_scatter(report, &screen);
}
