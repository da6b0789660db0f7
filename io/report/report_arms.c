/* The curves of a study's arms: means over its seeds. */
#include <stdlib.h>
#include <string.h>

#include "core/search/search.h"
#include "io/base/file.h"
#include "io/run/runs.h"
#include "report_data.h"

/* ---- reading ------------------------------------------------------------------------------------- */

/* What is kept of the metrics of a run while its arm is read. */
typedef struct seed_curves {
  cream_curve board_flops, board_best, hard, accuracy, retrained;
} seed_curves;

typedef struct reader {
  cream_metrics metrics;
  size_t n;
  seed_curves seeds[CREAM_MAX_PAIRS];
} reader;

static void mean_of(const reader *in, size_t offset, report_mean *mean) {
  const cream_curve *curves[CREAM_MAX_PAIRS];
  size_t n = 0;
  for (size_t s = 0; s < in->n; s++) {
    curves[n] = (const cream_curve *)((const char *)&in->seeds[s] + offset);
    n += curves[n]->count > 0;
  }
  mean->count = cream_curves_mean(curves, n, mean->points, REPORT_MEAN_POINTS);
}

/* A board stays as it is until something enters. */
static void hold(cream_curve *curve, double step) {
  if (curve->count && curve->points[curve->count - 1].x < step)
    cream_curve_add(curve, step, curve->points[curve->count - 1].y);
}

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
  mean_of(in, offsetof(seed_curves, board_flops), &arm->board_flops);
  mean_of(in, offsetof(seed_curves, board_best), &arm->board_best);
  if (has_supernet(from)) {
    mean_of(in, offsetof(seed_curves, hard), &arm->hard);
    mean_of(in, offsetof(seed_curves, accuracy), &arm->accuracy);
  }
  mean_of(in, offsetof(seed_curves, retrained), &arm->retrained);
  return CREAM_OK;
}

cream_status report_read_arms(report_study *study, cream_error *err) {
  const json_t *arms = report_member(study->file, "arms"), *arm;
  size_t i, n = json_array_size(arms);
  if (n > CREAM_PLOT_SERIES) n = CREAM_PLOT_SERIES;
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

/* ---- writing ------------------------------------------------------------------------------------- */

/* Whether an arm before has the same run. */
static bool seen_before(const report_study *study, int arm) {
  for (int a = 0; a < arm; a++)
    if (!strcmp(study->arms[a].dir, study->arms[arm].dir)) return true;
  return false;
}

bool report_arm_means(FILE *out, const report *r, const cream_plot *like, report_mean_of *of, bool once) {
  bool any = false;
  for (int s = 0; s < r->n_studies; s++) {
    const report_study *study = &r->studies[s];
    char title[256], names[CREAM_PLOT_SERIES][128];
    snprintf(title, sizeof title, "%s: %s", like->title, study->name);
    cream_plot plot = *like;
    plot.id = report_id(like->id, s);
    plot.title = title;
    bool few = study->n_arms <= 3;
    for (int a = 0; a < study->n_arms; a++) {
      const report_mean *mean = of(&study->arms[a]);
      if (!mean->count || (once && seen_before(study, a))) continue;
      snprintf(names[a], sizeof names[a], "%s", study->arms[a].name);
      if (once) names[a][strcspn(names[a], "@")] = 0;
      cream_plot_series *series =
          cream_plot_add(&plot, names[a], CREAM_SERIES_LINE, mean->points, mean->count);
      series->style = a;
      series->band = few;
    }
    any |= report_plot(out, &plot);
  }
  return any;
}

bool report_shows_runs(const report *r, bool arms) {
  for (int i = 0; i < r->n_runs; i++)
    if (!r->runs[i]->of_study && report_is_search(r->runs[i])) return true;
  return !arms;
}
