/* For commands that make several rankings. */
#ifndef CREAM_TOOLS_RANK_H
#define CREAM_TOOLS_RANK_H

#include "tools/run/run_options.h"
#include "tools/run/shard.h"

/* Values of the command. */
typedef struct rank_options {
  run_options run;
  shard_options shards;
  int snapshot; /* epoch of the snapshot that is ranked; 0: the supernet at the end */
} rank_options;

/* Whether rankings with these settings can share a file of trained paths (rank.table). */
bool rank_may_share(const cream_config *, const cream_config *);

#endif
