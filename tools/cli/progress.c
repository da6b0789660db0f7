#include "progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "board_print.h"
#include "io/report/term_text.h"

enum { TEXT = 400, MOST_BAR = 22, LEAST_BAR = 6 };
static const double redraw_seconds = 0.1, line_seconds = 5;

double progress_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_init(progress *p, const cream_skeleton *skeleton) {
  memset(p, 0, sizeof *p);
  p->terminal = terminal_of(STDERR_FILENO);
  p->skeleton = skeleton;
  p->started = p->shown = progress_now();
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list args;
  va_start(args, format);
  vsnprintf(text + used, size - used, format, args);
  va_end(args);
}

/* The remaining time; "" at the beginning and at the end. */
static void append_eta(const progress *p, char *text, size_t size) {
  const cream_event *e = &p->last;
  uint64_t done = e->step - p->first_step;
  if (done == 0 || e->step >= e->steps) return;
  long s = (long)((progress_now() - p->started) / (double)done * (double)(e->steps - e->step) + 0.5);
  if (s >= 3600)
    append(text, size, "ETA %ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    append(text, size, "ETA %ld:%02ld", s / 60, s % 60);
}

/* The fields of the two lines on a terminal; elsewhere all are in one. */
enum { EPOCH, STEP, ETA, N_FIRST, LOSS = 0, PARTS, RHO, TOP1, SPEED, N_SECOND };

static void describe_place(const progress *p, cream_term_field fields[N_FIRST]) {
  static const int ranks[N_FIRST] = {[EPOCH] = 2, [STEP] = 0, [ETA] = 1};
  const cream_event *e = &p->last;
  for (int i = 0; i < N_FIRST; i++) fields[i] = (cream_term_field){.rank = ranks[i]};
  snprintf(fields[EPOCH].text, sizeof fields->text, "epoch %d/%d", e->epoch + 1, e->epochs);
  snprintf(fields[STEP].text, sizeof fields->text, "step %llu/%llu", (unsigned long long)e->step,
           (unsigned long long)e->steps);
  append_eta(p, fields[ETA].text, sizeof fields->text);
}

static void describe_training(const progress *p, cream_term_field fields[N_SECOND]) {
  static const int ranks[N_SECOND] = {[LOSS] = 1, [PARTS] = 4, [RHO] = 3, [TOP1] = 0, [SPEED] = 2};
  const cream_event *e = &p->last;
  for (int i = 0; i < N_SECOND; i++) fields[i] = (cream_term_field){.rank = ranks[i]};
  snprintf(fields[LOSS].text, sizeof fields->text, "loss %.3f", e->loss);
  if (e->detector)
    snprintf(fields[PARTS].text, sizeof fields->text, "(classes %.3f, boxes %.3f)", e->hard, e->soft);
  if (e->rho >= 0) {
    snprintf(fields[PARTS].text, sizeof fields->text, "(hard %.3f, soft %.3f)", e->hard, e->soft);
    snprintf(fields[RHO].text, sizeof fields->text, "rho %.2f", e->rho);
  }
  if (!e->detector) snprintf(fields[TOP1].text, sizeof fields->text, "top-1 %.1f %%", 100 * e->accuracy);
  snprintf(fields[SPEED].text, sizeof fields->text, "%.0f images/s", e->images_per_second);
}

/* "epoch 3/10  step 210/700  ETA 0:12  loss 1.234 (hard 1.300, soft 0.900)  rho 0.51  top-1 82.0 %  900 images/s" */
static void describe(const progress *p, char *text, size_t size) {
  cream_term_field fields[N_FIRST + N_SECOND];
  describe_place(p, fields);
  describe_training(p, fields + N_FIRST);
  for (int i = 0; i < N_FIRST + N_SECOND; i++)
    if (*fields[i].text)
      append(text, size, "%s%s", !*text ? "" : i == N_FIRST + PARTS ? " " : "  ", fields[i].text);
}

/* ---- the live region --------------------------------------------------------------------------------- */

/* Moves to its first line. In a window that has become narrower, most terminals have broken its lines. */
static void move_to_start(FILE *out, const progress *p) {
  int up = 0, columns = p->terminal.columns;
  for (int i = 0; i < p->lines; i++)
    up += columns < p->drawn_columns && p->widths[i] > columns ? (p->widths[i] + columns - 1) / columns : 1;
  if (up) fprintf(out, "\033[%dA", up);
  fputc('\r', out);
}

/* Columns of a text with colours. */
static int width_of(const char *text) {
  int width = cream_term_width(text);
  for (const char *at = text; (at = strchr(at, '\033')); at++) width -= 1 + (int)strcspn(at, "m");
  return width;
}

/* Writes a line of the region over what was there. */
static void draw_line(FILE *out, progress *p, const char *text) {
  fprintf(out, "%s\033[K\n", text);
  p->widths[p->lines++] = width_of(text);
}

static void draw_board(FILE *out, progress *p, int rows) {
  char *table = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&table, &size);
  if (!memory) return;
  const board_view view = {&p->board, p->skeleton, p->budget, 0, rows};
  board_print(memory, &view, &p->terminal);
  fclose(memory);
  for (char *line = table, *end; table && (end = strchr(line, '\n')); line = end + 1) {
    *end = '\0';
    draw_line(out, p, line);
  }
  free(table);
}

/* The bar takes what the rest of the line leaves. */
static void draw_place(FILE *out, progress *p) {
  cream_term_field fields[N_FIRST];
  char line[TEXT], rest[TEXT], bar[MOST_BAR + 1] = "";
  const cream_event *e = &p->last;
  int width = p->terminal.columns - 1;
  snprintf(line, sizeof line, "%.20s ", e->phase ? e->phase : "");
  describe_place(p, fields);
  int room = width - (int)strlen(line);
  room -= cream_term_join(fields, N_FIRST, room, p->terminal.unicode, rest, sizeof rest) + 2;
  if (room >= LEAST_BAR)
    cream_term_bar(e->steps ? (double)e->step / (double)e->steps : 0, room < MOST_BAR ? room : MOST_BAR, bar);
  append(line, sizeof line, "%s%s%s", bar, *bar ? "  " : "", rest);
  draw_line(out, p, line);
}

static void draw_training(FILE *out, progress *p) {
  cream_term_field fields[N_SECOND];
  char line[TEXT];
  describe_training(p, fields);
  cream_term_join(fields, N_SECOND, p->terminal.columns - 1, p->terminal.unicode, line, sizeof line);
  draw_line(out, p, line);
}

/* Draws the region over itself, in one write. What it does not reach is erased afterwards: erasing from the top of the
 * window first would move its content to the scrollback of some terminals. No line is broken, and the region is never
 * higher than the window, so that nothing scrolls. */
static void draw(progress *p, bool with_board) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return;
  terminal_measure(&p->terminal);
  int rows = p->terminal.lines - 4; /* without the titles, two lines, and that of the cursor */
  fputs("\033[?7l", out);
  move_to_start(out, p);
  p->lines = 0;
  if (with_board && p->has_board && p->board.count && rows > 0) draw_board(out, p, rows);
  if (p->terminal.colour) fputs("\033[1m", out);
  if (p->terminal.lines > 2) draw_place(out, p);
  draw_training(out, p);
  if (p->terminal.colour) fputs("\033[0m", out);
  fputs("\033[J\033[?7h", out);
  p->drawn_columns = p->terminal.columns;
  if (fclose(out) == 0) fwrite(text, 1, size, stderr);
  free(text);
}

/* Prints a line in place of the region. */
__attribute__((format(printf, 2, 3))) static void say(progress *p, const char *format, ...) {
  if (p->lines) {
    terminal_measure(&p->terminal);
    move_to_start(stderr, p);
  }
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputs(p->lines ? "\033[K\n\033[J" : "\n", stderr);
  p->lines = 0;
  fflush(stderr);
}

static void show_step(progress *p) {
  double now = progress_now();
  if (now - p->shown < (p->terminal.moves ? redraw_seconds : line_seconds)) return;
  p->shown = now;
  if (p->terminal.moves) {
    draw(p, true);
    return;
  }
  char text[TEXT] = "";
  describe(p, text, sizeof text);
  say(p, "%s: %s", p->last.phase, text);
}

static void show_evaluation(progress *p, const cream_event *e) {
  char text[TEXT] = "";
  if (e->epochs) append(text, sizeof text, "epoch %d/%d  ", e->epoch, e->epochs);
  if (e->detector) {
    say(p, "%s: %s%s: AP %.4f  AP50 %.4f", e->phase, text, e->split, e->accuracy, e->top5);
    return;
  }
  say(p, "%s: %s%s: top-1 %.2f %%  top-5 %.2f %%  loss %.4f", e->phase, text, e->split, 100 * e->accuracy,
      100 * e->top5, e->eval_loss);
}

static void show_selected(progress *p, const cream_event *e) {
  char path[TEXT] = "";
  if (p->skeleton && e->path) cream_path_format(p->skeleton, e->path, path, sizeof path);
  char line[TEXT + 100], cut[4 * TEXT];
  snprintf(line, sizeof line, "select: entry %d  top-1 %.2f %%  loss %.3f  %s", e->entry + 1,
           100 * e->accuracy, e->eval_loss, path);
  terminal_measure(&p->terminal);
  int columns = p->terminal.is ? p->terminal.columns - 1 : (int)sizeof line;
  cream_term_cut(line, columns, p->terminal.unicode, cut, sizeof cut);
  say(p, "%s", cut);
}

void progress_event(progress *p, const cream_event *e) {
  if (e->board) {
    p->board = *e->board;
    p->has_board = true;
    snprintf(p->budget, sizeof p->budget, "%s", e->budget ? e->budget : "");
  }
  switch (e->kind) {
  case CREAM_EVENT_START:
    p->started = progress_now();
    p->first_step = e->step;
    break;
  case CREAM_EVENT_STEP:
    p->last = *e;
    show_step(p);
    break;
  case CREAM_EVENT_EPOCH:
    if (p->terminal.moves) break;
    if (p->has_board && p->board.count)
      say(p, "%s: epoch %d/%d done, best of the board %.2f %% top-1", e->phase, e->epoch, e->epochs,
          100 * p->board.entries[0].score);
    break;
  case CREAM_EVENT_EVAL:
    show_evaluation(p, e);
    break;
  case CREAM_EVENT_SELECT:
    show_selected(p, e);
    break;
  case CREAM_EVENT_NOTE:
    say(p, "%s", e->note);
    break;
  case CREAM_EVENT_META:
  case CREAM_EVENT_SCORE:
  case CREAM_EVENT_BOARD:
    break;
  }
}

void progress_end(progress *p) {
  if (p->terminal.moves && p->last.steps) draw(p, false);
  p->lines = 0;
  p->last.steps = 0;
}
