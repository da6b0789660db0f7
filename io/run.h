/* The run folder: everything that a run makes. Formats: docs/formats.md. */
#ifndef CREAM_IO_RUN_H
#define CREAM_IO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/board.h"
#include "core/config.h"
#include "core/evaluate.h"
#include "core/event.h"
#include "file.h"

/* Files of a run folder. */
#define CREAM_RUN_CONFIG   "config.yaml"   /* all settings, as resolved */
#define CREAM_RUN_SPLIT    "split.json"    /* held-out pictures */
#define CREAM_RUN_METRICS  "metrics.jsonl" /* a line an event */
#define CREAM_RUN_BOARD    "board.json"    /* the prioritized paths */
#define CREAM_RUN_ARCH     "arch.json"     /* the network found */
#define CREAM_RUN_SUPERNET "supernet.safetensors"
#define CREAM_RUN_WEIGHTS  "weights.safetensors" /* of one network */
#define CREAM_RUN_RESULT   "result.json"         /* written last: the run is complete */

typedef struct cream_run {
  char dir[1024];
  FILE *metrics; /* opened by the first event */
  double start;  /* seconds, monotonic */
} cream_run;

/* Makes the folder where it does not exist. One that exists must be empty, unless `force`: then a result.json
 * is removed, and other files are replaced as they are written. CREAM_BAD_CONFIG for a folder in use,
 * CREAM_FAILED for one that cannot be made or written to. */
cream_status cream_run_open(cream_run *, const char *dir, bool force, cream_error *);
/* Ends the metrics. Fails if they could not be written. */
cream_status cream_run_close(cream_run *, cream_error *);
/* DIR/name. Returns `path`. */
char *cream_run_file(const cream_run *, const char *name, char path[CREAM_MAX_FILE_NAME]);

/* Each writes its file atomically; the same values give the same bytes. */
cream_status cream_run_write_config(const cream_run *, const cream_config *, cream_error *);
/* heldout[n]: indices into the training part of `data`, which has `count` pictures. */
cream_status cream_run_write_split(const cream_run *, const char *data, uint64_t seed, size_t count,
                                   const uint32_t *heldout, size_t n, cream_error *);
cream_status cream_run_write_board(const cream_run *, const cream_skeleton *, const cream_board *,
                                   cream_error *);

/* What came out of a run. Pointers may be NULL: then the result does not have it. */
typedef struct cream_run_result {
  const char *command;       /* "search", "retrain", "test" */
  const cream_skeleton *net; /* fixed */
  const cream_score *heldout, *test;
  uint64_t steps;
  uint64_t meta_updates; /* of a search */
  size_t memory;         /* bytes of the network: cream_net_memory() */
  double seconds, images_per_second;
} cream_run_result;

cream_status cream_run_write_result(const cream_run *, const cream_run_result *, cream_error *);

/* A listener (core/event.h) that appends to the metrics; `run` is a cream_run. Every line ends in `seconds`
 * and `images_per_second`, the only fields that differ between two runs of the same settings. */
cream_status cream_metrics_on_event(void *run, const cream_event *, cream_error *);

#endif
