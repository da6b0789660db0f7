/* The parts of cream compare. */
#ifndef CREAM_TOOLS_COMPARE_H
#define CREAM_TOOLS_COMPARE_H

#include "io/run/run.h"
#include "io/run/study_results.h"
#include "tools/run/jobs.h"
#include "tools/run/shard.h"

typedef struct compare {
  cream_study study;
  const char *dir;
  int processes, threads; /* of the options; 0: one for each thread, all */
  int share;              /* threads of a process */
  bool force, plan;
  cream_run folder;
  bool locked;
  cream_study_run *runs; /* [rows][seeds] */
  int *todo, n_todo;     /* indices of the runs that the phase works on */
  const struct compare_phase *phase;
  bool shared; /* with --shard: todo is not used */
  shard shards;
  int before, failures; /* jobs: done when this shard began; that failed here */
  int finished;         /* jobs, by this shard */
} compare;

/* Work on every run, which is finished before the next phase starts. */
typedef struct compare_phase {
  const char *name;
  bool by_arm; /* once for all budgets of an arm */
  bool alone;  /* one run at a time, because its work starts processes itself */
  bool (*due)(const compare *, int run);
  cream_status (*work)(const compare *, int run, cream_error *);
} compare_phase;

/* The phases in their order: X(PHASE, name, by_arm, alone). compare.c has NAME_due and NAME, the work. */
#define COMPARE_PHASE_LIST(X)                                                                                \
  X(SEARCH, search, true, false)                                                                             \
  X(RANK, rank, true, true)                                                                                  \
  X(RETRAIN, retrain, false, false)

enum {
#define COMPARE_PHASE_ENUM(phase, name, by_arm, alone) COMPARE_##phase,
  COMPARE_PHASE_LIST(COMPARE_PHASE_ENUM)
#undef COMPARE_PHASE_ENUM
      COMPARE_PHASES
};
extern const compare_phase compare_phases[COMPARE_PHASES];

/* ---- runs: a row at a seed (compare_runs.c) ---------------------------------------------------------- */

int compare_runs(const compare *); /* their number */
const cream_study_row *compare_row(const compare *, int run);
uint64_t compare_seed(const compare *, int run);
const cream_config *compare_config(const compare *, int run);
/* The first row of the same arm at the same seed: its search serves all of them. */
int compare_search_of(const compare *, int run);
/* DIR/ARM-SEED and what follows. Returns `text`. */
char *compare_folder(const compare *, int run, const char *suffix, char *text, size_t size);
/* The folder of the retraining. Returns `text`. */
char *compare_trained_folder(const compare *, int run, char *text, size_t size);
bool compare_has(const char *folder, const char *name);
/* Whether the study ranks the run's supernet. */
bool compare_ranks(const compare *, int run);
/* The phase of the run failed; all rows of an arm share its search and its ranking. */
void compare_set_error(compare *, const compare_phase *, int run, const char *text);

/* ---- parts ------------------------------------------------------------------------------------------- */

/* Reads the results of all runs that did not fail. (compare_results.c) */
cream_status compare_collect(compare *, cream_error *);
/* Measures steps of every arm, and prints what the study costs and which difference it can find; c->dir NULL: no folder.
 * Writes nothing. (compare_plan.c) */
cream_status compare_plan(compare *, cream_error *);
/* Reads the results of all runs, writes the study's, and prints the table or with `json` study.json. CREAM_FAILED: some
 * runs failed. (compare_results.c) */
cream_status compare_report(compare *, bool json, cream_error *);

/* Sets the run's measures of its ranking, and the pairs of the endpoint if that is one of them. Does nothing where there is
 * no ranking. (compare_rank.c) */
cream_status compare_read_ranking(compare *, int run, cream_error *);

/* Stores the endpoint in the folder when the study begins; later the study learns what it was, if that was another one.
 * force: the study begins again. (compare_runs.c) */
cream_status compare_fix_endpoint(compare *, cream_error *);

/* The run of a job of shards (compare_shard.c). */
int compare_shard_run(const compare *, int job);
/* A job of this shard ended, or failed with this text. */
cream_status compare_shard_done(compare *, int job, cream_error *);
cream_status compare_shard_failed(compare *, int job, const char *text, cream_error *);
/* All phases as one of the shards. jobs: what the functions of a phase's jobs are; jobs->parallel is set here. */
cream_status compare_run_shard(compare *, const shard_options *, jobs *, bool json, cream_error *);

#endif
