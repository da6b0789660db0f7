/* Reads the metrics of a run, also while they grow, in bounded memory. Format: docs/formats.md. */
#ifndef CREAM_IO_METRICS_READ_H
#define CREAM_IO_METRICS_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/search/board.h"
#include "io/base/curve.h"

enum { CREAM_METRICS_BINS = 20, CREAM_METRICS_BOARDS = 8, CREAM_METRICS_NOTES = 16 };

/* Scores (top-1 in %) and FLOPs (M) of the entries of a board, by step. */
typedef struct cream_board_curves {
  char name[48]; /* budget of the board; "": there is only one board */
  cream_curve best, mean, worst;
  cream_curve flops;   /* mean; `low` and `high` of a point: the smallest and the largest entry */
  cream_cloud entered; /* step and score of every path that entered the board */
  /* Mean FLOPs of the entries when the board first held its largest number of entries, and now; NaN: not
   * known. */
  double flops_full, flops_end;
  size_t most; /* largest number of entries so far */
} cream_board_curves;

/* A board entry, recalibrated and evaluated at the end of the search. */
typedef struct cream_selected {
  double top1, loss, flops, params; /* %, nats, M, M */
  uint64_t entered;                 /* step at which it entered the board */
} cream_selected;

/* The x axis of a curve is the step, except where noted. Accuracies, of detectors COCO's AP, are in %, FLOPs and parameters in M. */
typedef struct cream_metrics {
  uint64_t lines, broken; /* broken: lines that are not JSON objects, or too long */
  bool detector;
  char phase[16];                                /* "search", "retrain"; "": not known yet */
  uint64_t step, steps;                          /* done, and in total; 0: not known */
  int epoch, epochs;                             /* the one in training, from 1; and in total */
  double seconds;                                /* total over all starts of a resumed run */
  double waited, peak_memory, images_per_second; /* from the last line that has them; NaN: none */
  double before;                                 /* seconds before the last start */
  uint64_t first_step;                           /* steps done before the last start */
  cream_curve loss, hard, soft, lr, accuracy, rho, meta_gradient;
  cream_curve speed, memory;            /* images/s, MB; x: minutes */
  cream_curve waiting, waiting_network; /* for images, for ranks: % of the time; x: minutes */
  cream_curve heldout, heldout_ema;     /* of a retraining; x: epoch */
  cream_curve heldout_ap50; /* of a detector, whose hard and soft are the losses of classes and boxes */
  double test, test_trained, test_averaged; /* NaN: not tested */
  uint64_t rho_bins[CREAM_METRICS_BINS];    /* matching degrees from 0 to 1 */
  uint64_t meta_updates;
  int n_layers;                                             /* of a path; 0: no path yet */
  uint64_t paths, sampled[CREAM_MAX_LAYERS][CREAM_MAX_OPS]; /* how often each choice of a layer was trained */
  int n_boards;
  cream_board_curves boards[CREAM_METRICS_BOARDS];
  cream_cloud scored; /* FLOPs (x) and score (y) of all scored paths; `low` is the step */
  cream_front front;  /* their Pareto front */
  int n_selected;
  cream_selected selected[CREAM_MAX_BOARD];
  int n_notes; /* the first ones */
  char notes[CREAM_METRICS_NOTES][200];
  uint64_t offset; /* bytes of the file that have been read */
  ino_t file;      /* inode */
} cream_metrics;

void cream_metrics_init(cream_metrics *);
/* Reads the lines that were appended to DIR/metrics.jsonl since the last call; a last line without an end
 * waits for the next call. If the file was replaced or is shorter than before, it is read from the beginning.
 * *grown: something new was read. A missing file is not an error; CREAM_FAILED: the file cannot be read. */
cream_status cream_metrics_read(cream_metrics *, const char *dir, bool *grown, cream_error *);

#endif
