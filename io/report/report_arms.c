/* The section with the tables of studies (study.json). Format: docs/formats.md. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "report_page.h"
#include "report_sections.h"

/* The result of an arm for a measure; NULL: there is none. */
static const json_t *result_of(const json_t *arm, const char *key) {
  const json_t *one;
  size_t i;
  json_array_foreach(report_member(arm, "results"), i, one) {
    if (!strcmp(report_text(one, "key"), key)) return one;
  }
  return NULL;
}

/* A p that would be rounded to 0 is given as an upper bound. */
static void put_p(FILE *out, const char *what, double p) {
  if (p < 0.0005)
    cream_html(out, ", %s &lt; 0.001", what);
  else if (isfinite(p))
    cream_html(out, ", %s %.3f", what, p);
}

/* digits: after the point; negative: three or four significant digits. */
static void put_value(FILE *out, double value, int digits, bool sign) {
  char text[64];
  if (digits < 0)
    snprintf(text, sizeof text, sign ? "%+.3g" : "%.4g", value);
  else
    snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, value);
  cream_html(out, "%s", text);
}

/* runs: number of runs of the arm; the cell gives the number of results if it differs. */
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

/* The heading of an arm's column. */
static void put_arm(FILE *out, const json_t *arm) {
  int finished, all;
  count_runs(arm, &finished, &all);
  cream_html(out, "<th scope=\"col\">%s<br><small>", report_text(arm, "name"));
  put_settings(out, arm);
  if (finished != all) cream_html(out, " (%d of %d runs finished)", finished, all);
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

static void put_endpoint_row(FILE *out, const json_t *result, int digits) {
  double difference = report_number(result, "difference"), n = report_number(result, "n");
  double low = report_number(result, "low"), high = report_number(result, "high");
  cream_html(out, "<tr><th scope=\"row\">%s</th><td>%g</td><td>", report_text(result, "arm"),
             isfinite(n) ? n : 0);
  if (isfinite(difference)) put_value(out, difference, digits, true);
  if (isfinite(low) && isfinite(high)) {
    fputs(" (", out);
    put_value(out, low, digits, true);
    fputs(" to ", out);
    put_value(out, high, digits, true);
    fputs(")", out);
  }
  fputs("</td>", out);
  const char *const keys[] = {"p", "corrected"};
  for (int i = 0; i < 2; i++) {
    double p = report_number(result, keys[i]);
    if (!isfinite(p))
      fputs("<td>-</td>", out);
    else if (p < 0.0005)
      fputs("<td>&lt; 0.001</td>", out);
    else
      cream_html(out, "<td>%.3f</td>", p);
  }
  fputs("</tr>\n", out);
}

/* What the study was made to find out, before everything else. */
static void write_endpoint(FILE *out, const report_study *study) {
  const json_t *endpoint = report_member(study->file, "endpoint"), *result;
  size_t i;
  if (!endpoint) return;
  double alpha = report_number(endpoint, "alpha"), digits = report_number(endpoint, "digits");
  bool by_paths = false;
  cream_scroll_begin(out, study->name, false);
  cream_html(out,
             "<table class=\"wide\"><caption>Endpoint: %s, compared with %s</caption><thead><tr><td></td>"
             "<th>seeds</th><th>difference (%.0f %% interval)</th><th>p</th><th>corrected p</th></tr></thead>"
             "<tbody>\n",
             report_text(endpoint, "title"), report_text(endpoint, "against"),
             isfinite(alpha) ? 100 * (1 - alpha) : 95);
  json_array_foreach(report_member(endpoint, "results"), i, result) {
    put_endpoint_row(out, result, digits >= 0 && digits <= 9 ? (int)digits : -1);
    by_paths |= strstr(report_text(result, "resampled"), "paths") != NULL;
  }
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  cream_html(
      out,
      "<p class=\"note\">%s; correction for the number of arms: %s; alpha %g. The interval is that of a "
      "bootstrap over %s.",
      report_text(endpoint, "test_title"), report_text(endpoint, "correction"),
      isfinite(alpha) ? alpha : 0.05, by_paths ? "seeds and paths" : "seeds");
  if (*report_text(endpoint, "before"))
    cream_html(out, " The endpoint was not fixed before the study began; then it was: %s.",
               report_text(endpoint, "before"));
  fputs("</p>\n", out);
}

static bool write_study(FILE *out, const report_study *study) {
  const json_t *measures = report_member(study->file, "measures"), *arms = report_member(study->file, "arms");
  const json_t *measure, *arm;
  size_t i, a;
  if (!json_array_size(arms)) return false;
  cream_html(out, "<h3>%s</h3>", study->name);
  write_endpoint(out, study);
  cream_scroll_begin(out, study->name, false);
  fputs("<table class=\"wide arms\"><thead><tr><td></td>", out);
  json_array_foreach(arms, a, arm) put_arm(out, arm);
  fputs("</tr></thead><tbody>\n", out);
  json_array_foreach(measures, i, measure) put_measure(out, measure, arms);
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  fputs("<p class=\"note\">Mean \xc2\xb1 standard deviation over the seeds; n is the number of seeds with a "
        "result, where some have none. The second line compares with the first arm: the mean difference over "
        "the seeds that both have, the p of the paired t test, and W, the p of Wilcoxon's signed-rank test, "
        "which cannot be small with few seeds. Among many comparisons, some have a small p by "
        "chance.</p>\n",
        out);
  return true;
}

bool report_arms(FILE *out, const report *r) {
  bool any = false;
  for (int i = 0; i < r->n_studies; i++) any |= write_study(out, &r->studies[i]);
  return any || report_missing(out, "No study was given.",
                               "Run one with cream compare STUDY.yaml --out DIR, then cream report DIR.");
}
