/* FLOPs ranges: which depths and resolution serve one, and which of a supernet's paths lie inside. */
#ifndef CREAM_CORE_RANGE_H
#define CREAM_CORE_RANGE_H

#include "complexity.h"
#include "latency.h"

/* What a network may cost. */
typedef struct cream_limits {
  cream_range flops;
  cream_range ms;                   /* milliseconds; max 0: any */
  const cream_latencies *latencies; /* not owned; needed where there is an ms.max */
} cream_limits;

bool cream_limits_hold(const cream_limits *, const cream_costs *, const cream_path *);

/* The smallest and largest path of a supernet, and of a whole space over its depths and resolutions. */
cream_range cream_costs_reach(const cream_costs *);
cream_status cream_space_reach(const cream_space *, int classes, cream_range *, cream_error *);

/* Depths and resolution for a range.
 * The resolution r comes first: the middle of the range, F, is scaled to the side at which the space is in
 * proportion, r = scale_at * sqrt(F / scale_flops), rounded to the space's step and clipped; then depths:
 * stages grow evenly from their least depth (the shallowest first, of equals the last), and of that sequence
 * the depths win whose paths, drawn uniformly, have FLOPs nearest to the middle on average (of equals the
 * deeper), of those with any path inside.
 * `resolution` or `depth[0]` set (not 0) are kept. Without a range: the largest resolution and depths.
 * CREAM_BAD_CONFIG, with what is reachable, where no path lies inside. */
cream_status cream_range_resolve(const cream_space *, const cream_range *, int classes, int *resolution,
                                 int depth[CREAM_MAX_STAGES], cream_error *);
/* The same for `n` ranges at once (those without a max do not count): the middle is that of all together,
 * and every one has a path inside. */
cream_status cream_ranges_resolve(const cream_space *, const cream_range *, int n, int classes,
                                  int *resolution, int depth[CREAM_MAX_STAGES], cream_error *);

/* Draws paths inside limits with any prior over choices: P(path) is the product of the prior's
 * probabilities, restricted to the limits and normalised. Exact: of FLOPs and milliseconds, the one that
 * lets the smaller share of the uniform paths through goes first: the mass of all completions is summed
 * backwards over layers on a grid of it; what the grid lets through at its edge, or what the other one
 * forbids, is drawn again (100,000 times at most). */
typedef struct cream_range_sampler cream_range_sampler;

/* CREAM_BAD_CONFIG, with what is reachable, where no path lies inside. */
cream_status cream_range_sampler_create(const cream_costs *, const cream_limits *, cream_range_sampler **,
                                        cream_error *);
void cream_range_sampler_destroy(cream_range_sampler *);
/* prior[layer][option], unnormalised; a zero excludes the option. Cheap enough for every step. Fails if no
 * path inside the range has a mass. */
cream_status cream_range_sampler_set_prior(cream_range_sampler *, double (*prior)[CREAM_MAX_OPS],
                                           cream_error *);
struct cream_rng;
cream_path cream_range_sampler_draw(const cream_range_sampler *, struct cream_rng *);
/* Share of the prior's mass that lies inside the range that goes first. */
double cream_range_sampler_share(const cream_range_sampler *);

#endif
