#include "latency_settle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/statistics.h"

static const double tolerance = 0.10;

bool latency_predicts(double spearman, double mean_error) {
  return spearman > LATENCY_LEAST_CORRELATION && mean_error < LATENCY_MOST_ERROR;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the values. */
static double median_of(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, ascending);
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static void judge_predictions(const double *predicted, const double *medians, int n,
                              latency_verdict *verdict) {
  double least = INFINITY, most = 0;
  for (int p = 0; p < n; p++) {
    verdict->error += fabs(predicted[p] / medians[p] - 1) / n;
    least = fmin(least, predicted[p]);
    most = fmax(most, predicted[p]);
  }
  bool differ = n >= 3 && most > (1 + tolerance) * least;
  verdict->spearman = differ ? cream_spearman(predicted, medians, (size_t)n) : 1;
}

cream_status latency_judge(const latency_series *series, const double *predicted, bool *again,
                           latency_verdict *verdict, cream_error *err) {
  int n = series->networks, rounds = series->rounds;
  size_t bytes = (size_t)(n + rounds) * sizeof(double);
  double *medians = malloc(bytes);
  if (!medians) return cream_fail_memory(err, bytes, "the measurements");
  double *sorted = medians + n;
  *verdict = (latency_verdict){.spearman = 1};
  for (int p = 0; p < n; p++) {
    const double *ms = series->ms + (size_t)p * (size_t)rounds;
    memcpy(sorted, ms, (size_t)rounds * sizeof *sorted);
    medians[p] = median_of(sorted, rounds);
    double fast = sorted[rounds >= 3 ? 1 : 0];
    verdict->spread += (medians[p] / fast - 1) / n;
    for (int r = 0; r < rounds; r++)
      if (ms[r] > (1 + tolerance) * fast) again[(size_t)p * (size_t)rounds + (size_t)r] = true;
  }
  if (predicted) judge_predictions(predicted, medians, n, verdict);
  verdict->disturbed = !(verdict->spread < tolerance && latency_predicts(verdict->spearman, verdict->error));
  free(medians);
  return CREAM_OK;
}

/* ---- measuring again --------------------------------------------------------------------------------- */

static size_t count(const bool *again, size_t n) {
  size_t set = 0;
  for (size_t i = 0; i < n; i++) set += again[i];
  return set;
}

/* What is wrong with the measurements. Returns `text`. */
static const char *describe(const latency_verdict *verdict, char *text, size_t size) {
  snprintf(text, size,
           "medians are %.1f %% above fast measurements, predictions have an error of %.1f %% and a rank "
           "correlation of %.3f; expected are below %.0f %%, below %.0f %% and above %.2f",
           100 * verdict->spread, 100 * verdict->error, verdict->spearman, 100 * tolerance,
           100 * LATENCY_MOST_ERROR, LATENCY_LEAST_CORRELATION);
  return text;
}

static cream_status end(const latency_task *task, const latency_verdict *verdict, cream_error *err) {
  char text[320];
  describe(verdict, text, sizeof text);
  if (!task->accept)
    return cream_fail(
        err, CREAM_FAILED,
        "%s: not written, as other work still disturbs the measurements after %d repetitions (%s); "
        "measure while nothing else runs, or accept them with --accept-disturbed",
        task->name, LATENCY_REPEATS, text);
  fprintf(stderr, "%s: %s after %d repetitions too (%s)\n", task->name, task->doubt, LATENCY_REPEATS, text);
  return CREAM_OK;
}

/* Once, and until least_seconds are over. */
static cream_status measure_all(const latency_task *task, const bool *all, cream_error *err) {
  double started = task->now();
  cream_status status;
  do status = task->measure(task->self, all, err);
  while (status == CREAM_OK && task->now() - started < task->least_seconds);
  return status;
}

static cream_status settle(const latency_task *task, bool *again, cream_error *err) {
  size_t n = (size_t)task->networks * (size_t)task->rounds;
  memset(again, true, n);
  cream_status status = measure_all(task, again, err);
  for (int repeat = 0;; repeat++) {
    latency_verdict verdict;
    memset(again, false, n);
    if (status == CREAM_OK) status = task->judge(task->self, again, &verdict, err);
    if (status != CREAM_OK || !verdict.disturbed) return status;
    if (repeat == LATENCY_REPEATS) return end(task, &verdict, err);
    if (count(again, n) == 0) memset(again, true, n); /* all of it was disturbed alike */
    char text[320];
    fprintf(stderr, "%s: %s (%s); measuring %zu of %zu again, %d of %d\n", task->name, task->doubt,
            describe(&verdict, text, sizeof text), count(again, n), n, repeat + 1, LATENCY_REPEATS);
    status = task->measure(task->self, again, err);
  }
}

cream_status latency_settle(const latency_task *task, cream_error *err) {
  size_t bytes = (size_t)task->networks * (size_t)task->rounds * sizeof(bool);
  bool *again = malloc(bytes);
  if (!again) return cream_fail_memory(err, bytes, "the measurements");
  cream_status status = settle(task, again, err);
  free(again);
  return status;
}
