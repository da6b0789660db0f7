/* cream watch: the curves of a run or of a study in the terminal, as they grow. */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "commands.h"
#include "io/run/run.h"
#include "io/run/run_list.h"
#include "tools/cli/signals.h"

static const double refresh_seconds = 0.5;

typedef enum watch_kind { UNKNOWN, A_RUN, A_STUDY } watch_kind;

typedef struct watch {
  const char *dir;
  watch_kind kind;
  bool live; /* on a terminal, until q or the end of the run */
  watch_view view;
  cream_metrics metrics; /* of a run */
  cream_follow study;    /* of a study */
  struct termios saved;
} watch;

/* ---- the folder ---------------------------------------------------------------------------------- */

static bool has(const watch *w, const char *name) {
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", w->dir, name);
  return access(path, F_OK) == 0;
}

/* A folder that is missing or empty can still become one of a run. */
static cream_status check_folder(const watch *w, cream_error *err) {
  struct stat info;
  if (strlen(w->dir) + 64 > CREAM_MAX_FILE_NAME)
    return cream_fail(err, CREAM_BAD_CONFIG, "%.60s...: the name is too long; give a shorter path", w->dir);
  if (stat(w->dir, &info)) {
    if (errno == ENOENT) return CREAM_OK;
    return cream_fail(err, CREAM_FAILED, "cannot read folder %s: %s", w->dir, strerror(errno));
  }
  if (!S_ISDIR(info.st_mode))
    return cream_fail(err, CREAM_BAD_CONFIG, "%s: not a folder; expected the --out of a run or of a study",
                      w->dir);
  DIR *stream = opendir(w->dir);
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read folder %s: %s", w->dir, strerror(errno));
  bool empty = true;
  for (const struct dirent *entry; (entry = readdir(stream));) empty &= entry->d_name[0] == '.';
  closedir(stream);
  if (empty || has(w, CREAM_RUN_LOCK)) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%s: neither a run folder nor a study; expected the --out of cream search, retrain or compare", w->dir);
}

static cream_status read_folder(watch *w, cream_error *err) {
  bool grown;
  if (w->kind == UNKNOWN && cream_is_run(w->dir)) w->kind = A_RUN;
  if (w->kind == UNKNOWN && cream_is_study(w->dir)) w->kind = A_STUDY;
  switch (w->kind) {
  case UNKNOWN:
    return check_folder(w, err);
  case A_RUN:
    return cream_metrics_read(&w->metrics, w->dir, &grown, err);
  case A_STUDY:
    return cream_follow_read(&w->study, err);
  }
  abort();
}

/* Whether nothing more is written. */
static bool is_over(const watch *w) {
  return (has(w, CREAM_RUN_RESULT) || w->study.complete) && !cream_run_locked(w->dir);
}

/* ---- a frame ------------------------------------------------------------------------------------- */

/* Writes one frame at once, so that it does not flicker. */
static void put_frame(watch *w) {
  char *text = NULL;
  size_t size = 0;
  terminal_measure(&w->view.screen);
  int lines = w->view.screen.lines - 1;
  FILE *out = open_memstream(&text, &size);
  if (!out) return;
  if (w->kind == A_STUDY)
    watch_put_study(out, &w->study, &w->view, lines);
  else
    watch_put_run(out, w->dir, &w->metrics, &w->view, lines);
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
  fputs("\033[?1049h\033[?25l\033[?7l", stdout);
}

static void end_live(watch *w) {
  fputs("\033[?7h\033[?25h\033[?1049l", stdout);
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
    bool ended = is_over(w); /* before this read: then nothing is missing from it */
    status = read_folder(w, err);
    if (!status) put_frame(w);
    over = ended || wait_for_key();
  }
  end_live(w);
  if (!status) put_frame(w);
  return status;
}

/* ---- the command --------------------------------------------------------------------------------- */

static cream_status watch_dir(const char *dir, bool once, bool ascii, double smooth, cream_error *err) {
  watch *w = calloc(1, sizeof *w);
  if (!w) return cream_fail_memory(err, sizeof *w, "the curves");
  const terminal screen = terminal_of(STDOUT_FILENO);
  w->dir = dir;
  w->live = !once && screen.moves && isatty(STDIN_FILENO);
  w->view = (watch_view){screen, {.unicode = !ascii && screen.unicode, .colour = screen.colour}, smooth};
  cream_metrics_init(&w->metrics);
  cream_follow_init(&w->study, dir);
  cream_status status = read_folder(w, err);
  if (!status && w->live)
    status = follow(w, err);
  else if (!status)
    put_frame(w);
  cream_follow_free(&w->study);
  free(w);
  return status;
}

typedef struct watch_options {
  cli_line line;
  bool once, raw, ascii;
  double smooth;
} watch_options;

static void defaults(void *values) {
  ((watch_options *)values)->smooth = 0.8;
}

static cream_status run(const void *values, cream_error *err) {
  const watch_options *options = values;
  return watch_dir(options->line.arguments[0], options->once, options->ascii,
                   options->raw ? 0 : options->smooth, err);
}

static const cli_option options[] = {
    CLI_VALUE(watch_options, once, OUTPUT, "once", NULL, "print one frame and end, as without a terminal"),
    CLI_VALUE(watch_options, smooth, OUTPUT, "smooth", "W",
              "weight of the moving average over the values of steps, between 0 and 1", CLI_FROM_TO(0, 1)),
    CLI_VALUE(watch_options, raw, OUTPUT, "raw", NULL, "draw the values of steps as they are"),
    CLI_VALUE(watch_options, ascii, OUTPUT, "ascii", NULL,
              "draw with ASCII characters instead of braille patterns"),
};

COMMAND(
    watch, "draw the curves of a run or a study in the terminal, as they grow", CLI_OPTIONS(options),
    CLI_VALUES(watch_options, line), .defaults = defaults, .run = run, .arguments = "DIR",
    .least_arguments = 1, .most_arguments = 1,
    .missing = "no folder: expected cream watch DIR, the --out of a run or a study",
    .text =
        "The folder may not exist yet. q quits; the last frame stays when the run ends. Every line has a\n"
        "letter of its own, which the legend names, and smoothed lines have their raw values as faint "
        "dots.\nCOLUMNS and LINES override the size of the terminal, NO_COLOR its colours.\n");
