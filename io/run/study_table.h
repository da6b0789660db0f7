/* Tables of a study in Markdown. */
#ifndef CREAM_IO_STUDY_TABLE_H
#define CREAM_IO_STUDY_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { CREAM_TABLE_CELL = 64 };

typedef struct cream_table {
  int rows, columns;
  char (*cells)[CREAM_TABLE_CELL]; /* [rows][columns] */
} cream_table;

/* Empty cells; false: no memory. The caller ends it with cream_table_free. */
bool cream_table_init(cream_table *, int rows, int columns);
void cream_table_free(cream_table *);
void cream_table_put(cream_table *, int row, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Aligned for a terminal too. The first column is text, the others are numbers; the first row is the head. */
void cream_table_print(const cream_table *, FILE *);
/* A p that would be rounded to 0 is given as an upper bound; NaN: "-". */
void cream_table_p(char text[32], double p);

#endif
