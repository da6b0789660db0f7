/* What the run folders of a folder say of their runs, without touching them. */
#ifndef CREAM_IO_RUNS_H
#define CREAM_IO_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum cream_run_state {
  CREAM_RUN_RUNNING,     /* a process works in it */
  CREAM_RUN_FINISHED,    /* it has a result */
  CREAM_RUN_INTERRUPTED, /* --resume goes on from a checkpoint */
  CREAM_RUN_BROKEN       /* it ended without a result or a checkpoint, or its files cannot be read */
} cream_run_state;

typedef struct cream_run_summary {
  char name[256];
  char phase[16]; /* "search", "retrain"; "" where nothing was logged yet */
  cream_run_state state;
  uint64_t step, steps; /* the last one that was logged, of so many; 0: not known */
  double best; /* best accuracy on held-out images, or that of the test where there is one; NaN: none */
  uint64_t checkpoint; /* step of the newest one */
  bool has_checkpoint;
} cream_run_summary;

const char *cream_run_state_name(cream_run_state); /* "running", ... */
/* A folder that is a run's (it has a config.yaml or metrics.jsonl). */
bool cream_is_run(const char *dir);
/* `dir` is a run's. */
void cream_run_summarise(const char *dir, const char *name, cream_run_summary *);
/* The runs among the folders in `dir`, and `dir` itself where it is one, by name; the caller frees *runs. */
cream_status cream_runs_list(const char *dir, cream_run_summary **runs, int *count, cream_error *);

#endif
