/* The studies of a report: study.json, and curves of each arm as means over its seeds. Internal to
 * io/report/report*.c. */
#ifndef CREAM_IO_REPORT_STUDIES_H
#define CREAM_IO_REPORT_STUDIES_H

#include <stdbool.h>

#include "core/base/status.h"
#include "io/base/curve.h"
#include "report_json.h"

enum { REPORT_MEAN_POINTS = 64, REPORT_ARMS = 24 };

/* Mean over the finished seeds of an arm, with their range. x: step; y: NaN where there are no data. */
typedef struct report_mean {
  size_t count; /* 0: no seed has such a curve */
  cream_point points[REPORT_MEAN_POINTS];
} report_mean;

/* The curves of an arm: X(curve). */
#define REPORT_ARM_CURVE_LIST(X)                                                                             \
  X(board_flops) /* mean FLOPs of the board of the row's budget, M */                                        \
  X(board_best)  /* best score on that board, top-1 in % */                                                  \
  X(hard)        /* hard loss of the search, nats */                                                         \
  X(accuracy)    /* of the search's batches, top-1 in % */                                                   \
  X(retrained)   /* loss of the training from scratch, nats */

/* A row of the study: an arm, or one budget of an arm. */
typedef struct report_arm {
  char name[128];  /* "arm", "arm@14" */
  const char *dir; /* of its first run; rows of the same arm share it */
#define REPORT_ARM_CURVE_FIELD(curve) report_mean curve;
  REPORT_ARM_CURVE_LIST(REPORT_ARM_CURVE_FIELD)
#undef REPORT_ARM_CURVE_FIELD
} report_arm;

typedef struct report_study {
  char name[128], dir[1024];
  json_t *file;     /* study.json */
  int n_arms;       /* at most REPORT_ARMS; further rows have no curves */
  report_arm *arms; /* [n_arms] */
} report_study;

/* The folder of a run in study.json; false: it is not a run folder inside the study's folder. */
bool report_run_dir(const report_study *, const json_t *run, char *dir, size_t size);
/* Fills study->arms from study->file and the metrics of all seeds. */
cream_status report_read_arms(report_study *, cream_error *);

#endif
