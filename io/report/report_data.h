/* What a report is made of: the files of run folders, and what sections have in common. Internal to
 * io/report/report*.c. */
#ifndef CREAM_IO_REPORT_DATA_H
#define CREAM_IO_REPORT_DATA_H

#include <jansson.h>

#include "io/config/arch.h"
#include "core/base/config.h"
#include "core/base/statistics.h"
#include "io/run/metrics_read.h"
#include "svg_plot.h"

enum { REPORT_RUNS = 16, REPORT_STUDIES = 4, REPORT_DETAILED = 4, REPORT_MEAN_POINTS = 64 };

/* A network that was found, or retrained. */
typedef struct report_net {
  const char *budget; /* "" where there is but one network */
  cream_arch arch;
} report_net;

typedef struct report_run {
  char name[128], dir[1024];
  bool of_study; /* it is there as the first of an arm */
  cream_metrics metrics;
  json_t *result, *rank, *origin; /* NULL: none that can be read */
  char *config_text;              /* NULL: none */
  bool has_config, has_skeleton, running;
  cream_config config;
  cream_skeleton skeleton; /* of the supernet */
  int n_nets, n_boards;
  report_net nets[CREAM_METRICS_BOARDS];
  json_t *boards[CREAM_METRICS_BOARDS]; /* board.json, or that of each budget */
} report_run;

/* Means over the finished seeds of an arm; y is NaN, and count 0, where there is nothing. x: steps. */
typedef struct report_mean {
  size_t count;
  cream_point points[REPORT_MEAN_POINTS];
} report_mean;

typedef struct report_arm {
  char name[128];                      /* "arm", "arm@14" */
  const char *dir;                     /* of its first run; rows for several budgets share it */
  report_mean board_flops, board_best; /* of the board of its budget: M, top-1 in % */
  report_mean hard, accuracy;          /* of the training: nats, top-1 in % */
  report_mean retrained;               /* loss of the training from scratch, nats */
} report_arm;

typedef struct report_study {
  char name[128], dir[1024];
  json_t *file;
  int n_arms;
  report_arm *arms; /* [n_arms] */
} report_study;

typedef struct report {
  int n_runs, n_studies;
  report_run *runs[REPORT_RUNS];
  report_study studies[REPORT_STUDIES];
  bool left_out; /* there were more runs than REPORT_RUNS */
} report;

/* The folder of one of the runs of study.json; false where it names none inside the study's. */
bool report_run_dir(const report_study *, const json_t *run, char *dir, size_t size);

cream_status report_open(report *, const char *const *dirs, int n, cream_error *);
void report_close(report *);

bool report_is_search(const report_run *); /* else a retraining */
int report_searches(const report *);       /* how many */
/* First epoch with distillation. */
int report_start_epoch(const report_run *);
/* "cream search" or the like; "run" where nothing says. */
const char *report_command(const report_run *);

/* A JSON object's members, by "a.b.c"; no number, "" and NULL where there is none. */
double report_number(const json_t *, const char *path);
const char *report_text(const json_t *, const char *path);
const json_t *report_member(const json_t *, const char *path);

/* Sections write what is between their heading and their end. False: they have nothing to show; they then
 * have written a line that says why. */
typedef bool report_section(FILE *, const report *);
report_section report_summary, report_network, report_board, report_pareto, report_losses, report_rate,
    report_matching, report_choices, report_convergence, report_rank, report_arms, report_retraining,
    report_resources, report_repeat;

/* A line that tells what is missing and how to get it; returns false. */
bool report_missing(FILE *, const char *what, const char *how);
/* Plots lie side by side where there is room. */
void report_plots_begin(FILE *);
void report_plots_end(FILE *);
/* An id that is made of a word and a number, as "board-1"; lives until the eighth call after. */
const char *report_id(const char *word, int number);
/* Writes the plot unless it is empty; returns whether it did. */
bool report_plot(FILE *, const cream_plot *);

/* A curve of every run that has one, as one plot. `of` gives a run's curve, NULL: none. */
typedef const cream_curve *report_curve_of(const report_run *);
bool report_overlay(FILE *, const report *, cream_plot *, report_curve_of *, bool band);

/* Reads the metrics of all seeds of a study's arms. */
cream_status report_read_arms(report_study *, cream_error *);
/* A plot for each study with the mean of each arm (of few, with the range of the seeds), its title being "TITLE: STUDY". `of` gives an arm's mean.
 * once: rows that share their run are drawn once. False: there are no studies, or they have no such curves. */
typedef const report_mean *report_mean_of(const report_arm *);
bool report_arm_means(FILE *, const report *, const cream_plot *, report_mean_of *, bool once);
/* Whether runs are to be drawn over each other though the means of arms are (`arms`): some are of no study. */
bool report_shows_runs(const report *, bool arms);

#endif
