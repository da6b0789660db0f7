/* The report on a folder of runs. Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_FOLDER_H
#define CREAM_IO_REPORT_FOLDER_H

#include "report.h"

/* Writes the page: a table of the runs, and the report of each, one after another in memory. A run that cannot be
 * read is in the table, and its report says why. */
cream_status report_write_folder(const char *dir, const char *path, cream_report_outcome *, cream_error *);

#endif
