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

bool cream_limits_hold(const cream_limits *limits, const cream_costs *costs, const cream_path *path) {
  cream_cost cost = cream_costs_path(costs, path);
  if (!cream_range_holds(&limits->flops, cream_cost_flops(&cost))) return false;
  return limits->ms.max == 0 || cream_range_holds(&limits->ms, cream_latencies_path(limits->latencies, path));
}

static cream_status reach_at(const cream_space *space, const int *depth, int resolution, int classes,
                             cream_range *reach, cream_error *err) {
  cream_skeleton skeleton;
  cream_costs costs;
  cream_status status = cream_skeleton_init(&skeleton, space, depth, resolution, classes, err);
  if (status) return status;
  cream_costs_init(&costs, &skeleton, resolution);
  *reach = cream_costs_reach(&costs);
  return CREAM_OK;
}

/* Largest resolution of the space's grid. */
static int top_resolution(const cream_space *space) {
  int span = space->resolution.max - space->resolution.min;
  return space->resolution.min + span / space->resolution.step * space->resolution.step;
}

/* A resolution or depth[0] that is not 0 is the only one. */
static cream_status reach_within(const cream_space *space, int classes, int resolution, const int *depth,
                                 cream_range *reach, cream_error *err) {
  int low[CREAM_MAX_STAGES], high[CREAM_MAX_STAGES];
  for (int s = 0; s < space->n_stages; s++) {
    low[s] = depth[0] ? depth[s] : space->stages[s].depth_min;
    high[s] = depth[0] ? depth[s] : space->stages[s].depth_max;
  }
  cream_range small, large;
  cream_status status =
      reach_at(space, low, resolution ? resolution : space->resolution.min, classes, &small, err);
  if (!status)
    status = reach_at(space, high, resolution ? resolution : top_resolution(space), classes, &large, err);
  if (!status) *reach = (cream_range){small.min, large.max};
  return status;
}

cream_status cream_space_reach(const cream_space *space, int classes, cream_range *reach, cream_error *err) {
  int any[CREAM_MAX_STAGES] = {0};
  cream_status status = cream_space_validate(space, err);
  return status ? status : reach_within(space, classes, 0, any, reach, err);
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

/* ---- depths and resolution for a range --------------------------------------------------------------- */

static double mean_flops(const cream_costs *costs) {
  double mean = cream_cost_flops(&costs->fixed);
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < costs->n_options[l]; i++)
      mean += cream_cost_flops(&costs->layer[l][i]) / costs->n_options[l];
  return mean;
}

/* The ranges of a supernet, and the smallest one that holds them all. */
typedef struct wanted_ranges {
  const cream_range *ranges;
  int n;
  cream_range hull;
} wanted_ranges;

/* How far the mean of uniform paths is from the middle of the ranges; INFINITY where one has no path. */
static cream_status distance_at(const cream_space *space, const wanted_ranges *wanted, int classes,
                                int resolution, const int *depth, double *distance, cream_error *err) {
  cream_skeleton skeleton;
  cream_costs costs;
  cream_status status = cream_skeleton_init(&skeleton, space, depth, resolution, classes, err);
  if (status) return status;
  cream_costs_init(&costs, &skeleton, resolution);
  *distance = INFINITY;
  for (int i = 0; i < wanted->n; i++) {
    cream_range_sampler *sampler;
    cream_error none_inside;
    const cream_limits limits = {.flops = wanted->ranges[i]};
    status = cream_range_sampler_create(&costs, &limits, &sampler, &none_inside);
    if (status == CREAM_BAD_CONFIG) return CREAM_OK;
    if (status) return cream_fail(err, status, "%s", none_inside.text);
    cream_range_sampler_destroy(sampler);
  }
  *distance = fabs(mean_flops(&costs) - (wanted->hull.min + wanted->hull.max) / 2);
  return CREAM_OK;
}

/* The next depths of the even growth: one more layer in the shallowest stage, the last of equals. */
static bool grow(const cream_space *space, int *depth) {
  int chosen = -1;
  for (int s = 0; s < space->n_stages; s++)
    if (depth[s] < space->stages[s].depth_max && (chosen < 0 || depth[s] <= depth[chosen])) chosen = s;
  if (chosen >= 0) depth[chosen]++;
  return chosen >= 0;
}

static cream_status best_depth(const cream_space *space, const wanted_ranges *wanted, int classes,
                               int resolution, bool fixed, int *depth, double *nearest, cream_error *err) {
  int candidate[CREAM_MAX_STAGES] = {0};
  for (int s = 0; s < space->n_stages; s++) candidate[s] = fixed ? depth[s] : space->stages[s].depth_min;
  *nearest = INFINITY;
  do {
    double distance;
    cream_status status = distance_at(space, wanted, classes, resolution, candidate, &distance, err);
    if (status) return status;
    if (isfinite(distance) && distance <= *nearest) {
      *nearest = distance;
      memcpy(depth, candidate, sizeof candidate);
    }
  } while (!fixed && grow(space, candidate));
  return CREAM_OK;
}

cream_status cream_range_resolve(const cream_space *space, const cream_range *range, int classes,
                                 int *resolution, int depth[CREAM_MAX_STAGES], cream_error *err) {
  return cream_ranges_resolve(space, range, 1, classes, resolution, depth, err);
}

cream_status cream_ranges_resolve(const cream_space *space, const cream_range *ranges, int n, int classes,
                                  int *resolution, int depth[CREAM_MAX_STAGES], cream_error *err) {
  cream_status status = cream_space_validate(space, err);
  if (status) return status;
  bool fixed_depth = depth[0] != 0;
  wanted_ranges wanted = {ranges, n, {INFINITY, 0}};
  for (int i = 0; i < n; i++) {
    if (ranges[i].max == 0) continue;
    if (!(ranges[i].min >= 0 && ranges[i].min <= ranges[i].max))
      return cream_fail(err, CREAM_BAD_CONFIG, "flops: got %g:%g M, expected MIN:MAX with 0 <= MIN <= MAX",
                        ranges[i].min / 1e6, ranges[i].max / 1e6);
    wanted.hull.min = fmin(wanted.hull.min, ranges[i].min);
    wanted.hull.max = fmax(wanted.hull.max, ranges[i].max);
  }
  if (wanted.hull.max == 0) {
    if (!*resolution) *resolution = top_resolution(space);
    for (int s = 0; s < space->n_stages && !fixed_depth; s++) depth[s] = space->stages[s].depth_max;
    cream_skeleton skeleton;
    return cream_skeleton_init(&skeleton, space, depth, *resolution, classes, err);
  }
  int low = space->resolution.min, step = space->resolution.step, top = top_resolution(space);
  const cream_range *range = &wanted.hull;
  double middle = (range->min + range->max) / 2 / 1e6;
  double ideal = space->resolution.scale_at * sqrt(middle / space->resolution.scale_flops);
  int nearest = low + (int)lround((fmin(fmax(ideal, low), top) - low) / step) * step;
  for (int away = 0; away <= 2 * (top - low) / step; away++) {
    /* nearest, one step below, one above, two below, ... */
    int candidate = nearest + (away % 2 ? -(away + 1) / 2 : away / 2) * step;
    if (*resolution) candidate = *resolution;
    if (candidate < low || candidate > top) continue;
    double distance;
    status = best_depth(space, &wanted, classes, candidate, fixed_depth, depth, &distance, err);
    if (status) return status;
    if (isfinite(distance)) {
      *resolution = candidate;
      return CREAM_OK;
    }
    if (*resolution) break;
  }
  cream_range reach;
  if ((status = reach_within(space, classes, *resolution, depth, &reach, err))) return status;
  if (n > 1)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "search.budgets: no supernet of space `%s` has paths for all of the %d budgets of %g to "
        "%g M at one resolution; reachable are %.2f to %.2f M",
        space->name, n, range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "flops: no path of space `%s` lies in %g:%g M; reachable are %.2f to %.2f M", space->name,
                    range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
}
