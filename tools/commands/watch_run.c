/* A frame of cream watch for a run. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "io/report/term_text.h"
#include "io/run/run.h"
#include "watch.h"

enum { HEAD = 3, MOST_BAR = 22, LEAST_BAR = 6 };

static void write_duration(char *text, size_t size, const char *what, double seconds) {
  long s = (long)fmin(seconds + 0.5, 1e9);
  if (s >= 3600)
    snprintf(text, size, "%s %ld:%02ld:%02ld", what, s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(text, size, "%s %ld:%02ld", what, s / 60, s % 60);
}

static void put_progress(FILE *out, const char *dir, const cream_metrics *m, const watch_view *view) {
  enum { STEP, EPOCH, ETA, FIELDS };
  cream_term_field fields[FIELDS] = {[STEP] = {.rank = 0}, [EPOCH] = {.rank = 2}, [ETA] = {.rank = 1}};
  char line[256], bar[MOST_BAR + 1] = "";
  int columns = view->screen.columns;
  snprintf(fields[STEP].text, sizeof fields->text, "step %llu/%llu", (unsigned long long)m->step,
           (unsigned long long)m->steps);
  snprintf(fields[EPOCH].text, sizeof fields->text, "epoch %d/%d", m->epoch, m->epochs);
  double here = m->seconds - m->before, done = (double)(m->step - m->first_step);
  if (m->step > m->first_step && m->step < m->steps && cream_run_locked(dir))
    write_duration(fields[ETA].text, sizeof fields->text, "ETA", here / done * (double)(m->steps - m->step));
  int room = columns - 1 - cream_term_join(fields, FIELDS, columns, view->term.unicode, line, sizeof line);
  double share = m->steps ? (double)m->step / (double)m->steps : 0;
  if (room >= LEAST_BAR) cream_term_bar(share, room < MOST_BAR ? room : MOST_BAR, bar);
  fprintf(out, "%s%s%s\n", bar, *bar ? " " : "", line);
}

static void put_numbers(FILE *out, const cream_metrics *m, const watch_view *view) {
  enum { TIME, SPEED, TEST, FIELDS };
  cream_term_field fields[FIELDS] = {[TIME] = {.rank = 1}, [SPEED] = {.rank = 2}, [TEST] = {.rank = 0}};
  char line[256];
  write_duration(fields[TIME].text, sizeof fields->text, "time", m->seconds);
  if (isfinite(m->images_per_second))
    snprintf(fields[SPEED].text, sizeof fields->text, "%.0f images/s", m->images_per_second);
  if (isfinite(m->test))
    snprintf(fields[TEST].text, sizeof fields->text, m->detector ? "test AP %.2f %%" : "test top-1 %.2f %%",
             m->test);
  cream_term_join(fields, FIELDS, view->screen.columns, view->term.unicode, line, sizeof line);
  fprintf(out, "%s\n", line);
}

/* The values of steps vary and are smoothed; the others are exact or means of many images. */
static void choose_plots(watch_plots *all, const cream_metrics *m, double smooth) {
  watch_plot(all, "loss", true);
  watch_curve(all, "all", &m->loss, smooth, true);
  if (m->soft.count) {
    watch_curve(all, m->detector ? "classes" : "hard", &m->hard, smooth, true);
    watch_curve(all, m->detector ? "boxes" : "soft", &m->soft, smooth, true);
  }
  if (!m->detector) {
    watch_plot(all, "top-1 of batches (%)", true);
    watch_curve(all, "batch", &m->accuracy, smooth, true);
  }
  if (!strcmp(m->phase, "retrain")) {
    watch_plot(all, m->detector ? "AP, held out by epoch (%)" : "held out by epoch (%)", true);
    watch_curve(all, "trained", &m->heldout, 0, false);
    if (m->heldout_ema.count) watch_curve(all, "EMA", &m->heldout_ema, 0, false);
    watch_plot(all, "learning rate", true);
    watch_curve(all, "now", &m->lr, 0, false);
    return;
  }
  watch_plot(all, "board: top-1 (%)", true);
  watch_curve(all, "best", &m->boards[0].best, 0, false);
  watch_curve(all, "mean", &m->boards[0].mean, 0, false);
  watch_plot(all, "matching degree", true);
  watch_curve(all, "rho", &m->rho, smooth, true);
}

static const char *state_of(const char *dir, const cream_metrics *m) {
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_RESULT);
  if (cream_run_locked(dir)) return m->lines ? "running" : "running, waiting for its first line";
  if (access(path, F_OK) == 0) return "finished";
  return m->lines ? "stopped" : "waiting for its first line";
}

void watch_put_run(FILE *out, const char *dir, const cream_metrics *m, const watch_view *view, int lines) {
  static watch_plots all;
  char state[128];
  snprintf(state, sizeof state, "%s%s%s", m->phase, *m->phase ? ", " : "", state_of(dir, m));
  watch_put_title(out, dir, state, view);
  if (!m->lines) return;
  put_progress(out, dir, m, view);
  put_numbers(out, m, view);
  all.n = 0;
  choose_plots(&all, m, view->smooth);
  watch_put_plots(out, &all, view, lines - HEAD);
}
