/* The section on the accuracy by class. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "report_page.h"
#include "report_sections.h"
#include "report_test.h"

/* Up to ALL classes, the table has every class; beyond, the WORST and the BEST. The text lists the FREQUENT
 * confusions. The matrix has at most MATRIX classes: those with the most mistakes. */
enum { ALL = 100, WORST = 50, BEST = 10, FREQUENT = 20, MATRIX = 20 };

static void put_class(FILE *out, const report_test_data *test, const report_class *c) {
  double accuracy = report_class_accuracy(c);
  cream_html(out, "<tr><th scope=\"row\">%s</th>", c->name);
  if (isfinite(accuracy))
    cream_html(out, "<td>%.2f %%</td><td>%.0f</td><td>%.0f</td>", 100 * accuracy, c->correct, c->images);
  else
    fputs("<td>-</td><td>-</td><td>0</td>", out);
  if (c->mistaken_for < 0)
    fputs("<td>-</td></tr>\n", out);
  else
    cream_html(out, "<td>%s (%.0f)</td></tr>\n", test->classes[c->mistaken_for].name,
               report_confused(test, c->label, c->mistaken_for));
}

/* sorted: the classes, the least accurate first. */
static void write_table(FILE *out, const report_test_data *test, const report_class *sorted) {
  int n = test->n_classes, empty = 0;
  while (empty < n && !(sorted[n - 1 - empty].images > 0)) empty++;
  bool all = n <= ALL;
  int full = n - empty;
  cream_scroll_begin(out, "Accuracy by class", true);
  fputs("<table class=\"wide\"><caption>The least accurate classes first", out);
  if (!all && full > WORST + BEST)
    cream_html(out, "; of %d classes, the %d least and the %d most accurate", n, WORST, BEST);
  fputs("</caption><thead><tr><th scope=\"col\">class</th><th scope=\"col\">accuracy</th><th scope=\"col\">"
        "correct</th><th scope=\"col\">images</th><th scope=\"col\">most often taken for (images)</th></tr>"
        "</thead><tbody>\n",
        out);
  for (int i = 0; i < (all ? n : full); i++) {
    if (!all && i == WORST && full > WORST + BEST) {
      i = full - BEST;
      fputs("<tr><td colspan=\"5\">...</td></tr>\n", out);
    }
    put_class(out, test, &sorted[i]);
  }
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
  if (empty) cream_html(out, "<p class=\"note\">The test has no images of %d classes.</p>\n", empty);
}

static void write_confusions(FILE *out, const report_test_data *test) {
  int n = test->n_confusions;
  if (!n) {
    fputs("<p>No image was taken for another class.</p>\n", out);
    return;
  }
  if (n > FREQUENT)
    cream_html(out, "<p>The %d most frequent of %d confusions:</p>\n", FREQUENT, n);
  else
    fputs("<p>All confusions, the most frequent first:</p>\n", out);
  fputs("<ol class=\"confusions\">", out);
  for (int i = 0; i < n && i < FREQUENT; i++) {
    const report_confusion *one = &test->confusions[i];
    const report_class *c = &test->classes[one->label];
    cream_html(out, "<li>%s taken for %s: %.0f of %.0f images (%.1f %%)</li>\n", c->name,
               test->classes[one->predicted].name, one->images, c->images, 100 * one->images / c->images);
  }
  fputs("</ol>\n", out);
}

/* sorted: scratch for the classes. */
static void write_matrix(FILE *out, const report_test_data *test, report_class *sorted, const char *title,
                         int index) {
  static double shares[MATRIX * MATRIX];
  const char *names[MATRIX];
  int n = test->n_classes < MATRIX ? test->n_classes : MATRIX;
  memcpy(sorted, test->classes, (size_t)test->n_classes * sizeof *sorted);
  if (n < test->n_classes) qsort(sorted, (size_t)test->n_classes, sizeof *sorted, report_class_by_mistakes);
  qsort(sorted, (size_t)n, sizeof *sorted, report_class_by_label);
  for (int r = 0; r < n; r++) {
    names[r] = sorted[r].name;
    for (int c = 0; c < n; c++) {
      double images = r == c ? sorted[r].correct : report_confused(test, sorted[r].label, sorted[c].label);
      shares[r * n + c] = images > 0 ? images / sorted[r].images : NAN;
    }
  }
  char caption[300];
  int used = snprintf(caption, sizeof caption,
                      "A row for each class, with the share of its images, in %%, by the class that was "
                      "predicted. Empty: none.");
  if (n < test->n_classes)
    snprintf(caption + used, sizeof caption - (size_t)used,
             " Of %d classes, these are the %d with the most mistakes: their own images taken for others, "
             "and others taken for them.",
             test->n_classes, n);
  const cream_heat heat = {
      report_id("confusion", index), title, caption, "predicted", "class", n, n, shares, names, names};
  report_plots_begin(out);
  cream_heat_write(out, &heat);
  report_plots_end(out);
}

static bool write_run(FILE *out, const report *r, int index) {
  const report_run *run = r->runs[index];
  report_test_data test;
  if (!report_test_read(&test, run->test)) return false;
  report_class *sorted = malloc((size_t)test.n_classes * sizeof *sorted);
  if (sorted) {
    char title[256];
    memcpy(sorted, test.classes, (size_t)test.n_classes * sizeof *sorted);
    qsort(sorted, (size_t)test.n_classes, sizeof *sorted, report_class_by_accuracy);
    cream_html(out, "<h3>%s</h3>\n<p>Test on %s", run->name, report_text(run->test, "data"));
    if (isfinite(report_number(run->test, "test.top1")))
      cream_html(out, ": %g images, top-1 %.2f %%", report_number(run->test, "test.count"),
                 100 * report_number(run->test, "test.top1"));
    fputs("</p>\n", out);
    write_table(out, &test, sorted);
    write_confusions(out, &test);
    write_matrix(out, &test, sorted, report_title(title, sizeof title, "Confusion matrix", r, run), index);
  }
  free(sorted);
  report_test_free(&test);
  return sorted != NULL;
}

bool report_classes(FILE *out, const report *r) {
  int shown = 0, more = 0;
  for (int i = 0; i < r->n_runs; i++) {
    if (shown < REPORT_DETAILED)
      shown += write_run(out, r, i);
    else
      more += r->runs[i]->test != NULL;
  }
  if (more)
    cream_html(out, "<p class=\"note\">Only the first %d runs with a test are shown.</p>\n", REPORT_DETAILED);
  return shown || report_missing(out, "No test by class was written (test.json).",
                                 "Run cream retrain, or test a trained network with cream test --run DIR.");
}
