/* cream watch: the curves of a run in the terminal, as they grow. */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "commands.h"
#include "io/report/term_plot.h"
#include "io/run/metrics_read.h"
#include "io/run/run.h"
#include "tools/cli/progress.h"
#include "tools/cli/signals.h"

enum { PLOTS = 4, HEAD = 3, LEAST_WIDTH = 24, LEAST_HEIGHT = 5, TWO_COLUMNS = 72 };
static const double refresh_seconds = 0.5;

typedef struct watch {
  const char *dir;
  bool live; /* on a terminal, until q or the end of the run */
  cream_term term;
  cream_metrics metrics;
  cream_term_plot plots[PLOTS];
  cream_term_canvas canvases[PLOTS];
  struct termios saved;
} watch;

/* ---- a frame ------------------------------------------------------------------------------------- */

static bool is_finished(const watch *w) {
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", w->dir, CREAM_RUN_RESULT);
  return access(path, F_OK) == 0;
}

static const char *state_of(const watch *w) {
  if (is_finished(w)) return "finished";
  return cream_run_locked(w->dir) ? "running" : w->metrics.lines ? "stopped" : "waiting for its first line";
}

static void put_duration(FILE *out, double seconds) {
  long s = (long)fmin(seconds + 0.5, 1e9);
  fprintf(out, s >= 3600 ? "%ld:%02ld:%02ld" : "%.0ld%ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void put_head(FILE *out, const watch *w, int width) {
  const cream_metrics *m = &w->metrics;
  double share = m->steps ? fmin(1, (double)m->step / (double)m->steps) : 0;
  int bar = width > 60 ? 20 : 10, filled = (int)(share * bar);
  char line[512];
  snprintf(line, sizeof line, "%s  %s%s%s", w->dir, m->phase, *m->phase ? ", " : "", state_of(w));
  fprintf(out, "%.*s\n[%.*s%.*s] step %llu/%llu", width, line, filled, "####################", bar - filled,
          "....................", (unsigned long long)m->step, (unsigned long long)m->steps);
  if (width > 60) fprintf(out, "  epoch %d/%d", m->epoch, m->epochs);
  uint64_t done = m->step - m->first_step;
  double here = m->seconds - m->before;
  if (m->step > m->first_step && m->step < m->steps && cream_run_locked(w->dir)) {
    fputs("  ETA ", out);
    put_duration(out, here / (double)done * (double)(m->steps - m->step));
  }
  fputc('\n', out);
  fputs("time ", out);
  put_duration(out, m->seconds);
  if (isfinite(m->images_per_second)) fprintf(out, "  %.0f images/s", m->images_per_second);
  if (isfinite(m->test)) fprintf(out, "  test top-1 %.2f %%", m->test);
  fputc('\n', out);
}

static void add(cream_term_plot *plot, const char *name, const cream_curve *curve) {
  plot->curves[plot->n].name = name;
  plot->curves[plot->n++].curve = curve;
}

/* Returns their number. */
static int choose_plots(watch *w) {
  const cream_metrics *m = &w->metrics;
  memset(w->plots, 0, sizeof w->plots);
  w->plots[0].title = "loss";
  add(&w->plots[0], "all", &m->loss);
  if (m->soft.count) {
    add(&w->plots[0], "hard", &m->hard);
    add(&w->plots[0], "soft", &m->soft);
  }
  w->plots[1].title = "top-1 of batches (%)";
  add(&w->plots[1], "batch", &m->accuracy);
  if (!strcmp(m->phase, "retrain")) {
    w->plots[2].title = "held out by epoch (%)";
    add(&w->plots[2], "trained", &m->heldout);
    if (m->heldout_ema.count) add(&w->plots[2], "EMA", &m->heldout_ema);
    w->plots[3].title = "learning rate";
    add(&w->plots[3], "now", &m->lr);
    return PLOTS;
  }
  w->plots[2].title = "board: top-1 (%)";
  w->plots[3].title = "matching degree";
  const cream_board_curves *board = &m->boards[0];
  add(&w->plots[2], "best", &board->best);
  add(&w->plots[2], "mean", &board->mean);
  add(&w->plots[3], "rho", &m->rho);
  return PLOTS;
}

static void put_plots(FILE *out, watch *w, int width, int height) {
  int n = choose_plots(w), across = width >= TWO_COLUMNS ? 2 : 1, gap = across > 1 ? 2 : 0;
  int down = (n + across - 1) / across;
  while (down > 1 && height / down < LEAST_HEIGHT) down--;
  int wide = (width - gap) / across, high = height / down;
  if (high < LEAST_HEIGHT || wide < LEAST_WIDTH) return;
  for (int p = 0; p < n; p++) cream_term_draw(&w->canvases[p], &w->plots[p], wide, high, &w->term);
  for (int row = 0; row < down; row++)
    for (int line = 0; line < w->canvases[0].height; line++) {
      for (int column = 0; column < across && row * across + column < n; column++) {
        if (column) fprintf(out, "%*s", gap, "");
        cream_term_write_line(out, &w->canvases[row * across + column], line, &w->term);
      }
      fputc('\n', out);
    }
}

static int number_of(const char *variable, int otherwise) {
  const char *text = getenv(variable);
  int value = text ? atoi(text) : 0;
  return value > 0 ? value : otherwise;
}

static void find_size(int *width, int *height) {
  struct winsize size = {0};
  bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
  *width = known ? size.ws_col : number_of("COLUMNS", 80);
  *height = known ? size.ws_row : number_of("LINES", 24);
  *width = *width < 20 ? 20 : *width > CREAM_TERM_MAX_WIDTH ? CREAM_TERM_MAX_WIDTH : *width;
}

/* Writes one frame at once, so that it does not flicker. */
static void put_frame(watch *w) {
  int width, height;
  char *text = NULL;
  size_t size = 0;
  find_size(&width, &height);
  FILE *out = open_memstream(&text, &size);
  if (!out) return;
  put_head(out, w, width);
  put_plots(out, w, width, height - HEAD - 1);
  fclose(out);
  if (w->live) fputs("\033[H", stdout);
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, "\n");
    fwrite(at, 1, length, stdout);
    fputs(w->live ? "\033[K\r\n" : "\n", stdout);
    at += length + (at[length] == '\n');
  }
  if (w->live) fputs("q: quit\033[K\033[J", stdout);
  fflush(stdout);
  free(text);
}

/* ---- live ---------------------------------------------------------------------------------------- */

static void begin_live(watch *w) {
  tcgetattr(STDIN_FILENO, &w->saved);
  struct termios raw = w->saved;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  fputs("\033[?1049h\033[?25l", stdout);
}

static void end_live(watch *w) {
  fputs("\033[?25h\033[?1049l", stdout);
  fflush(stdout);
  tcsetattr(STDIN_FILENO, TCSANOW, &w->saved);
  w->live = false;
}

/* Waits for the next frame; true: q was pressed. */
static bool wait_for_key(void) {
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  char key;
  if (poll(&in, 1, (int)(1000 * refresh_seconds)) <= 0) return false;
  if (read(STDIN_FILENO, &key, 1) != 1) return true;
  return key == 'q' || key == 'Q';
}

static cream_status follow(watch *w, cream_error *err) {
  const volatile sig_atomic_t *stop = signals_catch();
  cream_status status = CREAM_OK;
  bool over = false;
  begin_live(w);
  while (!status && !over && !*stop) {
    bool grown;
    /* A run that ended before this read writes no more. */
    bool ended = is_finished(w) && !cream_run_locked(w->dir);
    status = cream_metrics_read(&w->metrics, w->dir, &grown, err);
    if (!status) put_frame(w);
    over = ended || wait_for_key();
  }
  end_live(w);
  if (!status) put_frame(w);
  return status;
}

/* ---- the command --------------------------------------------------------------------------------- */

static bool names_utf8(const char *locale) {
  return strstr(locale, "UTF-8") || strstr(locale, "utf-8") || strstr(locale, "UTF8") ||
         strstr(locale, "utf8");
}

static bool speaks_unicode(void) {
  static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  const char *term = getenv("TERM");
  if (term && (!strcmp(term, "dumb") || !strcmp(term, "linux"))) return false;
  for (int i = 0; i < 3; i++) {
    const char *value = getenv(variables[i]);
    if (value && *value) return names_utf8(value);
  }
  return false;
}

static cream_status watch_dir(const char *dir, bool once, bool ascii, cream_error *err) {
  watch *w = calloc(1, sizeof *w);
  if (!w) return cream_fail_memory(err, sizeof *w, "the curves");
  const char *no_colour = getenv("NO_COLOR");
  bool terminal = isatty(STDOUT_FILENO);
  w->dir = dir;
  w->live = !once && terminal && isatty(STDIN_FILENO);
  w->term =
      (cream_term){.unicode = !ascii && speaks_unicode(), .colour = terminal && (!no_colour || !*no_colour)};
  cream_metrics_init(&w->metrics);
  cream_status status;
  if (w->live) {
    status = follow(w, err);
  } else {
    bool grown;
    status = cream_metrics_read(&w->metrics, dir, &grown, err);
    if (!status) put_frame(w);
  }
  free(w);
  return status;
}

typedef struct watch_options {
  cli_line line;
  bool once, ascii;
} watch_options;

static cream_status run(const void *values, cream_error *err) {
  const watch_options *options = values;
  return watch_dir(options->line.arguments[0], options->once, options->ascii, err);
}

static const cli_option options[] = {
    CLI_VALUE(watch_options, once, OUTPUT, "once", NULL, "print one frame and end, as without a terminal"),
    CLI_VALUE(watch_options, ascii, OUTPUT, "ascii", NULL,
              "draw with ASCII characters instead of braille patterns"),
};

COMMAND(watch, "draw the curves of a run in the terminal, as they grow", CLI_OPTIONS(options),
        CLI_VALUES(watch_options, line), .run = run, .arguments = "DIR", .least_arguments = 1,
        .most_arguments = 1, .missing = "no folder: expected cream watch DIR, the --out of a run",
        .text = "The folder may not exist yet. q quits; the last frame stays when the run ends.\n");
