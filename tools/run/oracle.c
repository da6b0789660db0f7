#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/base/file.h"
#include "io/run/truth.h"
#include "network.h"

/* *paths: [CREAM_RANK_MAX_PATHS], to be freed by the caller. */
static cream_status read_table(const cream_config *config, const cream_skeleton *skeleton,
                               cream_ranked **paths, int *n, cream_error *err) {
  size_t bytes = CREAM_RANK_MAX_PATHS * sizeof **paths;
  *paths = malloc(bytes);
  if (!*paths) return cream_fail_memory(err, bytes, "a table of paths");
  cream_status status = cream_truth_read(config->search.oracle, skeleton, *paths, n, err);
  if (status == CREAM_OK) return status;
  free(*paths);
  *paths = NULL;
  return status;
}

cream_status oracle_check(const cream_config *config, const cream_skeleton *skeleton, cream_error *err) {
  cream_ranked *paths = NULL;
  int n;
  if (!*config->search.oracle) return CREAM_OK;
  cream_status status = read_table(config, skeleton, &paths, &n, err);
  free(paths);
  return status;
}

static cream_limits limits_of(const cream_config *config, const cream_search *search, int target,
                              const cream_latencies *latencies) {
  const cream_budget *budget = cream_search_budget(search, target);
  cream_limits limits = {.flops = run_range(config)};
  if (budget) limits = budget->limits;
  if (!budget && latencies) limits.ms.max = config->search.latency.max;
  limits.latencies = latencies;
  return limits;
}

/* Goes through the table's paths inside the limits. */
static cream_status answer(const cream_skeleton *skeleton, cream_search *search, cream_order order,
                           const cream_limits *limits, const cream_ranked *paths, int n, bool supernet,
                           const cream_path *found, oracle_answer *a, cream_error *err) {
  cream_costs costs;
  cream_score best = {0};
  double flops = 0;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  for (int i = 0; i < n; i++) {
    if (!cream_limits_hold(limits, &costs, &paths[i].path)) continue;
    a->best = a->paths++ ? fmax(a->best, paths[i].heldout.top1) : paths[i].heldout.top1;
    if (cream_path_equal(&paths[i].path, found)) {
      a->in_table = true;
      a->found = paths[i].heldout.top1;
    }
    if (!supernet) continue;
    cream_score score;
    cream_status status = cream_search_score(search, &paths[i].path, &score, err);
    if (status != CREAM_OK) return status;
    double own = cream_cost_flops(&paths[i].cost);
    if (a->chosen_known && cream_score_order(order, &score, own, &best, flops) >= 0) continue;
    a->chosen_known = true;
    a->choice = paths[i].path;
    a->chosen = paths[i].heldout.top1;
    best = score;
    flops = own;
  }
  return CREAM_OK;
}

static void put_answer(cream_json *json, const cream_skeleton *skeleton, const oracle_answer *a) {
  cream_json_object(json, NULL, false);
  if (a->budget) cream_json_string(json, "budget", a->budget);
  cream_json_integer(json, "paths", (uint64_t)a->paths);
  cream_json_number(json, "best", a->paths ? a->best : (double)NAN);
  cream_json_bool(json, "in_table", a->in_table);
  if (a->in_table) cream_json_number(json, "found", a->found);
  if (a->in_table) cream_json_number(json, "regret", a->best - a->found);
  if (a->chosen_known) {
    cream_json_object(json, "choice", false);
    cream_json_path(json, skeleton, &a->choice);
    cream_json_number(json, "heldout", a->chosen);
    cream_json_number(json, "regret", a->best - a->chosen);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static cream_status write_answers(const cream_config *config, const cream_skeleton *skeleton,
                                  const oracle_answer *answers, int n, const cream_run *run,
                                  cream_error *err) {
  char name[CREAM_MAX_FILE_NAME];
  cream_file file;
  cream_status status = cream_file_create(&file, cream_run_file(run, CREAM_ORACLE_FILE, name), err);
  if (status != CREAM_OK) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", "cream-oracle");
  cream_json_integer(&json, "version", 1);
  cream_json_string(&json, "table", config->search.oracle);
  cream_json_array(&json, "networks", true);
  for (int i = 0; i < n; i++) put_answer(&json, skeleton, &answers[i]);
  cream_json_end(&json);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}

static void print_answer(const oracle_answer *a) {
  printf("oracle      ");
  if (a->budget) printf("budget %s: ", a->budget);
  if (a->paths == 0) {
    printf("the table has no path inside the limits\n");
    return;
  }
  if (a->in_table)
    printf("regret %.2f points: the network found is in the table", 100 * (a->best - a->found));
  else
    printf("regret not known: the network found is not in the table");
  if (a->chosen_known)
    printf("; %.2f of the supernet's best of %d paths there", 100 * (a->best - a->chosen), a->paths);
  putchar('\n');
}

cream_status oracle_ask(const cream_config *config, const cream_skeleton *skeleton,
                        const cream_latencies *latencies, cream_search *search,
                        const cream_search_result *found, const cream_run *run, bool print,
                        cream_error *err) {
  oracle_answer answers[CREAM_MAX_BUDGETS] = {{0}};
  cream_ranked *paths = NULL;
  int n, targets = cream_search_targets(search);
  bool supernet = cream_strategy_has_supernet(config->search.strategy);
  if (!*config->search.oracle) return CREAM_OK;
  cream_status status = read_table(config, skeleton, &paths, &n, err);
  for (int t = 0; t < targets && status == CREAM_OK; t++) {
    const cream_budget *budget = cream_search_budget(search, t);
    const cream_limits limits = limits_of(config, search, t, latencies);
    answers[t].budget = budget ? budget->label : NULL;
    status = answer(skeleton, search, config->search.order, &limits, paths, n, supernet, &found[t].path,
                    &answers[t], err);
  }
  free(paths);
  if (status == CREAM_OK) status = write_answers(config, skeleton, answers, targets, run, err);
  for (int t = 0; t < targets && status == CREAM_OK && print; t++) print_answer(&answers[t]);
  return status;
}
