/* Sections on the training of the supernet. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "io/config/settings.h"
#include "report_page.h"
#include "report_sections.h"

/* The curve of a search; retrainings are left out. */
static const cream_curve *if_search(const report_run *run, const cream_curve *curve) {
  return report_is_search(run) ? curve : NULL;
}
static const cream_curve *loss_of(const report_run *run) {
  return if_search(run, &run->metrics.loss);
}
static const cream_curve *hard_of(const report_run *run) {
  return if_search(run, &run->metrics.hard);
}
static const cream_curve *soft_of(const report_run *run) {
  return if_search(run, &run->metrics.soft);
}
static const cream_curve *rate_of(const report_run *run) {
  return &run->metrics.lr;
}
static const cream_curve *rho_of(const report_run *run) {
  return if_search(run, &run->metrics.rho);
}
static const cream_curve *accuracy_of(const report_run *run) {
  return if_search(run, &run->metrics.accuracy);
}

#define LOSS_CAPTION(soft)                                                                                   \
  "Each point is the mean over several steps; the band shows their range. Hard: cross entropy with the "     \
  "labels. " soft "Total: the loss that is minimised."

/* Whether a search distils, or settings are missing so that it may. */
static bool has_teacher(const report *r) {
  for (int i = 0; i < r->n_runs; i++)
    if (report_is_search(r->runs[i]) && (!r->runs[i]->has_config || report_has_teacher(r->runs[i])))
      return true;
  return false;
}

bool report_losses(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  bool any = false;
  const char *loss_caption = has_teacher(r) ? LOSS_CAPTION("Soft: cross entropy with the teacher's output, "
                                                           "once distillation has begun. ")
                                            : LOSS_CAPTION("");
  report_plots_begin(out);
  if (r->n_runs == 1) {
    const cream_metrics *m = &r->runs[0]->metrics;
    cream_plot plot =
        cream_plot_of("losses-all", "Losses of the supernet", "step", "loss (nats)", loss_caption);
    cream_plot_series *total =
        cream_plot_add(&plot, "total", CREAM_SERIES_LINE, m->loss.points, m->loss.count);
    total->band = m->loss.per > 1;
    cream_plot_add(&plot, "hard", CREAM_SERIES_LINE, m->hard.points, m->hard.count);
    if (m->soft.count) cream_plot_add(&plot, "soft", CREAM_SERIES_LINE, m->soft.points, m->soft.count);
    any |= report_plot(out, &plot);
  } else {
    cream_plot total =
        cream_plot_of("losses-total", "Total loss, all searches", "step", "loss (nats)", loss_caption);
    cream_plot hard =
        cream_plot_of("losses-hard", "Hard loss, all searches", "step", "loss (nats)", loss_caption);
    cream_plot soft =
        cream_plot_of("losses-soft", "Soft loss, all searches", "step", "loss (nats)", loss_caption);
    any |= report_overlay(out, r, &total, loss_of, true);
    any |= report_overlay(out, r, &hard, hard_of, false);
    any |= report_overlay(out, r, &soft, soft_of, false);
  }
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the search run.");
}

#define RATE_CAPTION                                                                                         \
  "The rate in use, scaled by the batch size. It may fall where the warm-up ends and at every step of the "  \
  "schedule."

static bool has_rollback(const report *r) {
  for (int i = 0; i < r->n_runs; i++)
    for (int n = 0; n < r->runs[i]->metrics.n_notes; n++)
      if (strstr(r->runs[i]->metrics.notes[n], "halved the learning rate")) return true;
  return false;
}

bool report_rate(FILE *out, const report *r) {
  cream_plot plot = cream_plot_of("rates", "Learning rate", "step", "learning rate",
                                  has_rollback(r) ? RATE_CAPTION
                                      " A rollback after the loss diverged halved it: see the notes of the "
                                      "summary."
                                                  : RATE_CAPTION);
  report_plots_begin(out);
  bool any = report_overlay(out, r, &plot, rate_of, false);
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the run continue.");
}

/* The histogram of the matching degrees of a run, as shares of its steps in %; returns the number of bins, 0 if
 * no teacher was matched. */
static size_t histogram(const cream_metrics *m, cream_point points[CREAM_METRICS_BINS]) {
  uint64_t sum = 0;
  for (int i = 0; i < CREAM_METRICS_BINS; i++) sum += m->rho_bins[i];
  if (!sum) return 0;
  for (int i = 0; i < CREAM_METRICS_BINS; i++) {
    double width = 1.0 / CREAM_METRICS_BINS;
    points[i] = (cream_point){(i + 0.5) * width, 100 * (double)m->rho_bins[i] / (double)sum, i * width,
                              (i + 1) * width};
  }
  return CREAM_METRICS_BINS;
}

static bool write_distribution(FILE *out, const report *r) {
  static cream_point points[REPORT_RUNS][CREAM_METRICS_BINS];
  int matched = 0;
  for (int i = 0; i < r->n_runs; i++) matched += r->runs[i]->metrics.rho.count > 0;
  cream_plot plot =
      cream_plot_of("matching-distribution", "Distribution of the matching degree", "matching degree",
                    "share of the steps (%)",
                    "Share of the steps whose matching degree was in each twentieth of 0 to 1. "
                    "All steps in one bar: the meta network hardly distinguishes the teachers.");
  plot.x.min = 0, plot.x.max = 1;
  for (int i = 0; i < r->n_runs; i++) {
    size_t count = report_is_search(r->runs[i]) ? histogram(&r->runs[i]->metrics, points[i]) : 0;
    if (count)
      cream_plot_add(&plot, r->runs[i]->name, matched > 1 ? CREAM_SERIES_LINE : CREAM_SERIES_BARS, points[i],
                     count)
          ->style = i;
  }
  return report_plot(out, &plot);
}

static const cream_curve *gradient_of(const report_run *run) {
  return if_search(run, &run->metrics.meta_gradient);
}

bool report_matching(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  report_plots_begin(out);
  cream_plot rho =
      cream_plot_of("matching-degree", "Matching degree", "step", "matching degree",
                    "The degree that the meta network assigns to the chosen teacher (0 to 1; half of it is "
                    "the weight of the soft loss). Each point is the mean over several steps; the band shows "
                    "their range.");
  cream_plot gradient = cream_plot_of("meta-gradient", "Updates of the meta network", "step",
                                      "norm of the gradient", "Before clipping; one value per update.");
  bool any = report_overlay(out, r, &rho, rho_of, true);
  any |= write_distribution(out, r);
  any |= report_overlay(out, r, &gradient, gradient_of, false);
  report_plots_end(out);
  if (!any && !has_teacher(r))
    return report_missing(out, "The search has no teacher, by its strategy or its settings.",
                          "Search with --set search.strategy=cream --set search.teacher=meta.");
  return any || report_missing(
                    out, "No teacher was matched.",
                    "Search with --set search.teacher=meta, beyond the start epoch (search.start_epoch).");
}

/* ---- convergence --------------------------------------------------------------------------------- */

static const report_mean *arm_hard_of(const report_arm *arm) {
  return &arm->hard;
}
static const report_mean *arm_accuracy_of(const report_arm *arm) {
  return &arm->accuracy;
}
static const report_mean *arm_best_of(const report_arm *arm) {
  return &arm->board_best;
}

/* Writes the plot for the arms of studies, with the id `arms_id`, and for single runs. once: rows of the same
 * run are drawn once. */
static bool write_convergence(FILE *out, const report *r, cream_plot *plot, const char *arms_id, bool once,
                              report_mean_of *of_arm, report_curve_of *of_run) {
  cream_plot arms = *plot;
  arms.id = arms_id;
  bool any = report_arm_means(out, r, &arms, of_arm, once);
  if (report_shows_runs(r, any)) any |= report_overlay(out, r, plot, of_run, false);
  return any;
}

bool report_convergence(FILE *out, const report *r) {
  if (!report_searches(r)) return report_no_search(out);
  if (report_searches(r) == 1)
    return report_missing(out, "There is only one search, and nothing to compare it with.",
                          has_teacher(r) ? "Search again with --set search.teacher=none and another --out, "
                                           "and give both: cream report DIR DIR."
                                         : "Search again with --set search.strategy=cream --set "
                                           "search.teacher=meta and another --out, and give both: cream "
                                           "report DIR DIR.");
  report_plots_begin(out);
  cream_plot loss =
      cream_plot_of("convergence-loss", "Hard loss", "step", "cross entropy with the labels (nats)",
                    "The loss that all runs have in common. If distillation helps here, the loss falls in "
                    "fewer steps with it than without.");
  cream_plot accuracy =
      cream_plot_of("convergence-accuracy", "Accuracy of the training batches", "step", "top-1 (%)",
                    "Top-1 accuracy of the sampled path on the training images of its step.");
  cream_plot board =
      cream_plot_of("convergence-board", "Best score on the board", "step", "score: top-1 (%)",
                    "Accuracy of the board's best path on held-out images, with the weights at that step.");
  bool any = write_convergence(out, r, &loss, "arms-loss", true, arm_hard_of, hard_of);
  any |= write_convergence(out, r, &accuracy, "arms-accuracy", true, arm_accuracy_of, accuracy_of);
  any |= write_convergence(out, r, &board, "arms-best", false, arm_best_of, report_board_best);
  report_plots_end(out);
  fputs("<ul>", out);
  for (int i = 0; i < r->n_runs; i++) {
    char teacher[32];
    const report_run *run = r->runs[i];
    if (!report_is_search(run) || !run->has_config) continue;
    if (!report_has_teacher(run))
      cream_html(out, "<li>%s: strategy %s, no distillation</li>", run->name,
                 cream_settings_get(&run->config, "search.strategy", teacher, sizeof teacher));
    else
      cream_html(out, "<li>%s: teacher %s, from epoch %d on</li>", run->name,
                 cream_settings_get(&run->config, "search.teacher", teacher, sizeof teacher),
                 report_start_epoch(run));
  }
  fputs("</ul>\n", out);
  return any || report_missing(out, "No step was logged.", "Let the searches run.");
}
