#include "study_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Width on a terminal: the number of UTF-8 characters. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

bool cream_table_init(cream_table *t, int rows, int columns) {
  *t = (cream_table){rows, columns, calloc((size_t)rows * (size_t)columns, CREAM_TABLE_CELL)};
  return t->cells != NULL;
}

void cream_table_put(cream_table *t, int row, int column, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(t->cells[row * t->columns + column], CREAM_TABLE_CELL, format, args);
  va_end(args);
}

void cream_table_print(const cream_table *t, FILE *out) {
  for (int row = 0; row < t->rows; row++) {
    for (int column = 0; column < t->columns; column++) {
      int width = 3;
      for (int r = 0; r < t->rows; r++) {
        int w = width_of(t->cells[r * t->columns + column]);
        if (w > width) width = w;
      }
      const char *text = t->cells[row * t->columns + column];
      int pad = width - width_of(text);
      fprintf(out, "| %*s%s%*s ", column ? pad : 0, "", text, column ? 0 : pad, "");
    }
    fputs("|\n", out);
    if (row > 0) continue;
    fputs("| --- |", out);
    for (int column = 1; column < t->columns; column++) fputs(" ---: |", out);
    fputc('\n', out);
  }
}

void cream_table_free(cream_table *t) {
  free(t->cells);
  *t = (cream_table){0};
}

void cream_table_p(char text[32], double p) {
  if (isnan(p))
    strcpy(text, "-");
  else if (p < 0.0005)
    strcpy(text, "<0.001");
  else
    snprintf(text, 32, "%.3f", p);
}
