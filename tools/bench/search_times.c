#include "search_times.h"

#include "tools/cli/progress.h"

#define PHASE_TEXT(name, text) [SEARCH_##name] = text,
static const char *const names[SEARCH_PHASES] = {SEARCH_PHASE_LIST(PHASE_TEXT)};

void search_times_start(search_times *t) {
  *t = (search_times){.started = progress_now()};
}

cream_status search_times_measure(search_times *t, cream_backend **backend, cream_error *err) {
  cream_backend *inner = *backend;
  *backend = NULL;
  cream_status status = profiled_create(inner, backend, err);
  t->backend = *backend;
  return status;
}

static void look(search_times *t) {
  t->now.whole = progress_now() - t->started;
  t->now.waited = t->train->waited + t->heldout->waited;
  for (int k = 0; k < PROFILED_KINDS; k++) t->now.kernels[k] = profiled_by_kind(t->backend)[k].seconds;
}

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  search_times *t = self;
  cream_status status = t->next.on_event(t->next.self, event, err);
  if (event->kind != CREAM_EVENT_STEP && event->kind != CREAM_EVENT_EPOCH) return status;
  look(t);
  t->ends[SEARCH_TRAINING] = t->now;
  return status;
}

cream_listener search_times_listener(search_times *t, const cream_listener *next, const cream_source *train,
                                     const cream_source *heldout) {
  t->next = *next;
  t->train = train;
  t->heldout = heldout;
  return (cream_listener){on_event, t, next->stop};
}

void search_times_end(search_times *t, search_phase phase) {
  if (!t->backend) return;
  look(t);
  t->ends[phase] = t->now;
}

static double sum(const double *kernels) {
  double seconds = 0;
  for (int k = 0; k < PROFILED_KINDS; k++) seconds += kernels[k];
  return seconds;
}

static void print_row(const char *name, const search_moment *from, const search_moment *to, FILE *file) {
  const double whole = to->whole - from->whole, kernels = sum(to->kernels) - sum(from->kernels);
  const double waited = to->waited - from->waited;
  fprintf(file, "%-12s %10.3f %10.3f %10.3f %10.3f", name, whole, kernels, waited, whole - kernels - waited);
  if (kernels > 0.01 * whole) /* else there is nothing to compare with */
    fprintf(file, " %9.2f %%\n", 100 * (whole / kernels - 1));
  else
    fprintf(file, " %11s\n", "");
}

static void print_kernels(const search_times *t, FILE *file) {
  const double *all = t->ends[SEARCH_RESULTS].kernels, kernels = sum(all);
  for (int k = 0; k < PROFILED_KINDS; k++)
    if (all[k] > 0)
      fprintf(file, "  %-20s %8.3f s, %5.1f %% of the kernels\n", profiled_name((profiled_kind)k), all[k],
              100 * all[k] / kernels);
}

void search_times_print(const search_times *t, double images, FILE *file) {
  const search_moment none = {0}, *from = &none;
  const search_moment *end = &t->ends[SEARCH_RESULTS];
  fprintf(file, "\n%-12s %10s %10s %10s %10s %11s\n", "seconds", "whole", "kernels", "waiting", "other",
          "over kernels");
  for (int p = 0; p < SEARCH_PHASES; p++) {
    print_row(names[p], from, &t->ends[p], file);
    from = &t->ends[p];
  }
  print_row("all", &none, end, file);
  print_kernels(t, file);
  const double training = t->ends[SEARCH_TRAINING].whole - t->ends[SEARCH_START].whole;
  fprintf(file, "%.0f images: %.1f a second in the training, %.1f from start to network\n", images,
          images / training, images / end->whole);
}
