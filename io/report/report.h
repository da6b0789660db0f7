/* The report on runs, studies or a folder of runs: one HTML page that needs no other file. */
#ifndef CREAM_IO_REPORT_H
#define CREAM_IO_REPORT_H

#include <stdbool.h>

#include "core/base/status.h"
#include "report_section_list.h"

typedef struct cream_report_section {
  const char *id; /* of the element in the page */
  bool filled;    /* false: the section only says what is missing and which command makes it */
} cream_report_section;

typedef struct cream_report_outcome {
  int runs, studies; /* number of each in the report */
  cream_report_section sections[CREAM_REPORT_SECTIONS];
} cream_report_outcome;

/* Reads the folders and writes the page to `path` atomically. dirs: [n] folders of runs or of studies; of a
 * study, the report includes the first run of each arm. Or one folder whose subfolders are runs: the page has a table of
 * them and the report of each. A file that is missing or broken makes its section say so. CREAM_BAD_CONFIG: a folder is
 * none of these. */
cream_status cream_report_write(const char *const *dirs, int n, const char *path, cream_report_outcome *,
                                cream_error *);

#endif
