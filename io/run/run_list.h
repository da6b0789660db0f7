/* The runs in a folder and how far they are, read from their run folders without changing anything. */
#ifndef CREAM_IO_RUN_LIST_H
#define CREAM_IO_RUN_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* X(STATE, name). */
#define CREAM_RUN_STATE_LIST(X)                                                                              \
  X(RUNNING, "running")         /* a process is using the folder */                                          \
  X(FINISHED, "finished")       /* there is a result */                                                      \
  X(INTERRUPTED, "interrupted") /* --resume can continue from a checkpoint */                                \
  X(BROKEN, "broken")           /* it ended without a result or a checkpoint, or its files cannot be read */

typedef enum cream_run_state {
#define CREAM_RUN_STATE_ENUM(state, name) CREAM_RUN_##state,
  CREAM_RUN_STATE_LIST(CREAM_RUN_STATE_ENUM)
#undef CREAM_RUN_STATE_ENUM
} cream_run_state;

typedef struct cream_run_summary {
  char name[256];
  char phase[16]; /* "search", "retrain"; "": nothing was logged yet */
  cream_run_state state;
  uint64_t step, steps; /* last step that was logged, number of steps; 0: not known */
  double best;          /* accuracy by `best_of`; NaN: none */
  const char *
      best_of; /* "test"; else "held out", the best on all held-out images; else "board", the best score there, on
                          one batch; "": none */
  uint64_t checkpoint; /* step of the newest checkpoint */
  bool has_checkpoint;
} cream_run_summary;

const char *cream_run_state_name(cream_run_state); /* "running", ... */
/* Whether `dir` is a run folder: it contains config.yaml or metrics.jsonl. */
bool cream_is_run(const char *dir);
/* dir: a run folder; name: what the summary calls it. */
void cream_run_summarise(const char *dir, const char *name, cream_run_summary *);
/* The run folders in `dir`, and `dir` itself (as ".") if it is one, ordered by name. The caller frees *runs. */
cream_status cream_runs_list(const char *dir, cream_run_summary **runs, int *count, cream_error *);

#endif
