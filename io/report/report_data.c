#include "report_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"
#include "io/run/rank.h"
#include "io/run/run.h"
#include "io/run/run_list.h"
#include "io/run/study_results.h"

enum { MOST_BYTES = 64 << 20 };

/* ---- reading ------------------------------------------------------------------------------------- */

/* The text of the file, or NULL. The caller frees it. */
static char *read_text(const char *dir, const char *name, size_t *size) {
  char path[CREAM_MAX_FILE_NAME], *text;
  cream_error ignored;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return cream_file_read(path, MOST_BYTES, &text, size, &ignored) ? NULL : text;
}

/* The JSON object in the file, or NULL. The caller releases it. */
static json_t *read_json(const char *dir, const char *name) {
  size_t size;
  char *text = read_text(dir, name, &size);
  json_t *json = text ? json_loadb(text, size, 0, NULL) : NULL;
  free(text);
  if (json && !json_is_object(json)) {
    json_decref(json);
    return NULL;
  }
  return json;
}

static const char *last_part(const char *dir) {
  const char *slash = strrchr(dir, '/');
  return slash && slash[1] ? slash + 1 : dir;
}

/* Copies the name without slashes at its end. */
static void copy_dir(char *to, size_t size, const char *dir) {
  snprintf(to, size, "%s", dir);
  for (size_t length = strlen(to); length > 1 && to[length - 1] == '/'; length--) to[length - 1] = 0;
}

/* The search space, from the copy in the folder or, in older folders, by its name in the settings. */
static void read_supernet(report_run *run) {
  char path[CREAM_MAX_FILE_NAME];
  cream_space space;
  cream_error ignored;
  snprintf(path, sizeof path, "%s/%s", run->dir, CREAM_RUN_SPACE);
  if (!run->has_config) return;
  if (cream_space_load(access(path, R_OK) ? run->config.space : path, &space, &ignored)) return;
  run->has_skeleton = !cream_skeleton_init(&run->skeleton, &space, run->config.depth, run->config.resolution,
                                           space.head.classes, &ignored);
}

/* The files of a budget: its board and the network found. budget "": there is only one. */
static void read_found(report_run *run, const char *budget) {
  char name[64], path[CREAM_MAX_FILE_NAME];
  cream_error ignored;
  const char *of = *budget ? budget : NULL;
  if (strchr(budget, '/') || run->n_boards == CREAM_METRICS_BOARDS) return;
  json_t *board = read_json(run->dir, cream_run_budget_name(CREAM_RUN_BOARD, of, name));
  if (board) run->boards[run->n_boards++] = board;
  report_net *net = &run->nets[run->n_nets];
  net->budget = budget;
  snprintf(path, sizeof path, "%s/%s", run->dir, cream_run_budget_name(CREAM_RUN_ARCH, of, name));
  if (!access(path, R_OK) && !cream_arch_load_any(path, &net->arch, &ignored)) run->n_nets++;
}

static cream_status read_run(report_run *run, cream_error *err) {
  bool grown;
  size_t size;
  cream_error ignored;
  cream_metrics_init(&run->metrics);
  cream_status status = cream_metrics_read(&run->metrics, run->dir, &grown, err);
  if (status) return status;
  run->result = read_json(run->dir, CREAM_RUN_RESULT);
  run->test = read_json(run->dir, CREAM_RUN_TEST);
  run->coco = read_json(run->dir, CREAM_RUN_COCO);
  run->examples = read_json(run->dir, CREAM_RUN_EXAMPLES);
  run->origin = read_json(run->dir, CREAM_RUN_ORIGIN);
  run->rank = read_json(run->dir, CREAM_RANK_FILE);
  run->running = cream_run_locked(run->dir);
  run->config_text = read_text(run->dir, CREAM_RUN_CONFIG, &size);
  cream_config_defaults(&run->config);
  run->has_config = run->config_text &&
                    !cream_settings_parse(&run->config, CREAM_RUN_CONFIG, run->config_text, size, &ignored);
  for (int b = 0; b < run->metrics.n_boards; b++) read_found(run, run->metrics.boards[b].name);
  if (!run->n_nets) read_found(run, "");
  if (report_is_search(run)) read_supernet(run);
  return CREAM_OK;
}

static cream_status add_run(report *r, const char *dir, const char *name, cream_error *err) {
  if (r->n_runs == REPORT_RUNS) {
    r->left_out = true;
    return CREAM_OK;
  }
  report_run *run = calloc(1, sizeof *run);
  if (!run) return cream_fail_memory(err, sizeof *run, "the curves of a run");
  r->runs[r->n_runs++] = run;
  copy_dir(run->dir, sizeof run->dir, dir);
  snprintf(run->name, sizeof run->name, "%s", name ? name : last_part(run->dir));
  return read_run(run, err);
}

static bool has_run(const report *r, const char *dir) {
  for (int i = 0; i < r->n_runs; i++)
    if (!strcmp(r->runs[i]->dir, dir)) return true;
  return false;
}

/* The first run of each arm; the budgets of an arm share it. */
static cream_status add_arms(report *r, const report_study *study, cream_error *err) {
  size_t i;
  const json_t *arm;
  json_array_foreach(json_object_get(study->file, "arms"), i, arm) {
    char dir[sizeof r->runs[0]->dir];
    const json_t *run = json_array_get(json_object_get(arm, "runs"), 0);
    if (!report_run_dir(study, run, dir, sizeof dir) || has_run(r, dir)) continue;
    cream_status status = add_run(r, dir, report_text(run, "dir"), err);
    if (status) return status;
    if (!r->left_out) r->runs[r->n_runs - 1]->of_study = true;
  }
  return CREAM_OK;
}

bool report_is_folder(const char *dir) {
  char study[CREAM_MAX_FILE_NAME];
  cream_run_summary *runs;
  int count = 0;
  cream_error ignored;
  snprintf(study, sizeof study, "%s/%s", dir, CREAM_STUDY_FILE);
  if (cream_is_run(dir) || !access(study, F_OK) || cream_runs_list(dir, &runs, &count, &ignored))
    return false;
  free(runs);
  return count > 0;
}

static cream_status add_dir(report *r, const char *dir, cream_error *err) {
  if (strlen(dir) >= sizeof r->studies[0].dir)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%.60s...: the name is longer than %zu bytes; choose a shorter one", dir,
                      sizeof r->studies[0].dir - 1);
  if (cream_is_run(dir)) return add_run(r, dir, NULL, err);
  if (r->n_studies == REPORT_STUDIES)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: too many studies; expected at most %d; write several reports", dir,
                      REPORT_STUDIES);
  json_t *file = read_json(dir, CREAM_STUDY_FILE);
  if (!file && report_is_folder(dir))
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: a folder of runs is reported alone; give only it, or its runs: %s/*", dir, dir);
  if (!file)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: neither a run folder nor a study, nor a folder that contains runs; expected "
                      "config.yaml, metrics.jsonl or study.json in it",
                      dir);
  report_study *study = &r->studies[r->n_studies++];
  study->file = file;
  copy_dir(study->dir, sizeof study->dir, dir);
  snprintf(study->name, sizeof study->name, "%s",
           *report_text(file, "name") ? report_text(file, "name") : last_part(study->dir));
  cream_status status = report_read_arms(study, err);
  return status ? status : add_arms(r, study, err);
}

/* Runs with the same name are called by their folders. */
static void distinguish_names(report *r) {
  bool same[REPORT_RUNS] = {0};
  for (int i = 0; i < r->n_runs; i++)
    for (int j = 0; j < r->n_runs; j++) same[i] |= i != j && !strcmp(r->runs[i]->name, r->runs[j]->name);
  for (int i = 0; i < r->n_runs; i++)
    if (same[i]) snprintf(r->runs[i]->name, sizeof r->runs[i]->name, "%.127s", r->runs[i]->dir);
}

cream_status report_open(report *r, const char *const *dirs, int n, cream_error *err) {
  *r = (report){0};
  cream_status status = CREAM_OK;
  for (int i = 0; i < n && !status; i++) status = add_dir(r, dirs[i], err);
  distinguish_names(r);
  return status;
}

void report_close(report *r) {
  for (int i = 0; i < r->n_runs; i++) {
    report_run *run = r->runs[i];
    json_decref(run->result);
    json_decref(run->test);
    json_decref(run->coco);
    json_decref(run->examples);
    for (int b = 0; b < run->n_boards; b++) json_decref(run->boards[b]);
    json_decref(run->rank);
    json_decref(run->origin);
    free(run->config_text);
    free(run);
  }
  for (int i = 0; i < r->n_studies; i++) {
    json_decref(r->studies[i].file);
    free(r->studies[i].arms);
  }
}

/* ---- what the files say --------------------------------------------------------------------------- */

const char *report_command(const report_run *run) {
  if (*run->metrics.phase) return run->metrics.phase;
  const char *command = report_text(run->result, "command");
  return *command ? command : "run";
}

bool report_is_search(const report_run *run) {
  const char *command = report_command(run);
  return strcmp(command, "retrain") != 0 && strcmp(command, "detect train") != 0;
}

int report_start_epoch(const report_run *run) {
  int start = run->config.search.start_epoch;
  return (start >= 0 ? start : run->config.search.epochs / 6) + 1;
}

bool report_has_teacher(const report_run *run) {
  const cream_search_config *search = &run->config.search;
  return search->strategy == CREAM_STRATEGY_CREAM && search->teacher != CREAM_TEACHER_NONE;
}

int report_searches(const report *r) {
  int count = 0;
  for (int i = 0; i < r->n_runs; i++) count += report_is_search(r->runs[i]);
  return count;
}
