#include "report_page.h"

#include <string.h>

#include "html.h"

_Static_assert((int)REPORT_ARMS <= (int)CREAM_PLOT_SERIES && (int)REPORT_RUNS <= (int)CREAM_PLOT_SERIES,
               "a plot has room for all");

bool report_missing(FILE *out, const char *what, const char *how) {
  cream_html(out, "<p class=\"missing\">%s %s</p>\n", what, how);
  return false;
}

bool report_no_search(FILE *out) {
  return report_missing(out, "None of the folders contains a search.",
                        "Give one: cream report DIR, with the --out of cream search.");
}

void report_plots_begin(FILE *out) {
  fputs("<div class=\"plots\">\n", out);
}

void report_plots_end(FILE *out) {
  fputs("</div>\n", out);
}

const char *report_id(const char *word, int number) {
  static char ids[8][48];
  static int next;
  char *id = ids[next++ % 8];
  snprintf(id, sizeof ids[0], "%s-%d", word, number);
  return id;
}

char *report_title(char *title, size_t size, const char *what, const report *r, const report_run *run) {
  bool several = r->n_runs > 1;
  snprintf(title, size, "%s%s%s", what, several ? ": " : "", several ? run->name : "");
  return title;
}

bool report_plot(FILE *out, const cream_plot *plot) {
  if (cream_plot_empty(plot)) return false;
  cream_plot_write(out, plot);
  return true;
}

bool report_overlay(FILE *out, const report *r, cream_plot *plot, report_curve_of *of, bool band) {
  for (int i = 0; i < r->n_runs; i++) {
    const cream_curve *curve = of(r->runs[i]);
    if (!curve || !curve->count) continue;
    cream_plot_series *series =
        cream_plot_add(plot, r->runs[i]->name, CREAM_SERIES_LINE, curve->points, curve->count);
    series->style = i;
    series->band = band && curve->per > 1;
  }
  return report_plot(out, plot);
}

const cream_curve *report_board_best(const report_run *run) {
  return run->metrics.n_boards ? &run->metrics.boards[0].best : NULL;
}

/* ---- arms of studies ------------------------------------------------------------------------------ */

/* Whether an earlier row is of the same run. */
static bool seen_before(const report_study *study, int arm) {
  for (int a = 0; a < arm; a++)
    if (!strcmp(study->arms[a].dir, study->arms[arm].dir)) return true;
  return false;
}

bool report_arm_means(FILE *out, const report *r, const cream_plot *like, report_mean_of *of, bool once) {
  bool any = false;
  for (int s = 0; s < r->n_studies; s++) {
    const report_study *study = &r->studies[s];
    char title[256], names[REPORT_ARMS][128];
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
