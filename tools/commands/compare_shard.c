/* cream compare --shard: the jobs are the phases of all runs, and every shard takes those that can begin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare.h"
#include "tools/cli/signals.h"

int compare_shard_run(const compare *c, int job) {
  return job % compare_runs(c);
}

static int job_of(const compare *c, int phase, int run) {
  return phase * compare_runs(c) + run;
}

/* ---- jobs -------------------------------------------------------------------------------------------- */

/* "search-ARM-SEED", "retrain-ARM-SEED-BUDGET" */
static void name_job(const void *self, int job, char text[128]) {
  const compare *c = self;
  int run = compare_shard_run(c, job), phase = job / compare_runs(c);
  const char *budget = compare_phases[phase].by_arm ? "" : compare_row(c, run)->budget;
  snprintf(text, 128, "%s-%.70s%s%s", compare_phases[phase].name, c->runs[run].dir, *budget ? "-" : "",
           budget);
}

/* "JOB.done" and "JOB.failed" in the folder of the shards */
static char *mark_of(const compare *c, int phase, int run, const char *mark, char name[160]) {
  name_job(c, job_of(c, phase, run), name);
  strcat(name, mark);
  return name;
}

static bool has_mark(const compare *c, int phase, int run, const char *mark) {
  char name[160];
  return compare_has(c->shards.claims.dir, mark_of(c, phase, run, mark, name));
}

static bool has_failed(const compare *c, int phase, int run) {
  return has_mark(c, phase, run, ".failed");
}

/* The folder of a run in a phase. */
static const char *folder_of(const compare *c, int phase, int run, char folder[CREAM_MAX_FILE_NAME]) {
  return phase == COMPARE_RETRAIN ? compare_trained_folder(c, run, folder, CREAM_MAX_FILE_NAME)
                                  : compare_folder(c, run, "", folder, CREAM_MAX_FILE_NAME);
}

/* Whether the work of the phase is there, or will not be. */
static bool is_settled(const compare *c, int phase, int run) {
  char folder[CREAM_MAX_FILE_NAME];
  int search = compare_search_of(c, run);
  if (has_failed(c, phase, run)) return true;
  if (compare_phases[phase].by_arm && run != search) return true;
  if (phase != COMPARE_SEARCH && has_failed(c, COMPARE_SEARCH, search)) return true;
  if (phase == COMPARE_RETRAIN && has_failed(c, COMPARE_RANK, search)) return true;
  if (phase == COMPARE_RANK) return !compare_ranks(c, run) || has_mark(c, phase, run, ".done");
  if (phase == COMPARE_RETRAIN && !c->study.retrain) return true;
  return compare_has(folder_of(c, phase, run, folder), CREAM_RUN_RESULT);
}

/* A ranking uses the paths that earlier arms have trained at its seed, so these have to be ranked before it, as in one
 * process. */
static bool is_blocked(const compare *c, int phase, int run) {
  if (phase == COMPARE_RETRAIN) return !is_settled(c, COMPARE_SEARCH, compare_search_of(c, run));
  for (int i = run % c->study.n_seeds; phase == COMPARE_RANK && i <= run; i += c->study.n_seeds)
    if (!is_settled(c, COMPARE_SEARCH, i) || (i < run && !is_settled(c, COMPARE_RANK, i))) return true;
  return false;
}

/* A folder is still locked for a moment after its process was killed, or has written its result. */
static bool is_locked(const compare *c, int phase, int run) {
  char folder[CREAM_MAX_FILE_NAME];
  return cream_run_locked(folder_of(c, phase, run, folder));
}

static shard_state job_state(const void *self, int job) {
  const compare *c = self;
  int run = compare_shard_run(c, job), phase = job / compare_runs(c);
  if (is_settled(c, phase, run)) return SHARD_DONE;
  if (is_blocked(c, phase, run)) return SHARD_BLOCKED;
  return c->shards.slots[job].held && is_locked(c, phase, run) ? SHARD_BLOCKED : SHARD_READY;
}

cream_status compare_shard_done(compare *c, int job, cream_error *err) {
  char name[160];
  bool existed;
  cream_status status = CREAM_OK;
  int phase = job / compare_runs(c), run = compare_shard_run(c, job);
  if (phase == COMPARE_RANK)
    status =
        cream_claims_publish(&c->shards.claims, mark_of(c, phase, run, ".done", name), "", &existed, err);
  shard_counts counts = shard_count(&c->shards);
  c->finished++;
  int others = counts.done - c->before - c->finished - c->failures;
  if (others > 0)
    fprintf(stderr, "%d jobs are done, %d of them by other shards\n", counts.done - c->before, others);
  return status;
}

cream_status compare_shard_failed(compare *c, int job, const char *text, cream_error *err) {
  char name[160];
  bool existed;
  int phase = job / compare_runs(c), run = compare_shard_run(c, job);
  c->failures++;
  return cream_claims_publish(&c->shards.claims, mark_of(c, phase, run, ".failed", name), text, &existed,
                              err);
}

/* The failures of all shards, in the order of the phases. */
static cream_status read_failures(compare *c, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int job = 0; job < c->shards.n && !status; job++) {
    char name[160], path[CREAM_MAX_FILE_NAME + 160], *text;
    size_t size;
    int phase = job / compare_runs(c), run = compare_shard_run(c, job);
    if (!has_failed(c, phase, run)) continue;
    snprintf(path, sizeof path, "%s/%s", c->shards.claims.dir, mark_of(c, phase, run, ".failed", name));
    status = cream_file_read(path, 1 << 16, &text, &size, err);
    if (status) break;
    compare_set_error(c, &compare_phases[phase], run, text);
    free(text);
  }
  return status;
}

/* ---- settings ---------------------------------------------------------------------------------------- */

/* What a shard may set for itself. */
static const char *const free_of_shards[] = {"out",     "threads",     "signals",  "device",
                                             "opencl.", "checkpoint.", "cluster.", NULL};

static cream_status compare_values(const compare *c, cream_error *err) {
  const cream_study *study = &c->study;
  char text[64 * CREAM_MAX_PAIRS] = "", number[64];
  snprintf(number, sizeof number, "%g %s", study->budget.amount, cream_study_unit_names[study->budget.kind]);
  cream_status status = shard_compare_value(&c->shards, "budget", number, err);
  snprintf(number, sizeof number, "%d", study->rank);
  if (!status) status = shard_compare_value(&c->shards, "rank", number, err);
  if (!status) status = shard_compare_value(&c->shards, "retrain", study->retrain ? "true" : "false", err);
  for (int s = 0; s < study->n_seeds; s++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%llu", s ? ", " : "",
             (unsigned long long)study->seeds[s]);
  return status ? status : shard_compare_value(&c->shards, "seeds", text, err);
}

static cream_status compare_arms(const compare *c, cream_error *err) {
  char names[CREAM_STUDY_MAX_ARMS * (CREAM_STUDY_MAX_NAME + 2)] = "";
  cream_status status = CREAM_OK;
  for (int a = 0; a < c->study.n_arms; a++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", a ? ", " : "",
             c->study.arms[a].name);
  status = shard_compare_value(&c->shards, "arms", names, err);
  for (int a = 0; a < c->study.n_arms && !status; a++) {
    const cream_study_arm *arm = &c->study.arms[a];
    char prefix[CREAM_STUDY_MAX_NAME + 8];
    snprintf(prefix, sizeof prefix, "arms.%s.", arm->name);
    status = shard_compare(&c->shards, arm->name, &arm->config, free_of_shards, prefix, err);
  }
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* Runs what can begin, one phase after the other, because the threads are divided among the jobs of a phase. */
static cream_status run_phases(compare *c, jobs *all, cream_error *err) {
  const job_source source = shard_source(&c->shards);
  int n = compare_runs(c);
  for (int p = 0; p < COMPARE_PHASES && !c->shards.gone; p++) {
    int ready = 0;
    cream_status status = read_failures(c, err);
    if (status) return status;
    c->phase = &compare_phases[p];
    c->shards.from = p * n;
    c->shards.to = (p + 1) * n;
    for (int run = 0; run < n; run++) ready += job_state(c, job_of(c, p, run)) == SHARD_READY;
    if (!ready) continue;
    all->parallel = jobs_share(c->threads, c->processes, ready, &c->share);
    if (c->phase->alone) all->parallel = 1;
    status = jobs_run_from(all, &source, err);
    if (status) return status;
  }
  return CREAM_OK;
}

/* A second, or until a signal ends this process in order. */
static cream_status wait_for_others(cream_error *err) {
  const volatile sig_atomic_t *stop = signals_catch();
  for (int i = 0; i < 10 && !*stop; i++) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  if (!*stop) return CREAM_OK;
  return cream_fail(err, CREAM_INTERRUPTED,
                    "interrupted; finished work is saved, run the same command again to continue");
}

/* Until everything that is left is the work of others. */
static cream_status run_jobs(compare *c, jobs *all, cream_error *err) {
  cream_status status = CREAM_OK;
  bool waited = false;
  while (!status && !c->shards.gone) {
    int taken = c->shards.taken;
    status = run_phases(c, all, err);
    if (status || c->shards.taken > taken) continue;
    if (c->shards.gone || shard_count(&c->shards).blocked == 0) break;
    if (!waited) fprintf(stderr, "waiting for the work of other shards, on which the rest depends\n");
    waited = true;
    status = wait_for_others(err);
  }
  return status;
}

static cream_status end(compare *c, bool json, cream_error *err) {
  bool last = false;
  cream_status status = shard_finish(&c->shards, &last, err);
  if (status) return status;
  if (last) {
    status = read_failures(c, err);
    if (!status) status = compare_report(c, json, err);
    if (!status || status == CREAM_FAILED) shard_remove(&c->shards);
    return status;
  }
  shard_print_end(&c->shards);
  if (!c->failures) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "%d of the %d jobs of this shard failed; the reasons are in %s/*.log",
                    c->failures, c->shards.taken, c->dir);
}

cream_status compare_run_shard(compare *c, const shard_options *options, jobs *all, bool json,
                               cream_error *err) {
  c->shards.self = c;
  c->shards.name = name_job;
  c->shards.state = job_state;
  cream_status status = shard_open(&c->shards, options, c->dir, COMPARE_PHASES * compare_runs(c), err);
  if (!status) status = compare_values(c, err);
  if (!status) status = compare_arms(c, err);
  if (!status) {
    c->before = shard_count(&c->shards).done;
    status = run_jobs(c, all, err);
  }
  if (!status) status = end(c, json, err);
  shard_close(&c->shards);
  return status;
}
