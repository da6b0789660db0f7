/* cream table build: paths of a space trained from scratch, the truth that rankings are compared with. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "core/search/rank.h"
#include "io/config/settings.h"
#include "io/run/path_log.h"
#include "io/run/run.h"
#include "io/run/truth.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"
#include "tools/run/files.h"
#include "tools/run/jobs.h"
#include "tools/run/network.h"
#include "tools/run/path_training.h"
#include "tools/run/run_options.h"
#include "tools/run/shard.h"

typedef struct table_options {
  run_options run;
  shard_options shards;
} table_options;

/* A path's training with the settings' seed, or its second one with the next seed. */
typedef enum table_part { TRAINED, AGAIN, PARTS } table_part;

typedef struct table_run {
  cream_config config[PARTS]; /* of path_recipe; the threads are a job's */
  const cream_config *settings;
  cream_run folder;
  bool locked;
  run_data data;
  cream_skeleton skeleton;
  cream_limits limits;
  cream_path paths[CREAM_RANK_MAX_PATHS];
  int n;
  cream_path_log logs[PARTS];
  int todo[PARTS * CREAM_RANK_MAX_PATHS], n_todo; /* jobs */
  int done;                                       /* of this process */
  double started;
  bool shared; /* with --shard */
  shard shards;
} table_run;

/* ---- jobs: part * n + path --------------------------------------------------------------------------- */

static int job_count(const table_run *t) {
  return PARTS * t->n;
}

/* Whether the path is trained twice: rank.repeats of them, spread over all. */
static bool is_repeated(const table_run *t, int path) {
  int64_t repeats = t->settings->rank.repeats;
  return (path + 1) * repeats / t->n > path * repeats / t->n || repeats >= t->n;
}

static bool is_wanted(const table_run *t, int job) {
  return job < t->n || is_repeated(t, job - t->n);
}

static char *job_file(const table_run *t, int job, char name[CREAM_MAX_FILE_NAME]) {
  char file[64];
  snprintf(file, sizeof file, "%s-%04d.json", job < t->n ? "trained" : "again", job % t->n + 1);
  return shard_file(t->folder.dir, file, name);
}

static bool is_done(const table_run *t, int job) {
  char name[CREAM_MAX_FILE_NAME];
  return !is_wanted(t, job) || cream_path_log_find(&t->logs[job / t->n], &t->paths[job % t->n]) ||
         (t->shared && access(job_file(t, job, name), F_OK) == 0);
}

static cream_status train(const table_run *t, int job, jobs_sender *sender, cream_error *err) {
  const path_training training = {&t->config[job / t->n], &t->data, &t->skeleton, {.stop = signals_catch()}};
  cream_path_scores scores = {.path = t->paths[job % t->n]};
  cream_status status = path_train(&training, &scores, err);
  return status == CREAM_OK ? jobs_send(sender, &scores, err) : status;
}

static cream_status work(void *self, int job, jobs_sender *sender, cream_error *err) {
  const table_run *t = self;
  return train(t, t->shared ? job : t->todo[job], sender, err);
}

static void print_trained(table_run *t, const cream_path_scores *scores, int job) {
  t->done++;
  fprintf(stderr, "path %d of %d%s: held out %.2f %%, test %.2f %%", job % t->n + 1, t->n,
          job < t->n ? "" : ", again", 100 * scores->heldout.top1, 100 * scores->test.top1);
  if (!t->shared && t->done < t->n_todo)
    fprintf(stderr, "; about %.0f s left", (progress_now() - t->started) / t->done * (t->n_todo - t->done));
  fputc('\n', stderr);
}

static cream_status take(void *self, int job, const void *record, cream_error *err) {
  table_run *t = self;
  char name[CREAM_MAX_FILE_NAME];
  int which = t->shared ? job : t->todo[job];
  print_trained(t, record, which);
  if (t->shared) return cream_path_scores_write(job_file(t, which, name), record, err);
  return cream_path_log_append(&t->logs[which / t->n], record, err);
}

/* ---- shards ------------------------------------------------------------------------------------------ */

static void name_job(const void *self, int job, char text[128]) {
  const table_run *t = self;
  snprintf(text, 128, "%s-%04d", job < t->n ? "train" : "again", job % t->n + 1);
}

static shard_state job_state(const void *self, int job) {
  return is_done(self, job) ? SHARD_DONE : SHARD_READY;
}

/* Appends to the logs what shards have left, in the order of the jobs. */
static cream_status collect(table_run *t, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int job = 0; job < job_count(t) && status == CREAM_OK; job++) {
    char name[CREAM_MAX_FILE_NAME];
    if (is_wanted(t, job))
      status = path_collect(&t->logs[job / t->n], &t->skeleton, &t->paths[job % t->n], job_file(t, job, name),
                            err);
  }
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static void close_logs(table_run *t) {
  for (int part = 0; part < PARTS; part++) cream_path_log_close(&t->logs[part]);
}

/* read: for a shard, which does not change the logs. */
static cream_status open_logs(table_run *t, bool read, bool fresh, cream_error *err) {
  static const char *const names[PARTS] = {[TRAINED] = CREAM_TRUTH_TRAINED, [AGAIN] = CREAM_TRUTH_AGAIN};
  cream_status status = CREAM_OK;
  close_logs(t);
  for (int part = 0; part < PARTS && status == CREAM_OK; part++) {
    char file[CREAM_MAX_FILE_NAME];
    const cream_path_log_owner owner = {&t->config[part], path_recipe_free, NULL, &t->skeleton};
    cream_run_file(&t->folder, names[part], file);
    status = read ? cream_path_log_read(&t->logs[part], file, &owner, err)
                  : cream_path_log_open(&t->logs[part], file, &owner, fresh, err);
  }
  return status;
}

static cream_status open_shards(table_run *t, const table_options *options, cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  shard_file(t->folder.dir, "", name);
  if (!t->shared && options->run.force) cream_claims_remove(name);
  if (!t->shared && access(name, F_OK)) return CREAM_OK;
  t->shards.self = t;
  t->shards.name = name_job;
  t->shards.state = job_state;
  cream_status status = shard_open(&t->shards, &options->shards, t->folder.dir, job_count(t), err);
  if (status == CREAM_OK)
    status = shard_compare(&t->shards, "settings", t->settings, path_shards_free, "", err);
  return status == CREAM_OK && t->shared ? open_logs(t, true, false, err) : status;
}

static cream_status draw_paths(table_run *t, cream_error *err) {
  bool known;
  static cream_latencies latencies;
  const cream_config *config = t->settings;
  cream_status status = run_latencies(config, &t->skeleton, &latencies, &known, err);
  if (status != CREAM_OK) return status;
  t->limits.flops = run_range(config);
  if (known) t->limits.latencies = &latencies;
  if (known) t->limits.ms.max = config->search.latency.max;
  status = cream_rank_draw(&config->rank, &t->skeleton, &t->limits, config->seed, t->paths, &t->n, err);
  if (status == CREAM_OK && t->n < 2)
    return cream_fail(err, CREAM_BAD_CONFIG, "flops: the range has a single path; expected at least 2");
  if (status == CREAM_OK && t->n < config->rank.paths)
    fprintf(stderr, "found %d paths in the range, fewer than the %d of rank.paths\n", t->n,
            config->rank.paths);
  return status;
}

static cream_status open_all(table_run *t, const run_options *options, cream_error *err) {
  t->settings = &options->config;
  for (int part = 0; part < PARTS; part++) {
    t->config[part] = path_recipe(&options->config);
    t->config[part].seed += (uint64_t)part;
  }
  cream_status status = run_data_open(&options->config, &t->data, err);
  if (status == CREAM_OK)
    status = run_supernet(&options->config, t->data.dataset->classes, &t->skeleton, err);
  if (status == CREAM_OK) status = draw_paths(t, err);
  if (status != CREAM_OK) return status;
  status = t->shared ? cream_run_join(&t->folder, options->config.out, err)
                     : cream_run_reopen(&t->folder, options->config.out, err);
  t->locked = status == CREAM_OK;
  return status != CREAM_OK || t->shared ? status : shard_none_at_work(options->config.out, err);
}

static cream_status write_table(const table_run *t, bool json, cream_error *err) {
  static cream_ranked ranked[CREAM_RANK_MAX_PATHS];
  static cream_config made;
  made = t->config[TRAINED]; /* without what the scores do not depend on */
  made.out[0] = '\0';
  made.threads = made.rank.jobs = 0;
  const cream_truth_head head = {&made, t->data.dataset->name, &t->skeleton, &t->limits.flops};
  char file[CREAM_MAX_FILE_NAME];
  cream_costs costs;
  int repeated = 0;
  cream_costs_init(&costs, &t->skeleton, t->skeleton.resolution);
  for (int i = 0; i < t->n; i++) {
    const cream_path_scores *trained = cream_path_log_find(&t->logs[TRAINED], &t->paths[i]);
    const cream_path_scores *again = cream_path_log_find(&t->logs[AGAIN], &t->paths[i]);
    if (!trained || (is_repeated(t, i) && !again))
      return cream_fail(err, CREAM_FAILED,
                        "path %d of %d has no scores; run the same command again to continue", i + 1, t->n);
    ranked[i] = (cream_ranked){.path = t->paths[i],
                               .cost = cream_costs_path(&costs, &t->paths[i]),
                               .heldout = trained->heldout,
                               .test = trained->test};
    if (again) ranked[i].again = again->heldout;
    repeated += again != NULL;
  }
  cream_status status =
      cream_truth_write(cream_run_file(&t->folder, CREAM_TRUTH_FILE, file), &head, ranked, t->n, err);
  if (status != CREAM_OK) return status;
  if (json) return files_print(file, err);
  printf("%s: %d paths, %d of them trained twice\n", file, t->n, repeated);
  return CREAM_OK;
}

static void share_threads(table_run *t, jobs *all, int most) {
  int share;
  all->parallel = jobs_share(t->settings->threads, t->settings->rank.jobs, most, &share);
  for (int part = 0; part < PARTS; part++) t->config[part].threads = share;
  if (t->data.workers > share) t->data.workers = share;
  t->started = progress_now();
}

static cream_status run_alone(table_run *t, const run_options *options, cream_error *err) {
  jobs all = {.record = sizeof(cream_path_scores), .self = t, .work = work, .take = take};
  cream_status status = open_logs(t, false, options->force, err);
  if (status == CREAM_OK && t->shards.slots) status = collect(t, err);
  if (status != CREAM_OK) return status;
  if (t->shards.slots) shard_remove(&t->shards);
  for (int job = 0; job < job_count(t); job++)
    if (!is_done(t, job)) t->todo[t->n_todo++] = job;
  fprintf(stderr, "%d paths, %d trainings to be done\n", t->n, t->n_todo);
  if (t->n_todo > 0) {
    share_threads(t, &all, t->n_todo);
    status = jobs_run(&all, t->n_todo, err);
  }
  return status == CREAM_OK ? write_table(t, options->json, err) : status;
}

static cream_status run_shard(table_run *t, const run_options *options, cream_error *err) {
  jobs all = {.record = sizeof(cream_path_scores), .self = t, .work = work, .take = take};
  const job_source source = shard_source(&t->shards);
  cream_status status = CREAM_OK;
  bool last;
  int taken;
  share_threads(t, &all, job_count(t));
  do {
    taken = t->shards.taken;
    status = jobs_run_from(&all, &source, err);
  } while (status == CREAM_OK && t->shards.taken > taken && !t->shards.gone);
  if (status == CREAM_OK) status = shard_finish(&t->shards, &last, err);
  if (status != CREAM_OK) return status;
  if (!last) {
    shard_print_end(&t->shards);
    return CREAM_OK;
  }
  for (int part = 0; part < PARTS; part++) t->config[part].threads = t->settings->threads;
  status = open_logs(t, false, false, err);
  if (status == CREAM_OK) status = collect(t, err);
  if (status == CREAM_OK) status = write_table(t, options->json, err);
  if (status == CREAM_OK) shard_remove(&t->shards);
  return status;
}

static cream_status run(const void *values, cream_error *err) {
  const table_options *options = values;
  static table_run t;
  memset(&t, 0, sizeof t);
  t.shared = options->shards.shard != NULL;
  signals_catch();
  cream_status status = open_all(&t, &options->run, err);
  if (status == CREAM_OK) status = open_shards(&t, options, err);
  if (status == CREAM_OK)
    status = t.shared ? run_shard(&t, &options->run, err) : run_alone(&t, &options->run, err);
  close_logs(&t);
  shard_close(&t.shards);
  run_data_close(&t.data);
  cream_error late;
  if (t.locked && cream_run_close(&t.folder, &late) != CREAM_OK && status == CREAM_OK) {
    *err = late;
    status = late.status;
  }
  return status;
}

static cream_status check(void *values, cream_error *err) {
  table_options *options = values;
  cream_status status = run_options_check(values, err);
  if (status == CREAM_OK) status = shard_check(&options->shards, options->run.force, err);
  if (status == CREAM_OK && !*options->run.config.out)
    return cream_fail(err, CREAM_BAD_CONFIG, "no folder: expected --out DIR, a folder for the table");
  return status;
}

static const cli_subcommand subcommands[] = {
    {"build", "train paths of a space from scratch, some twice, and write DIR/table.json", run},
};

static const cli_option options[] = {
    RUN_DATA,
    RUN_SPACE,
    RUN_FLOPS,
    RUN_OUT,
    RUN_CONFIG,
    RUN_SET,
    RUN_SETTING(METHOD, "paths", "rank.paths", "N", "paths that are drawn and trained"),
    RUN_SETTING(METHOD, "repeats", "rank.repeats", "N",
                "paths that are trained a second time with the next seed, spread over all"),
    RUN_EPOCHS("rank"),
    RUN_BATCH("rank"),
    RUN_SEED,
    RUN_SETTING(DEVICE, "jobs", "rank.jobs", "N",
                "paths trained in parallel, each in a process of its own; 0: one for each thread"),
    SHARD_ROWS(table_options),
    RUN_THREADS,
    RUN_DEVICE,
    RUN_JSON,
    CLI_VALUE(run_options, force, RUN, "force", NULL, "discard what was trained before and start again"),
};

static const char *const settings[] = {RUN_COMMON_SETTINGS, "space",    "flops", "resolution", "depth",
                                       "signals",           "retrain.", "rank.", NULL};

COMMAND(table, "train many paths from scratch: the truth that rankings are compared with",
        CLI_OPTIONS(options), CLI_SUBCOMMANDS(subcommands), CLI_VALUES(table_options, run.line),
        .defaults = run_options_defaults, .check = check, .settings = settings, .processes = CLI_EACH_PROCESS,
        .text =
            "Paths are drawn as in cream rank, in turn from parts of the FLOPs range, and trained with the\n"
            "settings of retraining for rank.epochs. Without --flops they are drawn from the whole space.\n"
            "After an interruption the same command continues, a larger --paths adds paths. With --shard,\n"
            "processes on one or many machines divide the paths among themselves (docs/guide.md). The file\n"
            "is for cream rank --table, the key table of studies, and search.oracle (docs/ranking.md).\n");
