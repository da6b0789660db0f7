/* What a study gave: study.json and the table. Format: docs/formats.md. */
#ifndef CREAM_IO_STUDY_REPORT_H
#define CREAM_IO_STUDY_REPORT_H

#include <stdio.h>

#include "io/run/study.h"

#define CREAM_STUDY_FILE  "study.json"
#define CREAM_STUDY_TABLE "study.md"

typedef enum cream_study_measure {
  CREAM_STUDY_TAU10, /* of the 10, the 20 best and all paths of the ranking: accuracies, held out */
  CREAM_STUDY_TAU20,
  CREAM_STUDY_TAU,
  CREAM_STUDY_RHO,
  CREAM_STUDY_TAU_LOSS,   /* losses, held out */
  CREAM_STUDY_TAU_TEST,   /* supernet's accuracy held out, trained paths' on the test images */
  CREAM_STUDY_TRAINED,    /* the network found, retrained: test accuracy, % */
  CREAM_STUDY_SUPERNET,   /* the same in the supernet: held-out accuracy, % */
  CREAM_STUDY_LOSS_HALF,  /* hard loss of the search's steps, nats: mean of the tenth before half way */
  CREAM_STUDY_LOSS_END,   /* of the last tenth */
  CREAM_STUDY_BOARD_FULL, /* mean FLOPs of the board's entries, M: when it was first as full as it ever was */
  CREAM_STUDY_BOARD_HALF, /* half way */
  CREAM_STUDY_BOARD_END,  /* at the end */
  CREAM_STUDY_FLOPS,      /* of the network found, M */
  CREAM_STUDY_PARAMS,     /* M */
  CREAM_STUDY_LATENCY,    /* ms, by the study's table of latencies */
  CREAM_STUDY_TIME,       /* of the search, s */
  CREAM_STUDY_MEMORY,     /* peak of its process, MB */
  CREAM_STUDY_MEASURES
} cream_study_measure;

/* One row at one seed. */
typedef struct cream_study_run {
  char dir[128];                       /* of the search, in the study's folder */
  char error[512];                     /* "": none */
  double values[CREAM_STUDY_MEASURES]; /* NaN: not measured */
} cream_study_run;

/* Both files, atomically; runs[n_rows][n_seeds]. */
cream_status cream_study_write(const char *dir, const cream_study *, const cream_study_run *runs,
                               cream_error *);
/* The table, as Markdown that is aligned for a terminal too. */
void cream_study_print(const cream_study *, const cream_study_run *runs, FILE *);

#endif
