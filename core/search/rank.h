/* How well a supernet orders its paths: which paths a ranking looks at, and how the supernet's scores go with
 * those of the paths trained from scratch (section 4). */
#ifndef CREAM_CORE_RANK_H
#define CREAM_CORE_RANK_H

#include "core/base/config.h"
#include "core/train/evaluate.h"
#include "core/space/range.h"
#include "core/base/statistics.h"

enum { CREAM_RANK_MAX_PATHS = 1000 };

/* Draws up to config->paths distinct paths inside the limits, by seed, into paths[]; *n is less where no more
 * are found. Fewer paths of the same settings are the first of these. */
cream_status cream_rank_draw(const cream_rank_config *, const cream_skeleton *, const cream_limits *,
                             uint64_t seed, cream_path *paths, int *n, cream_error *);

/* A path and its scores. */
typedef struct cream_ranked {
  cream_path path;
  cream_cost cost;
  cream_score supernet;      /* with the supernet's weights, on the held-out images */
  cream_score heldout, test; /* trained from scratch */
} cream_ranked;

/* Best first, by what a training from scratch gave on the held-out images (cream_score_order), then by place
 * in paths[]. */
void cream_rank_order(const cream_ranked *paths, int n, int *order);

typedef enum cream_rank_by { CREAM_RANK_BY_SUPERNET, CREAM_RANK_BY_FLOPS } cream_rank_by;
typedef enum cream_rank_measure { CREAM_RANK_TOP1, CREAM_RANK_LOSS } cream_rank_measure;
typedef enum cream_rank_split { CREAM_RANK_HELDOUT, CREAM_RANK_TEST } cream_rank_split;

/* What is compared: `by` (supernet: its measure) with the trained paths' measure on a split, both so that
 * more is better, over the `best` first of cream_rank_order. */
typedef struct cream_correlation {
  int best;
  cream_rank_by by;
  cream_rank_measure measure;
  cream_rank_split split;
  cream_interval tau, rho;
} cream_correlation;

enum { CREAM_RANK_MAX_CORRELATIONS = 12 };

/* Supernet by accuracy on both splits and by loss, and FLOPs by accuracy; each of all paths, then of the 20 and
 * of the 10 best where there are more. Returns their number in *count. */
cream_status cream_rank_correlate(const cream_ranked *paths, int n, const cream_bootstrap *,
                                  cream_correlation[CREAM_RANK_MAX_CORRELATIONS], int *count, cream_error *);

#endif
