#include <jansson.h>
#include <math.h>
#include <string.h>

#include "compare.h"
#include "core/search/search.h"
#include "io/run/metrics_read.h"
#include "io/run/rank.h"
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
  if (!compare_ranks(c, run)) return;
  json_t *found = load(compare_folder(c, run, "", folder, sizeof folder), CREAM_RANK_FILE), *item;
  size_t i, n = json_array_size(json_object_get(found, "paths"));
  json_array_foreach(json_object_get(found, "correlations"), i, item) collect_correlation(item, n, values);
  json_decref(found);
}

static void collect_retrain(const compare *c, int run, double *values) {
  char folder[CREAM_MAX_FILE_NAME];
  if (!c->study.retrain) return;
  json_t *result = load(compare_trained_folder(c, run, folder, sizeof folder), CREAM_RUN_RESULT);
  values[CREAM_STUDY_TRAINED] = number_at(json_object_get(result, "test"), "top1", 100);
  json_decref(result);
}

cream_status compare_report(compare *c, bool json, cream_error *err) {
  int failures = 0, n = compare_runs(c);
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
