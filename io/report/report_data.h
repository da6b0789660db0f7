/* The files of the run folders and studies that a report is about. Internal to io/report/report*.c. */
#ifndef CREAM_IO_REPORT_DATA_H
#define CREAM_IO_REPORT_DATA_H

#include "core/base/config.h"
#include "io/config/arch.h"
#include "io/run/metrics_read.h"
#include "report_json.h"
#include "report_studies.h"

enum { REPORT_RUNS = 16, REPORT_STUDIES = 4 };

/* A network that was found or retrained. */
typedef struct report_net {
  const char *budget; /* "": the run has one network */
  cream_arch arch;
} report_net;

typedef struct report_run {
  char name[128], dir[1024];
  bool of_study; /* included as the first run of an arm */
  cream_metrics metrics;
  json_t *result, *test, *coco, *examples, *rank, *origin; /* NULL: missing or broken */
  char *config_text;                                       /* NULL: missing */
  bool has_config, has_skeleton;                           /* `config`, `skeleton` are set */
  bool running;
  cream_config config;
  cream_skeleton skeleton; /* of the supernet */
  int n_nets, n_boards;
  report_net nets[CREAM_METRICS_BOARDS];
  json_t *boards[CREAM_METRICS_BOARDS]; /* board.json, or that of each budget */
} report_run;

typedef struct report {
  int n_runs, n_studies;
  report_run *runs[REPORT_RUNS];
  report_study studies[REPORT_STUDIES];
  bool left_out; /* there were more than REPORT_RUNS runs */
} report;

/* Whether the folder is neither a run nor a study, but has a subfolder that is a run. */
bool report_is_folder(const char *dir);

/* Reads the folders. Even after a failure the caller ends the report with report_close. */
cream_status report_open(report *, const char *const *dirs, int n, cream_error *);
void report_close(report *);

/* "search", "retrain", ...; "run": not known. */
const char *report_command(const report_run *);
bool report_is_search(const report_run *);   /* false: a retraining */
int report_searches(const report *);         /* number of searches */
int report_start_epoch(const report_run *);  /* first epoch with distillation, from 1 */
bool report_has_teacher(const report_run *); /* whether its strategy and settings distil */

#endif
