#include "range.h"

#include <math.h>
#include <string.h>

#include "rng.h"

/* ---- reach ------------------------------------------------------------------------------------------- */

cream_range cream_costs_reach(const cream_costs *costs, const int *n_options) {
  cream_range reach = {cream_cost_flops(&costs->fixed), cream_cost_flops(&costs->fixed)};
  for (int l = 0; l < costs->n_layers; l++) {
    double low = INFINITY, high = 0;
    for (int i = 0; i < n_options[l]; i++) {
      double flops = cream_cost_flops(&costs->layer[l][i]);
      low = fmin(low, flops);
      high = fmax(high, flops);
    }
    reach.min += low;
    reach.max += high;
  }
  return reach;
}

static void options_of(const cream_skeleton *skeleton, int n_options[CREAM_MAX_LAYERS]) {
  for (int l = 0; l < skeleton->n_layers; l++) n_options[l] = skeleton->layers[l].n_options;
}

static cream_status reach_at(const cream_space *space, const int *depth, int resolution, int classes,
                             cream_range *reach, cream_error *err) {
  cream_skeleton skeleton;
  cream_costs costs;
  int n_options[CREAM_MAX_LAYERS];
  cream_status status = cream_skeleton_init(&skeleton, space, depth, resolution, classes, err);
  if (status) return status;
  cream_costs_init(&costs, &skeleton, resolution);
  options_of(&skeleton, n_options);
  *reach = cream_costs_reach(&costs, n_options);
  return CREAM_OK;
}

/* Largest resolution of the space's grid. */
static int top_resolution(const cream_space *space) {
  int span = space->resolution.max - space->resolution.min;
  return space->resolution.min + span / space->resolution.step * space->resolution.step;
}

/* `resolution` or `depth[0]` set (not 0): only that. */
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

struct cream_range_sampler {
  int n_layers;
  int n_options[CREAM_MAX_LAYERS];
  cream_range range;
  double fixed, flops[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  int step[CREAM_MAX_LAYERS][CREAM_MAX_OPS]; /* FLOPs above the layer's least, in bins, rounded down */
  int first_bin, last_bin;                   /* sums of steps that may lie inside the range */
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_path witness;                          /* some path inside */
  double mass[CREAM_MAX_LAYERS + 1][BINS + 1]; /* of all completions from layer l on, at accumulated bin b */
};

cream_status cream_range_sampler_create(const cream_costs *costs, const int *n_options,
                                        const cream_range *range, cream_range_sampler **out,
                                        cream_error *err) {
  *out = NULL;
  cream_range reach = cream_costs_reach(costs, n_options);
  cream_range inside = *range;
  if (inside.max == 0) inside = (cream_range){0, reach.max};
  if (!(inside.min <= inside.max) || inside.min > reach.max || inside.max < reach.min)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "flops: no path lies in %.3f:%.3f M; this supernet reaches %.3f to %.3f M",
                      range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
  cream_range_sampler *sampler = calloc(1, sizeof *sampler);
  if (!sampler) return cream_fail_memory(err, sizeof *sampler, "the path sampler");
  sampler->n_layers = costs->n_layers;
  sampler->range = *range;
  sampler->fixed = cream_cost_flops(&costs->fixed);
  double unit = (fmin(inside.max, reach.max) - reach.min) / (BINS - 1);
  if (!(unit > 0)) unit = 1; /* one path, or only the smallest */
  for (int l = 0; l < costs->n_layers; l++) {
    double least = INFINITY;
    sampler->n_options[l] = n_options[l];
    for (int i = 0; i < n_options[l]; i++) {
      sampler->flops[l][i] = cream_cost_flops(&costs->layer[l][i]);
      least = fmin(least, sampler->flops[l][i]);
    }
    for (int i = 0; i < n_options[l]; i++)
      sampler->step[l][i] = (int)fmin((sampler->flops[l][i] - least) / unit, BINS + 1);
  }
  /* A sum of n rounded steps is at most n bins below the true one. */
  sampler->first_bin = (int)fmax(0, (inside.min - reach.min) / unit - costs->n_layers - 1);
  sampler->last_bin = (int)fmin(BINS, (inside.max - reach.min) / unit + 1);

  double uniform[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < n_options[l]; i++) uniform[l][i] = 1;
  cream_status status = cream_range_sampler_set_prior(sampler, uniform, err);
  if (status)
    cream_range_sampler_destroy(sampler);
  else
    *out = sampler;
  return status;
}

void cream_range_sampler_destroy(cream_range_sampler *sampler) {
  free(sampler);
}

static void sum_masses(cream_range_sampler *sampler) {
  int n = sampler->n_layers;
  for (int b = 0; b <= BINS; b++)
    sampler->mass[n][b] = b >= sampler->first_bin && b <= sampler->last_bin ? 1 : 0;
  for (int l = n - 1; l >= 0; l--) {
    double *mass = sampler->mass[l];
    const double *next = sampler->mass[l + 1];
    memset(mass, 0, sizeof sampler->mass[l]);
    for (int i = 0; i < sampler->n_options[l]; i++) {
      double p = sampler->prior[l][i];
      int step = sampler->step[l][i];
      if (p > 0)
        for (int b = 0; b + step <= BINS; b++) mass[b] += p * next[b + step];
    }
  }
}

/* Draws by the masses; true if the path really lies inside. */
static bool draw_once(const cream_range_sampler *sampler, cream_rng *rng, cream_path *path) {
  int bin = 0;
  double flops = sampler->fixed;
  *path = (cream_path){.n_layers = sampler->n_layers};
  for (int l = 0; l < sampler->n_layers; l++) {
    double left = cream_rng_double(rng) * sampler->mass[l][bin];
    int chosen = -1;
    for (int i = 0; i < sampler->n_options[l] && (chosen < 0 || left >= 0); i++) {
      int next = bin + sampler->step[l][i];
      double mass = next <= BINS ? sampler->prior[l][i] * sampler->mass[l + 1][next] : 0;
      if (mass > 0) {
        chosen = i;
        left -= mass;
      }
    }
    path->choice[l] = (uint8_t)chosen;
    bin += sampler->step[l][chosen];
    flops += sampler->flops[l][chosen];
  }
  return cream_range_holds(&sampler->range, flops);
}

cream_status cream_range_sampler_set_prior(cream_range_sampler *sampler, double (*prior)[CREAM_MAX_OPS],
                                           cream_error *err) {
  for (int l = 0; l < sampler->n_layers; l++) {
    double sum = 0;
    for (int i = 0; i < sampler->n_options[l]; i++) sum += prior[l][i];
    for (int i = 0; i < sampler->n_options[l]; i++) sampler->prior[l][i] = sum > 0 ? prior[l][i] / sum : 0;
  }
  sum_masses(sampler);
  if (sampler->mass[0][0] > 0) {
    cream_rng rng = cream_rng_at(0, CREAM_RNG_PATH, UINT64_MAX);
    for (int i = 0; i < TRIES; i++)
      if (draw_once(sampler, &rng, &sampler->witness)) return CREAM_OK;
  }
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "flops: no path with a probability above 0 lies in %.3f:%.3f M; widen the range or the prior",
      sampler->range.min / 1e6, sampler->range.max / 1e6);
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

static double mean_flops(const cream_costs *costs, const int *n_options) {
  double mean = cream_cost_flops(&costs->fixed);
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 0; i < n_options[l]; i++) mean += cream_cost_flops(&costs->layer[l][i]) / n_options[l];
  return mean;
}

/* How far the mean of uniform paths is from the middle of the range; INFINITY where no path lies inside. */
static cream_status distance_at(const cream_space *space, const cream_range *range, int classes,
                                int resolution, const int *depth, double *distance, cream_error *err) {
  cream_skeleton skeleton;
  cream_costs costs;
  int n_options[CREAM_MAX_LAYERS];
  cream_status status = cream_skeleton_init(&skeleton, space, depth, resolution, classes, err);
  if (status) return status;
  cream_costs_init(&costs, &skeleton, resolution);
  options_of(&skeleton, n_options);
  cream_range_sampler *sampler;
  cream_error none_inside;
  *distance = INFINITY;
  status = cream_range_sampler_create(&costs, n_options, range, &sampler, &none_inside);
  if (status == CREAM_BAD_CONFIG) return CREAM_OK;
  if (status) return cream_fail(err, status, "%s", none_inside.text);
  *distance = fabs(mean_flops(&costs, n_options) - (range->min + range->max) / 2);
  cream_range_sampler_destroy(sampler);
  return CREAM_OK;
}

/* The next depths of the even growth: one layer more in the shallowest stage, of equals the last. */
static bool grow(const cream_space *space, int *depth) {
  int chosen = -1;
  for (int s = 0; s < space->n_stages; s++)
    if (depth[s] < space->stages[s].depth_max && (chosen < 0 || depth[s] <= depth[chosen])) chosen = s;
  if (chosen >= 0) depth[chosen]++;
  return chosen >= 0;
}

static cream_status best_depth(const cream_space *space, const cream_range *range, int classes,
                               int resolution, bool fixed, int *depth, double *nearest, cream_error *err) {
  int candidate[CREAM_MAX_STAGES] = {0};
  for (int s = 0; s < space->n_stages; s++) candidate[s] = fixed ? depth[s] : space->stages[s].depth_min;
  *nearest = INFINITY;
  do {
    double distance;
    cream_status status = distance_at(space, range, classes, resolution, candidate, &distance, err);
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
  cream_status status = cream_space_validate(space, err);
  if (status) return status;
  bool fixed_depth = depth[0] != 0;
  if (range->max == 0) {
    if (!*resolution) *resolution = top_resolution(space);
    for (int s = 0; s < space->n_stages && !fixed_depth; s++) depth[s] = space->stages[s].depth_max;
    cream_skeleton skeleton;
    return cream_skeleton_init(&skeleton, space, depth, *resolution, classes, err);
  }
  if (!(range->min >= 0 && range->min <= range->max))
    return cream_fail(err, CREAM_BAD_CONFIG, "flops: got %g:%g M, expected MIN:MAX with 0 <= MIN <= MAX",
                      range->min / 1e6, range->max / 1e6);

  int low = space->resolution.min, step = space->resolution.step, top = top_resolution(space);
  double middle = (range->min + range->max) / 2 / 1e6;
  double ideal = space->resolution.scale_at * sqrt(middle / space->resolution.scale_flops);
  int nearest = low + (int)lround((fmin(fmax(ideal, low), top) - low) / step) * step;
  for (int away = 0; away <= 2 * (top - low) / step; away++) {
    /* nearest, one step below, one above, two below, ... */
    int candidate = nearest + (away % 2 ? -(away + 1) / 2 : away / 2) * step;
    if (*resolution) candidate = *resolution;
    if (candidate < low || candidate > top) continue;
    double distance;
    status = best_depth(space, range, classes, candidate, fixed_depth, depth, &distance, err);
    if (status) return status;
    if (isfinite(distance)) {
      *resolution = candidate;
      return CREAM_OK;
    }
    if (*resolution) break;
  }
  cream_range reach;
  if ((status = reach_within(space, classes, *resolution, depth, &reach, err))) return status;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "flops: no path of space `%s` lies in %g:%g M; reachable are %.2f to %.2f M", space->name,
                    range->min / 1e6, range->max / 1e6, reach.min / 1e6, reach.max / 1e6);
}
