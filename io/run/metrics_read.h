/* What the metrics of a run say, read as they grow, in bounded memory. Format: docs/formats.md. */
#ifndef CREAM_IO_METRICS_READ_H
#define CREAM_IO_METRICS_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/search/board.h"
#include "io/base/curve.h"

enum { CREAM_METRICS_BINS = 20, CREAM_METRICS_BOARDS = 8, CREAM_METRICS_NOTES = 16 };

/* Scores and FLOPs of a board's entries over the steps: top-1 in %, FLOPs in M. */
typedef struct cream_board_curves {
  char name[48]; /* of the board, where there are several; else "" */
  cream_curve best, mean, worst;
  cream_curve flops;   /* mean; `low` and `high` of its points are the smallest and the largest entry's */
  cream_cloud entered; /* step and score of every entry that came on the board */
  /* Mean FLOPs of the entries when it first held as many as it ever did, and now. No number: none. */
  double flops_full, flops_end;
  size_t most; /* entries it ever held */
} cream_board_curves;

/* A board entry as it was recalibrated and evaluated at the end. */
typedef struct cream_selected {
  double top1, loss, flops, params; /* %, nats, M, M */
  uint64_t entered;
} cream_selected;

/* Steps are the x of all curves that do not say otherwise. Accuracies are in %, FLOPs and parameters in M. */
typedef struct cream_metrics {
  uint64_t lines, broken; /* broken: not JSON, or too long */
  char phase[16];         /* "search", "retrain"; "" so far */
  uint64_t step, steps;   /* done, in all; 0: not known */
  int epoch, epochs;
  double seconds;                                /* spent, over all starts of a run that was resumed */
  double waited, peak_memory, images_per_second; /* of the last line that has them; no number: none */
  double before;                                 /* seconds of the starts before the last */
  uint64_t first_step;                           /* that the last start had done already */
  cream_curve loss, hard, soft, lr, accuracy, rho, meta_gradient;
  cream_curve speed, memory, waiting;    /* images/s, MB, share of the time in %; x: minutes */
  cream_curve heldout, heldout_ema;      /* of a retraining; x: epochs */
  double test, test_trained;             /* no number: none */
  uint64_t rho_bins[CREAM_METRICS_BINS]; /* matching degrees from 0 to 1 */
  uint64_t meta_updates;
  int n_layers;                                             /* of the paths; 0: none so far */
  uint64_t paths, sampled[CREAM_MAX_LAYERS][CREAM_MAX_OPS]; /* how often a layer's choice was trained */
  int n_boards;
  cream_board_curves boards[CREAM_METRICS_BOARDS];
  cream_cloud scored; /* FLOPs and score of all that were scored; `low` is the step */
  cream_front front;  /* of them */
  int n_selected;
  cream_selected selected[CREAM_MAX_BOARD];
  int n_notes; /* the first ones */
  char notes[CREAM_METRICS_NOTES][200];
  uint64_t offset; /* bytes of the file that were read */
  ino_t file;
} cream_metrics;

void cream_metrics_init(cream_metrics *);
/* Takes the lines that DIR/metrics.jsonl has beyond those already read; a last line without an end is left
 * for later. A file that is another one or shorter than before is read from its beginning. *grown: there
 * was something new. A file that does not exist is no error; CREAM_FAILED if it cannot be read. */
cream_status cream_metrics_read(cream_metrics *, const char *dir, bool *grown, cream_error *);

#endif
