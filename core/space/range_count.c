/* The number of paths inside limits. */
#include "core/base/rng.h"
#include "range.h"

double cream_costs_paths(const cream_costs *costs) {
  double paths = 1;
  for (int l = 0; l < costs->n_layers; l++) paths *= costs->n_options[l];
  return paths;
}

/* The next path in the order of the choices; false: that was the last. */
static bool next_path(const cream_costs *costs, cream_path *path) {
  for (int l = 0; l < costs->n_layers; l++) {
    if (++path->choice[l] < costs->n_options[l]) return true;
    path->choice[l] = 0;
  }
  return false;
}

static double enumerate(const cream_costs *costs, const cream_limits *limits) {
  double inside = 0;
  cream_path path = {.n_layers = costs->n_layers};
  do inside += cream_limits_hold(limits, costs, &path);
  while (next_path(costs, &path));
  return inside;
}

cream_status cream_limits_count(const cream_costs *costs, const cream_limits *limits, uint64_t seed,
                                cream_path_count *count, cream_error *err) {
  enum { ENUMERATED = 1 << 18, DRAWS = 20000 };
  double paths = cream_costs_paths(costs);
  bool any = limits->flops.max == 0 && limits->ms.max == 0;
  *count = (cream_path_count){.paths = paths, .exact = any || paths <= ENUMERATED};
  if (any) return CREAM_OK;
  if (count->exact) {
    count->paths = enumerate(costs, limits);
    return CREAM_OK;
  }
  cream_range_sampler *sampler;
  cream_status status = cream_range_sampler_create(costs, limits, &sampler, err);
  if (status) return status;
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, 0);
  count->paths *= cream_range_sampler_share(sampler) * cream_range_sampler_accepted(sampler, &rng, DRAWS);
  cream_range_sampler_destroy(sampler);
  return CREAM_OK;
}
