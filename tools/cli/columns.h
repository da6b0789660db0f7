/* Columns of a printed table, as one list: X(NAME, width, rank, title, format of a cell, value of a row). From it follow
 * the enum of the columns, their widths and ranks (io/report/term_text.h), their titles, and the cells of a row. */
#ifndef CREAM_TOOLS_COLUMNS_H
#define CREAM_TOOLS_COLUMNS_H

enum { COLUMN_CELL = 40 }; /* bytes of a cell */

#define COLUMN_NAME(name, width, rank, title, format, value)  name,
#define COLUMN_WIDTH(name, width, rank, title, format, value) [name] = {width, rank},
#define COLUMN_TITLE(name, width, rank, title, format, value) [name] = title,
/* Writes into `cells`, [columns][COLUMN_CELL]; `value` sees the names around it. */
#define COLUMN_PUT(name, width, rank, title, format, value) snprintf(cells[name], COLUMN_CELL, format, value);

#endif
