/* cream compare: the arms of a study over seeds, each in a run folder of its own, and one table. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "compare.h"
#include "core/search/search.h"
#include "io/config/settings.h"
#include "io/run/metrics_read.h"
#include "io/run/rank.h"
#include "io/run/study_results.h"
#include "rank.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"
#include "tools/run/checkpoint.h"
#include "tools/run/files.h"
#include "tools/run/jobs.h"
#include "tools/run/network.h"
#include "tools/run/old_paths.h"
#include "tools/run/run_options.h"

/* ---- the phases, each run in a process of its own ---------------------------------------------------- */

static char *trained_table(const compare *c, int run, char *text, size_t size) {
  snprintf(text, size, "%s/trained-%s.jsonl", c->dir, c->runs[run].dir);
  return text;
}

static cream_status discard(const char *name, cream_error *err) {
  if (!unlink(name) || errno == ENOENT) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot remove %s: %s", name, strerror(errno));
}

/* Before the first ranking, so that arms that share a table find it empty. */
static cream_status discard_ranking(const compare *c, int run, cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  cream_status status = discard(compare_folder(c, run, "/" CREAM_RANK_SUPERNET, name, sizeof name), err);
  return status ? status : discard(trained_table(c, run, name, sizeof name), err);
}

/* The settings that a folder was made with; later phases start from them. */
static cream_status load_config(const char *folder, cream_config *config, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME];
  cream_config_defaults(config);
  cream_status status = files_join(file, sizeof file, folder, CREAM_RUN_CONFIG, err);
  if (status == CREAM_OK) status = cream_settings_load(config, file, err);
  if (status == CREAM_OK) old_paths_find(config, folder);
  return status;
}

static bool search_due(const compare *c, int run) {
  char folder[CREAM_MAX_FILE_NAME];
  return c->force || !compare_has(compare_folder(c, run, "", folder, sizeof folder), CREAM_RUN_RESULT);
}

static cream_status search(const compare *c, int run, cream_error *err) {
  static run_options options;
  options = (run_options){.config = *compare_config(c, run), .force = c->force};
  cream_config *config = &options.config;
  compare_folder(c, run, "", config->out, sizeof config->out);
  config->seed = compare_seed(c, run);
  config->threads = c->share;
  options.resume = !c->force && compare_has(config->out, CREAM_RUN_CONFIG);
  cream_status status = c->force && compare_ranks(c, run) ? discard_ranking(c, run, err) : CREAM_OK;
  return status ? status : command_search.run(&options, err);
}

/* Paths trained from scratch are the same for all supernets that differ in their search alone: the first of
 * these arms names the file. */
static cream_status find_table(const compare *c, int run, const cream_config *config, char *name, size_t size,
                               cream_error *err) {
  static cream_config other;
  for (int i = run % c->study.n_seeds; i <= run; i += c->study.n_seeds) {
    char folder[CREAM_MAX_FILE_NAME];
    if (c->runs[i].error[0] || !compare_ranks(c, i)) continue;
    cream_status status = load_config(compare_folder(c, i, "", folder, sizeof folder), &other, err);
    if (status != CREAM_OK) return status;
    other.rank = compare_config(c, i)->rank;
    if (!rank_may_share(config, &other)) continue;
    trained_table(c, i, name, size);
    return CREAM_OK;
  }
  return CREAM_OK; /* its own table is the last one */
}

static bool rank_due(const compare *c, int run) {
  return compare_ranks(c, run);
}

static cream_status rank(const compare *c, int run, cream_error *err) {
  static rank_options options;
  options = (rank_options){0};
  compare_folder(c, run, "", options.run.run, sizeof options.run.run);
  cream_config *config = &options.run.config;
  cream_status status = load_config(options.run.run, config, err);
  if (status != CREAM_OK) return status;
  config->out[0] = '\0';
  config->rank = compare_config(c, run)->rank;
  config->rank.paths = c->study.rank;
  config->rank.jobs = c->processes;
  config->threads = c->threads;
  status = find_table(c, run, config, config->rank.table, sizeof config->rank.table, err);
  return status ? status : command_rank.run(&options, err);
}

static bool retrain_due(const compare *c, int run) {
  char folder[CREAM_MAX_FILE_NAME];
  return c->study.retrain &&
         (c->force || !compare_has(compare_trained_folder(c, run, folder, sizeof folder), CREAM_RUN_RESULT));
}

static cream_status retrain(const compare *c, int run, cream_error *err) {
  static run_options options;
  char folder[CREAM_MAX_FILE_NAME], name[CREAM_MAX_FILE_NAME];
  options = (run_options){.force = c->force};
  cream_config *config = &options.config;
  compare_folder(c, run, "", folder, sizeof folder);
  cream_status status = load_config(folder, config, err);
  if (status != CREAM_OK) return status;
  config->retrain = compare_config(c, run)->retrain;
  config->threads = c->share;
  config->time_budget = 0;
  compare_trained_folder(c, run, config->out, sizeof config->out);
  const char *budget = compare_row(c, run)->budget;
  status = files_join(config->arch, sizeof config->arch, folder,
                      cream_run_budget_name(CREAM_RUN_ARCH, *budget ? budget : NULL, name), err);
  options.resume = !c->force && compare_has(config->out, CREAM_RUN_CONFIG);
  return status ? status : command_retrain.run(&options, err);
}

const compare_phase compare_phases[COMPARE_PHASES] = {
#define PHASE(phase, name, by_arm, alone) [COMPARE_##phase] = {#name, by_arm, alone, name##_due, name},
    COMPARE_PHASE_LIST(PHASE)
#undef PHASE
};

/* The output of the commands goes to DIR/ARM-SEED.log. */
static cream_status redirect(const compare *c, int run, cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  compare_folder(c, run, ".log", name, sizeof name);
  int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", name, strerror(errno));
  close(fd);
  return CREAM_OK;
}

static int run_of(const compare *c, int job) {
  return c->shared ? compare_shard_run(c, job) : c->todo[job];
}

static cream_status work(void *self, int job, jobs_sender *sender, cream_error *err) {
  const compare *c = self;
  int run = run_of(c, job);
  double started = progress_now();
  cream_status status = redirect(c, run, err);
  if (status == CREAM_OK) status = c->phase->work(c, run, err);
  double seconds = progress_now() - started;
  return status ? status : jobs_send(sender, &seconds, err);
}

static cream_status take(void *self, int job, const void *record, cream_error *err) {
  compare *c = self;
  double seconds;
  memcpy(&seconds, record, sizeof seconds);
  fprintf(stderr, "%s of %s: %.1f s\n", c->phase->name, c->runs[run_of(c, job)].dir, seconds);
  return c->shared ? compare_shard_done(c, job, err) : CREAM_OK;
}

/* The other runs continue. */
static cream_status failed(void *self, int job, const cream_error *failure, cream_error *err) {
  compare *c = self;
  int run = run_of(c, job);
  fprintf(stderr, "%s of %s failed: %s\n", c->phase->name, c->runs[run].dir, failure->text);
  compare_set_error(c, c->phase, run, failure->text);
  return c->shared ? compare_shard_failed(c, job, failure->text, err) : CREAM_OK;
}

static cream_status run_phase(compare *c, const compare_phase *p, cream_error *err) {
  c->phase = p;
  c->n_todo = 0;
  for (int run = 0; run < compare_runs(c); run++) {
    bool first = compare_search_of(c, run) == run;
    if (!c->runs[run].error[0] && (first || !p->by_arm) && p->due(c, run)) c->todo[c->n_todo++] = run;
  }
  if (c->n_todo == 0) return CREAM_OK;
  int parallel = jobs_share(c->threads, c->processes, c->n_todo, &c->share);
  const jobs all = {p->alone ? 1 : parallel, sizeof(double), c, work, take, failed};
  return jobs_run(&all, c->n_todo, err);
}

/* ---- before: budgets, and existing folders -------------------------------------------------------------- */

/* The epochs in which this number of paths is trained, each on one batch. */
static cream_status epochs_for(cream_config *config, double steps, cream_error *err) {
  run_data data;
  static cream_skeleton skeleton;
  cream_status status = run_data_open(config, &data, err);
  if (status != CREAM_OK) return status;
  status = run_supernet(config, data.dataset->classes, &skeleton, err);
  if (status == CREAM_OK) {
    double batches = floor((double)data.n_rest / config->search.batch);
    double epochs = round(steps / (fmax(batches, 1) * cream_search_batch_paths(&config->search, &skeleton)));
    config->search.epochs = epochs < 1 ? 1 : (int)fmin(epochs, 100000);
  }
  run_data_close(&data);
  return status;
}

static cream_status give_budget(compare *c, cream_error *err) {
  double amount = c->study.budget.amount;
  for (int a = -1; a < c->study.n_arms && amount > 0; a++) {
    cream_config *config = a < 0 ? &c->study.base : &c->study.arms[a].config;
    cream_status status = CREAM_OK;
    if (c->study.budget.kind == CREAM_STUDY_EPOCHS)
      config->search.epochs = (int)fmin(amount, 100000);
    else if (c->study.budget.kind == CREAM_STUDY_SECONDS)
      config->time_budget = amount / 60;
    else
      status = epochs_for(config, amount, err);
    if (status != CREAM_OK) return status;
  }
  return CREAM_OK;
}

/* A folder of an earlier start must have been made with the same settings. */
static cream_status check_folder(const char *folder, const char *command, const cream_config *mine,
                                 cream_error *err) {
  static cream_config found, wanted;
  if (!compare_has(folder, CREAM_RUN_CONFIG)) return CREAM_OK;
  cream_status status = load_config(folder, &found, err);
  if (status != CREAM_OK) return status;
  wanted = *mine;
  run_absolute_paths(&found);
  run_absolute_paths(&wanted);
  if (!wanted.resolution) wanted.resolution = found.resolution;
  if (!wanted.depth[0]) memcpy(wanted.depth, found.depth, sizeof wanted.depth);
  const char *key = cream_settings_differ(&found, &wanted, checkpoint_free(command));
  if (!key) return CREAM_OK;
  char was[128], is[128];
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "%s was made with %s %s, and the study has %s; choose another --out, or --force", folder,
                    key, cream_settings_get(&found, key, was, sizeof was),
                    cream_settings_get(&wanted, key, is, sizeof is));
}

static cream_status check_run(const compare *c, int run, cream_error *err) {
  static cream_config config;
  char folder[CREAM_MAX_FILE_NAME];
  config = *compare_config(c, run);
  config.seed = compare_seed(c, run);
  if (c->force) return CREAM_OK;
  cream_status status =
      check_folder(compare_folder(c, run, "", folder, sizeof folder), "search", &config, err);
  if (status != CREAM_OK || !c->study.retrain) return status;
  return check_folder(compare_trained_folder(c, run, folder, sizeof folder), "retrain", &config, err);
}

static cream_status name_runs(compare *c, cream_error *err) {
  int n = compare_runs(c);
  c->runs = calloc((size_t)n, sizeof *c->runs);
  c->todo = calloc((size_t)n, sizeof *c->todo);
  if (!c->runs || !c->todo) return cream_fail_memory(err, (size_t)n * sizeof *c->runs, "the runs of a study");
  for (int run = 0; run < n; run++) {
    snprintf(c->runs[run].dir, sizeof c->runs[run].dir, "%s-%llu",
             c->study.arms[compare_row(c, run)->arm].name, (unsigned long long)compare_seed(c, run));
    for (int m = 0; m < CREAM_STUDY_MEASURES; m++) c->runs[run].values[m] = NAN;
  }
  return give_budget(c, err);
}

static cream_status prepare(compare *c, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int run = 0; run < compare_runs(c) && status == CREAM_OK; run++) status = check_run(c, run, err);
  if (status == CREAM_OK)
    status = c->shared ? cream_run_join(&c->folder, c->dir, err) : cream_run_reopen(&c->folder, c->dir, err);
  c->locked = status == CREAM_OK;
  return status == CREAM_OK ? compare_fix_endpoint(c, err) : status;
}

static void free_runs(compare *c) {
  for (int run = 0; run < compare_runs(c) && c->runs; run++) {
    free(c->runs[run].pairs.x);
    free(c->runs[run].pairs.y);
  }
  free(c->runs);
  free(c->todo);
}

/* One process receives the signals of all arms. */
static cream_status choose_signals(const compare *c, cream_error *err) {
  const char *all = c->study.base.signals;
  for (int a = 0; a < c->study.n_arms; a++)
    if (strcmp(c->study.arms[a].config.signals, all) != 0)
      return cream_fail(
          err, CREAM_BAD_CONFIG,
          "signals: arm %s has %s, expected the same for all arms; set it in the study's config or "
          "settings",
          c->study.arms[a].name, c->study.arms[a].config.signals);
  cream_status status = signals_choose(all, err);
  if (status == CREAM_OK) signals_catch();
  return status;
}

static cream_status run_alone(compare *c, bool json, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME];
  cream_status status = shard_none_at_work(c->dir, err);
  if (status == CREAM_OK) cream_claims_remove(shard_file(c->dir, "", folder));
  for (size_t p = 0; p < COMPARE_PHASES && status == CREAM_OK; p++)
    status = run_phase(c, &compare_phases[p], err);
  return status == CREAM_OK ? compare_report(c, json, err) : status;
}

static cream_status run_study(compare *c, const char *file, const shard_options *shards, bool json,
                              cream_error *err) {
  jobs all = {.record = sizeof(double), .self = c, .work = work, .take = take, .failed = failed};
  cream_status status = cream_study_load(file, &c->study, err);
  if (status == CREAM_OK) status = choose_signals(c, err);
  if (status == CREAM_OK) status = name_runs(c, err);
  if (status == CREAM_OK && !c->plan) status = prepare(c, err);
  if (status == CREAM_OK && c->plan)
    status = compare_plan(c, err);
  else if (status == CREAM_OK)
    status = c->shared ? compare_run_shard(c, shards, &all, json, err) : run_alone(c, json, err);
  if (c->locked) cream_run_close(&c->folder, NULL);
  free_runs(c);
  cream_study_free(&c->study);
  return status;
}

/* ---- the command -------------------------------------------------------------------------------------- */

typedef struct compare_options {
  cli_line line;
  const char *out;
  shard_options shards;
  int jobs, threads;
  bool force, json, plan;
} compare_options;

static cream_status check(void *values, cream_error *err) {
  compare_options *options = values;
  if (options->plan && (options->json || options->force || options->shards.shard))
    return cream_fail(err, CREAM_BAD_CONFIG, "--plan prints a plan and runs nothing; give it without --%s",
                      options->json    ? "json"
                      : options->force ? "force"
                                       : "shard");
  if (options->plan) return shard_check(&options->shards, false, err);
  if (options->out && *options->out) return shard_check(&options->shards, options->force, err);
  return cream_fail(err, CREAM_BAD_CONFIG, "no folder: expected --out DIR, a folder for the study's runs");
}

static cream_status run(const void *values, cream_error *err) {
  const compare_options *options = values;
  static compare c;
  c = (compare){.dir = options->out,
                .processes = options->jobs,
                .threads = options->threads,
                .force = options->force,
                .plan = options->plan,
                .shared = options->shards.shard != NULL};
  return run_study(&c, options->line.arguments[0], &options->shards, options->json, err);
}

static const cli_option options[] = {
    CLI_VALUE(compare_options, out, RUN, "out", "DIR",
              "folder of the study, with a run folder for every arm and seed"),
    CLI_VALUE(compare_options, jobs, DEVICE, "jobs", "N",
              "runs in parallel, each in a process of its own; 0: one for each thread", CLI_AT_LEAST(0)),
    CLI_VALUE(compare_options, threads, DEVICE, "threads", "N", "CPU threads of all runs together; 0: all",
              CLI_AT_LEAST(0)),
    SHARD_ROWS(compare_options),
    CLI_VALUE(compare_options, force, RUN, "force", NULL, "run again what is finished"),
    CLI_VALUE(compare_options, plan, RUN, "plan", NULL,
              "print what the study costs, from steps measured here, and which difference it can find; run "
              "nothing"),
    CLI_VALUE(compare_options, json, OUTPUT, "json", NULL, "print study.json on stdout instead of the table"),
};

COMMAND(
    compare, "run the arms of a study over seeds, and compare them in one table", CLI_OPTIONS(options),
    CLI_VALUES(compare_options, line), .check = check, .run = run, .arguments = "STUDY.yaml",
    .least_arguments = 1, .most_arguments = 1, .processes = CLI_EACH_PROCESS,
    .missing = "no study: expected cream compare STUDY.yaml --out DIR",
    .text =
        "Searches, and as the study says ranks and retrains, every arm at every seed. Finished runs are not\n"
        "repeated, and interrupted runs are resumed. The table is in DIR/study.md and study.json, the "
        "output\n"
        "of the runs in DIR/ARM-SEED.log. Examples are in docs/studies; the format is in docs/ranking.md. "
        "With\n"
        "--shard, processes on one or many machines that share DIR divide the runs among themselves\n"
        "(docs/guide.md).\n");
