/* rank.json: what a ranking found. Format: docs/formats.md. */
#ifndef CREAM_IO_RANK_H
#define CREAM_IO_RANK_H

#include "core/search/rank.h"

#define CREAM_RANK_FILE     "rank.json"
#define CREAM_RANK_SUPERNET "rank-supernet.jsonl" /* the supernet's scores so far */
#define CREAM_RANK_TRAINED  "rank-trained.jsonl"  /* the trained paths so far */

typedef struct cream_rank_report {
  const cream_config *config;
  const char *data; /* name of the data set */
  const cream_skeleton *skeleton;
  const cream_range *flops;
  const cream_bootstrap *bootstrap;
  int batch; /* of the training from scratch */
  const cream_ranked *paths;
  int n;
  const cream_correlation *correlations;
  int n_correlations;
} cream_rank_report;

/* Atomically; the same values give the same bytes. */
cream_status cream_rank_write(const char *name, const cream_rank_report *, cream_error *);

extern const char *const cream_rank_by_names[];      /* by cream_rank_by, ... */
extern const char *const cream_rank_measure_names[]; /* "top1", "loss" */
extern const char *const cream_rank_split_names[];   /* "heldout", "test" */

#endif
