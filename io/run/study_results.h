/* The results of a study: study.json and the table study.md. Format: docs/formats.md. */
#ifndef CREAM_IO_STUDY_RESULTS_H
#define CREAM_IO_STUDY_RESULTS_H

#include <stdio.h>

#include "study.h"

#define CREAM_STUDY_FILE  "study.json"
#define CREAM_STUDY_TABLE "study.md"

/* What a measure is computed from: scores of paths and their trained values. Owned by whoever fills it. */
typedef struct cream_study_pairs {
  size_t n;                   /* 0: the measure is a number of its own */
  double *x, *y;              /* [n] */
  cream_statistic *statistic; /* of x and y: the measure */
  uint64_t paths;             /* hash of the paths in their order */
} cream_study_pairs;

/* One row at one seed. */
typedef struct cream_study_run {
  char dir[128];                       /* folder of the search, relative to the study's folder */
  char error[512];                     /* why the run failed; "": it did not */
  double values[CREAM_STUDY_MEASURES]; /* NaN: not measured */
  cream_study_pairs pairs;             /* of the endpoint, where it is measured over paths */
} cream_study_run;

/* Writes both files atomically: the tables as Markdown, aligned for a terminal too. runs: [n_rows][n_seeds]. */
cream_status cream_study_write(const char *dir, const cream_study *, const cream_study_run *runs,
                               cream_error *);

#endif
