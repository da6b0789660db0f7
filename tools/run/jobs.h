/* Runs jobs in parallel processes, so that a crash ends one job only, and no job changes the memory of another. The
 * process that forks must not have run parallel kernels. */
#ifndef CREAM_TOOLS_JOBS_H
#define CREAM_TOOLS_JOBS_H

#include <stddef.h>

#include "core/base/status.h"

typedef struct jobs_sender jobs_sender;

typedef struct jobs {
  int parallel;  /* processes at a time */
  size_t record; /* bytes of what jobs send */
  void *self;
  /* In a process of its own. What it sends arrives in the order it was sent. */
  cream_status (*work)(void *self, int job, jobs_sender *, cream_error *);
  /* In this process, of every record as it comes, whichever job's. A failing status ends everything. */
  cream_status (*take)(void *self, int job, const void *record, cream_error *);
  /* In this process, of a job that failed or crashed; CREAM_OK: the others continue. NULL: its failure ends
   * everything. */
  cream_status (*failed)(void *self, int job, const cream_error *, cream_error *);
} jobs;

/* Runs jobs 0..n-1, started in this order. The signals of tools/cli/signals.h end the jobs in order (SIGTERM); returns CREAM_INTERRUPTED
 * then. All processes have ended when it returns. */
cream_status jobs_run(const jobs *, int n, cream_error *);
/* Where jobs come from: a count, a folder that several machines share (shard.h), or messages between processes of many
 * machines (core/cluster/cluster.h): `next` and `ended` are then a question to rank 0 and its answer. All of it is called
 * in the process that waits. */
typedef struct job_source {
  void *self;
  /* *job: the next job; -1: there is none now, and jobs_run_from returns when those that run have ended. */
  cream_status (*next)(void *self, int *job, cream_error *);
  /* All records of the job have been taken, or it failed or was stopped. */
  void (*ended)(void *self, int job);
  /* At least twice a second. *lost: a running job that another process has taken over, which ends here without a
   * failure; -1: none. NULL: nothing to do. */
  void (*renew)(void *self, int *lost);
} job_source;

cream_status jobs_run_from(const jobs *, const job_source *, cream_error *);
/* Sends a record. */
cream_status jobs_send(jobs_sender *, const void *record, cream_error *);

/* Divides `threads` (0: all cores) among processes: `wanted` of them (0: one for each thread), at most `most`. Returns
 * their number; each has *share threads. */
int jobs_share(int threads, int wanted, int most, int *share);

#endif
