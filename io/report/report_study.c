/* The report's sections on rankings and studies. Formats of their files: docs/formats.md. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "report_data.h"

/* ---- rank.json ----------------------------------------------------------------------------------- */

enum { RANKED = 256 };

/* "0.41 (0.20 to 0.60)" */
static void put_interval(FILE *out, const json_t *correlation, const char *which) {
  const json_t *value = report_member(correlation, which);
  if (isfinite(report_number(value, "value")))
    cream_html(out, "<td>%.3f (%.3f to %.3f)</td>", report_number(value, "value"),
               report_number(value, "low"), report_number(value, "high"));
  else
    fputs("<td>not defined</td>", out);
}

static void write_correlations(FILE *out, const report_run *run) {
  const json_t *correlations = report_member(run->rank, "correlations"), *one;
  size_t i;
  double level = report_number(run->rank, "bootstrap.level");
  cream_html(out,
             "<div class=\"scroll\" tabindex=\"0\"><table class=\"wide\">"
             "<caption>Rank correlation with the trained networks, %s: "
             "value and %.0f %% interval of the bootstrap</caption>"
             "<thead><tr><th>best</th><th>ranked by</th><th>measure</th><th>pictures</th>"
             "<th>Kendall's tau</th><th>Spearman's rho</th></tr></thead><tbody>\n",
             run->name, isfinite(level) ? 100 * level : 95);
  json_array_foreach(correlations, i, one) {
    cream_html(out, "<tr><td>%g</td><td>%s</td><td>%s</td><td>%s</td>", report_number(one, "best"),
               report_text(one, "by"), report_text(one, "measure"), report_text(one, "split"));
    put_interval(out, one, "tau");
    put_interval(out, one, "rho");
    fputs("</tr>\n", out);
  }
  fputs("</tbody></table></div>\n", out);
}

/* The tau of the supernet over all paths, as text. */
static void tau_of(const report_run *run, char *text, size_t size) {
  const json_t *correlations = report_member(run->rank, "correlations"), *one;
  size_t i;
  text[0] = 0;
  json_array_foreach(correlations, i, one) {
    double tau = report_number(one, "tau.value");
    if (strcmp(report_text(one, "by"), "supernet") || !isfinite(tau)) continue;
    snprintf(text, size, ", tau %.2f", tau);
    return;
  }
}

static bool write_scatter(FILE *out, const report_run *run, int index) {
  static cream_point points[RANKED];
  static char texts[RANKED][200];
  static const char *labels[RANKED];
  const json_t *paths = report_member(run->rank, "paths"), *one, *stage, *op;
  size_t i, s, o, n = 0;
  json_array_foreach(paths, i, one) {
    if (n == RANKED) break;
    points[n] = (cream_point){.x = 100 * report_number(one, "supernet.top1"),
                              .y = 100 * report_number(one, "heldout.top1")};
    size_t used =
        (size_t)snprintf(texts[n], sizeof texts[0], "%.2f M FLOPs:", report_number(one, "flops") / 1e6);
    json_array_foreach(report_member(one, "path"), s, stage) json_array_foreach(stage, o, op) {
      if (json_is_string(op) && used < sizeof texts[0])
        used += (size_t)snprintf(texts[n] + used, sizeof texts[0] - used, "%s%s", o ? "-" : " ",
                                 json_string_value(op));
    }
    labels[n] = texts[n];
    n++;
  }
  char title[256], tau[32];
  tau_of(run, tau, sizeof tau);
  snprintf(title, sizeof title, "Ranking of %s%s", run->name, tau);
  cream_plot plot =
      cream_plot_of(report_id("ranking", index), title, "top-1 with the supernet's weights (%)",
                    "top-1 trained from scratch (%)",
                    "A dot for each path, on the same held-out pictures. The more they rise from left to "
                    "right, the better the supernet orders its paths; a flat cloud means that its scores say "
                    "nothing.");
  cream_plot_add(&plot, "paths", CREAM_SERIES_DOTS, points, n)->labels = labels;
  return report_plot(out, &plot);
}

bool report_rank(FILE *out, const report *r) {
  bool any = false;
  report_plots_begin(out);
  for (int i = 0; i < r->n_runs; i++)
    if (r->runs[i]->rank) any |= write_scatter(out, r->runs[i], i);
  report_plots_end(out);
  for (int i = 0; i < r->n_runs; i++)
    if (json_array_size(report_member(r->runs[i]->rank, "correlations"))) write_correlations(out, r->runs[i]);
  return any ||
         report_missing(out, "No ranking was made.",
                        "Rank a finished search's paths: cream rank --run DIR; then make the report again.");
}

/* ---- study.json ---------------------------------------------------------------------------------- */

/* The result of an arm for a measure. */
static const json_t *result_of(const json_t *arm, const char *key) {
  const json_t *one;
  size_t i;
  json_array_foreach(report_member(arm, "results"), i, one) {
    if (!strcmp(report_text(one, "key"), key)) return one;
  }
  return NULL;
}

/* Too small to be told apart from 0 is said so. */
static void put_p(FILE *out, const char *what, double p) {
  if (p < 0.0005)
    cream_html(out, ", %s &lt; 0.001", what);
  else if (isfinite(p))
    cream_html(out, ", %s %.3f", what, p);
}

/* digits: after the point; less than 0: three or so that count. */
static void put_value(FILE *out, double value, int digits, bool sign) {
  char text[64];
  if (digits < 0)
    snprintf(text, sizeof text, sign ? "%+.3g" : "%.4g", value);
  else
    snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, value);
  cream_html(out, "%s", text);
}

/* runs: of the arm; how many of them have the measure is told where it is not all. */
static void put_result(FILE *out, const json_t *result, int digits, int runs) {
  double mean = report_number(result, "mean"), deviation = report_number(result, "deviation");
  double n = report_number(result, "n"), difference = report_number(result, "difference");
  if (!isfinite(mean)) {
    fputs("<td>-</td>", out);
    return;
  }
  fputs("<td>", out);
  put_value(out, mean, digits, false);
  if (isfinite(deviation)) {
    fputs(" \xc2\xb1 ", out);
    put_value(out, deviation, digits, false);
  }
  if (isfinite(n) && n != runs) cream_html(out, " <small>n %g</small>", n);
  if (isfinite(difference)) {
    fputs("<br><small>", out);
    put_value(out, difference, digits, true);
    put_p(out, "p", report_number(result, "p"));
    put_p(out, "W", report_number(result, "wilcoxon"));
    fputs("</small>", out);
  }
  fputs("</td>", out);
}

static void put_settings(FILE *out, const json_t *arm) {
  const char *key;
  json_t *value;
  const char *separator = "";
  json_object_foreach((json_t *)report_member(arm, "settings"), key, value) {
    cream_html(out, "%s%s=", separator, key);
    if (json_is_string(value)) cream_html(out, "%s", json_string_value(value));
    if (json_is_number(value)) cream_html(out, "%g", json_number_value(value));
    if (json_is_boolean(value)) cream_html(out, "%s", json_is_true(value) ? "true" : "false");
    separator = ", ";
  }
}

static void count_runs(const json_t *arm, int *finished, int *all) {
  const json_t *run;
  size_t i;
  *finished = *all = 0;
  json_array_foreach(report_member(arm, "runs"), i, run) {
    ++*all;
    *finished += !strcmp(report_text(run, "state"), "finished");
  }
}

/* A column of the table's head. */
static void put_arm(FILE *out, const json_t *arm) {
  int finished, all;
  count_runs(arm, &finished, &all);
  cream_html(out, "<th scope=\"col\">%s<br><small>", report_text(arm, "name"));
  put_settings(out, arm);
  if (finished != all) cream_html(out, " (%d of %d runs done)", finished, all);
  fputs("</small></th>", out);
}

static void put_measure(FILE *out, const json_t *measure, const json_t *arms) {
  const char *unit = report_text(measure, "unit");
  double digits = report_number(measure, "digits");
  const json_t *arm;
  size_t a;
  cream_html(out, "<tr><th scope=\"row\">%s%s%s%s</th>", report_text(measure, "title"), *unit ? " (" : "",
             unit, *unit ? ")" : "");
  json_array_foreach(arms, a, arm) {
    put_result(out, result_of(arm, report_text(measure, "key")),
               digits >= 0 && digits <= 9 ? (int)digits : -1,
               (int)json_array_size(report_member(arm, "runs")));
  }
  fputs("</tr>\n", out);
}

static bool write_study(FILE *out, const report_study *study) {
  const json_t *measures = report_member(study->file, "measures"), *arms = report_member(study->file, "arms");
  const json_t *measure, *arm;
  size_t i, a;
  if (!json_array_size(arms)) return false;
  cream_html(
      out, "<h3>%s</h3><div class=\"scroll\" tabindex=\"0\"><table class=\"wide arms\"><thead><tr><td></td>",
      study->name);
  json_array_foreach(arms, a, arm) put_arm(out, arm);
  fputs("</tr></thead><tbody>\n", out);
  json_array_foreach(measures, i, measure) put_measure(out, measure, arms);
  fputs("</tbody></table></div>\n"
        "<p class=\"note\">Mean \xc2\xb1 standard deviation over the seeds; n: how many have it, where not "
        "all do. Below, for all but the first arm: mean difference from the first arm over the seeds that "
        "both have, p of the paired t test, and W, that of Wilcoxon's signed-rank test, which with few seeds "
        "is never small. Many comparisons at once find small p by chance.</p>\n",
        out);
  return true;
}

bool report_arms(FILE *out, const report *r) {
  bool any = false;
  for (int i = 0; i < r->n_studies; i++) any |= write_study(out, &r->studies[i]);
  return any || report_missing(
                    out, "No study was given.",
                    "Compare arms over seeds: cream compare STUDY.yaml --out DIR; then cream report DIR.");
}
