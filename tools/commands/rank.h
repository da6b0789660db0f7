/* For commands that make several rankings. */
#ifndef CREAM_TOOLS_RANK_H
#define CREAM_TOOLS_RANK_H

#include "io/run/rank.h"
#include "tools/run/bars.h"
#include "tools/run/run_options.h"
#include "tools/run/shard.h"

/* Values of the command. */
typedef struct rank_options {
  run_options run;
  shard_options shards;
  int snapshot; /* epoch of the snapshot that is ranked; 0: the supernet at the end */
  bars_options bars;
} rank_options;

/* Settings that do not affect the scores by the supernet; ends in NULL. */
extern const char *const rank_free_of_scores[];

/* The value of a ranking that a bar is for; NaN: it is not defined. rank_bars.c */
double rank_measure(const cream_rank_report *, bar_of_rank);

/* Whether rankings with these settings can share a file of trained paths (rank.table). */
bool rank_may_share(const cream_config *, const cream_config *);

#endif
