/* How well a supernet ranks its paths (docs/ranking.md): the choice of the paths, and the correlation of the supernet's
 * scores with those of the same paths trained from scratch. */
#ifndef CREAM_CORE_RANK_H
#define CREAM_CORE_RANK_H

#include "core/base/config.h"
#include "core/base/statistics.h"
#include "core/proxy/proxy.h"
#include "core/space/range.h"
#include "core/train/evaluate.h"

enum { CREAM_RANK_MAX_PATHS = 1000 };

/* Draws up to config->paths distinct paths inside the limits into paths[config->paths], by seed; *n: their number, less if
 * no more are found. The first n paths do not depend on config->paths. */
cream_status cream_rank_draw(const cream_rank_config *, const cream_skeleton *, const cream_limits *,
                             uint64_t seed, cream_path *paths, int *n, cream_error *);

/* A path and its scores. */
typedef struct cream_ranked {
  cream_path path;
  cream_cost cost;
  cream_score supernet;      /* with the supernet's weights, on the held-out images */
  cream_score heldout, test; /* trained from scratch */
  cream_score again; /* the same with another seed, on the held-out images; count 0: not trained twice */
  double ms;         /* latency by the table; NaN: not known */
  cream_proxy_values proxies;
} cream_ranked;

/* order[n]: indices of paths[n] from best to worst by `heldout` (cream_score_order), then by index. */
void cream_rank_order(const cream_ranked *paths, int n, int *order);

/* By what a ranking orders the paths: X(BY, word in rank.json, title); the zero-cost proxies are among them. AGAIN: the
 * same training with another seed, which says how much of the order is chance; smaller is better for none of them. */
#define CREAM_RANK_BY_LIST(X)                                                                                \
  X(SUPERNET, supernet, "supernet")                                                                          \
  X(FLOPS, flops, "FLOPs alone")                                                                             \
  X(PARAMS, params, "parameters alone")                                                                      \
  X(LATENCY, latency, "latency alone")                                                                       \
  CREAM_PROXIES(X)                                                                                           \
  X(AGAIN, again, "a second training")

typedef enum cream_rank_by {
#define CREAM_RANK_BY_ENUM(by, word, title) CREAM_RANK_BY_##by,
  CREAM_RANK_BY_LIST(CREAM_RANK_BY_ENUM)
#undef CREAM_RANK_BY_ENUM
      CREAM_RANK_BY_COUNT
} cream_rank_by;
extern const char *const cream_rank_by_words[CREAM_RANK_BY_COUNT],
    *const cream_rank_by_titles[CREAM_RANK_BY_COUNT];

typedef enum cream_rank_measure { CREAM_RANK_TOP1, CREAM_RANK_LOSS } cream_rank_measure;
typedef enum cream_rank_split { CREAM_RANK_HELDOUT, CREAM_RANK_TEST } cream_rank_split;

/* Two statistics for choosing networks, of scores x and trained values y, as cream_statistic. The share of the best tenth
 * of y (of at least one) that is in the best tenth of x; with equal values, its mean over all orders of them. */
double cream_rank_recall(const double *x, const double *y, size_t n);
/* How far y of the path with the best x is below the best y; with equal x, the mean. */
double cream_rank_regret(const double *x, const double *y, size_t n);

/* x[best], y[best]: what the paths are ordered by, and their trained values, of the first `best` paths of
 * cream_rank_order, in its order; AGAIN: of the first `best` that were trained twice. More is better in both: a loss has the opposite sign. */
typedef struct cream_correlation cream_correlation;
/* How many paths `by` has a value of. */
int cream_rank_known(const cream_ranked *paths, int n, cream_rank_by);
void cream_rank_pairs(const cream_ranked *paths, int n, const cream_correlation *which, double *x, double *y);

/* Correlation of `by` (SUPERNET: its `measure`) with the trained paths' `measure` on `split`, over the first `best` paths
 * of cream_rank_order. A loss counts with the opposite sign, so that more is better. */
struct cream_correlation {
  int best;
  cream_rank_by by;
  cream_rank_measure measure;
  cream_rank_split split;
  cream_interval tau, rho;
  cream_interval recall, regret; /* NaN but for TOP1 over all paths */
};

/* Of four sets of paths; the supernet has three. */
enum { CREAM_RANK_MAX_CORRELATIONS = 4 * (CREAM_RANK_BY_COUNT + 2) };

/* Correlates the supernet's accuracy with both splits and its loss with the held-out split; then what needs no supernet
 * with the held-out accuracy, as far as it is known: each over all paths, then over the better half, and over the 20 and
 * the 10 best if there are more. *count: the number of results. */
cream_status cream_rank_correlate(const cream_ranked *paths, int n, const cream_bootstrap *,
                                  cream_correlation[CREAM_RANK_MAX_CORRELATIONS], int *count, cream_error *);

#endif
