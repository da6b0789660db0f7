/* The section on rankings (rank.json). Format: docs/formats.md. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "report_page.h"
#include "report_sections.h"

enum { MOST_PATHS = 256 };

/* A cell "0.410 (0.200 to 0.600)". which: "tau", "rho". */
static void put_interval(FILE *out, const json_t *correlation, const char *which) {
  const json_t *value = report_member(correlation, which);
  if (isfinite(report_number(value, "value")))
    cream_html(out, "<td>%.3f (%.3f to %.3f)</td>", report_number(value, "value"),
               report_number(value, "low"), report_number(value, "high"));
  else
    fputs("<td>not defined</td>", out);
}

static void put_percent(FILE *out, const json_t *correlation, const char *which) {
  double value = report_number(correlation, which);
  if (isfinite(value))
    cream_html(out, "<td>%.2f</td>", 100 * value);
  else
    fputs("<td></td>", out);
}

static void write_correlations(FILE *out, const report_run *run) {
  const json_t *correlations = report_member(run->rank, "correlations"), *one;
  size_t i;
  double level = report_number(run->rank, "bootstrap.level");
  cream_scroll_begin(out, "Rank correlation", false);
  cream_html(out,
             "<table class=\"wide\">"
             "<caption>Rank correlation with the trained networks, %s: "
             "value and %.0f %% bootstrap interval</caption>"
             "<thead><tr><th>best paths</th><th>ranked by</th><th>measure</th><th>images</th>"
             "<th>Kendall's tau</th><th>Spearman's rho</th><th>best tenth found (%%)</th><th>regret (%%)</th>"
             "</tr></thead><tbody>\n",
             run->name, isfinite(level) ? 100 * level : 95);
  json_array_foreach(correlations, i, one) {
    cream_html(out, "<tr><td>%g</td><td>%s</td><td>%s</td><td>%s</td>", report_number(one, "best"),
               report_text(one, "by"), report_text(one, "measure"), report_text(one, "split"));
    put_interval(out, one, "tau");
    put_interval(out, one, "rho");
    put_percent(out, one, "recall.value");
    put_percent(out, one, "regret.value");
    fputs("</tr>\n", out);
  }
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  fputs(
      "<p class=\"note\">Regret: the best trained accuracy less that of the path that the order puts first. "
      "Rows by FLOPs, parameters, latency and zero-cost proxies need no supernet: it is worth its cost as "
      "far as it orders better than they do. Nothing can be "
      "expected to order better than a second training, the same with another seed.</p>\n",
      out);
}

/* ", tau 0.41": the tau of the supernet over all paths; "": not known. */
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
  static cream_point points[MOST_PATHS];
  static char texts[MOST_PATHS][200];
  static const char *labels[MOST_PATHS];
  const json_t *paths = report_member(run->rank, "paths"), *one, *stage, *op;
  size_t i, s, o, n = 0;
  json_array_foreach(paths, i, one) {
    if (n == MOST_PATHS) break;
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
                    "One dot per path, evaluated on the same held-out images. The more the dots rise from "
                    "left to right, the better the supernet orders its paths; a flat cloud means that its "
                    "scores do not predict the accuracy after training.");
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
         report_missing(
             out, "There is no ranking.",
             "Rank the paths of a finished search with cream rank --run DIR, then write the report again.");
}
