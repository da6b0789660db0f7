#include <string.h>

#include "search_internal.h"

/* Evolution over a trained supernet, as in SPOS (Guo et al., ECCV 2020): every path is recalibrated and
 * evaluated once; children of the best paths so far are made by crossover and mutation, inside the limits. */

enum { TRIES = 100 };

typedef struct individual {
  cream_path path;
  cream_score score;
  double flops;
  cream_order order; /* the same for all */
} individual;

/* Held-out images drawn by seed, on which every path is evaluated. */
typedef struct sample {
  cream_source source;
  cream_source *of;
  uint32_t *indices; /* into `of`; NULL: all images */
} sample;

typedef struct archive {
  cream_source *images;
  individual *all; /* [n], the first `ranked` from best to worst */
  int n, ranked;
} archive;

static int by_fitness(const void *a, const void *b) {
  const individual *p = a, *q = b;
  int order = cream_score_order(p->order, &p->score, p->flops, &q->score, q->flops);
  return order ? order : memcmp(p->path.choice, q->path.choice, sizeof p->path.choice);
}

static bool is_known(const archive *seen, const cream_path *path) {
  for (int i = 0; i < seen->n; i++)
    if (cream_path_equal(&seen->all[i].path, path)) return true;
  return false;
}

static const cream_path *parent(const cream_search *search, const archive *seen, cream_rng *rng) {
  int parents = search->config.search.evolution.parents;
  return &seen->all[cream_rng_below(rng, (uint32_t)(parents < seen->ranked ? parents : seen->ranked))].path;
}

static cream_path cross(const cream_search *search, const archive *seen, cream_rng *rng) {
  const cream_path *a = parent(search, seen, rng), *b = parent(search, seen, rng);
  cream_path child = *a;
  for (int l = 0; l < child.n_layers; l++)
    if (cream_rng_below(rng, 2)) child.choice[l] = b->choice[l];
  return child;
}

static cream_path mutate(const cream_search *search, const archive *seen, cream_rng *rng) {
  cream_path child = *parent(search, seen, rng);
  for (int l = 0; l < child.n_layers; l++)
    if (cream_rng_double(rng) < search->config.search.evolution.mutation)
      child.choice[l] = (uint8_t)cream_rng_below(rng, (uint32_t)search->costs.n_options[l]);
  return child;
}

typedef enum origin { CROSSED, MUTATED, DRAWN } origin;

/* Makes a new path inside the limits; false: none was found. */
static bool breed(const cream_search *search, const search_target *target, const archive *seen, origin how,
                  cream_rng *rng, cream_path *child) {
  for (int i = 0; i < TRIES; i++) {
    *child = how == CROSSED   ? cross(search, seen, rng)
             : how == MUTATED ? mutate(search, seen, rng)
                              : cream_range_sampler_draw(target->sampler, rng);
    if (!is_known(seen, child) && cream_limits_hold(&target->limits, &search->costs, child)) return true;
  }
  return false;
}

/* Evaluates the paths of `seen` from place `first` on. */
static cream_status evaluate(cream_search *search, archive *seen, int first, cream_error *err) {
  const int n = seen->n - first;
  cream_path *paths = malloc((size_t)n * sizeof *paths + 1);
  search_round round = {.paths = paths, .n = n, .images = seen->images, .what = "the evolution"};
  cream_status status = CREAM_OK;
  if (!paths) status = cream_fail_memory(err, (size_t)n * sizeof *paths, "the evolution");
  for (int i = 0; i < n && !status; i++) paths[i] = seen->all[first + i].path;
  for (bool more = true; !status && more;) {
    status = search_round_next(search, &round, &more, err);
    for (int i = 0; !status && i < round.count; i++) {
      individual *added = &seen->all[first + round.done + i];
      added->score = round.scores[i];
      cream_board_entry candidate = search_entry(search, &added->path, &added->score);
      cream_event event = {.phase = "search", .step = search->step, .rho = -1};
      status = search_emit_score(search, &candidate, &event, err);
    }
  }
  search_round_end(&round);
  free(paths);
  return status;
}

/* Adds a path that is not evaluated yet. */
static void add(const cream_search *search, archive *seen, const cream_path *path) {
  const cream_cost cost = cream_costs_path(&search->costs, path);
  seen->all[seen->n++] =
      (individual){.path = *path, .flops = cream_cost_flops(&cost), .order = search->config.search.order};
}

/* Evaluates the paths of generation `g` of a target. A path is drawn where none can be bred; the generation ends when no
 * new path is found. */
static cream_status generation(cream_search *search, int t, int g, archive *seen, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  const search_target *target = &search->targets[t];
  int crossed = (int)(config->evolution.crossover * config->evolution.population + 0.5);
  uint64_t draw = (uint64_t)t * (uint64_t)(config->evolution.generations + 1) + (uint64_t)g;
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_EVOLUTION, draw);
  const int first = seen->n;
  for (int i = 0; i < config->evolution.population; i++) {
    cream_path child;
    origin how = g == 0 ? DRAWN : i < crossed ? CROSSED : MUTATED;
    if (!breed(search, target, seen, how, &rng, &child) &&
        (how == DRAWN || !breed(search, target, seen, DRAWN, &rng, &child)))
      break;
    add(search, seen, &child);
  }
  cream_status status = evaluate(search, seen, first, err);
  if (status) return status;
  qsort(seen->all, (size_t)seen->n, sizeof *seen->all, by_fitness);
  seen->ranked = seen->n;
  return CREAM_OK;
}

/* Replaces the target's board by the best paths. */
static cream_status rank(cream_search *search, int t, const archive *seen, int g, cream_error *err) {
  cream_board *board = &search->targets[t].board;
  cream_event event = {.phase = "search", .step = search->step, .epoch = g, .rho = -1};
  board->count = 0;
  for (int i = 0; i < seen->n && i < board->capacity; i++) {
    board->entries[i] = search_entry(search, &seen->all[i].path, &seen->all[i].score);
    board->entries[i].slot = board->first_slot + i;
    board->count++;
  }
  cream_board_sort(board);
  return search_emit_board(search, t, 0, &event, err);
}

static cream_status read_sample(cream_source *source, uint64_t epoch, uint64_t step, cream_batch *batch,
                                cream_error *err) {
  (void)epoch;
  const sample *s = source->self;
  size_t first = (size_t)step * (size_t)source->batch, n = source->count - first;
  if (n > (size_t)source->batch) n = (size_t)source->batch;
  return s->of->pick(s->of, s->indices + first, (int)n, batch, err);
}

static cream_status draw_sample(cream_search *search, sample *s, cream_error *err) {
  size_t count = search->heldout->count, n = (size_t)search->config.search.evolution.images;
  if (n == 0 || n >= count) return CREAM_OK;
  uint8_t *taken = calloc(count, sizeof *taken);
  s->indices = malloc(n * sizeof *s->indices);
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_EVOLUTION, UINT64_MAX);
  if (taken && s->indices) cream_rng_choose(&rng, count, (int)n, s->indices, taken);
  free(taken);
  if (!taken || !s->indices) return cream_fail_memory(err, count + n * sizeof *s->indices, "the evolution");
  s->source = *s->of;
  s->source.self = s;
  s->source.count = n;
  s->source.read = read_sample;
  return CREAM_OK;
}

cream_status search_evolve(cream_search *search, cream_error *err) {
  const cream_search_config *config = &search->config.search;
  size_t most = (size_t)config->evolution.population * (size_t)(config->evolution.generations + 1);
  sample images = {.of = search->heldout};
  cream_status status = draw_sample(search, &images, err);
  archive seen = {.images = images.indices ? &images.source : search->heldout,
                  .all = malloc(most * sizeof *seen.all)};
  if (!status && !seen.all) status = cream_fail_memory(err, most * sizeof *seen.all, "the evolution");
  for (int t = 0; t < search->n_targets && !status; t++) {
    seen.n = seen.ranked = 0;
    for (int g = 0; g <= config->evolution.generations && !status; g++) {
      status = generation(search, t, g, &seen, err);
      if (!status) status = rank(search, t, &seen, g, err);
    }
  }
  free(seen.all);
  free(images.indices);
  return status;
}
