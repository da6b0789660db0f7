/* The report of runs and studies: one HTML page that needs nothing else. */
#ifndef CREAM_IO_REPORT_H
#define CREAM_IO_REPORT_H

#include <stdbool.h>

#include "core/base/status.h"

enum { CREAM_REPORT_SECTIONS = 14 };

/* What became of a section. */
typedef struct cream_report_section {
  const char *id; /* of the element in the page */
  bool filled;    /* else it says what is missing and how to get it */
} cream_report_section;

typedef struct cream_report_outcome {
  int runs, studies; /* that the report is about */
  cream_report_section sections[CREAM_REPORT_SECTIONS];
} cream_report_outcome;

/* Reads the folders (of runs, or of studies, whose first runs of each arm are then part of it) and writes
 * `path` atomically. What is missing or broken in a folder makes a section say so; CREAM_BAD_CONFIG for a
 * folder that is neither. */
cream_status cream_report_write(const char *const *dirs, int n, const char *path, cream_report_outcome *,
                                cream_error *);

#endif
