/* Events: how a run reports its progress, through one callback. The progress bar, the log, the metrics file
 * and the report are made from them.
 */
#ifndef CREAM_CORE_EVENT_H
#define CREAM_CORE_EVENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "status.h"

typedef enum cream_event_kind {
  CREAM_EVENT_START,  /* totals are known */
  CREAM_EVENT_STEP,   /* a training step is done */
  CREAM_EVENT_META,   /* the meta network was updated */
  CREAM_EVENT_SCORE,  /* a path was scored; the board may change */
  CREAM_EVENT_BOARD,  /* the board changed */
  CREAM_EVENT_EPOCH,  /* an epoch is done: time to write files */
  CREAM_EVENT_EVAL,   /* an evaluation is done */
  CREAM_EVENT_SELECT, /* a board entry was recalibrated and evaluated for the final choice */
  CREAM_EVENT_NOTE,   /* a line of text */
} cream_event_kind;

struct cream_board; /* core/search/board.h */
struct cream_board_entry;
struct cream_path; /* core/space/space.h */

typedef struct cream_event {
  cream_event_kind kind;
  const char *phase;    /* "search", "retrain", "test" */
  uint64_t step, steps; /* done, in all */
  int epoch, epochs;
  /* Of a detector: hard and soft are the losses of classes and boxes, and accuracy is the number of foreground anchors of an
   * image; of an evaluation, accuracy is COCO's AP, top5 is AP50, and there is no loss. */
  bool detector;
  double lr, loss, hard, soft;     /* means over the batch; soft is 0 without distillation */
  double rho;                      /* matching degree of the step; negative: no teacher */
  double accuracy;                 /* top-1 of the batch or of the evaluation, 0..1 */
  double top5, eval_loss;          /* of an evaluation */
  double images_per_second;        /* since the start of the epoch */
  double waited;                   /* seconds spent waiting for images, held-out ones too, since the start */
  double waited_network;           /* seconds spent waiting for other ranks, since the start; 0: alone */
  double meta_gradient;            /* norm, before clipping */
  const char *split;               /* "heldout", "test", "heldout-ema" ... of an evaluation */
  const struct cream_board *board; /* BOARD, EPOCH, SELECT of a search */
  const struct cream_path *path;   /* STEP, SELECT */
  const char *budget; /* BOARD, EPOCH, SELECT: the budget of the board, where there are several */
  int entry;          /* BOARD: entry that changed; SELECT: entry evaluated */
  const char *note;

  /* SCORE: path, score, loss, FLOPs and parameters are set. */
  const struct cream_board_entry *candidate;
} cream_event;

typedef struct cream_listener {
  /* A failing status stops the run with that status. */
  cream_status (*on_event)(void *self, const cream_event *, cream_error *);
  void *self;
  const volatile sig_atomic_t *stop; /* set: finish the step and return CREAM_INTERRUPTED; may be NULL */
} cream_listener;

#endif
