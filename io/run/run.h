/* The run folder: everything that a run makes. Formats: docs/formats.md. */
#ifndef CREAM_IO_RUN_H
#define CREAM_IO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "checkpoint.h"
#include "core/search/board.h"
#include "core/base/config.h"
#include "core/train/evaluate.h"
#include "core/base/event.h"
#include "io/base/file.h"
#include "io/base/json.h"

/* Files of a run folder. */
#define CREAM_RUN_CONFIG   "config.yaml"                 /* all settings, as resolved */
#define CREAM_RUN_SPLIT    "split.json"                  /* held-out pictures */
#define CREAM_RUN_METRICS  "metrics.jsonl"               /* a line an event */
#define CREAM_RUN_SUMMARY  "summary.csv"                 /* a line an epoch */
#define CREAM_RUN_EVENTS   "events.out.tfevents.0.cream" /* for TensorBoard */
#define CREAM_RUN_BOARD    "board.json"                  /* the prioritized paths */
#define CREAM_RUN_ARCH     "arch.json"                   /* the network found */
#define CREAM_RUN_SUPERNET "supernet.safetensors"
#define CREAM_RUN_WEIGHTS  "weights.safetensors" /* of one network */
#define CREAM_RUN_RESULT   "result.json"         /* written last: the run is complete */
#define CREAM_RUN_LOCK     "run.lock"            /* locked (flock) while a run works in the folder */

/* Files that a run appends to. */
typedef enum cream_run_log {
  CREAM_LOG_METRICS,
  CREAM_LOG_SUMMARY,
  CREAM_LOG_EVENTS,
  CREAM_LOGS
} cream_run_log;

typedef struct cream_run {
  char dir[1024];
  FILE *logs[CREAM_LOGS]; /* opened by the first event */
  bool resumed;           /* the logs have a beginning already */
  int lock;
  double start, wall; /* seconds when it began: monotonic, and since 1970. Of a run that goes on as if it
                                * had never stopped */
  double heldout, heldout_ema; /* accuracy of the evaluations of this epoch; NaN: none */
  double score;                /* of the last epoch that was evaluated, for checkpoints; NaN: none */
} cream_run;

/* Makes the folder where it does not exist, and locks it. One that exists must be empty, unless `force`: then
 * a result.json and checkpoints are removed, and other files are replaced as they are written.
 * CREAM_BAD_CONFIG for a folder in use, CREAM_FAILED for one that cannot be made or written to. */
cream_status cream_run_open(cream_run *, const char *dir, bool force, cream_error *);
/* The same for a run that is to go on: whatever the folder has stays. */
cream_status cream_run_reopen(cream_run *, const char *dir, cream_error *);
/* The run does go on: removes result.json, and cuts the logs to what they were at the checkpoint; later
 * events are appended, their seconds counted on, and a START is not logged again. A log that is shorter (then `note` says so) is left
 * as it is. `info` NULL: the run begins anew. */
cream_status cream_run_rewind(cream_run *, const cream_checkpoint_info *, char *note, size_t size,
                              cream_error *);
/* Notes in `info` how long the logs are now, flushed, and the score of the last evaluation. */
cream_status cream_run_mark(cream_run *, cream_checkpoint_info *info, cream_error *);
/* Whether a run works in the folder at this moment. */
bool cream_run_locked(const char *dir);
/* Ends the logs and the lock. Fails if the logs could not be written. */
cream_status cream_run_close(cream_run *, cream_error *);
/* DIR/name. Returns `path`. */
char *cream_run_file(const cream_run *, const char *name, char path[CREAM_MAX_FILE_NAME]);

/* Each writes its file atomically; the same values give the same bytes. */
cream_status cream_run_write_config(const cream_run *, const cream_config *, cream_error *);
/* heldout[n]: indices into the training part of `data`, which has `count` pictures. */
cream_status cream_run_write_split(const cream_run *, const char *data, uint64_t seed, size_t count,
                                   const uint32_t *heldout, size_t n, cream_error *);
/* budget: whose board it is; NULL: the only one. */
cream_status cream_run_write_board(const cream_run *, const cream_skeleton *, const cream_board *,
                                   const char *budget, cream_error *);
/* "arch.json" and "14": "arch-14.json"; without a budget the name as it is. Returns `text`. */
char *cream_run_budget_name(const char *name, const char *budget, char text[64]);

/* One of the networks of a search with several budgets. */
typedef struct cream_run_network {
  const char *budget;
  cream_skeleton net; /* fixed */
  cream_score heldout;
  double ms; /* 0: not known */
} cream_run_network;

/* What came out of a run. Pointers may be NULL: then the result does not have it. */
typedef struct cream_run_result {
  const char *command;       /* "search", "retrain", "test" */
  const cream_skeleton *net; /* fixed */
  const cream_score *heldout, *test;
  double ms;                        /* of `net` by the table of latencies; 0: not known */
  const cream_run_network *budgets; /* [n_budgets] in place of `net` and `heldout` */
  int n_budgets;
  const cream_score *test_trained; /* where `test` is that of averaged weights: of the trained ones */
  uint64_t steps;
  uint64_t meta_updates; /* of a search */
  size_t memory;         /* bytes of the network: cream_net_memory() */
  double seconds, images_per_second;
} cream_run_result;

cream_status cream_run_write_result(const cream_run *, const cream_run_result *, cream_error *);

/* Parts of these files: a path as "path", its op names by stage; a score (NULL: nothing). */
void cream_json_path(cream_json *, const cream_skeleton *, const cream_path *);
void cream_json_score(cream_json *, const char *key, const cream_score *);

/* A listener (core/base/event.h) that appends to all logs; `self` is a cream_run. */
cream_status cream_run_on_event(void *self, const cream_event *, cream_error *);

/* The part of it that appends to the metrics; `self` is a cream_run. Every line ends in `seconds`
 * and `images_per_second` (that of an epoch, after them, in `waited` and `peak_memory`), the only fields that
 * differ between two runs of the same settings. */
cream_status cream_metrics_on_event(void *self, const cream_event *, cream_error *);

#endif
