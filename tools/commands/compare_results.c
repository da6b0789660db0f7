#include <jansson.h>
#include <math.h>
#include <string.h>

#include "compare.h"
#include "core/search/search.h"
#include "io/run/metrics_read.h"
#include "tools/run/files.h"

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
  json_t *result = load(compare_folder(c, run, "", folder, sizeof folder), CREAM_RUN_RESULT);
  const json_t *network = network_of(result, compare_row(c, run)->budget);
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
      cream_metrics_read(&metrics, compare_folder(c, run, "", folder, sizeof folder), &grown, err);
  if (status != CREAM_OK) return status;
  double steps = (double)metrics.step;
  if (cream_strategy_has_supernet(compare_config(c, run)->search.strategy)) {
    values[CREAM_STUDY_LOSS_HALF] = cream_curve_mean(&metrics.hard, 0.4 * steps, 0.5 * steps);
    values[CREAM_STUDY_LOSS_END] = cream_curve_mean(&metrics.hard, 0.9 * steps, steps + 1);
  }
  for (int b = 0; b < metrics.n_boards; b++) {
    const cream_board_curves *board = &metrics.boards[b];
    if (strcmp(board->name, compare_row(c, run)->budget) != 0) continue;
    values[CREAM_STUDY_BOARD_FULL] = board->flops_full;
    values[CREAM_STUDY_BOARD_HALF] = cream_curve_hold(&board->flops, 0.5 * steps);
    values[CREAM_STUDY_BOARD_END] = board->flops_end;
  }
  return CREAM_OK;
}

static void collect_retrain(const compare *c, int run, double *values) {
  char folder[CREAM_MAX_FILE_NAME];
  if (!c->study.retrain) return;
  json_t *result = load(compare_trained_folder(c, run, folder, sizeof folder), CREAM_RUN_RESULT);
  values[CREAM_STUDY_TRAINED] = number_at(json_object_get(result, "test"), "top1", 100);
  json_decref(result);
}

cream_status compare_collect(compare *c, cream_error *err) {
  cream_status status = CREAM_OK;
  for (int run = 0; run < compare_runs(c) && status == CREAM_OK; run++) {
    if (c->runs[run].error[0]) continue;
    collect_search(c, run, c->runs[run].values);
    status = collect_metrics(c, run, c->runs[run].values, err);
    if (status == CREAM_OK) status = compare_read_ranking(c, run, err);
    collect_retrain(c, run, c->runs[run].values);
  }
  return status;
}

cream_status compare_report(compare *c, bool json, cream_error *err) {
  int failures = 0, n = compare_runs(c);
  for (int run = 0; run < n; run++) failures += c->runs[run].error[0] != '\0';
  cream_status status = compare_collect(c, err);
  char file[CREAM_MAX_FILE_NAME];
  if (status == CREAM_OK) status = cream_study_write(c->dir, &c->study, c->runs, err);
  if (status == CREAM_OK)
    status = files_print(cream_run_file(&c->folder, json ? CREAM_STUDY_FILE : CREAM_STUDY_TABLE, file), err);
  if (status == CREAM_OK && failures)
    status = cream_fail(err, CREAM_FAILED, "%d of %d runs failed; the reasons are in %s/%s", failures, n,
                        c->dir, CREAM_STUDY_FILE);
  return status;
}
