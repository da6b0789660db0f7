/* The report's sections on runs as a whole: what they were, what they took, how to repeat them. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/cream.h"
#include "html.h"
#include "report_data.h"

/* ---- summary ------------------------------------------------------------------------------------- */

/* A row of the table: a word, and for every run a cell. */
typedef void put_cell(FILE *, const report_run *);

static void put_row(FILE *out, const report *r, const char *what, put_cell *put) {
  cream_html(out, "<tr><th scope=\"row\">%s</th>", what);
  for (int i = 0; i < r->n_runs; i++) {
    fputs("<td>", out);
    put(out, r->runs[i]);
    fputs("</td>", out);
  }
  fputs("</tr>\n", out);
}

static void put_number(FILE *out, double value, double scale, const char *unit) {
  if (isfinite(value))
    cream_html(out, "%.4g %s", value * scale, unit);
  else
    fputs("-", out);
}

static void put_state(FILE *out, const report_run *run) {
  const cream_metrics *m = &run->metrics;
  fputs(run->result ? "finished" : run->running ? "running" : "not finished", out);
  if (!run->result && m->steps)
    cream_html(out, ", step %llu of %llu", (unsigned long long)m->step, (unsigned long long)m->steps);
}

static void put_command(FILE *out, const report_run *run) {
  cream_html(out, "%s", report_command(run));
}

static void put_data(FILE *out, const report_run *run) {
  const char *spec = run->has_config ? run->config.data : report_text(run->origin, "data.spec");
  cream_html(out, "%s", *spec ? spec : "-");
  double train = report_number(run->origin, "data.train"), test = report_number(run->origin, "data.test");
  if (isfinite(train)) cream_html(out, ": %g training and %g test pictures", train, test);
}

static void put_space(FILE *out, const report_run *run) {
  if (!report_is_search(run) || !run->has_config) {
    fputs("-", out);
    return;
  }
  const cream_range *range = &run->config.flops;
  cream_html(out, "%s", run->config.space);
  if (range->max > 0) cream_html(out, ", %g to %g M FLOPs", range->min, range->max);
  if (*run->config.search.budgets) cream_html(out, ", budgets %s", run->config.search.budgets);
}

/* One after the other what `put` says of the networks of a run. */
static void put_nets(FILE *out, const report_run *run, void (*put)(FILE *, const cream_skeleton *)) {
  if (!run->n_nets) fputs("-", out);
  for (int i = 0; i < run->n_nets; i++) {
    if (i) fputs("<br>", out);
    if (*run->nets[i].budget) cream_html(out, "<b>%s:</b> ", run->nets[i].budget);
    put(out, &run->nets[i].arch.net);
  }
}

static void put_one_path(FILE *out, const cream_skeleton *net) {
  char text[600];
  cream_path path = cream_skeleton_first_path(net);
  cream_html(out, "%s", cream_path_format(net, &path, text, sizeof text));
}
static void put_path(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_path);
}

static void put_score(FILE *out, const report_run *run, const char *set) {
  char key[64];
  snprintf(key, sizeof key, "%s.top1", set);
  double top1 = report_number(run->result, key);
  if (!isfinite(top1)) {
    fputs("-", out);
    return;
  }
  snprintf(key, sizeof key, "%s.top5", set);
  cream_html(out, "%.2f %% (top-5 %.2f %%", 100 * top1, 100 * report_number(run->result, key));
  snprintf(key, sizeof key, "%s.count", set);
  cream_html(out, ", %g pictures)", report_number(run->result, key));
}

static void put_heldout(FILE *out, const report_run *run) {
  const json_t *budgets = report_member(run->result, "budgets"), *one;
  size_t i;
  json_array_foreach(budgets, i, one) {
    cream_html(out, "%s<b>%s:</b> %.2f %%", i ? ", " : "", report_text(one, "budget"),
               100 * report_number(one, "heldout.top1"));
  }
  if (!json_array_size(budgets)) put_score(out, run, "heldout");
}
static void put_test(FILE *out, const report_run *run) {
  put_score(out, run, "test");
}

static void put_one_flops(FILE *out, const cream_skeleton *net) {
  cream_cost cost = cream_arch_cost(net);
  put_number(out, cream_cost_flops(&cost), 1e-6, "M");
}
static void put_flops(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_flops);
}

static void put_one_macs(FILE *out, const cream_skeleton *net) {
  put_number(out, cream_arch_cost(net).macs, 1e-6, "M");
}
static void put_macs(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_macs);
}

static void put_one_params(FILE *out, const cream_skeleton *net) {
  put_number(out, cream_arch_cost(net).params, 1e-6, "M");
}
static void put_params(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_params);
}

static void put_latency(FILE *out, const report_run *run) {
  const json_t *budgets = report_member(run->result, "budgets"), *one;
  size_t i;
  if (!json_array_size(budgets)) put_number(out, report_number(run->result, "ms"), 1, "ms");
  json_array_foreach(budgets, i, one) {
    cream_html(out, "%s<b>%s:</b> ", i ? "<br>" : "", report_text(one, "budget"));
    put_number(out, report_number(one, "ms"), 1, "ms");
  }
}

static bool has_latency(const report *r) {
  for (int i = 0; i < r->n_runs; i++) {
    const json_t *result = r->runs[i]->result;
    const json_t *first = json_array_get(report_member(result, "budgets"), 0);
    if (isfinite(report_number(first ? first : result, "ms"))) return true;
  }
  return false;
}

static void put_resolution(FILE *out, const report_run *run) {
  put_number(out, run->n_nets ? run->nets[0].arch.net.resolution : NAN, 1, "pixels");
}

static void put_steps(FILE *out, const report_run *run) {
  cream_html(out, "%llu in %d epochs", (unsigned long long)run->metrics.step, run->metrics.epochs);
}

static void put_updates(FILE *out, const report_run *run) {
  if (!report_is_search(run)) {
    fputs("-", out);
    return;
  }
  const cream_metrics *m = &run->metrics;
  cream_html(out, "%llu times", (unsigned long long)m->meta_updates);
  if (m->meta_updates && run->has_config)
    cream_html(out, ", every %d steps from epoch %d on", run->config.search.meta.every,
               report_start_epoch(run));
}

static void put_time(FILE *out, const report_run *run) {
  double seconds = report_number(run->result, "seconds");
  if (!isfinite(seconds)) seconds = run->metrics.seconds;
  if (seconds >= 7200)
    put_number(out, floor(seconds / 36) / 100, 1, "hours");
  else if (seconds >= 120)
    put_number(out, floor(seconds / 6) / 10, 1, "minutes");
  else
    put_number(out, isfinite(seconds) ? floor(seconds * 10) / 10 : NAN, 1, "seconds");
}

static void put_memory(FILE *out, const report_run *run) {
  put_number(out, floor(report_number(run->result, "memory_bytes") / 1e5) / 10, 1, "MB of the network");
  double peak = report_number(run->result, "peak_memory");
  if (!isfinite(peak)) peak = run->metrics.peak_memory;
  if (isfinite(peak)) cream_html(out, ", at most %.0f MB of the process", peak / 1e6);
}

static void put_speed(FILE *out, const report_run *run) {
  double speed = report_number(run->result, "images_per_second");
  if (!(speed > 0)) speed = run->metrics.images_per_second;
  put_number(out, isfinite(speed) ? floor(speed) : NAN, 1, "pictures a second");
}

static void put_notes(FILE *out, const report_run *run) {
  for (int i = 0; i < run->metrics.n_notes; i++)
    cream_html(out, "%s%s", i ? "; " : "", run->metrics.notes[i]);
  if (run->metrics.broken)
    cream_html(out, "%s%llu lines of the metrics could not be read", run->metrics.n_notes ? "; " : "",
               (unsigned long long)run->metrics.broken);
}

static bool has_notes(const report *r) {
  for (int i = 0; i < r->n_runs; i++)
    if (r->runs[i]->metrics.n_notes || r->runs[i]->metrics.broken) return true;
  return false;
}

bool report_summary(FILE *out, const report *r) {
  if (!r->n_runs)
    return report_missing(out, "No run was given.", "Give run folders beside studies: cream report DIR...");
  fputs("<div class=\"scroll\" tabindex=\"0\"><table class=\"summary\"><thead><tr><td></td>", out);
  for (int i = 0; i < r->n_runs; i++) cream_html(out, "<th scope=\"col\">%s</th>", r->runs[i]->name);
  fputs("</tr></thead><tbody>\n", out);
  put_row(out, r, "command", put_command);
  put_row(out, r, "state", put_state);
  put_row(out, r, "data", put_data);
  put_row(out, r, "search space", put_space);
  put_row(out, r, "network", put_path);
  put_row(out, r, "top-1, held out", put_heldout);
  put_row(out, r, "top-1, test", put_test);
  put_row(out, r, "FLOPs (the paper's)", put_flops);
  put_row(out, r, "multiply-adds", put_macs);
  put_row(out, r, "parameters", put_params);
  if (has_latency(r)) put_row(out, r, "latency by the table", put_latency);
  put_row(out, r, "resolution", put_resolution);
  put_row(out, r, "steps", put_steps);
  put_row(out, r, "meta network M updated", put_updates);
  put_row(out, r, "time", put_time);
  put_row(out, r, "memory", put_memory);
  put_row(out, r, "speed", put_speed);
  if (has_notes(r)) put_row(out, r, "notes", put_notes);
  fputs("</tbody></table></div>\n", out);
  if (r->n_studies)
    fputs("<p class=\"note\">Of a study, the first run of each arm. "
          "<a href=\"#arms\">The table of its arms</a> has means over all seeds.</p>\n",
          out);
  if (r->left_out) cream_html(out, "<p class=\"note\">Only the first %d runs are shown.</p>\n", REPORT_RUNS);
  return true;
}

/* ---- retraining ---------------------------------------------------------------------------------- */

/* Of the runs that are retrainings. */
static bool write_retrainings(FILE *out, const report *r) {
  char names[REPORT_RUNS][3][180];
  cream_plot accuracy =
      cream_plot_of("retraining-accuracy", "Accuracy while training from scratch", "epoch", "top-1 (%)",
                    "On held-out pictures: the trained weights, and their running average (EMA) where one is "
                    "kept. The last point: the test pictures, once.");
  cream_plot loss =
      cream_plot_of("retraining-loss", "Loss while training from scratch", "step", "loss (nats)",
                    "With label smoothing and augmentation as set; mean over as many steps as fit a point, "
                    "and their range.");
  cream_point tests[REPORT_RUNS];
  for (int i = 0; i < r->n_runs; i++) {
    const report_run *run = r->runs[i];
    const cream_metrics *m = &run->metrics;
    if (report_is_search(run)) continue;
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
                    "The networks that the searches of each arm found: mean over its seeds. "
                    "With label smoothing and augmentation as set.");
  report_plots_begin(out);
  bool any = report_arm_means(out, r, &arms, arm_loss_of, false);
  any |= write_retrainings(out, r);
  report_plots_end(out);
  if (any) return true;
  if (report_searches(r) < r->n_runs)
    return report_missing(out, "No step was logged.", "Let the training run.");
  return report_missing(out, "None of the folders is of a retraining.",
                        "Train the network found, and give that folder too: "
                        "cream retrain --run DIR --out DIR-trained; cream report DIR DIR-trained.");
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

bool report_resources(FILE *out, const report *r) {
  report_plots_begin(out);
  cream_plot speed =
      cream_plot_of("resources-speed", "Throughput", "time (minutes)", "pictures a second",
                    "Training alone, mean since the epoch began. A fall means that something else used the "
                    "machine, or that pictures came late.");
  cream_plot waiting =
      cream_plot_of("resources-waiting", "Waiting for pictures", "time (minutes)", "share of the time (%)",
                    "Time in which training waited for the loader, since the start of the run.");
  cream_plot memory = cream_plot_of("resources-memory", "Memory", "time (minutes)", "MB",
                                    "The most that the process had in memory so far, data included.");
  speed.y.min = waiting.y.min = memory.y.min = 0;
  bool any = report_overlay(out, r, &speed, speed_of, false);
  any |= report_overlay(out, r, &waiting, waiting_of, false);
  any |= report_overlay(out, r, &memory, memory_of, false);
  report_plots_end(out);
  return any || report_missing(out, "No step was logged.", "Let the run go on.");
}

/* ---- repeating ----------------------------------------------------------------------------------- */

static void put_starts(FILE *out, const report_run *run) {
  const json_t *starts = report_member(run->origin, "starts"), *start;
  size_t i;
  json_array_foreach(starts, i, start) {
    cream_html(out, "<pre>%s</pre>\n<p>%s %s; cream %s, compiler %s; %s; %s, %g processors",
               report_text(start, "command"), i ? "Resumed" : "Started", report_text(start, "time"),
               report_text(start, "program"), report_text(start, "compiler"), report_text(start, "system"),
               report_text(start, "cpu"), report_number(start, "processors"));
    if (isfinite(report_number(start, "memory")))
      cream_html(out, ", %.1f GB of memory", report_number(start, "memory") / 1e9);
    double threads = report_number(start, "threads");
    if (threads > 0) cream_html(out, ", %g threads", threads);
    fputs("</p>\n", out);
  }
}

static void put_origin(FILE *out, const report_run *run) {
  if (!run->origin) {
    report_missing(out, "Command line, machine and data are not known.",
                   "Runs of this version of cream keep them in origin.json.");
    return;
  }
  put_starts(out, run);
  cream_html(out,
             "<p>Data %s: %g classes, %g training and %g test pictures, fingerprint <code>%s</code></p>\n",
             report_text(run->origin, "data.spec"), report_number(run->origin, "data.classes"),
             report_number(run->origin, "data.train"), report_number(run->origin, "data.test"),
             report_text(run->origin, "data.fingerprint"));
}

bool report_repeat(FILE *out, const report *r) {
  cream_html(out, "<p>This report: cream %s.</p>\n", CREAM_VERSION);
  for (int i = 0; i < r->n_studies; i++)
    cream_html(out, "<p>Study %s in <code>%s</code>: its arms, seeds and settings are in study.json.</p>\n",
               r->studies[i].name, r->studies[i].dir);
  for (int i = 0; i < r->n_runs; i++) {
    const report_run *run = r->runs[i];
    cream_html(out, "<h3>%s</h3>\n<p>Folder <code>%s</code>", run->name, run->dir);
    if (run->has_config) cream_html(out, ", seed %llu", (unsigned long long)run->config.seed);
    fputs("</p>\n", out);
    put_origin(out, run);
    if (run->config_text)
      cream_html(out, "<details><summary>All settings (config.yaml)</summary><pre>%s</pre></details>\n",
                 run->config_text);
  }
  return r->n_runs > 0;
}
