/* The section on detectors: AP over epochs, COCO's numbers, curves of precision over recall, and images with boxes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "report_examples.h"
#include "report_page.h"
#include "report_sections.h"

enum { CURVES = 20, POINTS = 101 };

/* Losses and AP while training. */
static bool write_training(FILE *out, const report *r) {
  char names[REPORT_RUNS][180];
  cream_plot ap =
      cream_plot_of("detection-ap", "AP while training", "epoch", "AP (%)",
                    "On held-out images: COCO's AP of the trained weights and of their moving average (EMA), "
                    "and AP50 of the trained ones. The last point is the AP on the test images.");
  cream_plot loss =
      cream_plot_of("detection-loss", "Losses while training", "step", "loss",
                    "Of an image, of the classes of all anchors and of the boxes of those that match one. "
                    "Each point is the mean over several steps.");
  cream_point tests[REPORT_RUNS];
  for (int i = 0; i < r->n_runs; i++) {
    const cream_metrics *m = &r->runs[i]->metrics;
    const char *name = r->runs[i]->name;
    if (!m->detector) continue;
    const struct {
      cream_plot *plot;
      const char *what;
      const cream_curve *curve;
    } curves[] = {{&ap, "", &m->heldout},
                  {&ap, ", EMA", &m->heldout_ema},
                  {&ap, ", AP50", &m->heldout_ap50},
                  {&loss, ", classes", &m->hard},
                  {&loss, ", boxes", &m->soft}};
    static char texts[REPORT_RUNS][sizeof curves / sizeof *curves][180];
    for (size_t c = 0; c < sizeof curves / sizeof *curves; c++) {
      snprintf(texts[i][c], sizeof texts[i][c], "%s%s", name, curves[c].what);
      if (curves[c].curve->count)
        cream_plot_add(curves[c].plot, texts[i][c], CREAM_SERIES_LINE, curves[c].curve->points,
                       curves[c].curve->count);
    }
    snprintf(names[i], sizeof names[i], "%s, test", name);
    tests[i] = (cream_point){.x = m->epochs, .y = m->test};
    if (isfinite(m->test)) cream_plot_add(&ap, names[i], CREAM_SERIES_DOTS, &tests[i], 1);
  }
  ap.y.min = loss.y.min = 0;
  bool any = report_plot(out, &ap);
  return report_plot(out, &loss) || any;
}

static void put_percent(FILE *out, double share) {
  if (isfinite(share))
    cream_html(out, "<td>%.2f %%</td>", 100 * share);
  else
    fputs("<td>-</td>", out);
}

/* COCO's numbers for the test images, and those of each class. */
static void write_numbers(FILE *out, const report *r, const report_run *run) {
  char title[300];
  const json_t *classes = report_member(run->coco, "classes"), *one;
  size_t c;
  cream_scroll_begin(out, "AP by class", true);
  cream_html(out,
             "<table class=\"wide\"><caption>%s</caption><thead><tr><th scope=\"col\">class</th>"
             "<th scope=\"col\">AP</th><th scope=\"col\">AP50</th><th "
             "scope=\"col\">objects</th></tr></thead><tbody>\n",
             report_title(title, sizeof title, "On the test images", r, run));
  fputs("<tr><th scope=\"row\">all</th>", out);
  put_percent(out, report_number(run->coco, "AP"));
  put_percent(out, report_number(run->coco, "AP50"));
  fputs("<td></td></tr>\n", out);
  json_array_foreach(classes, c, one) {
    cream_html(out, "<tr><th scope=\"row\">%s</th>", report_text(one, "name"));
    put_percent(out, report_number(one, "AP"));
    put_percent(out, report_number(one, "AP50"));
    cream_html(out, "<td>%.0f</td></tr>\n", report_number(one, "objects"));
  }
  fputs("</tbody></table>", out);
  cream_scroll_end(out);
}

static void write_precision(FILE *out, const report *r, const report_run *run, int number) {
  char title[300];
  const json_t *classes = report_member(run->coco, "classes");
  size_t n = json_array_size(classes);
  if (n > CURVES) n = CURVES;
  cream_point *points = calloc(n * POINTS + 1, sizeof *points);
  if (!points) return;
  cream_plot plot = cream_plot_of(
      report_id("detection-precision", number),
      report_title(title, sizeof title, "Precision over recall", r, run), "recall (%)", "precision (%)",
      "On the test images, at an IoU of 0.5: the share of right boxes among those that are "
      "needed to find a share of the objects.");
  for (size_t c = 0; c < n; c++) {
    const json_t *one = json_array_get(classes, c), *values = report_member(one, "precision");
    const size_t count = json_array_size(values) < POINTS ? json_array_size(values) : POINTS;
    cream_point *curve = points + c * POINTS;
    for (size_t p = 0; p < count; p++) {
      const json_t *value = json_array_get(values, p);
      curve[p] = (cream_point){.x = (double)p,
                               .y = json_is_number(value) ? 100 * json_number_value(value) : (double)NAN};
    }
    cream_plot_add(&plot, report_text(one, "name"), CREAM_SERIES_LINE, curve, count);
  }
  plot.x.min = plot.y.min = 0;
  plot.x.max = plot.y.max = 100;
  report_plot(out, &plot);
  free(points);
}

bool report_detection(FILE *out, const report *r) {
  int detectors = 0, measured = 0;
  for (int i = 0; i < r->n_runs; i++) detectors += r->runs[i]->metrics.detector;
  if (!detectors)
    return report_missing(out, "None of the folders contains a detector.",
                          "Train one with cream detect train --backbone DIR --data SPEC --out DIR-detector.");
  report_plots_begin(out);
  bool any = write_training(out, r);
  for (int i = 0; i < r->n_runs; i++)
    if (r->runs[i]->coco && measured < REPORT_DETAILED) write_precision(out, r, r->runs[i], measured++);
  report_plots_end(out);
  any |= report_examples(out, r);
  measured = 0;
  for (int i = 0; i < r->n_runs; i++)
    if (r->runs[i]->coco && measured++ < REPORT_DETAILED) write_numbers(out, r, r->runs[i]);
  return any || measured || report_missing(out, "No step was logged.", "Let the training run.");
}
