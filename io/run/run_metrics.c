/* metrics.jsonl: one line per event. */
#include <errno.h>
#include <math.h>

#include "event_names.h"
#include "run_logs.h"
#include "usage.h"

static void put_choices(cream_json *json, const cream_path *path) {
  if (!path) return;
  cream_json_array(json, "path", false);
  for (int l = 0; l < path->n_layers; l++) cream_json_number(json, NULL, path->choice[l]);
  cream_json_end(json);
}

/* Means over the batch of a step (of the last step, for an epoch). */
static void put_training(cream_json *json, const cream_event *event) {
  cream_json_number(json, "lr", event->lr);
  cream_json_number(json, "loss", event->loss);
  if (event->detector) {
    cream_json_number(json, "class_loss", event->hard);
    cream_json_number(json, "box_loss", event->soft);
    cream_json_number(json, "foreground", event->accuracy);
    return;
  }
  cream_json_number(json, "hard", event->hard);
  cream_json_number(json, "soft", event->soft);
  if (event->rho >= 0) cream_json_number(json, "rho", event->rho);
  cream_json_number(json, "accuracy", event->accuracy);
}

static void put_evaluation(cream_json *json, const cream_event *event) {
  if (event->detector) {
    cream_json_number(json, "ap", event->accuracy);
    cream_json_number(json, "ap50", event->top5);
    return;
  }
  cream_json_number(json, "accuracy", event->accuracy);
  cream_json_number(json, "top5", event->top5);
  cream_json_number(json, "loss", event->eval_loss);
}

static void put_scored(cream_json *json, const cream_board_entry *entry) {
  cream_json_number(json, "score", entry->score);
  cream_json_number(json, "score_loss", entry->loss);
  cream_json_number(json, "flops", entry->flops);
  cream_json_number(json, "params", entry->params);
}

static void put_entry(cream_json *json, const cream_event *event) {
  if (event->budget) cream_json_string(json, "budget", event->budget);
  if (!event->board || event->entry < 0 || event->entry >= event->board->count) return;
  const cream_board_entry *entry = &event->board->entries[event->entry];
  cream_json_number(json, "entry", event->entry);
  put_scored(json, entry);
  cream_json_integer(json, "entered", entry->step);
  put_choices(json, &entry->path);
}

/* Scores and FLOPs of all entries of the board, best first. */
static void put_board(cream_json *json, const cream_board *board) {
  if (!board) return;
  cream_json_array(json, "board_scores", false);
  for (int i = 0; i < board->count; i++) cream_json_number(json, NULL, board->entries[i].score);
  cream_json_end(json);
  cream_json_array(json, "board_flops", false);
  for (int i = 0; i < board->count; i++) cream_json_number(json, NULL, board->entries[i].flops);
  cream_json_end(json);
}

static void put_event(cream_json *json, const cream_event *event) {
  cream_json_string(json, "kind", cream_event_word(event->kind));
  if (event->phase) cream_json_string(json, "phase", event->phase);
  cream_json_integer(json, "step", event->step);
  cream_json_number(json, "epoch", event->epoch);
  switch (event->kind) {
  case CREAM_EVENT_START:
    cream_json_integer(json, "steps", event->steps);
    cream_json_number(json, "epochs", event->epochs);
    break;
  case CREAM_EVENT_STEP:
    put_training(json, event);
    put_choices(json, event->path);
    break;
  case CREAM_EVENT_META:
    if (event->rho >= 0) cream_json_number(json, "rho", event->rho);
    cream_json_number(json, "meta_gradient", event->meta_gradient);
    break;
  case CREAM_EVENT_SCORE:
    put_scored(json, event->candidate);
    put_choices(json, &event->candidate->path);
    break;
  case CREAM_EVENT_BOARD:
    put_entry(json, event);
    put_board(json, event->board);
    break;
  case CREAM_EVENT_EPOCH:
    put_training(json, event);
    if (event->budget) cream_json_string(json, "budget", event->budget);
    if (event->board) cream_json_number(json, "entries", event->board->count);
    if (event->board && event->board->count) cream_json_number(json, "best", event->board->entries[0].score);
    put_board(json, event->board);
    break;
  case CREAM_EVENT_EVAL:
    if (event->split) cream_json_string(json, "split", event->split);
    put_evaluation(json, event);
    break;
  case CREAM_EVENT_SELECT:
    put_evaluation(json, event);
    put_entry(json, event);
    break;
  case CREAM_EVENT_NOTE:
    if (event->note) cream_json_string(json, "note", event->note);
    break;
  }
}

cream_status cream_metrics_on_event(void *self, const cream_event *event, cream_error *err) {
  cream_run *run = self;
  bool fresh;
  errno = 0;
  cream_status status = run_log_open(run, CREAM_LOG_METRICS, &fresh, err);
  if (status) return status;
  cream_json json = cream_json_to(run->logs[CREAM_LOG_METRICS]);
  cream_json_object(&json, NULL, false);
  put_event(&json, event);
  cream_json_number(&json, "seconds", floor((cream_usage_monotonic() - run->start) * 1000) / 1000);
  cream_json_number(&json, "images_per_second", floor(event->images_per_second * 10) / 10);
  if (event->kind == CREAM_EVENT_EPOCH) {
    cream_json_number(&json, "waited", floor(event->waited * 1000) / 1000);
    if (event->waited_network > 0)
      cream_json_number(&json, "waited_network", floor(event->waited_network * 1000) / 1000);
    cream_json_number(&json, "peak_memory", cream_usage_peak_memory());
  }
  cream_json_end(&json);
  fputc('\n', run->logs[CREAM_LOG_METRICS]);
  return run_log_check(run, CREAM_LOG_METRICS, event->kind != CREAM_EVENT_STEP, err);
}
