#include "progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 20, TEXT = 400 };
static const double redraw_seconds = 0.1, line_seconds = 5;

double progress_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_init(progress *p, const cream_skeleton *skeleton) {
  memset(p, 0, sizeof *p);
  const char *term = getenv("TERM");
  const char *no_colour = getenv("NO_COLOR");
  p->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
  p->colour = p->terminal && (!no_colour || !*no_colour);
  p->skeleton = skeleton;
  p->started = p->shown = progress_now();
}

static int columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...) {
  size_t used = strlen(text);
  va_list args;
  va_start(args, format);
  vsnprintf(text + used, size - used, format, args);
  va_end(args);
}

static void append_duration(char *text, size_t size, double seconds) {
  long s = (long)(seconds + 0.5);
  if (s >= 3600)
    append(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    append(text, size, "%ld:%02ld", s / 60, s % 60);
}

/* "epoch 3/10  step 210/700  ETA 0:12  loss 1.234 (hard 1.300, soft 0.900)  rho 0.51  82.0 %  900 images/s" */
static void describe(const progress *p, char *text, size_t size) {
  const cream_event *e = &p->last;
  append(text, size, "epoch %d/%d  step %llu/%llu", e->epoch + 1, e->epochs, (unsigned long long)e->step,
         (unsigned long long)e->steps);
  uint64_t done = e->step - p->first_step;
  if (done > 0 && e->step < e->steps) {
    append(text, size, "  ETA ");
    append_duration(text, size, (progress_now() - p->started) / (double)done * (double)(e->steps - e->step));
  }
  append(text, size, "  loss %.3f", e->loss);
  if (e->rho >= 0) append(text, size, " (hard %.3f, soft %.3f)  rho %.2f", e->hard, e->soft, e->rho);
  append(text, size, "  top-1 %.1f %%  %.0f images/s", 100 * e->accuracy, e->images_per_second);
}

void progress_print_board(FILE *out, const cream_board *board, const cream_skeleton *skeleton) {
  fprintf(out, " #  top-1 %%    loss  FLOPs (M)  params (M)     step  path\n");
  for (int i = 0; i < board->count; i++) {
    const cream_board_entry *entry = &board->entries[i];
    char path[TEXT] = "";
    if (skeleton) cream_path_format(skeleton, &entry->path, path, sizeof path);
    fprintf(out, "%2d  %7.2f %7.3f  %9.2f  %10.3f %8llu  %s\n", i + 1, 100 * entry->score, entry->loss,
            entry->flops / 1e6, entry->params / 1e6, (unsigned long long)entry->step, path);
  }
}

/* Erases the live region. */
static void erase(progress *p) {
  if (p->lines) fprintf(stderr, "\033[%dA\r\033[J", p->lines);
  p->lines = 0;
}

/* Writes `text`, cut to the terminal's width, as lines of the live region. */
static void draw_lines(progress *p, const char *text) {
  int width = columns() - 1;
  while (*text) {
    int length = (int)strcspn(text, "\n");
    fprintf(stderr, "%.*s\n", length < width ? length : width, text);
    p->lines++;
    text += length;
    if (*text) text++;
  }
}

static void draw(progress *p, bool with_board) {
  erase(p);
  if (with_board && p->has_board && p->board.count) {
    char *table = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&table, &size);
    if (memory) {
      progress_print_board(memory, &p->board, p->skeleton);
      fclose(memory);
      draw_lines(p, table);
      free(table);
    }
  }
  const cream_event *e = &p->last;
  char text[TEXT] = "";
  int filled = e->steps ? (int)(BAR_WIDTH * e->step / e->steps) : 0;
  append(text, sizeof text, "%s [%.*s%.*s] ", e->phase ? e->phase : "", filled, "####################",
         BAR_WIDTH - filled, "....................");
  describe(p, text, sizeof text);
  if (p->colour) fputs("\033[1m", stderr);
  draw_lines(p, text);
  if (p->colour) fputs("\033[0m", stderr);
  fflush(stderr);
}

/* Prints a line that is not redrawn. */
__attribute__((format(printf, 2, 3))) static void say(progress *p, const char *format, ...) {
  erase(p);
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  fflush(stderr);
}

static void show_step(progress *p) {
  double now = progress_now();
  if (now - p->shown < (p->terminal ? redraw_seconds : line_seconds)) return;
  p->shown = now;
  if (p->terminal) {
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
  say(p, "%s: %s%s: top-1 %.2f %%  top-5 %.2f %%  loss %.4f", e->phase, text, e->split, 100 * e->accuracy,
      100 * e->top5, e->eval_loss);
}

static void show_selected(progress *p, const cream_event *e) {
  char path[TEXT] = "";
  if (p->skeleton && e->path) cream_path_format(p->skeleton, e->path, path, sizeof path);
  say(p, "select: entry %d  top-1 %.2f %%  loss %.3f  %s", e->entry + 1, 100 * e->accuracy, e->eval_loss,
      path);
}

void progress_event(progress *p, const cream_event *e) {
  if (e->board) {
    p->board = *e->board;
    p->has_board = true;
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
    if (p->terminal) break;
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
  if (p->terminal && p->last.steps) draw(p, false);
  p->lines = 0;
  p->last.steps = 0;
}
