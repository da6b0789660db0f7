#include "range.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

/* ---- reach ------------------------------------------------------------------------------------------- */

/* A cost that is the sum over a network's parts: FLOPs, or milliseconds. */
typedef struct additive {
  double fixed, layer[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
} additive;

static void flops_of(const cream_costs *costs, additive *sums) {
  sums->fixed = cream_cost_flops(&costs->fixed);
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < costs->n_options[l]; i++) sums->layer[l][i] = cream_cost_flops(&costs->layer[l][i]);
}

static void milliseconds_of(const cream_latencies *latencies, additive *sums) {
  sums->fixed = latencies->fixed;
  memcpy(sums->layer, latencies->layer, sizeof sums->layer);
}

static cream_range reach_of(const additive *sums, const cream_costs *costs) {
  cream_range reach = {sums->fixed, sums->fixed};
  for (int l = 0; l < costs->n_layers; l++) {
    double low = sums->layer[l][0], high = low;
    for (int i = 1; i < costs->n_options[l]; i++) {
      low = fmin(low, sums->layer[l][i]);
      high = fmax(high, sums->layer[l][i]);
    }
    reach.min += low;
    reach.max += high;
  }
  return reach;
}

cream_range cream_costs_reach(const cream_costs *costs) {
  additive flops;
  flops_of(costs, &flops);
  return reach_of(&flops, costs);
}

cream_range cream_latencies_reach(const cream_latencies *latencies, const cream_costs *costs) {
  additive milliseconds;
  milliseconds_of(latencies, &milliseconds);
  return reach_of(&milliseconds, costs);
}

void cream_limits_cap(cream_limits *limits, double max_ms) {
  if (max_ms > 0 && (limits->ms.max == 0 || max_ms < limits->ms.max)) limits->ms.max = max_ms;
}

bool cream_limits_hold(const cream_limits *limits, const cream_costs *costs, const cream_path *path) {
  cream_cost cost = cream_costs_path(costs, path);
  if (!cream_range_holds(&limits->flops, cream_cost_flops(&cost))) return false;
  return limits->ms.max == 0 || cream_range_holds(&limits->ms, cream_latencies_path(limits->latencies, path));
}

/* ---- drawing inside a range -------------------------------------------------------------------------- */

enum { BINS = 4096, TRIES = 100000 };

/* A sum with its bounds. */
typedef struct bound {
  additive sums;
  cream_range range; /* max 0: none */
  cream_range reach;
} bound;

struct cream_range_sampler {
  cream_costs costs;
  int n_bounds;
  bound bounds[2];                           /* FLOPs, milliseconds or both */
  int lead;                                  /* the leading one: the grid's */
  int step[CREAM_MAX_LAYERS][CREAM_MAX_OPS]; /* of the lead above the layer's least, in bins, rounded down */
  int first_bin, last_bin;                   /* sums of steps that may lie inside the range */
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_limits limits;
  cream_path witness;                          /* some path inside */
  double mass[CREAM_MAX_LAYERS + 1][BINS + 1]; /* of all completions from layer l on, at accumulated bin b */
};

static void sum_masses(cream_range_sampler *sampler) {
  int n = sampler->costs.n_layers;
  for (int b = 0; b <= BINS; b++)
    sampler->mass[n][b] = b >= sampler->first_bin && b <= sampler->last_bin ? 1 : 0;
  for (int l = n - 1; l >= 0; l--) {
    double *mass = sampler->mass[l];
    const double *next = sampler->mass[l + 1];
    memset(mass, 0, sizeof sampler->mass[l]);
    for (int i = 0; i < sampler->costs.n_options[l]; i++) {
      double p = sampler->prior[l][i];
      int step = sampler->step[l][i];
      if (p > 0)
        for (int b = 0; b + step <= BINS; b++) mass[b] += p * next[b + step];
    }
  }
}

static void set_probabilities(cream_range_sampler *sampler, double (*prior)[CREAM_MAX_OPS]) {
  for (int l = 0; l < sampler->costs.n_layers; l++) {
    double sum = 0;
    int n = sampler->costs.n_options[l];
    for (int i = 0; i < n; i++) sum += prior[l][i];
    for (int i = 0; i < n; i++) sampler->prior[l][i] = sum > 0 ? prior[l][i] / sum : 0;
  }
}

/* The grid of bound `lead`, with the masses of the present prior. */
static void lay_grid(cream_range_sampler *sampler, int lead) {
  const bound *of = &sampler->bounds[lead];
  const cream_costs *costs = &sampler->costs;
  cream_range inside = of->range.max == 0 ? (cream_range){0, of->reach.max} : of->range;
  double unit = (fmin(inside.max, of->reach.max) - of->reach.min) / (BINS - 1);
  if (!(unit > 0)) unit = 1; /* one path, or only the smallest */
  for (int l = 0; l < costs->n_layers; l++) {
    const double *values = of->sums.layer[l];
    double least = INFINITY;
    for (int i = 0; i < costs->n_options[l]; i++) least = fmin(least, values[i]);
    for (int i = 0; i < costs->n_options[l]; i++)
      sampler->step[l][i] = (int)fmin((values[i] - least) / unit, BINS + 1);
  }
  /* A sum of n rounded steps is at most n bins below the true one. */
  sampler->first_bin = (int)fmax(0, (inside.min - of->reach.min) / unit - costs->n_layers - 1);
  sampler->last_bin = (int)fmin(BINS, (inside.max - of->reach.min) / unit + 1);
  sampler->lead = lead;
  sum_masses(sampler);
}

static cream_status add_bound(cream_range_sampler *sampler, const cream_range *range, const char *format,
                              double unit, cream_error *err) {
  bound *added = &sampler->bounds[sampler->n_bounds++];
  added->range = *range;
  added->reach = reach_of(&added->sums, &sampler->costs);
  const cream_range *reach = &added->reach;
  if (range->max == 0 || (range->min <= range->max && range->min <= reach->max && range->max >= reach->min))
    return CREAM_OK;
  char text[200];
  snprintf(text, sizeof text, format, range->min / unit, range->max / unit, reach->min / unit,
           reach->max / unit);
  return cream_fail(err, CREAM_BAD_CONFIG, "%s", text);
}

cream_status cream_range_sampler_create(const cream_costs *costs, const cream_limits *limits,
                                        cream_range_sampler **out, cream_error *err) {
  *out = NULL;
  CREAM_ASSERT(limits->ms.max == 0 || limits->latencies);
  cream_range_sampler *sampler = calloc(1, sizeof *sampler);
  if (!sampler) return cream_fail_memory(err, sizeof *sampler, "the path sampler");
  sampler->costs = *costs;
  sampler->limits = *limits;
  cream_status status = CREAM_OK;
  if (limits->flops.max > 0 || limits->ms.max == 0) {
    flops_of(costs, &sampler->bounds[sampler->n_bounds].sums);
    status = add_bound(sampler, &limits->flops,
                       "flops: no path lies in %.7g:%.7g M; this supernet reaches %.3f to %.3f M", 1e6, err);
  }
  if (!status && limits->ms.max > 0) {
    milliseconds_of(limits->latencies, &sampler->bounds[sampler->n_bounds].sums);
    status = add_bound(sampler, &limits->ms,
                       "latency: no path takes %.4g:%.4g ms; this supernet reaches %.3f to %.3f ms", 1, err);
  }
  double uniform[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < costs->n_options[l]; i++) uniform[l][i] = 1;
  if (!status) {
    set_probabilities(sampler, uniform);
    lay_grid(sampler, sampler->n_bounds - 1);
    double share = sampler->mass[0][0];
    if (sampler->n_bounds == 2) lay_grid(sampler, 0);
    if (sampler->n_bounds == 2 && share < sampler->mass[0][0]) lay_grid(sampler, 1);
    status = cream_range_sampler_set_prior(sampler, uniform, err);
  }
  if (status)
    cream_range_sampler_destroy(sampler);
  else
    *out = sampler;
  return status;
}

void cream_range_sampler_destroy(cream_range_sampler *sampler) {
  free(sampler);
}

/* Draws by the masses; true if the path lies inside. */
static bool draw_once(const cream_range_sampler *sampler, cream_rng *rng, cream_path *path) {
  int bin = 0, n_layers = sampler->costs.n_layers;
  double sums[2] = {sampler->bounds[0].sums.fixed, sampler->bounds[1].sums.fixed};
  *path = (cream_path){.n_layers = n_layers};
  for (int l = 0; l < n_layers; l++) {
    double left = cream_rng_double(rng) * sampler->mass[l][bin];
    int chosen = -1;
    for (int i = 0; i < sampler->costs.n_options[l] && (chosen < 0 || left >= 0); i++) {
      int next = bin + sampler->step[l][i];
      double mass = next <= BINS ? sampler->prior[l][i] * sampler->mass[l + 1][next] : 0;
      if (mass > 0) {
        chosen = i;
        left -= mass;
      }
    }
    path->choice[l] = (uint8_t)chosen;
    bin += sampler->step[l][chosen];
    for (int b = 0; b < sampler->n_bounds; b++) sums[b] += sampler->bounds[b].sums.layer[l][chosen];
  }
  bool inside = true;
  for (int b = 0; b < sampler->n_bounds; b++) inside &= cream_range_holds(&sampler->bounds[b].range, sums[b]);
  return inside;
}

static cream_status fail_empty(const cream_range_sampler *sampler, cream_error *err) {
  const cream_limits *limits = &sampler->limits;
  if (sampler->n_bounds == 2)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "flops and latency: no path both lies in %.7g:%.7g M and takes %.4g:%.4g ms; widen one "
                      "of them or the prior",
                      limits->flops.min / 1e6, limits->flops.max / 1e6, limits->ms.min, limits->ms.max);
  if (limits->ms.max > 0)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "latency: no path with a probability above 0 takes %.4g:%.4g ms; widen the range or the "
        "prior",
        limits->ms.min, limits->ms.max);
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "flops: no path with a probability above 0 lies in %.7g:%.7g M; widen the range or the prior",
      limits->flops.min / 1e6, limits->flops.max / 1e6);
}

cream_status cream_range_sampler_set_prior(cream_range_sampler *sampler, double (*prior)[CREAM_MAX_OPS],
                                           cream_error *err) {
  set_probabilities(sampler, prior);
  sum_masses(sampler);
  if (sampler->mass[0][0] > 0) {
    cream_rng rng = cream_rng_at(0, CREAM_RNG_PATH, UINT64_MAX);
    for (int i = 0; i < TRIES; i++)
      if (draw_once(sampler, &rng, &sampler->witness)) return CREAM_OK;
  }
  return fail_empty(sampler, err);
}

cream_path cream_range_sampler_draw(const cream_range_sampler *sampler, cream_rng *rng) {
  cream_path path;
  for (int i = 0; i < TRIES; i++)
    if (draw_once(sampler, rng, &path)) return path;
  return sampler->witness; /* a range narrower than 1/TRIES of the grid's edge */
}

double cream_range_sampler_share(const cream_range_sampler *sampler) {
  return sampler->mass[0][0];
}

double cream_range_sampler_accepted(const cream_range_sampler *sampler, cream_rng *rng, int draws) {
  int inside = 0;
  cream_path path;
  for (int i = 0; i < draws; i++) inside += draw_once(sampler, rng, &path);
  return (double)inside / draws;
}
