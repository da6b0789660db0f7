/* A table of paths trained from scratch, the truth that rankings are compared with (cream table build). Format:
 * docs/formats.md. */
#ifndef CREAM_IO_TRUTH_H
#define CREAM_IO_TRUTH_H

#include "core/search/rank.h"

#define CREAM_TRUTH_FILE    "table.json"
#define CREAM_TRUTH_TRAINED "table-trained.jsonl" /* scores of the paths trained so far */
#define CREAM_TRUTH_AGAIN   "table-again.jsonl"   /* the same of the second trainings */

/* What a table was made with. */
typedef struct cream_truth_head {
  const cream_config *config;
  const char *data; /* spec of the data set */
  const cream_skeleton *skeleton;
  const cream_range *flops; /* max 0: all */
} cream_truth_head;

/* Writes the file atomically, of paths with their trained scores. The same values give the same bytes. */
cream_status cream_truth_write(const char *name, const cream_truth_head *, const cream_ranked *paths, int n,
                               cream_error *);
/* Reads it: paths[CREAM_RANK_MAX_PATHS], *n of them, with costs and without scores of a supernet or latencies.
 * CREAM_BAD_CONFIG: it is a table of another supernet (layers, options, resolution, classes). */
cream_status cream_truth_read(const char *name, const cream_skeleton *, cream_ranked *paths, int *n,
                              cream_error *);
/* The number of paths of a table, of whatever supernet. */
cream_status cream_truth_count(const char *name, int *n, cream_error *);
/* The path's place in the table; -1: it is not there. */
int cream_truth_find(const cream_ranked *paths, int n, const cream_path *);

#endif
