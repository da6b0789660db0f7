/* Properties of a run, as the content of a table's cell. */
#include "report_cells.h"

#include <math.h>

#include "html.h"
#include "io/config/arch.h"

/* value * scale with its unit, or "-" if it is not known. */
static void put_number(FILE *out, double value, double scale, const char *unit) {
  if (isfinite(value))
    cream_html(out, "%.4g %s", value * scale, unit);
  else
    fputs("-", out);
}

void report_put_state(FILE *out, const report_run *run) {
  const cream_metrics *m = &run->metrics;
  fputs(run->result ? "finished" : run->running ? "running" : "not finished", out);
  if (!run->result && m->steps)
    cream_html(out, ", step %llu of %llu", (unsigned long long)m->step, (unsigned long long)m->steps);
}

void report_put_command(FILE *out, const report_run *run) {
  cream_html(out, "%s", report_command(run));
}

void report_put_data(FILE *out, const report_run *run) {
  const char *spec = run->has_config ? run->config.data : report_text(run->origin, "data.spec");
  cream_html(out, "%s", *spec ? spec : "-");
  double train = report_number(run->origin, "data.train"), test = report_number(run->origin, "data.test");
  if (isfinite(train)) cream_html(out, ": %g training and %g test images", train, test);
}

void report_put_space(FILE *out, const report_run *run) {
  if (!report_is_search(run) || !run->has_config) {
    fputs("-", out);
    return;
  }
  const cream_range *range = &run->config.flops;
  cream_html(out, "%s", run->config.space);
  if (range->max > 0) cream_html(out, ", %g to %g M FLOPs", range->min, range->max);
  if (*run->config.search.budgets) cream_html(out, ", budgets %s", run->config.search.budgets);
}

/* A line for each network of the run. */
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
void report_put_path(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_path);
}

static void put_score(FILE *out, const report_run *run, const char *set) {
  char key[64];
  const bool detector = report_member(report_member(run->result, set), "ap") != NULL;
  snprintf(key, sizeof key, detector ? "%s.ap" : "%s.top1", set);
  double top1 = report_number(run->result, key);
  if (!isfinite(top1)) {
    fputs("-", out);
    return;
  }
  snprintf(key, sizeof key, detector ? "%s.ap50" : "%s.top5", set);
  cream_html(out, detector ? "AP %.2f %% (AP50 %.2f %%" : "%.2f %% (top-5 %.2f %%", 100 * top1,
             100 * report_number(run->result, key));
  snprintf(key, sizeof key, "%s.count", set);
  cream_html(out, ", %g images)", report_number(run->result, key));
}

void report_put_heldout(FILE *out, const report_run *run) {
  const json_t *budgets = report_member(run->result, "budgets"), *one;
  size_t i;
  json_array_foreach(budgets, i, one) {
    cream_html(out, "%s<b>%s:</b> %.2f %%", i ? ", " : "", report_text(one, "budget"),
               100 * report_number(one, "heldout.top1"));
  }
  if (!json_array_size(budgets)) put_score(out, run, "heldout");
}
void report_put_test(FILE *out, const report_run *run) {
  put_score(out, run, "test");
}

static void put_one_flops(FILE *out, const cream_skeleton *net) {
  cream_cost cost = cream_arch_cost(net);
  put_number(out, cream_cost_flops(&cost), 1e-6, "M");
}
void report_put_flops(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_flops);
}

static void put_one_macs(FILE *out, const cream_skeleton *net) {
  put_number(out, cream_arch_cost(net).macs, 1e-6, "M");
}
void report_put_macs(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_macs);
}

static void put_one_params(FILE *out, const cream_skeleton *net) {
  put_number(out, cream_arch_cost(net).params, 1e-6, "M");
}
void report_put_params(FILE *out, const report_run *run) {
  put_nets(out, run, put_one_params);
}

void report_put_latency(FILE *out, const report_run *run) {
  const json_t *budgets = report_member(run->result, "budgets"), *one;
  size_t i;
  if (!json_array_size(budgets)) put_number(out, report_number(run->result, "ms"), 1, "ms");
  json_array_foreach(budgets, i, one) {
    cream_html(out, "%s<b>%s:</b> ", i ? "<br>" : "", report_text(one, "budget"));
    put_number(out, report_number(one, "ms"), 1, "ms");
  }
}

void report_put_resolution(FILE *out, const report_run *run) {
  put_number(out, run->n_nets ? run->nets[0].arch.net.resolution : NAN, 1, "pixels");
}

void report_put_steps(FILE *out, const report_run *run) {
  cream_html(out, "%llu in %d epochs", (unsigned long long)run->metrics.step, run->metrics.epochs);
}

void report_put_updates(FILE *out, const report_run *run) {
  if (!report_is_search(run) || (run->has_config && !report_has_teacher(run))) {
    fputs("-", out);
    return;
  }
  const cream_metrics *m = &run->metrics;
  cream_html(out, "%llu times", (unsigned long long)m->meta_updates);
  if (m->meta_updates && run->has_config)
    cream_html(out, ", every %d steps from epoch %d on", run->config.search.meta.every,
               report_start_epoch(run));
}

void report_put_time(FILE *out, const report_run *run) {
  double seconds = report_number(run->result, "seconds");
  if (!isfinite(seconds)) seconds = run->metrics.seconds;
  if (seconds >= 7200)
    put_number(out, floor(seconds / 36) / 100, 1, "hours");
  else if (seconds >= 120)
    put_number(out, floor(seconds / 6) / 10, 1, "minutes");
  else
    put_number(out, isfinite(seconds) ? floor(seconds * 10) / 10 : NAN, 1, "seconds");
}

void report_put_memory(FILE *out, const report_run *run) {
  put_number(out, floor(report_number(run->result, "memory_bytes") / 1e5) / 10, 1, "MB for the network");
  double peak = report_number(run->result, "peak_memory");
  if (!isfinite(peak)) peak = run->metrics.peak_memory;
  if (isfinite(peak)) cream_html(out, ", peak %.0f MB for the process", peak / 1e6);
}

void report_put_speed(FILE *out, const report_run *run) {
  double speed = report_number(run->result, "images_per_second");
  if (!(speed > 0)) speed = run->metrics.images_per_second;
  put_number(out, isfinite(speed) ? floor(speed) : NAN, 1, "images/s");
}

void report_put_notes(FILE *out, const report_run *run) {
  for (int i = 0; i < run->metrics.n_notes; i++)
    cream_html(out, "%s%s", i ? "; " : "", run->metrics.notes[i]);
  if (run->metrics.broken)
    cream_html(out, "%s%llu lines of the metrics could not be read", run->metrics.n_notes ? "; " : "",
               (unsigned long long)run->metrics.broken);
}
