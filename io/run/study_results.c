#include "study_results.h"

#include <math.h>
#include <string.h>

#include "io/base/file.h"
#include "io/base/json.h"
#include "io/config/settings.h"
#include "study_endpoint.h"
#include "study_table.h"

/* A measure of a row over its seeds, and compared with the first row. */
typedef struct result {
  size_t n;
  double mean, deviation;
  bool compared;
  cream_paired paired;
} result;

static bool is_measured(const cream_study *study, const cream_study_run *runs, int m) {
  for (int i = 0; i < study->n_rows * study->n_seeds; i++)
    if (!isnan(runs[i].values[m])) return true;
  return false;
}

static result result_of(const cream_study *study, const cream_study_run *runs, int row, int m) {
  double own[CREAM_MAX_PAIRS] = {0}, x[CREAM_MAX_PAIRS], y[CREAM_MAX_PAIRS];
  size_t n = 0, pairs = 0;
  for (int s = 0; s < study->n_seeds; s++) {
    double value = runs[row * study->n_seeds + s].values[m], first = runs[s].values[m];
    if (isnan(value)) continue;
    own[n++] = value;
    if (row == 0 || isnan(first)) continue;
    x[pairs] = value;
    y[pairs++] = first;
  }
  result r = {
      .n = n, .mean = cream_mean(own, n), .deviation = cream_deviation(own, n), .compared = pairs > 0};
  if (r.compared) r.paired = cream_paired_test(x, y, pairs);
  return r;
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

/* The settings that the arm changes. */
static void put_settings(cream_json *json, const cream_study *study, const cream_config *config) {
  const char *except[256] = {NULL}, *key;
  cream_json_object(json, "settings", false);
  for (int n = 0; n < 255 && (key = cream_settings_differ(&study->base, config, except)); n++) {
    char value[1100];
    cream_json_string(json, key, cream_settings_get(config, key, value, sizeof value));
    except[n] = key;
    except[n + 1] = NULL;
  }
  cream_json_end(json);
}

static void put_runs(cream_json *json, const cream_study *study, const cream_study_run *runs,
                     const bool *measured) {
  cream_json_array(json, "runs", true);
  for (int s = 0; s < study->n_seeds; s++) {
    cream_json_object(json, NULL, false);
    cream_json_integer(json, "seed", study->seeds[s]);
    cream_json_string(json, "dir", runs[s].dir);
    cream_json_string(json, "state", runs[s].error[0] ? "failed" : "finished");
    if (runs[s].error[0]) cream_json_string(json, "error", runs[s].error);
    cream_json_object(json, "values", false);
    for (int m = 0; m < CREAM_STUDY_MEASURES; m++)
      if (measured[m]) cream_json_number(json, cream_study_measures[m].key, runs[s].values[m]);
    cream_json_end(json);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void put_results(cream_json *json, const cream_study *study, const cream_study_run *runs, int row,
                        const bool *measured) {
  cream_json_array(json, "results", true);
  for (int m = 0; m < CREAM_STUDY_MEASURES; m++) {
    if (!measured[m]) continue;
    const result r = result_of(study, runs, row, m);
    cream_json_object(json, NULL, false);
    cream_json_string(json, "key", cream_study_measures[m].key);
    cream_json_integer(json, "n", r.n);
    cream_json_number(json, "mean", r.mean);
    cream_json_number(json, "deviation", r.deviation);
    if (r.compared) {
      cream_json_number(json, "difference", r.paired.difference);
      cream_json_number(json, "t", r.paired.t);
      cream_json_number(json, "p", r.paired.p);
      cream_json_number(json, "wilcoxon", r.paired.wilcoxon);
    }
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void put_head(cream_json *json, const cream_study *study, const bool *measured) {
  cream_json_string(json, "format", "cream-study");
  cream_json_integer(json, "version", 1);
  cream_json_string(json, "name", study->name);
  cream_json_object(json, "budget", false);
  if (study->budget.amount > 0)
    cream_json_number(json, cream_study_unit_names[study->budget.kind], study->budget.amount);
  cream_json_end(json);
  cream_json_integer(json, "rank", (uint64_t)study->rank);
  cream_json_bool(json, "retrain", study->retrain);
  cream_json_array(json, "seeds", false);
  for (int s = 0; s < study->n_seeds; s++) cream_json_integer(json, NULL, study->seeds[s]);
  cream_json_end(json);
  cream_json_array(json, "measures", true);
  for (int m = 0; m < CREAM_STUDY_MEASURES; m++) {
    if (!measured[m]) continue;
    cream_json_object(json, NULL, false);
    cream_json_string(json, "key", cream_study_measures[m].key);
    cream_json_string(json, "title", cream_study_measures[m].title);
    cream_json_string(json, "unit", cream_study_measures[m].unit);
    cream_json_integer(json, "digits", (uint64_t)cream_study_measures[m].digits);
    cream_json_end(json);
  }
  cream_json_end(json);
}

static void put_study(const cream_study *study, const cream_study_run *runs,
                      const cream_endpoint_result *endpoint, FILE *stream) {
  bool measured[CREAM_STUDY_MEASURES];
  for (int m = 0; m < CREAM_STUDY_MEASURES; m++) measured[m] = is_measured(study, runs, m);
  cream_json json = cream_json_to(stream);
  cream_json_object(&json, NULL, true);
  put_head(&json, study, measured);
  if (study->endpoint.given) cream_study_put_endpoint(&json, study, endpoint);
  cream_json_array(&json, "arms", true);
  for (int row = 0; row < study->n_rows; row++) {
    cream_json_object(&json, NULL, true);
    cream_json_string(&json, "name", study->rows[row].name);
    put_settings(&json, study, &study->arms[study->rows[row].arm].config);
    put_runs(&json, study, &runs[row * study->n_seeds], measured);
    put_results(&json, study, runs, row, measured);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  fputc('\n', stream);
}

/* ---- the table --------------------------------------------------------------------------------------- */

static void put_mean(cream_table *t, int row, int column, const result *r, int digits) {
  if (!r->n)
    cream_table_put(t, row, column, "-");
  else if (isnan(r->deviation))
    cream_table_put(t, row, column, "%.*f", digits, r->mean);
  else
    cream_table_put(t, row, column, "%.*f ± %.*f", digits, r->mean, digits, r->deviation);
}

static void put_difference(cream_table *t, int row, int column, const result *r, int digits) {
  char p[32], wilcoxon[32];
  if (!r->compared) {
    cream_table_put(t, row, column, "-");
    return;
  }
  cream_table_p(p, r->paired.p);
  cream_table_p(wilcoxon, r->paired.wilcoxon);
  cream_table_put(t, row, column, "%+.*f (%s, %s)", digits, r->paired.difference, p, wilcoxon);
}

/* A row for each measure, a column for each arm: means, or with `beside` differences from the first arm. */
static void print_measures(const cream_study *study, const cream_study_run *runs, bool beside, FILE *out) {
  cream_table t;
  if (!cream_table_init(&t, CREAM_STUDY_MEASURES + 1, study->n_rows + !beside)) return;
  t.rows = 1;
  cream_table_put(&t, 0, 0, "%s", beside ? "difference (p: t test, Wilcoxon)" : study->name);
  for (int row = beside; row < study->n_rows; row++)
    cream_table_put(&t, 0, row + !beside, "%s", study->rows[row].name);
  for (int m = 0; m < CREAM_STUDY_MEASURES; m++) {
    if (!is_measured(study, runs, m)) continue;
    char title[CREAM_TABLE_CELL];
    cream_table_put(&t, t.rows, 0, "%s",
                    cream_study_measure_title((cream_study_measure)m, title, sizeof title));
    for (int row = beside; row < study->n_rows; row++) {
      const result r = result_of(study, runs, row, m);
      if (beside)
        put_difference(&t, t.rows, row, &r, cream_study_measures[m].digits);
      else
        put_mean(&t, t.rows, row + 1, &r, cream_study_measures[m].digits);
    }
    t.rows++;
  }
  cream_table_print(&t, out);
  cream_table_free(&t);
}

static void print_runs(const cream_study *study, const cream_study_run *runs, FILE *out) {
  cream_table t;
  if (!cream_table_init(&t, study->n_rows * study->n_seeds + 1, CREAM_STUDY_MEASURES + 2)) return;
  t.columns = 2;
  cream_table_put(&t, 0, 0, "arm");
  cream_table_put(&t, 0, 1, "seed");
  for (int m = 0; m < CREAM_STUDY_MEASURES; m++) t.columns += is_measured(study, runs, m);
  for (int i = 0; i < study->n_rows * study->n_seeds; i++) {
    cream_table_put(&t, i + 1, 0, "%s", study->rows[i / study->n_seeds].name);
    cream_table_put(&t, i + 1, 1, "%llu", (unsigned long long)study->seeds[i % study->n_seeds]);
  }
  for (int m = 0, column = 2; m < CREAM_STUDY_MEASURES; m++) {
    if (!is_measured(study, runs, m)) continue;
    cream_table_put(&t, 0, column, "%s", cream_study_measures[m].title);
    for (int i = 0; i < study->n_rows * study->n_seeds; i++)
      if (isnan(runs[i].values[m]))
        cream_table_put(&t, i + 1, column, "%s", runs[i].error[0] ? "failed" : "-");
      else
        cream_table_put(&t, i + 1, column, "%.*f", cream_study_measures[m].digits, runs[i].values[m]);
    column++;
  }
  cream_table_print(&t, out);
  cream_table_free(&t);
}

static void print_study(const cream_study *study, const cream_study_run *runs,
                        const cream_endpoint_result *endpoint, FILE *out) {
  if (study->endpoint.given) cream_study_print_endpoint(study, endpoint, out);
  fprintf(out, "Mean ± standard deviation over %d seed%s.\n\n", study->n_seeds,
          study->n_seeds > 1 ? "s" : "");
  print_measures(study, runs, false, out);
  if (study->n_rows > 1) {
    fprintf(out, "\nCompared with %s, paired by seed.\n\n", study->rows[0].name);
    print_measures(study, runs, true, out);
  }
  fputs("\nAll runs.\n\n", out);
  print_runs(study, runs, out);
}

cream_status cream_study_write(const char *dir, const cream_study *study, const cream_study_run *runs,
                               cream_error *err) {
  static const char *const names[] = {CREAM_STUDY_TABLE, CREAM_STUDY_FILE};
  cream_endpoint_result endpoint[CREAM_STUDY_MAX_ARMS];
  if (study->endpoint.given) {
    cream_status status = cream_study_test_endpoint(study, runs, endpoint, err);
    if (status) return status;
  }
  for (int i = 0; i < 2; i++) {
    char path[CREAM_MAX_FILE_NAME];
    cream_file file;
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    cream_status status = cream_file_create(&file, path, err);
    if (status) return status;
    if (i == 0)
      print_study(study, runs, endpoint, file.stream);
    else
      put_study(study, runs, endpoint, file.stream);
    if ((status = cream_file_commit(&file, err))) return status;
  }
  return CREAM_OK;
}
