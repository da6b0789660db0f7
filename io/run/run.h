/* The folder of a run: it is locked while the run lasts and receives every file that the run makes. Formats:
 * docs/formats.md. */
#ifndef CREAM_IO_RUN_H
#define CREAM_IO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "checkpoint_file.h"
#include "core/base/config.h"
#include "core/base/event.h"
#include "core/search/board.h"
#include "core/train/evaluate.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "run_names.h"

typedef struct cream_run {
  char dir[1024];
  FILE *logs[CREAM_LOGS]; /* opened by the first event; NULL before */
  bool resumed;           /* the logs already have a beginning */
  bool extended;          /* resumed with more epochs: the totals are logged again */
  int lock;               /* file descriptor */
  /* When the run began, in seconds: monotonic, and since 1970. A resumed run began as long ago as it has
   * been running, the time between its starts excluded. */
  double start, wall;
  double heldout, heldout_ema; /* accuracies evaluated in the current epoch; NaN: none */
  double score;                /* accuracy of the last evaluation, for checkpoints; NaN: none */
} cream_run;

/* ---- the folder (run_folder.c) ------------------------------------------------------------------- */

/* Creates the folder if it does not exist, and locks it. An existing folder must be empty unless `force`:
 * then its result.json, test.json and checkpoints are removed, and other files are replaced when they are written.
 * CREAM_BAD_CONFIG: the folder is not empty or in use. CREAM_FAILED: it cannot be created or written to. */
cream_status cream_run_open(cream_run *, const char *dir, bool force, cream_error *);
/* The same for a run that will be resumed: every file stays. */
cream_status cream_run_reopen(cream_run *, const char *dir, cream_error *);
/* The same for processes that share the folder: they lock out only one that uses it alone, which locks them out. */
cream_status cream_run_join(cream_run *, const char *dir, cream_error *);
/* Prepares a reopened folder for the run to continue from a checkpoint: removes result.json and test.json and truncates
 * the logs to their lengths at the checkpoint. Later events are appended, their seconds count from the
 * checkpoint's, and a START is not logged again. A log that is shorter than at the checkpoint stays as it is,
 * and `note` says so; otherwise `note` is "". info NULL: the run starts from the beginning. */
cream_status cream_run_rewind(cream_run *, const cream_checkpoint_info *, char *note, size_t size,
                              cream_error *);
/* Flushes the logs and stores their lengths and the score of the last evaluation in `info`. */
cream_status cream_run_mark(cream_run *, cream_checkpoint_info *info, cream_error *err);
/* Whether a run, or a shard of a ranking or study, is using the folder now. */
bool cream_run_locked(const char *dir);
/* Closes the logs and releases the lock. Fails if a log could not be written. */
cream_status cream_run_close(cream_run *, cream_error *);
/* DIR/name. Returns `path`. */
char *cream_run_file(const cream_run *, const char *name, char path[CREAM_MAX_FILE_NAME]);

/* ---- files that are written whole (run_files.c) -------------------------------------------------- */

/* Each function writes its file atomically. The same values give the same bytes. */
cream_status cream_run_write_config(const cream_run *, const cream_config *, cream_error *);
/* heldout[n]: indices into the training part of the data set `data`, which has `count` images. */
cream_status cream_run_write_split(const cream_run *, const char *data, uint64_t seed, size_t count,
                                   const uint32_t *heldout, size_t n, cream_error *);
/* budget: label of the budget that the board belongs to; NULL: there is only one board. */
cream_status cream_run_write_board(const cream_run *, const cream_skeleton *, const cream_board *,
                                   const char *budget, cream_error *);

/* One of the networks of a search with several budgets. */
typedef struct cream_run_network {
  const char *budget;
  cream_skeleton net; /* fixed */
  cream_score heldout;
  double ms; /* latency by the table; 0: not known */
} cream_run_network;

/* The outcome of a run. A NULL pointer leaves its keys out. */
typedef struct cream_run_result {
  const char *command;       /* "search", "retrain", "extract", "test" */
  const cream_skeleton *net; /* fixed */
  const cream_score *heldout, *test;
  double ms;                        /* latency of `net` by the table; 0: not known */
  const cream_run_network *budgets; /* [n_budgets], instead of `net` and `heldout` */
  int n_budgets;
  /* Of a retraining with averaged weights: the ones that were written, "trained" or "averaged"; both on the held-out
   * images; and the test of the others, as `test` is that of the written ones. */
  const char *weights;
  const cream_score *heldout_trained, *heldout_averaged, *test_trained, *test_averaged;
  uint64_t steps;
  uint64_t meta_updates; /* of a search */
  size_t memory;         /* bytes of the network: cream_net_memory() */
  double seconds, images_per_second;

  const char *state;      /* "finished", "interrupted" or "failed" */
  const char *stopped_by; /* "epochs", "time_budget", "signal" or "error" */
  const char *reason;     /* one line, of a run that is not finished */
  const char *strategy;   /* of a search */
  const char *supernet;   /* folder of the search whose supernet gave the weights */
  const char *data;       /* the setting */
  const uint64_t *seed;
  uint64_t planned_steps;   /* of the whole training; 0: not known */
  const char *resume;       /* the command that continues the run */
  const char *const *files; /* of an unfinished run: names in its folder; ends in NULL */
} cream_run_result;

/* Writes result.json, or, of an unfinished run, the same keys to a stream: only a finished run has the file. */
cream_status cream_run_write_result(const cream_run *, const cream_run_result *, cream_error *);
void cream_run_print_result(FILE *, const cream_run_result *);

/* Parts of these files: a path as "path", the names of its ops by stage; a score (NULL: nothing). */
void cream_json_path(cream_json *, const cream_skeleton *, const cream_path *);
void cream_json_score(cream_json *, const char *key, const cream_score *);

/* ---- logs (run_events.c, run_metrics.c) ---------------------------------------------------------- */

/* A listener (core/base/event.h) that appends to all logs; `self` is a cream_run. */
cream_status cream_run_on_event(void *self, const cream_event *, cream_error *);

/* The part that appends to metrics.jsonl; `self` is a cream_run. Every line ends with `seconds` and
 * `images_per_second`, and that of an epoch also with `waited`, `waited_network` (of several ranks) and
 * `peak_memory`: these are the only fields that differ between two runs with the same settings. */
cream_status cream_metrics_on_event(void *self, const cream_event *, cream_error *);

#endif
