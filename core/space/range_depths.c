/* The depths and the resolution of a supernet for limits of FLOPs and latency. */
#include <math.h>
#include <string.h>

#include "range.h"

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

/* ---- what is aimed at -------------------------------------------------------------------------------- */

/* The limits of a supernet, the smallest ranges that hold them all, and what the candidates reach. */
typedef struct wanted_limits {
  const cream_limits *limits;
  int n;
  const cream_latency_source *source; /* NULL: limits of milliseconds are not considered */
  cream_range flops, ms;              /* aimed at; max 0: not */
  cream_range reached;                /* milliseconds, of all candidates; min INFINITY: of none yet */
  cream_error unknown;                /* why a candidate has no latencies; CREAM_OK: all have */
} wanted_limits;

static void widen(cream_range *hull, double low, double high) {
  hull->min = hull->max > 0 ? fmin(hull->min, low) : low;
  hull->max = fmax(hull->max, high);
}

static cream_status find_flops(wanted_limits *wanted, cream_error *err) {
  for (int i = 0; i < wanted->n; i++) {
    const cream_range *range = &wanted->limits[i].flops;
    if (range->max == 0) continue;
    if (!(range->min >= 0 && range->min <= range->max))
      return cream_fail(err, CREAM_BAD_CONFIG, "flops: got %g:%g M, expected MIN:MAX with 0 <= MIN <= MAX",
                        range->min / 1e6, range->max / 1e6);
    widen(&wanted->flops, range->min, range->max);
  }
  return CREAM_OK;
}

/* A limit without a least value counts as a budget of the usual share, and only where nothing else is aimed at. */
static void find_ms(wanted_limits *wanted) {
  static const double share = 0.8;
  bool ranges = false;
  for (int i = 0; i < wanted->n; i++) ranges |= wanted->limits[i].ms.min > 0;
  for (int i = 0; i < wanted->n; i++) {
    const cream_range *range = &wanted->limits[i].ms;
    bool aimed = range->min > 0 || (!ranges && wanted->flops.max == 0);
    if (range->max > 0 && aimed)
      widen(&wanted->ms, range->min > 0 ? range->min : share * range->max, range->max);
  }
}

static bool limits_ms(const wanted_limits *wanted) {
  bool any = false;
  for (int i = 0; i < wanted->n; i++) any |= wanted->limits[i].ms.max > 0;
  return any && wanted->source;
}

/* ---- one candidate ----------------------------------------------------------------------------------- */

static double mean_flops(const cream_costs *costs) {
  double mean = cream_cost_flops(&costs->fixed);
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < costs->n_options[l]; i++)
      mean += cream_cost_flops(&costs->layer[l][i]) / costs->n_options[l];
  return mean;
}

static double mean_ms(const cream_latencies *latencies, const cream_costs *costs) {
  double mean = latencies->fixed;
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < costs->n_options[l]; i++) mean += latencies->layer[l][i] / costs->n_options[l];
  return mean;
}

/* How far the means are from the middles of what is aimed at: FLOPs or milliseconds; of both, the sum of the shares. */
static double distance_of(const wanted_limits *wanted, const cream_costs *costs,
                          const cream_latencies *latencies) {
  double distance = 0, middle = (wanted->flops.min + wanted->flops.max) / 2;
  bool both = wanted->flops.max > 0 && wanted->ms.max > 0;
  if (wanted->flops.max > 0) distance = fabs(mean_flops(costs) - middle) / (both ? middle : 1);
  middle = (wanted->ms.min + wanted->ms.max) / 2;
  if (wanted->ms.max > 0) distance += fabs(mean_ms(latencies, costs) - middle) / (both ? middle : 1);
  return distance;
}

/* *known: the latencies are needed and there. */
static cream_status look_up(wanted_limits *wanted, const cream_skeleton *skeleton, const cream_costs *costs,
                            cream_latencies *latencies, bool *known, cream_error *err) {
  cream_error unknown;
  cream_status status = wanted->source->find(wanted->source->self, skeleton, latencies, &unknown);
  *known = status == CREAM_OK;
  if (status == CREAM_BAD_CONFIG) {
    if (wanted->unknown.status == CREAM_OK) wanted->unknown = unknown;
    return CREAM_OK;
  }
  if (status) return cream_fail(err, status, "%s", unknown.text);
  cream_range reach = cream_latencies_reach(latencies, costs);
  wanted->reached.min = fmin(wanted->reached.min, reach.min);
  wanted->reached.max = fmax(wanted->reached.max, reach.max);
  return CREAM_OK;
}

/* INFINITY where a limit has no path, or the latencies are unknown. */
static cream_status distance_at(const cream_space *space, wanted_limits *wanted, int classes, int resolution,
                                const int *depth, double *distance, cream_error *err) {
  cream_skeleton skeleton;
  cream_costs costs;
  cream_latencies latencies;
  bool timed = limits_ms(wanted), known = false;
  cream_status status = cream_skeleton_init(&skeleton, space, depth, resolution, classes, err);
  if (status) return status;
  cream_costs_init(&costs, &skeleton, resolution);
  *distance = INFINITY;
  if (timed) status = look_up(wanted, &skeleton, &costs, &latencies, &known, err);
  if (status || timed != known) return status;
  for (int i = 0; i < wanted->n; i++) {
    cream_range_sampler *sampler;
    cream_error none_inside;
    const cream_limits limits = {.flops = wanted->limits[i].flops,
                                 .ms = timed ? wanted->limits[i].ms : (cream_range){0, 0},
                                 .latencies = &latencies};
    status = cream_range_sampler_create(&costs, &limits, &sampler, &none_inside);
    if (status == CREAM_BAD_CONFIG) return CREAM_OK;
    if (status) return cream_fail(err, status, "%s", none_inside.text);
    cream_range_sampler_destroy(sampler);
  }
  *distance = distance_of(wanted, &costs, &latencies);
  return CREAM_OK;
}

/* ---- all candidates ---------------------------------------------------------------------------------- */

/* The next depths of the even growth: one more layer in the shallowest stage, the last of equals. */
static bool grow(const cream_space *space, int *depth) {
  int chosen = -1;
  for (int s = 0; s < space->n_stages; s++)
    if (depth[s] < space->stages[s].depth_max && (chosen < 0 || depth[s] <= depth[chosen])) chosen = s;
  if (chosen >= 0) depth[chosen]++;
  return chosen >= 0;
}

static cream_status best_depth(const cream_space *space, wanted_limits *wanted, int classes, int resolution,
                               bool fixed, int *depth, double *nearest, cream_error *err) {
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

/* The resolutions are tried by their distance from the one for the middle of the FLOPs. *found: one has depths. */
static cream_status best_resolution(const cream_space *space, wanted_limits *wanted, int classes,
                                    int *resolution, int *depth, bool *found, cream_error *err) {
  bool fixed = depth[0] != 0;
  int low = space->resolution.min, step = space->resolution.step, top = top_resolution(space);
  double middle = (wanted->flops.min + wanted->flops.max) / 2 / 1e6;
  double ideal = space->resolution.scale_at * sqrt(middle / space->resolution.scale_flops);
  int nearest = low + (int)lround((fmin(fmax(ideal, low), top) - low) / step) * step;
  *found = false;
  for (int away = 0; away <= 2 * (top - low) / step; away++) {
    /* nearest, one step below, one above, two below, ... */
    int candidate = nearest + (away % 2 ? -(away + 1) / 2 : away / 2) * step;
    if (*resolution) candidate = *resolution;
    if (candidate < low || candidate > top) continue;
    double distance;
    cream_status status = best_depth(space, wanted, classes, candidate, fixed, depth, &distance, err);
    if (status) return status;
    if (isfinite(distance)) {
      *resolution = candidate;
      *found = true;
      return CREAM_OK;
    }
    if (*resolution) break;
  }
  return CREAM_OK;
}

/* ---- failures ---------------------------------------------------------------------------------------- */

static cream_status fail_ms(const cream_space *space, const wanted_limits *wanted, int classes,
                            int resolution, const int *depth, cream_error *err) {
  cream_range reach;
  if (wanted->unknown.status && isinf(wanted->reached.min))
    return cream_fail(err, wanted->unknown.status, "%s", wanted->unknown.text);
  cream_status status =
      reach_within(space, classes, resolution, depth, &reach, err); /* a resolution outside */
  if (status) return status;
  if (wanted->n > 1)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "search.budgets: no supernet of space `%s` at %d pixels has paths for all of the %d "
                      "budgets; by the latency table its networks take %.3f to %.3f ms",
                      space->name, resolution, wanted->n, wanted->reached.min, wanted->reached.max);
  const cream_limits *limits = wanted->limits;
  char flops[80] = "";
  if (limits->flops.max > 0)
    snprintf(flops, sizeof flops, "lies in %.7g:%.7g M and ", limits->flops.min / 1e6,
             limits->flops.max / 1e6);
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "%slatency: no path of space `%s` at %d pixels %stakes %.4g:%.4g ms at any depths; by the "
      "latency table its networks take %.3f to %.3f ms",
      *flops ? "flops and " : "", space->name, resolution, flops, limits->ms.min, limits->ms.max,
      wanted->reached.min, wanted->reached.max);
}

static cream_status fail_flops(const cream_space *space, const wanted_limits *wanted, int classes,
                               int resolution, const int *depth, cream_error *err) {
  const cream_range *range = &wanted->flops;
  cream_range reach;
  cream_status status = reach_within(space, classes, resolution, depth, &reach, err);
  if (status) return status;
  if (wanted->n > 1)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "search.budgets: no supernet of space `%s` has paths for all of the %d budgets of %g to "
        "%g M at one resolution; reachable are %.2f to %.2f M",
        space->name, wanted->n, range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "flops: no path of space `%s` lies in %g:%g M; reachable are %.2f to %.2f M", space->name,
                    range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
}

/* ---- public ------------------------------------------------------------------------------------------ */

cream_status cream_range_resolve(const cream_space *space, const cream_range *range, int classes,
                                 int *resolution, int depth[CREAM_MAX_STAGES], cream_error *err) {
  const cream_limits limits = {.flops = *range};
  return cream_limits_resolve(space, &limits, 1, NULL, classes, resolution, depth, err);
}

/* The only resolution of the latencies, where the space has it. */
static void take_resolution(const cream_space *space, const wanted_limits *wanted, int *resolution) {
  if (*resolution || !limits_ms(wanted)) return;
  int known = wanted->source->resolution;
  if (known >= space->resolution.min && known <= space->resolution.max) *resolution = known;
}

cream_status cream_limits_resolve(const cream_space *space, const cream_limits *limits, int n,
                                  const cream_latency_source *source, int classes, int *resolution,
                                  int depth[CREAM_MAX_STAGES], cream_error *err) {
  cream_status status = cream_space_validate(space, err);
  bool fixed_depth = depth[0] != 0;
  wanted_limits wanted = {.limits = limits, .n = n, .source = source, .reached = {INFINITY, 0}};
  if (!status) status = find_flops(&wanted, err);
  if (status) return status;
  take_resolution(space, &wanted, resolution);
  if (fixed_depth) wanted.source = NULL; /* nothing is chosen by milliseconds */
  if (limits_ms(&wanted)) find_ms(&wanted);
  if (wanted.flops.max == 0 && !*resolution) *resolution = top_resolution(space);
  if (wanted.flops.max == 0 && !limits_ms(&wanted)) {
    for (int s = 0; s < space->n_stages && !fixed_depth; s++) depth[s] = space->stages[s].depth_max;
    cream_skeleton skeleton;
    return cream_skeleton_init(&skeleton, space, depth, *resolution, classes, err);
  }
  bool found;
  status = best_resolution(space, &wanted, classes, resolution, depth, &found, err);
  if (status || found) return status;
  return limits_ms(&wanted) ? fail_ms(space, &wanted, classes, *resolution, depth, err)
                            : fail_flops(space, &wanted, classes, *resolution, depth, err);
}
