#include "rank.h"

#include <stdlib.h>

#include "core/base/rng.h"

enum { TRIES = 2000 };

/* Sampler of one part of the range; NULL: the part has no further path. */
typedef cream_range_sampler *bucket;

static bool is_new(const cream_path *path, const cream_path *paths, int n) {
  for (int i = 0; i < n; i++)
    if (cream_path_equal(path, &paths[i])) return false;
  return true;
}

/* Draws into paths[n] a path that is not among the first n; false: none was found. */
static bool draw_new(bucket *from, cream_rng *rng, cream_path *paths, int n) {
  for (int t = 0; t < TRIES && *from; t++) {
    paths[n] = cream_range_sampler_draw(*from, rng);
    if (is_new(&paths[n], paths, n)) return true;
  }
  cream_range_sampler_destroy(*from);
  *from = NULL;
  return false;
}

/* Creates samplers for parts of equal width of the reachable range. */
static cream_status make_buckets(const cream_costs *costs, const cream_limits *limits, bucket *buckets,
                                 int count, cream_error *err) {
  cream_range reach = cream_costs_reach(costs);
  const cream_range *range = &limits->flops;
  if (range->max > 0 && range->min > reach.min) reach.min = range->min;
  if (range->max > 0 && range->max < reach.max) reach.max = range->max;
  double width = (reach.max - reach.min) / count;
  for (int b = 0; b < count; b++) {
    cream_limits part = *limits;
    part.flops =
        (cream_range){reach.min + b * width, b + 1 < count ? reach.min + (b + 1) * width : reach.max};
    cream_error none_inside;
    cream_status status = cream_range_sampler_create(costs, &part, &buckets[b], &none_inside);
    if (status != CREAM_OK) buckets[b] = NULL;
    if (status != CREAM_OK && status != CREAM_BAD_CONFIG)
      return cream_fail(err, status, "%s", none_inside.text);
  }
  return CREAM_OK;
}

cream_status cream_rank_draw(const cream_rank_config *config, const cream_skeleton *skeleton,
                             const cream_limits *limits, uint64_t seed, cream_path *paths, int *n,
                             cream_error *err) {
  cream_costs costs;
  cream_costs_init(&costs, skeleton, skeleton->resolution);
  bool spread = config->spread == CREAM_SPREAD_FLOPS;
  int count = spread ? config->buckets : 1;
  bucket *buckets = calloc((size_t)count, sizeof *buckets);
  if (!buckets) return cream_fail_memory(err, (size_t)count * sizeof *buckets, "parts of the range");
  cream_status status = spread ? make_buckets(&costs, limits, buckets, count, err)
                               : cream_range_sampler_create(&costs, limits, buckets, err);
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_RANK, 0);
  *n = 0;
  for (int b = 0, empty = 0; status == CREAM_OK && *n < config->paths && empty < count; b = (b + 1) % count) {
    bool found = draw_new(&buckets[b], &rng, paths, *n);
    empty = found ? 0 : empty + 1;
    *n += found;
  }
  for (int b = 0; b < count; b++) cream_range_sampler_destroy(buckets[b]);
  free(buckets);
  return status;
}

/* ---- correlations ------------------------------------------------------------------------------------ */

static bool is_better(const cream_ranked *paths, int a, int b) {
  int order = cream_score_order(&paths[a].heldout, cream_cost_flops(&paths[a].cost), &paths[b].heldout,
                                cream_cost_flops(&paths[b].cost));
  return order ? order < 0 : a < b;
}

void cream_rank_order(const cream_ranked *paths, int n, int *order) {
  for (int i = 0; i < n; i++) {
    int at = i;
    for (; at > 0 && is_better(paths, i, order[at - 1]); at--) order[at] = order[at - 1];
    order[at] = i;
  }
}

static double measured(const cream_score *score, cream_rank_measure measure) {
  return measure == CREAM_RANK_TOP1 ? score->top1 : -score->loss;
}

static void put_pairs(const cream_ranked *paths, const int *order, const cream_correlation *c, double *x,
                      double *y) {
  for (int i = 0; i < c->best; i++) {
    const cream_ranked *path = &paths[order[i]];
    x[i] =
        c->by == CREAM_RANK_BY_FLOPS ? cream_cost_flops(&path->cost) : measured(&path->supernet, c->measure);
    y[i] = measured(c->split == CREAM_RANK_TEST ? &path->test : &path->heldout, c->measure);
  }
}

void cream_rank_pairs(const cream_ranked *paths, int n, const cream_correlation *which, double *x,
                      double *y) {
  int order[CREAM_RANK_MAX_PATHS];
  CREAM_ASSERT(n <= CREAM_RANK_MAX_PATHS && which->best <= n);
  cream_rank_order(paths, n, order);
  put_pairs(paths, order, which, x, y);
}

static cream_status correlate(const cream_ranked *paths, const int *order, const cream_bootstrap *bootstrap,
                              cream_correlation *c, cream_error *err) {
  double x[CREAM_RANK_MAX_PATHS], y[CREAM_RANK_MAX_PATHS];
  put_pairs(paths, order, c, x, y);
  size_t n = (size_t)c->best;
  cream_status status = cream_bootstrap_interval(bootstrap, cream_kendall, x, y, n, &c->tau, err);
  return status ? status : cream_bootstrap_interval(bootstrap, cream_spearman, x, y, n, &c->rho, err);
}

cream_status cream_rank_correlate(const cream_ranked *paths, int n, const cream_bootstrap *bootstrap,
                                  cream_correlation correlations[CREAM_RANK_MAX_CORRELATIONS], int *count,
                                  cream_error *err) {
  static const cream_correlation kinds[] = {
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_TOP1, .split = CREAM_RANK_HELDOUT},
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_TOP1, .split = CREAM_RANK_TEST},
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_LOSS, .split = CREAM_RANK_HELDOUT},
      {.by = CREAM_RANK_BY_FLOPS, .measure = CREAM_RANK_TOP1, .split = CREAM_RANK_HELDOUT},
  };
  enum { KINDS = sizeof kinds / sizeof *kinds };
  CREAM_ASSERT(n <= CREAM_RANK_MAX_PATHS);
  int order[CREAM_RANK_MAX_PATHS];
  const int best[] = {n, 20, 10};
  cream_rank_order(paths, n, order);
  *count = 0;
  for (int k = 0; k < KINDS; k++)
    for (int b = 0; b < 3; b++) {
      if (b > 0 && best[b] >= n) continue;
      cream_correlation *c = &correlations[(*count)++];
      *c = kinds[k];
      c->best = best[b];
      cream_status status = correlate(paths, order, bootstrap, c, err);
      if (status != CREAM_OK) return status;
    }
  return CREAM_OK;
}
