/* Sections on training from scratch and on the use of time and memory. */
#include <math.h>

#include "report_page.h"
#include "report_sections.h"

/* Plots of the runs that are retrainings. */
static bool write_retrainings(FILE *out, const report *r) {
  char names[REPORT_RUNS][3][180];
  cream_plot accuracy =
      cream_plot_of("retraining-accuracy", "Accuracy while training from scratch", "epoch", "top-1 (%)",
                    "On held-out images: the trained weights, and their moving average (EMA) if there is "
                    "one. The last point is the accuracy on the test images.");
  cream_plot loss =
      cream_plot_of("retraining-loss", "Loss while training from scratch", "step", "loss (nats)",
                    "With label smoothing and augmentation as set. Each point is the mean over several "
                    "steps; the band shows their range.");
  cream_point tests[REPORT_RUNS];
  for (int i = 0; i < r->n_runs; i++) {
    const report_run *run = r->runs[i];
    const cream_metrics *m = &run->metrics;
    if (report_is_search(run) || m->detector) continue;
    snprintf(names[i][0], sizeof names[i][0], "%s", run->name);
    snprintf(names[i][1], sizeof names[i][1], "%s, EMA", run->name);
    snprintf(names[i][2], sizeof names[i][2], "%s, test", run->name);
    tests[i] = (cream_point){.x = m->epochs, .y = m->test};
    if (m->heldout.count)
      cream_plot_add(&accuracy, names[i][0], CREAM_SERIES_LINE, m->heldout.points, m->heldout.count);
    if (m->heldout_ema.count)
      cream_plot_add(&accuracy, names[i][1], CREAM_SERIES_LINE, m->heldout_ema.points, m->heldout_ema.count);
    if (isfinite(m->test)) cream_plot_add(&accuracy, names[i][2], CREAM_SERIES_DOTS, &tests[i], 1);
    if (m->loss.count)
      cream_plot_add(&loss, names[i][0], CREAM_SERIES_LINE, m->loss.points, m->loss.count)->band =
          m->loss.per > 1;
  }
  bool any = report_plot(out, &accuracy);
  return report_plot(out, &loss) || any;
}

static const report_mean *arm_loss_of(const report_arm *arm) {
  return &arm->retrained;
}

bool report_retraining(FILE *out, const report *r) {
  const cream_plot arms =
      cream_plot_of("arms-retraining", "Loss while training from scratch", "step", "loss (nats)",
                    "Mean over the networks that the searches of each arm found, one for each seed. "
                    "With label smoothing and augmentation as set.");
  report_plots_begin(out);
  bool any = report_arm_means(out, r, &arms, arm_loss_of, false);
  any |= write_retrainings(out, r);
  report_plots_end(out);
  if (any) return true;
  if (report_searches(r) < r->n_runs)
    return report_missing(out, "No step was logged.", "Let the training run.");
  return report_missing(out, "None of the folders contains a retraining.",
                        "Train the network found with cream retrain --run DIR --out DIR-trained, "
                        "then write the report with cream report DIR DIR-trained.");
}

/* ---- resources ----------------------------------------------------------------------------------- */

static const cream_curve *speed_of(const report_run *run) {
  return &run->metrics.speed;
}
static const cream_curve *memory_of(const report_run *run) {
  return &run->metrics.memory;
}
static const cream_curve *waiting_of(const report_run *run) {
  return &run->metrics.waiting;
}
static const cream_curve *waiting_network_of(const report_run *run) {
  return &run->metrics.waiting_network;
}

bool report_resources(FILE *out, const report *r) {
  report_plots_begin(out);
  cream_plot speed =
      cream_plot_of("resources-speed", "Throughput", "time (minutes)", "images/s",
                    "Training only, averaged since the beginning of the epoch. A drop means that another "
                    "program used the machine or that the loader was too slow.");
  cream_plot waiting =
      cream_plot_of("resources-waiting", "Waiting for images", "time (minutes)", "share of the time (%)",
                    "Share of the time since the start of the run in which training waited for the loader.");
  cream_plot network =
      cream_plot_of("resources-network", "Waiting for other ranks", "time (minutes)", "share of the time (%)",
                    "Share of the time since the start of the run in which rank 0 waited for gradients and "
                    "decisions of the others.");
  cream_plot memory = cream_plot_of("resources-memory", "Memory", "time (minutes)", "MB",
                                    "Peak resident memory of the process so far, data included.");
  speed.y.min = waiting.y.min = network.y.min = memory.y.min = 0;
  bool any = report_overlay(out, r, &speed, speed_of, false);
  any |= report_overlay(out, r, &waiting, waiting_of, false);
  any |= report_overlay(out, r, &network, waiting_network_of, false);
  any |= report_overlay(out, r, &memory, memory_of, false);
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the run continue.");
}
