/* rank.json: the outcome of a ranking. Format: docs/formats.md. */
#ifndef CREAM_IO_RANK_H
#define CREAM_IO_RANK_H

#include "core/search/rank.h"

#define CREAM_RANK_FILE     "rank.json"
#define CREAM_RANK_SUPERNET "rank-supernet.jsonl" /* scores with the supernet's weights so far */
#define CREAM_RANK_TRAINED  "rank-trained.jsonl"  /* scores of the paths trained so far */

typedef struct cream_rank_report {
  const cream_config *config;
  const char *data; /* spec of the data set */
  const cream_skeleton *skeleton;
  const cream_range *flops;
  const cream_bootstrap *bootstrap;
  int batch; /* batch size of the training from scratch */
  const cream_ranked *paths;
  int n;
  const cream_correlation *correlations;
  int n_correlations;
} cream_rank_report;

/* Writes the file atomically. The same values give the same bytes. */
cream_status cream_rank_write(const char *name, const cream_rank_report *, cream_error *);

#endif
