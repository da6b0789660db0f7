#include "rank.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/rng.h"

const char *const cream_rank_by_words[CREAM_RANK_BY_COUNT] = {
#define WORD(by, word, title) [CREAM_RANK_BY_##by] = #word,
    CREAM_RANK_BY_LIST(WORD)
#undef WORD
};

const char *const cream_rank_by_titles[CREAM_RANK_BY_COUNT] = {
#define TITLE(by, word, title) [CREAM_RANK_BY_##by] = title,
    CREAM_RANK_BY_LIST(TITLE)
#undef TITLE
};

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
  int order = cream_score_order(CREAM_ORDER_ACCURACY, &paths[a].heldout, cream_cost_flops(&paths[a].cost),
                                &paths[b].heldout, cream_cost_flops(&paths[b].cost));
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

static double proxy_of(const cream_ranked *path, cream_proxy proxy) {
  return path->proxies.known[proxy] ? path->proxies.value[proxy] : (double)NAN;
}

static double value_of(const cream_ranked *path, const cream_correlation *c) {
  switch (c->by) {
  case CREAM_RANK_BY_SUPERNET:
    return measured(&path->supernet, c->measure);
  case CREAM_RANK_BY_FLOPS:
    return cream_cost_flops(&path->cost);
  case CREAM_RANK_BY_PARAMS:
    return path->cost.params;
  case CREAM_RANK_BY_LATENCY:
    return path->ms;
#define PROXY(name, word, title)                                                                             \
  case CREAM_RANK_BY_##name:                                                                                 \
    return proxy_of(path, CREAM_PROXY_##name);
    CREAM_PROXIES(PROXY)
#undef PROXY
  case CREAM_RANK_BY_AGAIN:
    return path->again.count ? measured(&path->again, c->measure) : (double)NAN;
  case CREAM_RANK_BY_COUNT:
    break;
  }
  CREAM_ASSERT(!"an order of paths");
  return NAN;
}

static bool is_known(const cream_ranked *path, cream_rank_by by) {
  const cream_correlation c = {.by = by};
  return by == CREAM_RANK_BY_SUPERNET || !isnan(value_of(path, &c));
}

int cream_rank_known(const cream_ranked *paths, int n, cream_rank_by by) {
  int known = 0;
  for (int i = 0; i < n; i++) known += is_known(&paths[i], by);
  return known;
}

static void put_pairs(const cream_ranked *paths, int n, const int *order, const cream_correlation *c,
                      double *x, double *y) {
  for (int i = 0, put = 0; i < n && put < c->best; i++) {
    const cream_ranked *path = &paths[order[i]];
    if (!is_known(path, c->by)) continue;
    x[put] = value_of(path, c);
    y[put++] = measured(c->split == CREAM_RANK_TEST ? &path->test : &path->heldout, c->measure);
  }
}

void cream_rank_pairs(const cream_ranked *paths, int n, const cream_correlation *which, double *x,
                      double *y) {
  int order[CREAM_RANK_MAX_PATHS];
  CREAM_ASSERT(n <= CREAM_RANK_MAX_PATHS && which->best <= cream_rank_known(paths, n, which->by));
  cream_rank_order(paths, n, order);
  put_pairs(paths, n, order, which, x, y);
}

/* The probability that value i is among the k largest, where equal ones are in random order. */
static double share_of_best(const double *values, size_t n, size_t i, size_t k) {
  size_t above = 0, equal = 0;
  for (size_t j = 0; j < n; j++) {
    above += values[j] > values[i];
    equal += values[j] == values[i];
  }
  if (above >= k) return 0;
  return k - above >= equal ? 1 : (double)(k - above) / (double)equal;
}

double cream_rank_recall(const double *x, const double *y, size_t n) {
  size_t k = (n + 5) / 10;
  double found = 0;
  if (k == 0) k = 1;
  for (size_t i = 0; i < n; i++) found += share_of_best(x, n, i, k) * share_of_best(y, n, i, k);
  return n ? found / (double)k : NAN;
}

double cream_rank_regret(const double *x, const double *y, size_t n) {
  double best = -INFINITY, chosen = 0, count = 0, top = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    best = fmax(best, y[i]);
    top = fmax(top, x[i]);
  }
  for (size_t i = 0; i < n; i++) {
    if (x[i] != top) continue;
    chosen += y[i];
    count++;
  }
  return count > 0 ? best - chosen / count : NAN;
}

static cream_status correlate(const cream_ranked *paths, int all, const int *order,
                              const cream_bootstrap *bootstrap, cream_correlation *c, cream_error *err) {
  double x[CREAM_RANK_MAX_PATHS], y[CREAM_RANK_MAX_PATHS];
  const cream_interval none = {NAN, NAN, NAN};
  put_pairs(paths, all, order, c, x, y);
  c->recall = c->regret = none;
  size_t n = (size_t)c->best;
  cream_status status = cream_bootstrap_interval(bootstrap, cream_kendall, x, y, n, &c->tau, err);
  if (!status) status = cream_bootstrap_interval(bootstrap, cream_spearman, x, y, n, &c->rho, err);
  if (status || c->measure != CREAM_RANK_TOP1 || c->best != cream_rank_known(paths, all, c->by))
    return status;
  status = cream_bootstrap_interval(bootstrap, cream_rank_recall, x, y, n, &c->recall, err);
  return status ? status : cream_bootstrap_interval(bootstrap, cream_rank_regret, x, y, n, &c->regret, err);
}

cream_status cream_rank_correlate(const cream_ranked *paths, int n, const cream_bootstrap *bootstrap,
                                  cream_correlation correlations[CREAM_RANK_MAX_CORRELATIONS], int *count,
                                  cream_error *err) {
  static const cream_correlation kinds[] = {
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_TOP1, .split = CREAM_RANK_HELDOUT},
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_TOP1, .split = CREAM_RANK_TEST},
      {.by = CREAM_RANK_BY_SUPERNET, .measure = CREAM_RANK_LOSS, .split = CREAM_RANK_HELDOUT},
      {.by = CREAM_RANK_BY_FLOPS},
      {.by = CREAM_RANK_BY_PARAMS},
      {.by = CREAM_RANK_BY_LATENCY},
#define PROXY(name, word, title) {.by = CREAM_RANK_BY_##name},
      CREAM_PROXIES(PROXY)
#undef PROXY
          {.by = CREAM_RANK_BY_AGAIN},
  };
  enum { KINDS = sizeof kinds / sizeof *kinds, PARTS = 4 };
  _Static_assert(KINDS * PARTS == CREAM_RANK_MAX_CORRELATIONS, "room for all correlations");
  CREAM_ASSERT(n <= CREAM_RANK_MAX_PATHS);
  int order[CREAM_RANK_MAX_PATHS];
  cream_rank_order(paths, n, order);
  *count = 0;
  for (int k = 0; k < KINDS; k++)
    for (int b = 0; b < PARTS; b++) {
      int known = cream_rank_known(paths, n, kinds[k].by);
      const int best[PARTS] = {known, (known + 1) / 2, 20, 10};
      bool again = b > 1 && best[b] == best[1]; /* the better half is as many */
      if (known < 2 || best[b] < 2 || again || (b > 0 && best[b] >= known)) continue;
      cream_correlation *c = &correlations[(*count)++];
      *c = kinds[k];
      c->best = best[b];
      cream_status status = correlate(paths, n, order, bootstrap, c, err);
      if (status != CREAM_OK) return status;
    }
  return CREAM_OK;
}
