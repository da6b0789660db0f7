/* Shards: processes, mostly on different machines, that work on the jobs of one folder. Each takes the next job that nobody
 * has taken (io/run/claims.h), so that a slow shard does not delay the others; the shard that ends last puts the results
 * together. */
#ifndef CREAM_TOOLS_SHARD_H
#define CREAM_TOOLS_SHARD_H

#include "core/base/config.h"
#include "io/run/claims.h"
#include "jobs.h"
#include "tools/cli/command.h"

/* Values of --shard and --take-over. */
typedef struct shard_options {
  const char *shard; /* "I/N"; NULL: none */
  bool take_over;
  char launched[24]; /* what `shard` is in processes that a launcher has started without --shard */
} shard_options;

/* Rows for a command whose values have the member `shards`, a shard_options. */
#define SHARD_ROWS(owner)                                                                                    \
  CLI_VALUE(owner, shards.shard, DEVICE, "shard", "I/N",                                                     \
            "work as the I-th of N processes, from 1, that share the folder: each takes jobs that nobody "   \
            "has taken, and the last one writes the results"),                                               \
      CLI_VALUE(owner, shards.take_over, DEVICE, "take-over", NULL,                                          \
                "with --shard: take over jobs of other machines that are silent for a minute, not ten")

/* Checks the values. Without --shard, the processes of mpirun or srun are shards, and those of one host share its
 * processors. force: --force is given. */
cream_status shard_check(shard_options *, bool force, cream_error *);

typedef enum shard_state {
  SHARD_READY,
  SHARD_BLOCKED, /* it needs what another job has not finished */
  SHARD_DONE     /* its result is there, or it cannot be made */
} shard_state;

typedef struct shard_slot {
  cream_claim claim;
  bool held, done;
} shard_slot;

typedef struct shard {
  cream_claims claims;
  int index, count;  /* "I/N" of the options, index from 0 */
  int from, to;      /* the jobs that shard_source gives: from..to-1; all of them after shard_open */
  int n;             /* jobs */
  shard_slot *slots; /* [n] */
  const void *self;  /* of the functions */
  void (*name)(const void *self, int job, char text[128]); /* of the job's claim */
  shard_state (*state)(const void *self, int job);
  bool gone; /* another shard has put the results together, and removed the folder */
  int taken; /* jobs that this process has taken, in all */
  double renew_at;
} shard;

/* Opens the folder DIR/shards of the jobs; `name`, `state` and `self` are set by the caller, who ends it with shard_close. */
cream_status shard_open(shard *, const shard_options *, const char *dir, int n, cream_error *);
void shard_close(shard *);

/* Compares the settings of the shards, which the first one stores as shards/NAME.yaml. free: keys that may differ, as in
 * cream_settings_differ. prefix: printed before the key. CREAM_BAD_CONFIG: they differ; the error names key and values. */
cream_status shard_compare(const shard *, const char *name, const cream_config *, const char *const *free,
                           const char *prefix, cream_error *);
/* The same for a value of its own. */
cream_status shard_compare_value(const shard *, const char *key, const char *value, cream_error *);

/* Jobs that are ready and that nobody has taken. */
job_source shard_source(shard *);

/* How many jobs are in each state now. */
typedef struct shard_counts {
  int done, blocked, rest; /* rest: ready, of this shard or of others */
} shard_counts;
shard_counts shard_count(shard *);
/* Of jobs from..to-1, how many are done. */
int shard_done(shard *, int from, int to);
/* Prints why a shard that does not put the results together ends. */
void shard_print_end(const shard *);

/* After the last job: whether this process puts the results together, which is true for one of the shards. All jobs have to
 * be done. */
cream_status shard_finish(shard *, bool *mine, cream_error *);
/* Removes the folder, after the results are complete. */
void shard_remove(shard *);

/* Of a process without --shard, before it works in `dir` alone: CREAM_BAD_CONFIG where shards are at work. */
cream_status shard_none_at_work(const char *dir, cream_error *);
/* DIR/shards/NAME. Returns `path`. */
char *shard_file(const char *dir, const char *name, char path[CREAM_MAX_FILE_NAME]);

#endif
