/* Scores of paths for a ranking, without training them: with the supernet's weights, and zero-cost proxies. */
#ifndef CREAM_TOOLS_RANK_SCORE_H
#define CREAM_TOOLS_RANK_SCORE_H

#include "io/run/path_log.h"
#include "tools/run/run_data.h"

/* What the scores are made from; nothing is owned. */
typedef struct rank_scored {
  const cream_config *config; /* of the search, with the settings of the ranking */
  const cream_config *device; /* settings of device and threads */
  const run_data *data;
  const cream_skeleton *skeleton;
  const char *supernet; /* file of the weights */
  const bool *proxies;  /* [CREAM_PROXY_COUNT], the wanted ones */
} rank_scored;

/* A supernet in memory, its running statistics as they were stored. */
typedef struct rank_scorer {
  const rank_scored *of;
  cream_backend *backend;
  cream_source *train, *heldout;
  cream_net *net;
  float *statistics;
} rank_scorer;

/* rank_scorer_close must be called after a failure, too. */
cream_status rank_scorer_open(rank_scorer *, const rank_scored *, cream_error *);
void rank_scorer_close(rank_scorer *);
/* Scores scores->path: heldout and proxies. */
cream_status rank_scorer_score(rank_scorer *, cream_path_scores *scores, cream_error *);

#endif
