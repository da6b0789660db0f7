/* Ranges of FLOPs and latency: the depths and resolution of a supernet for a range, and drawing its paths
 * inside one.
 */
#ifndef CREAM_CORE_RANGE_H
#define CREAM_CORE_RANGE_H

#include "complexity.h"
#include "latency.h"

/* Limits of a network's cost. */
typedef struct cream_limits {
  cream_range flops;
  cream_range ms;                   /* milliseconds; max 0: any */
  const cream_latencies *latencies; /* not owned; needed where there is an ms.max */
} cream_limits;

/* Lowers the largest latency to max_ms; 0: no such limit. */
void cream_limits_cap(cream_limits *, double max_ms);
bool cream_limits_hold(const cream_limits *, const cream_costs *, const cream_path *);

/* FLOPs of the smallest and the largest path of a supernet, and of a space over all its depths and
 * resolutions. */
cream_range cream_costs_reach(const cream_costs *);
/* Milliseconds of the fastest and the slowest path; the costs are those of the same supernet. */
cream_range cream_latencies_reach(const cream_latencies *, const cream_costs *);
cream_status cream_space_reach(const cream_space *, int classes, cream_range *, cream_error *);

/* Depths and resolution of a supernet for a range.
 *
 * The resolution is r = scale_at * sqrt(F / scale_flops), F being the middle of the range; it is rounded to
 * the space's step and clipped. For the depths, stages grow evenly from their least depth: the shallowest
 * stage first, the last of equally deep ones. Of this sequence, and of those depths that have any path
 * inside, the ones are chosen whose paths, drawn uniformly, have mean FLOPs nearest to the middle (the deeper
 * of equals).
 *
 * A resolution or depth[0] that is not 0 is left as it is. Without a range: the largest resolution and
 * depths. Fails with CREAM_BAD_CONFIG, which names the reachable range, where no path lies inside. */
cream_status cream_range_resolve(const cream_space *, const cream_range *, int classes, int *resolution,
                                 int depth[CREAM_MAX_STAGES], cream_error *);

/* Finds the latencies of supernets. */
typedef struct cream_latency_source {
  /* CREAM_BAD_CONFIG: they are not known. */
  cream_status (*find)(const void *self, const cream_skeleton *, cream_latencies *, cream_error *);
  const void *self;
  int resolution; /* the only one that it knows */
} cream_latency_source;

/* The same for the limits of `n` networks at once, whose own `latencies` are ignored: F is the middle of the smallest
 * range that holds all their FLOPs, and each of them has a path inside.
 *
 * Limits of milliseconds count where there is a source and no given depth. Then the source's resolution is taken, and
 * depths without known latencies are left out. The mean latency is to be nearest to the middle of the smallest range that
 * holds all ranges of milliseconds; with FLOPs as well, the two distances are added as shares of their middles. Limits
 * of milliseconds without a `min` only have to have a path, except where nothing else is given: then a limit MS counts
 * as the range [0.8 MS, MS]. */
cream_status cream_limits_resolve(const cream_space *, const cream_limits *, int n,
                                  const cream_latency_source *, int classes, int *resolution,
                                  int depth[CREAM_MAX_STAGES], cream_error *);

/* Draws paths inside limits, given a prior over choices: P(path) is the product of the prior's probabilities,
 * restricted to the limits and normalised.
 *
 * The draw is exact. The leading limit, of FLOPs or of milliseconds, is the one that fewer uniform paths
 * satisfy. The mass of all completions is summed backwards over layers on a grid of the leading limit; a path
 * that is outside at the edge of the grid, or violates the other limit, is drawn again (at most 100,000
 * times). */
typedef struct cream_range_sampler cream_range_sampler;

/* Fails with CREAM_BAD_CONFIG, which names the reachable range, where no path lies inside. */
cream_status cream_range_sampler_create(const cream_costs *, const cream_limits *, cream_range_sampler **,
                                        cream_error *);
void cream_range_sampler_destroy(cream_range_sampler *);
/* prior[layer][option], unnormalised; a zero excludes the option. Cheap enough for every step. Fails where
 * the prior excludes all paths inside the limits. */
cream_status cream_range_sampler_set_prior(cream_range_sampler *, double (*prior)[CREAM_MAX_OPS],
                                           cream_error *);
struct cream_rng;
cream_path cream_range_sampler_draw(const cream_range_sampler *, struct cream_rng *);
/* Share of the prior's mass inside the leading limit. */
double cream_range_sampler_share(const cream_range_sampler *);
/* Share of `draws` draws of that mass, those at the edge of the grid included, that lie inside all limits. */
double cream_range_sampler_accepted(const cream_range_sampler *, struct cream_rng *, int draws);

/* Number of paths of a supernet. */
double cream_costs_paths(const cream_costs *);

typedef struct cream_path_count {
  double paths;
  bool
      exact; /* counted one by one; false: estimated, to about one part in a hundred, from paths drawn by seed */
} cream_path_count;

/* Number of paths inside limits. */
cream_status cream_limits_count(const cream_costs *, const cream_limits *, uint64_t seed, cream_path_count *,
                                cream_error *);

#endif
