/* A frame of cream watch for a study: a line for each arm, and plots with a curve for each. */
#include <string.h>

#include "io/report/term_text.h"
#include "watch.h"

enum { MOST_NAME = 24, LEAST_ARMS = 2 };

/* Of the curves: X(CURVE, title, smoothed). A plot that no arm has a curve for is left out. */
#define PLOTS(X)                                                                                             \
  X(LOSS, "loss", true)                                                                                      \
  X(ACCURACY, "top-1 of batches (%)", true)                                                                  \
  X(BOARD, "best of the board (%)", false)                                                                   \
  X(HELDOUT, "retrained, held out by epoch (%)", false)

static const struct {
  const char *title;
  bool smoothed;
} plots[CREAM_FOLLOW_CURVES] = {
#define PLOT(curve, title, smoothed) [CREAM_FOLLOW_##curve] = {title, smoothed},
    PLOTS(PLOT)
#undef PLOT
};
#define ONE(...) +1
_Static_assert(PLOTS(ONE) == CREAM_FOLLOW_CURVES && (int)CREAM_FOLLOW_CURVES <= (int)WATCH_PLOTS,
               "every curve of an arm has a plot");
#undef ONE

static void write_last(char *text, size_t size, const char *format, const cream_curve *curve) {
  if (curve->count) snprintf(text, size, format, curve->points[curve->count - 1].y);
}

/* "* NAME  running  1/2 runs  45 %  board 62.5 %  loss 1.234" */
static void put_arm(FILE *out, const cream_follow *f, int a, int name_width, const watch_view *view) {
  enum { STATE, RUNS, SHARE, RETRAINED, BOARD, LOSS, FIELDS };
  static const int ranks[FIELDS] = {
      [STATE] = 0, [RUNS] = 1, [SHARE] = 3, [RETRAINED] = 2, [BOARD] = 4, [LOSS] = 5};
  const cream_followed_arm *arm = &f->arms[a];
  cream_term_field fields[FIELDS];
  char name[256], line[512];
  for (int i = 0; i < FIELDS; i++) fields[i] = (cream_term_field){.rank = ranks[i]};
  size_t size = sizeof fields->text;
  snprintf(fields[STATE].text, size, "%-8s", cream_follow_state_name(arm->state));
  snprintf(fields[RUNS].text, size, "%d/%d runs", arm->finished, arm->runs);
  snprintf(fields[SHARE].text, size, "%3.0f %%", 100 * arm->share);
  write_last(fields[BOARD].text, size, "board %.2f %%", &arm->curves[CREAM_FOLLOW_BOARD]);
  write_last(fields[RETRAINED].text, size, "retrained %.2f %%", &arm->curves[CREAM_FOLLOW_HELDOUT]);
  write_last(fields[LOSS].text, size, "loss %.3f", &arm->curves[CREAM_FOLLOW_LOSS]);
  if (a < CREAM_TERM_CURVES)
    cream_term_write_mark(out, a, &view->term);
  else
    fputc(' ', out);
  int width = cream_term_cut(arm->name, name_width, view->term.unicode, name, sizeof name);
  cream_term_join(fields, FIELDS, view->screen.columns - 4 - name_width, view->term.unicode, line,
                  sizeof line);
  fprintf(out, " %s%*s  %s\n", name, name_width - width, "", line);
}

/* Returns the number of lines. */
static int put_arms(FILE *out, const cream_follow *f, const watch_view *view, int most) {
  int longest = 0, room = view->screen.columns / 3;
  for (int a = 0; a < f->n_arms; a++) {
    int width = cream_term_width(f->arms[a].name);
    if (width > longest) longest = width;
  }
  if (room > MOST_NAME) room = MOST_NAME;
  if (longest > room) longest = room;
  int shown = f->n_arms <= most ? f->n_arms : most - 1;
  for (int a = 0; a < shown; a++) put_arm(out, f, a, longest, view);
  if (shown < f->n_arms) fprintf(out, "  and %d more\n", f->n_arms - shown);
  return f->n_arms <= most ? f->n_arms : most;
}

static const char *state_of(const cream_follow *f) {
  return f->running    ? "running"
         : f->complete ? "finished"
         : f->n_runs   ? "stopped"
                       : "waiting for its first run";
}

void watch_put_study(FILE *out, const cream_follow *f, const watch_view *view, int lines) {
  static watch_plots all;
  char state[128];
  int finished = 0, most = (lines - 1) / 3;
  for (int a = 0; a < f->n_arms; a++) finished += f->arms[a].finished;
  snprintf(state, sizeof state, "study, %s, %d of %d runs finished", state_of(f), finished, f->n_runs);
  watch_put_title(out, f->dir, state, view);
  int used = 1 + put_arms(out, f, view, most < LEAST_ARMS ? LEAST_ARMS : most);
  all.n = 0;
  for (int c = 0; c < CREAM_FOLLOW_CURVES; c++) {
    bool any = false;
    for (int a = 0; a < f->n_arms; a++) any |= f->arms[a].curves[c].count > 0;
    if (!any) continue;
    watch_plot(&all, plots[c].title, false);
    for (int a = 0; a < f->n_arms && a < CREAM_TERM_CURVES; a++)
      watch_curve(&all, f->arms[a].name, &f->arms[a].curves[c], plots[c].smoothed ? view->smooth : 0, false);
  }
  if (all.n) watch_put_plots(out, &all, view, lines - used);
}
