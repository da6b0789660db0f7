#include "report_studies.h"

#include <stdlib.h>
#include <string.h>

#include "core/search/search.h"
#include "io/base/file.h"
#include "io/run/metrics_read.h"
#include "io/run/run_list.h"
#include "io/run/study_results.h"

/* The curves of one seed. */
typedef struct seed_curves {
#define CURVE(curve) cream_curve curve;
  REPORT_ARM_CURVE_LIST(CURVE)
#undef CURVE
} seed_curves;

typedef struct reader {
  cream_metrics metrics;
  size_t n;
  seed_curves seeds[CREAM_MAX_PAIRS]; /* [n] */
} reader;

bool report_run_dir(const report_study *study, const json_t *run, char *dir, size_t size) {
  const char *name = report_text(run, "dir");
  if (!*name || strstr(name, "..") || *name == '/') return false;
  return (size_t)snprintf(dir, size, "%s/%s", study->dir, name) < size && cream_is_run(dir);
}

/* The mean of a curve over the seeds that have it. offset: of the curve in seed_curves. */
static void take_mean(const reader *in, size_t offset, report_mean *mean) {
  const cream_curve *curves[CREAM_MAX_PAIRS];
  size_t n = 0;
  for (size_t s = 0; s < in->n; s++) {
    curves[n] = (const cream_curve *)((const char *)&in->seeds[s] + offset);
    n += curves[n]->count > 0;
  }
  mean->count = cream_curves_mean(curves, n, mean->points, REPORT_MEAN_POINTS);
}

/* Extends the curve to `step`: a board does not change until a path enters. */
static void hold(cream_curve *curve, double step) {
  if (curve->count && curve->points[curve->count - 1].x < step)
    cream_curve_add(curve, step, curve->points[curve->count - 1].y);
}

/* Reads the curves of a run in `dir` and of its retraining in "DIR-trained" or "DIR-BUDGET-trained". */
static cream_status read_seed(reader *in, const char *dir, const char *budget, cream_error *err) {
  bool grown;
  cream_metrics_init(&in->metrics);
  cream_status status = cream_metrics_read(&in->metrics, dir, &grown, err);
  if (status) return status;
  seed_curves *seed = &in->seeds[in->n++];
  *seed = (seed_curves){.hard = in->metrics.hard, .accuracy = in->metrics.accuracy};
  for (int b = 0; b < in->metrics.n_boards; b++) {
    if (strcmp(in->metrics.boards[b].name, budget) != 0) continue;
    seed->board_flops = in->metrics.boards[b].flops;
    seed->board_best = in->metrics.boards[b].best;
    hold(&seed->board_flops, (double)in->metrics.step);
    hold(&seed->board_best, (double)in->metrics.step);
  }
  char trained[CREAM_MAX_FILE_NAME];
  if ((size_t)snprintf(trained, sizeof trained, "%s%s%s-trained", dir, *budget ? "-" : "", budget) >=
      sizeof trained)
    return CREAM_OK;
  cream_metrics_init(&in->metrics);
  status = cream_metrics_read(&in->metrics, trained, &grown, err);
  seed->retrained = in->metrics.loss;
  return status;
}

/* Whether the arm trained a supernet, whose loss can converge. */
static bool has_supernet(const json_t *arm) {
  const char *word = json_string_value(json_object_get(report_member(arm, "settings"), "search.strategy"));
  cream_strategy strategy;
  return !word || !cream_strategy_find(word, &strategy) || cream_strategy_has_supernet(strategy);
}

static cream_status read_arm(const report_study *study, const json_t *from, reader *in, report_arm *arm,
                             cream_error *err) {
  const json_t *runs = report_member(from, "runs"), *run;
  size_t i;
  snprintf(arm->name, sizeof arm->name, "%s", report_text(from, "name"));
  arm->dir = report_text(json_array_get(runs, 0), "dir");
  const char *at = strchr(arm->name, '@');
  in->n = 0;
  json_array_foreach(runs, i, run) {
    char dir[CREAM_MAX_FILE_NAME];
    if (in->n == CREAM_MAX_PAIRS || strcmp(report_text(run, "state"), "finished") != 0) continue;
    if (!report_run_dir(study, run, dir, sizeof dir)) continue;
    cream_status status = read_seed(in, dir, at ? at + 1 : "", err);
    if (status) return status;
  }
#define MEAN(curve) take_mean(in, offsetof(seed_curves, curve), &arm->curve);
  REPORT_ARM_CURVE_LIST(MEAN)
#undef MEAN
  if (!has_supernet(from)) arm->hard.count = arm->accuracy.count = 0;
  return CREAM_OK;
}

cream_status report_read_arms(report_study *study, cream_error *err) {
  const json_t *arms = report_member(study->file, "arms"), *arm;
  size_t i, n = json_array_size(arms);
  if (n > REPORT_ARMS) n = REPORT_ARMS;
  if (!n) return CREAM_OK;
  study->arms = calloc(n, sizeof *study->arms);
  reader *in = malloc(sizeof *in);
  cream_status status = CREAM_OK;
  if (!study->arms || !in) status = cream_fail_memory(err, n * sizeof *study->arms, "the curves of a study");
  json_array_foreach(arms, i, arm) {
    if (i == n || status) break;
    status = read_arm(study, arm, in, &study->arms[study->n_arms++], err);
  }
  free(in);
  return status;
}
