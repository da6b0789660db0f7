/* --dry-run: what a search or a training would take, from its parts and a few of its steps; nothing is written. */
#ifndef CREAM_TOOLS_DRY_RUN_H
#define CREAM_TOOLS_DRY_RUN_H

#include <signal.h>

#include "core/base/config.h"
#include "core/base/event.h"
#include "core/space/complexity.h"
#include "core/space/latency.h"
#include "memory_check.h"

/* A listener that measures the first steps of a run and then ends it. */
typedef struct dry_clock {
  int wanted;               /* steps that are measured, unless they take too long */
  int steps;                /* done; the first one, which compiles kernels and fills caches, does not count */
  double first, last;       /* when the first step and the last one ended, in seconds */
  double started;           /* the training */
  uint64_t planned, epochs; /* steps and epochs of the whole run */
  bool done;
  const volatile sig_atomic_t *signalled; /* a signal has come */
  volatile sig_atomic_t stop;             /* of several ranks, on rank 0 */
} dry_clock;

/* period: steps after which the run's work repeats. The run then ends with CREAM_INTERRUPTED, and clock->done is set. */
cream_listener dry_clock_start(dry_clock *, int period);
/* After the run, on all ranks: CREAM_OK where the clock of rank 0 is done, which is then that of all ranks. */
cream_status dry_run_end(dry_clock *, cream_status of_the_run, cream_error *);
/* The steps that count: all but the first one, unless there is no other. Seconds of a step: their mean. */
int dry_clock_measured(const dry_clock *);
double dry_clock_step(const dry_clock *);

/* The first steps of a search, until its board opens. */
typedef struct dry_early {
  uint64_t steps; /* 0: none */
  double step;    /* measured seconds of one */
} dry_early;

typedef struct dry_run {
  const char *command; /* "search", "retrain", "detect train" */
  const cream_config *config;
  const cream_skeleton *skeleton;   /* of the supernet, or fixed */
  const cream_latencies *latencies; /* NULL: not known */
  const memory_check *memory;
  int batch, accumulate;
  cream_cost tail; /* of a detector's neck and heads */
  cream_backend *backend;
  dry_clock clock; /* of a search: with board and teacher, where its strategy has them */
  dry_early early;
} dry_run;

/* Prints it on stdout; with `json` as one document. Memory is that of this rank. */
cream_status dry_run_print(const dry_run *, bool json, cream_error *);

#endif
