/* cream compare: the arms of a study over seeds, each in a run folder of its own, and one table. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
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

typedef struct compare {
  cream_study study;
  const char *dir;
  int processes, threads; /* of the options; 0: one for each thread, all */
  int share;              /* threads of a process */
  bool force;
  cream_run folder;
  bool locked;
  cream_study_run *runs; /* [rows][seeds] */
  int *todo, n_todo;     /* indices of the runs that the phase works on */
  const struct phase *phase;
} compare;

/* Work on every run, which is finished before the next phase starts. */
typedef struct phase {
  const char *name;
  bool by_arm; /* once for all budgets of an arm */
  bool alone;  /* one run at a time, because its work starts processes itself */
  bool (*due)(const compare *, int run);
  cream_status (*work)(const compare *, int run, cream_error *);
} phase;

static const cream_study_row *row_of(const compare *c, int run) {
  return &c->study.rows[run / c->study.n_seeds];
}

static uint64_t seed_of(const compare *c, int run) {
  return c->study.seeds[run % c->study.n_seeds];
}

static const cream_config *config_of(const compare *c, int run) {
  return &c->study.arms[row_of(c, run)->arm].config;
}

/* DIR/ARM-SEED and what follows. */
static char *folder_of(const compare *c, int run, const char *suffix, char *text, size_t size) {
  snprintf(text, size, "%s/%s%s", c->dir, c->runs[run].dir, suffix);
  return text;
}

static char *trained_folder(const compare *c, int run, char *text, size_t size) {
  const char *budget = row_of(c, run)->budget;
  char suffix[64];
  snprintf(suffix, sizeof suffix, "%s%s-trained", *budget ? "-" : "", budget);
  return folder_of(c, run, suffix, text, size);
}

static bool has(const char *folder, const char *name) {
  char path[CREAM_MAX_FILE_NAME + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return !access(path, F_OK);
}

/* ---- the phases, each run in a process of its own ---------------------------------------------------- */

static bool rank_due(const compare *c, int run) {
  return c->study.rank && cream_strategy_has_supernet(config_of(c, run)->search.strategy);
}

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
  cream_status status = discard(folder_of(c, run, "/" CREAM_RANK_SUPERNET, name, sizeof name), err);
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
  return c->force || !has(folder_of(c, run, "", folder, sizeof folder), CREAM_RUN_RESULT);
}

static cream_status search(const compare *c, int run, cream_error *err) {
  static run_options options;
  options = (run_options){.config = *config_of(c, run), .force = c->force};
  cream_config *config = &options.config;
  folder_of(c, run, "", config->out, sizeof config->out);
  config->seed = seed_of(c, run);
  config->threads = c->share;
  options.resume = !c->force && has(config->out, CREAM_RUN_CONFIG);
  cream_status status = c->force && rank_due(c, run) ? discard_ranking(c, run, err) : CREAM_OK;
  return status ? status : command_search.run(&options, err);
}

/* Paths trained from scratch are the same for all supernets that differ in their search alone: the first of
 * these arms names the file. */
static cream_status find_table(const compare *c, int run, const cream_config *config, char *name, size_t size,
                               cream_error *err) {
  static cream_config other;
  for (int i = run % c->study.n_seeds; i <= run; i += c->study.n_seeds) {
    char folder[CREAM_MAX_FILE_NAME];
    if (c->runs[i].error[0] || !rank_due(c, i)) continue;
    cream_status status = load_config(folder_of(c, i, "", folder, sizeof folder), &other, err);
    if (status != CREAM_OK) return status;
    other.rank = config_of(c, i)->rank;
    if (!rank_may_share(config, &other)) continue;
    trained_table(c, i, name, size);
    return CREAM_OK;
  }
  return CREAM_OK; /* its own table is the last one */
}

static cream_status rank(const compare *c, int run, cream_error *err) {
  static run_options options;
  options = (run_options){0};
  folder_of(c, run, "", options.run, sizeof options.run);
  cream_config *config = &options.config;
  cream_status status = load_config(options.run, config, err);
  if (status != CREAM_OK) return status;
  config->out[0] = '\0';
  config->rank = config_of(c, run)->rank;
  config->rank.paths = c->study.rank;
  config->rank.jobs = c->processes;
  config->threads = c->threads;
  status = find_table(c, run, config, config->rank.table, sizeof config->rank.table, err);
  return status ? status : command_rank.run(&options, err);
}

static bool retrain_due(const compare *c, int run) {
  char folder[CREAM_MAX_FILE_NAME];
  return c->study.retrain &&
         (c->force || !has(trained_folder(c, run, folder, sizeof folder), CREAM_RUN_RESULT));
}

static cream_status retrain(const compare *c, int run, cream_error *err) {
  static run_options options;
  char folder[CREAM_MAX_FILE_NAME], name[CREAM_MAX_FILE_NAME];
  options = (run_options){.force = c->force};
  cream_config *config = &options.config;
  folder_of(c, run, "", folder, sizeof folder);
  cream_status status = load_config(folder, config, err);
  if (status != CREAM_OK) return status;
  config->retrain = config_of(c, run)->retrain;
  config->threads = c->share;
  config->time_budget = 0;
  trained_folder(c, run, config->out, sizeof config->out);
  const char *budget = row_of(c, run)->budget;
  status = files_join(config->arch, sizeof config->arch, folder,
                      cream_run_budget_name(CREAM_RUN_ARCH, *budget ? budget : NULL, name), err);
  options.resume = !c->force && has(config->out, CREAM_RUN_CONFIG);
  return status ? status : command_retrain.run(&options, err);
}

static const phase phases[] = {
    {"search", true, false, search_due, search},
    {"rank", true, true, rank_due, rank},
    {"retrain", false, false, retrain_due, retrain},
};

/* The output of the commands goes to DIR/ARM-SEED.log. */
static cream_status redirect(const compare *c, int run, cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  folder_of(c, run, ".log", name, sizeof name);
  int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
    return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", name, strerror(errno));
  close(fd);
  return CREAM_OK;
}

static cream_status work(void *self, int job, jobs_sender *sender, cream_error *err) {
  const compare *c = self;
  int run = c->todo[job];
  double started = progress_now();
  cream_status status = redirect(c, run, err);
  if (status == CREAM_OK) status = c->phase->work(c, run, err);
  double seconds = progress_now() - started;
  return status ? status : jobs_send(sender, &seconds, err);
}

static cream_status take(void *self, int job, const void *record, cream_error *err) {
  const compare *c = self;
  (void)err;
  double seconds;
  memcpy(&seconds, record, sizeof seconds);
  fprintf(stderr, "%s of %s: %.1f s\n", c->phase->name, c->runs[c->todo[job]].dir, seconds);
  return CREAM_OK;
}

/* The other runs continue. All rows of an arm share its search. */
static cream_status failed(void *self, int job, const cream_error *failure, cream_error *err) {
  compare *c = self;
  (void)err;
  int run = c->todo[job];
  fprintf(stderr, "%s of %s failed: %s\n", c->phase->name, c->runs[run].dir, failure->text);
  for (int i = run % c->study.n_seeds; i < c->study.n_rows * c->study.n_seeds; i += c->study.n_seeds)
    if (i == run || (c->phase->by_arm && row_of(c, i)->arm == row_of(c, run)->arm))
      snprintf(c->runs[i].error, sizeof c->runs[i].error, "%s: %.480s", c->phase->name, failure->text);
  return CREAM_OK;
}

static cream_status run_phase(compare *c, const phase *p, cream_error *err) {
  c->phase = p;
  c->n_todo = 0;
  for (int run = 0; run < c->study.n_rows * c->study.n_seeds; run++) {
    bool first = run < c->study.n_seeds || row_of(c, run - c->study.n_seeds)->arm != row_of(c, run)->arm;
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
  if (!has(folder, CREAM_RUN_CONFIG)) return CREAM_OK;
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
  config = *config_of(c, run);
  config.seed = seed_of(c, run);
  if (c->force) return CREAM_OK;
  cream_status status = check_folder(folder_of(c, run, "", folder, sizeof folder), "search", &config, err);
  if (status != CREAM_OK || !c->study.retrain) return status;
  return check_folder(trained_folder(c, run, folder, sizeof folder), "retrain", &config, err);
}

static cream_status prepare(compare *c, cream_error *err) {
  int n = c->study.n_rows * c->study.n_seeds;
  c->runs = calloc((size_t)n, sizeof *c->runs);
  c->todo = calloc((size_t)n, sizeof *c->todo);
  if (!c->runs || !c->todo) return cream_fail_memory(err, (size_t)n * sizeof *c->runs, "the runs of a study");
  cream_status status = give_budget(c, err);
  for (int run = 0; run < n && status == CREAM_OK; run++) {
    snprintf(c->runs[run].dir, sizeof c->runs[run].dir, "%s-%llu", c->study.arms[row_of(c, run)->arm].name,
             (unsigned long long)seed_of(c, run));
    for (int m = 0; m < CREAM_STUDY_MEASURES; m++) c->runs[run].values[m] = NAN;
    status = check_run(c, run, err);
  }
  if (status == CREAM_OK) status = cream_run_reopen(&c->folder, c->dir, err);
  c->locked = status == CREAM_OK;
  return status;
}

/* ---- after: results ---------------------------------------------------------------------------- */

static double number_at(const json_t *object, const char *key, double scale) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? scale * json_number_value(value) : NAN;
}

static json_t *load(const char *folder, const char *name) {
  char path[CREAM_MAX_FILE_NAME + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return json_load_file(path, 0, NULL);
}

/* The part of a search's result that a row is about. */
static const json_t *network_of(const json_t *result, const char *budget) {
  const json_t *budgets = json_object_get(result, "budgets"), *item;
  size_t i;
  if (!*budget) return result;
  json_array_foreach(budgets, i, item) {
    const char *label = json_string_value(json_object_get(item, "budget"));
    if (label && !strcmp(label, budget)) return item;
  }
  return NULL;
}

static void collect_search(const compare *c, int run, double *values) {
  char folder[CREAM_MAX_FILE_NAME];
  json_t *result = load(folder_of(c, run, "", folder, sizeof folder), CREAM_RUN_RESULT);
  const json_t *network = network_of(result, row_of(c, run)->budget);
  values[CREAM_STUDY_SUPERNET] = number_at(json_object_get(network, "heldout"), "top1", 100);
  values[CREAM_STUDY_FLOPS] = number_at(network, "flops", 1e-6);
  values[CREAM_STUDY_PARAMS] = number_at(network, "params", 1e-6);
  values[CREAM_STUDY_LATENCY] = number_at(network, "ms", 1);
  values[CREAM_STUDY_TIME] = number_at(result, "seconds", 1);
  values[CREAM_STUDY_MEMORY] = number_at(result, "peak_memory", 1e-6);
  json_decref(result);
}

/* Losses and board over the steps of the search. Without a supernet there is no loss of one. */
static cream_status collect_metrics(const compare *c, int run, double *values, cream_error *err) {
  static cream_metrics metrics;
  char folder[CREAM_MAX_FILE_NAME];
  bool grown;
  cream_metrics_init(&metrics);
  cream_status status =
      cream_metrics_read(&metrics, folder_of(c, run, "", folder, sizeof folder), &grown, err);
  if (status != CREAM_OK) return status;
  double steps = (double)metrics.step;
  if (cream_strategy_has_supernet(config_of(c, run)->search.strategy)) {
    values[CREAM_STUDY_LOSS_HALF] = cream_curve_mean(&metrics.hard, 0.4 * steps, 0.5 * steps);
    values[CREAM_STUDY_LOSS_END] = cream_curve_mean(&metrics.hard, 0.9 * steps, steps + 1);
  }
  for (int b = 0; b < metrics.n_boards; b++) {
    const cream_board_curves *board = &metrics.boards[b];
    if (strcmp(board->name, row_of(c, run)->budget) != 0) continue;
    values[CREAM_STUDY_BOARD_FULL] = board->flops_full;
    values[CREAM_STUDY_BOARD_HALF] = cream_curve_hold(&board->flops, 0.5 * steps);
    values[CREAM_STUDY_BOARD_END] = board->flops_end;
  }
  return CREAM_OK;
}

static bool is_text(const json_t *object, const char *key, const char *expected) {
  const char *text = json_string_value(json_object_get(object, key));
  return text && !strcmp(text, expected);
}

static void collect_correlation(const json_t *item, size_t n, double *values) {
  json_int_t best = json_integer_value(json_object_get(item, "best"));
  double tau = number_at(json_object_get(item, "tau"), "value", 1);
  bool all = (size_t)best == n, accuracy = is_text(item, "measure", "top1");
  if (!is_text(item, "by", "supernet")) return;
  if (!is_text(item, "split", "heldout")) {
    if (all) values[CREAM_STUDY_TAU_TEST] = tau;
    return;
  }
  if (!accuracy) {
    if (all) values[CREAM_STUDY_TAU_LOSS] = tau;
    return;
  }
  if (best == 10) values[CREAM_STUDY_TAU10] = tau;
  if (best == 20) values[CREAM_STUDY_TAU20] = tau;
  if (!all) return;
  values[CREAM_STUDY_TAU] = tau;
  values[CREAM_STUDY_RHO] = number_at(json_object_get(item, "rho"), "value", 1);
}

static void collect_rank(const compare *c, int run, double *values) {
  char folder[CREAM_MAX_FILE_NAME];
  if (!rank_due(c, run)) return;
  json_t *found = load(folder_of(c, run, "", folder, sizeof folder), CREAM_RANK_FILE), *item;
  size_t i, n = json_array_size(json_object_get(found, "paths"));
  json_array_foreach(json_object_get(found, "correlations"), i, item) collect_correlation(item, n, values);
  json_decref(found);
}

static void collect_retrain(const compare *c, int run, double *values) {
  char folder[CREAM_MAX_FILE_NAME];
  if (!c->study.retrain) return;
  json_t *result = load(trained_folder(c, run, folder, sizeof folder), CREAM_RUN_RESULT);
  values[CREAM_STUDY_TRAINED] = number_at(json_object_get(result, "test"), "top1", 100);
  json_decref(result);
}

static cream_status report(compare *c, bool json, cream_error *err) {
  int failures = 0, n = c->study.n_rows * c->study.n_seeds;
  cream_status status = CREAM_OK;
  for (int run = 0; run < n && status == CREAM_OK; run++) {
    if (c->runs[run].error[0]) {
      failures++;
      continue;
    }
    collect_search(c, run, c->runs[run].values);
    status = collect_metrics(c, run, c->runs[run].values, err);
    collect_rank(c, run, c->runs[run].values);
    collect_retrain(c, run, c->runs[run].values);
  }
  char file[CREAM_MAX_FILE_NAME];
  if (status == CREAM_OK) status = cream_study_write(c->dir, &c->study, c->runs, err);
  if (status == CREAM_OK)
    status = files_print(cream_run_file(&c->folder, json ? CREAM_STUDY_FILE : CREAM_STUDY_TABLE, file), err);
  if (status == CREAM_OK && failures)
    status = cream_fail(err, CREAM_FAILED, "%d of %d runs failed; the reasons are in %s/%s", failures, n,
                        c->dir, CREAM_STUDY_FILE);
  return status;
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

static cream_status run_study(compare *c, const char *file, bool json, cream_error *err) {
  cream_status status = cream_study_load(file, &c->study, err);
  if (status == CREAM_OK) status = choose_signals(c, err);
  if (status == CREAM_OK) status = prepare(c, err);
  for (size_t p = 0; p < sizeof phases / sizeof *phases && status == CREAM_OK; p++)
    status = run_phase(c, &phases[p], err);
  if (status == CREAM_OK) status = report(c, json, err);
  if (c->locked) cream_run_close(&c->folder, NULL);
  free(c->runs);
  free(c->todo);
  cream_study_free(&c->study);
  return status;
}

/* ---- the command -------------------------------------------------------------------------------------- */

typedef struct compare_options {
  cli_line line;
  const char *out;
  int jobs, threads;
  bool force, json;
} compare_options;

static cream_status check(void *values, cream_error *err) {
  const compare_options *options = values;
  if (options->out && *options->out) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "no folder: expected --out DIR, a folder for the study's runs");
}

static cream_status run(const void *values, cream_error *err) {
  const compare_options *options = values;
  static compare c;
  c = (compare){
      .dir = options->out, .processes = options->jobs, .threads = options->threads, .force = options->force};
  return run_study(&c, options->line.arguments[0], options->json, err);
}

static const cli_option options[] = {
    CLI_VALUE(compare_options, out, RUN, "out", "DIR",
              "folder of the study, with a run folder for every arm and seed"),
    CLI_VALUE(compare_options, jobs, DEVICE, "jobs", "N",
              "runs in parallel, each in a process of its own; 0: one for each thread", CLI_AT_LEAST(0)),
    CLI_VALUE(compare_options, threads, DEVICE, "threads", "N", "CPU threads of all runs together; 0: all",
              CLI_AT_LEAST(0)),
    CLI_VALUE(compare_options, force, RUN, "force", NULL, "run again what is finished"),
    CLI_VALUE(compare_options, json, OUTPUT, "json", NULL, "print study.json on stdout instead of the table"),
};

COMMAND(
    compare, "run the arms of a study over seeds, and compare them in one table", CLI_OPTIONS(options),
    CLI_VALUES(compare_options, line), .check = check, .run = run, .arguments = "STUDY.yaml",
    .least_arguments = 1, .most_arguments = 1,
    .missing = "no study: expected cream compare STUDY.yaml --out DIR",
    .text =
        "Searches, and as the study says ranks and retrains, every arm at every seed. Finished runs are not\n"
        "repeated, and interrupted runs are resumed. The table is in DIR/study.md and study.json, the "
        "output\n"
        "of the runs in DIR/ARM-SEED.log. Examples are in docs/studies; the format is in docs/ranking.md.\n");
