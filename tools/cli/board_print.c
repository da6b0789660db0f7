#include "board_print.h"

#include <string.h>

#include "columns.h"
#include "io/report/term_text.h"

enum { PATH = 400, LEAST_PATH = 12 };

/* The columns before the path (columns.h), of `entry`. */
#define COLUMNS(X)                                                                                           \
  X(NUMBER, 2, -1, " #", "%2d", row + 1)                                                                     \
  X(TOP1, 9, -1, "  top-1 %", "  %7.2f", 100 * entry->score)                                                 \
  X(LOSS, 8, 2, "    loss", " %7.3f", entry->loss)                                                           \
  X(FLOPS, 11, 1, "  FLOPs (M)", "  %9.2f", entry->flops / 1e6)                                              \
  X(PARAMS, 12, 3, "  params (M)", "  %10.3f", entry->params / 1e6)                                          \
  X(STEP, 9, 4, "     step", " %8llu", (unsigned long long)entry->step)

enum { COLUMNS(COLUMN_NAME) N_COLUMNS };
static const cream_term_column widths[N_COLUMNS] = {COLUMNS(COLUMN_WIDTH)};
static const char *const titles[N_COLUMNS] = {COLUMNS(COLUMN_TITLE)};

static void put_cells(char cells[N_COLUMNS][COLUMN_CELL], const cream_board_entry *entry, int row) {
  COLUMNS(COLUMN_PUT)
}

static void join(char *line, size_t size, const char *const *cells, unsigned shown, const char *path) {
  line[0] = '\0';
  for (int i = 0; i < N_COLUMNS; i++)
    if (shown >> i & 1) strncat(line, cells[i], size - strlen(line) - 1);
  strncat(line, "  ", size - strlen(line) - 1);
  strncat(line, path, size - strlen(line) - 1);
}

/* On a terminal with a place for the mark. */
static void put_line(FILE *out, const terminal *t, const char *line, bool chosen) {
  char cut[4 * PATH];
  if (!t->is) {
    fprintf(out, "%s\n", line);
    return;
  }
  cream_term_cut(line, t->columns - 2, t->unicode, cut, sizeof cut);
  fprintf(out, "%s%c%s%s\n", chosen && t->colour ? "\033[1;32m" : "", chosen ? '>' : ' ', cut,
          chosen && t->colour ? "\033[0m" : "");
}

void board_print(FILE *out, const board_view *view, const terminal *t) {
  const cream_board *board = view->board;
  unsigned shown =
      t->is ? cream_term_fit(widths, N_COLUMNS, t->columns - 4, LEAST_PATH) : (1u << N_COLUMNS) - 1;
  char line[PATH + 200], path[PATH] = "path";
  int rows = view->rows > 0 && view->rows < board->count ? view->rows : board->count;
  if (t->is && view->budget && *view->budget)
    snprintf(path, sizeof path, "path (budget %.60s)", view->budget);
  join(line, sizeof line, titles, shown, path);
  put_line(out, t, line, false);
  for (int i = 0; i < rows; i++) {
    char cells[N_COLUMNS][COLUMN_CELL];
    const char *texts[N_COLUMNS];
    put_cells(cells, &board->entries[i], i);
    for (int c = 0; c < N_COLUMNS; c++) texts[c] = cells[c];
    path[0] = '\0';
    if (view->skeleton) cream_path_format(view->skeleton, &board->entries[i].path, path, sizeof path);
    join(line, sizeof line, texts, shown, path);
    put_line(out, t, line, i == view->chosen);
  }
}
