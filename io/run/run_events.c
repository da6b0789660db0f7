/* The listener of a run: metrics.jsonl, summary.csv and TensorBoard's events. */
#include <errno.h>
#include <math.h>

#include "event_names.h"
#include "run_logs.h"
#include "tensorboard.h"
#include "usage.h"

static double best_score(const cream_event *event) {
  return event->board && event->board->count ? event->board->entries[0].score : (double)NAN;
}

/* ---- summary.csv --------------------------------------------------------------------------------- */

/* Columns after epoch and step: X(name, value). */
#define SUMMARY_COLUMNS(X)                                                                                   \
  X(lr, event->lr)                                                                                           \
  X(loss, event->loss)                                                                                       \
  X(accuracy, event->detector ? (double)NAN : event->accuracy)                                               \
  X(heldout, run->heldout)                                                                                   \
  X(heldout_ema, run->heldout_ema)                                                                           \
  X(board_best, best_score(event))                                                                           \
  X(seconds, cream_usage_monotonic() - run->start)                                                           \
  X(images_per_second, event->images_per_second)

/* Appends the line of an epoch. A value that is not finite gives an empty cell. */
static cream_status append_summary(cream_run *run, const cream_event *event, cream_error *err) {
  bool fresh;
  cream_status status = run_log_open(run, CREAM_LOG_SUMMARY, &fresh, err);
  if (status) return status;
  FILE *stream = run->logs[CREAM_LOG_SUMMARY];
#define HEADING(name, value) "," #name
  if (fresh) fputs("epoch,step" SUMMARY_COLUMNS(HEADING) "\n", stream);
#undef HEADING
#define VALUE(name, value) value,
  const double cells[] = {SUMMARY_COLUMNS(VALUE)};
#undef VALUE
  fprintf(stream, "%d,%llu", event->epoch, (unsigned long long)event->step);
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    fputc(',', stream);
    if (isfinite(cells[i])) fprintf(stream, "%.9g", cells[i]);
  }
  fputc('\n', stream);
  return run_log_check(run, CREAM_LOG_SUMMARY, true, err);
}

/* ---- TensorBoard --------------------------------------------------------------------------------- */

enum { MOST_SCALARS = 8, STEPS_BETWEEN = 10 /* of the many steps every tenth is written */ };

static const struct {
  const char *top1, *loss, *ap, *ap50;
} eval_tags[] = {
#define TAGS(name, word, tag) [CREAM_EVAL_##name] = {tag "/top1", tag "/loss", tag "/ap", tag "/ap50"},
    CREAM_EVAL_LIST(TAGS)
#undef TAGS
};

/* The scalars of an event; returns their number. */
static int list_scalars(const cream_event *event, cream_scalar scalars[MOST_SCALARS]) {
  int n = 0;
  cream_eval eval;
  switch (event->kind) {
  case CREAM_EVENT_STEP:
    if (event->step % STEPS_BETWEEN) break;
    scalars[n++] = (cream_scalar){"train/loss", event->loss};
    if (event->detector) {
      scalars[n++] = (cream_scalar){"train/class_loss", event->hard};
      scalars[n++] = (cream_scalar){"train/box_loss", event->soft};
    } else {
      scalars[n++] = (cream_scalar){"train/accuracy", event->accuracy};
    }
    scalars[n++] = (cream_scalar){"train/learning_rate", event->lr};
    if (event->rho >= 0) scalars[n++] = (cream_scalar){"train/rho", event->rho};
    break;
  case CREAM_EVENT_EVAL:
    if (!cream_eval_parse(event->split, &eval)) break;
    if (event->detector) {
      scalars[n++] = (cream_scalar){eval_tags[eval].ap, event->accuracy};
      scalars[n++] = (cream_scalar){eval_tags[eval].ap50, event->top5};
      break;
    }
    scalars[n++] = (cream_scalar){eval_tags[eval].top1, event->accuracy};
    scalars[n++] = (cream_scalar){eval_tags[eval].loss, event->eval_loss};
    break;
  case CREAM_EVENT_EPOCH:
    if (!isfinite(best_score(event))) break;
    scalars[n++] = (cream_scalar){"board/best", best_score(event)};
    scalars[n++] = (cream_scalar){"board/entries", event->board->count};
    break;
  case CREAM_EVENT_START:
  case CREAM_EVENT_META:
  case CREAM_EVENT_SCORE:
  case CREAM_EVENT_BOARD:
  case CREAM_EVENT_SELECT:
  case CREAM_EVENT_NOTE:
    break;
  }
  return n;
}

static cream_status append_scalars(cream_run *run, const cream_event *event, cream_error *err) {
  cream_scalar scalars[MOST_SCALARS];
  int n = list_scalars(event, scalars);
  if (n == 0) return CREAM_OK;
  bool fresh;
  double wall = run->wall + cream_usage_monotonic() - run->start;
  cream_status status = run_log_open(run, CREAM_LOG_EVENTS, &fresh, err);
  if (!status && fresh) status = cream_tensorboard_begin(run->logs[CREAM_LOG_EVENTS], wall, err);
  if (!status)
    status = cream_tensorboard_write(run->logs[CREAM_LOG_EVENTS], wall, event->step, scalars, n, err);
  return status ? status : run_log_check(run, CREAM_LOG_EVENTS, event->kind != CREAM_EVENT_STEP, err);
}

/* ---- the listener -------------------------------------------------------------------------------- */

/* Accuracies on the held-out images wait for the summary of their epoch, and rate the checkpoints. */
static void note_evaluation(cream_run *run, const cream_event *event) {
  cream_eval eval;
  if (!cream_eval_parse(event->split, &eval)) return;
  switch (eval) {
  case CREAM_EVAL_HELDOUT:
    run->score = run->heldout = event->accuracy;
    break;
  case CREAM_EVAL_HELDOUT_EMA:
    run->heldout_ema = event->accuracy;
    run->score = fmax(run->heldout, event->accuracy); /* the better weights are written */
    break;
  case CREAM_EVAL_TEST:
  case CREAM_EVAL_TEST_TRAINED:
  case CREAM_EVAL_TEST_AVERAGED:
    break;
  }
}

cream_status cream_run_on_event(void *self, const cream_event *event, cream_error *err) {
  cream_run *run = self;
  if (event->kind == CREAM_EVENT_START && run->resumed && !run->extended) return CREAM_OK;
  if (event->kind == CREAM_EVENT_EVAL) note_evaluation(run, event);
  errno = 0;
  cream_status status = cream_metrics_on_event(run, event, err);
  if (!status) status = append_scalars(run, event, err);
  if (!status && event->kind == CREAM_EVENT_EPOCH) {
    status = append_summary(run, event, err);
    run->heldout = run->heldout_ema = NAN;
    if (event->board) run->score = best_score(event);
  }
  return status;
}
