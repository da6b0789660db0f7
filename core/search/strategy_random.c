#include "search_internal.h"

/* Random search: paths drawn inside the limits, each trained from scratch for its share of the steps. The board ranks
 * them; the weights of its first entry are stored. */

enum { TRIES = 1000 };

typedef struct random_search {
  cream_path *paths;             /* [search.random.paths], in the order of their training */
  cream_buf initial;             /* weights, then statistics, that every path starts from */
  cream_buf weights, statistics; /* of the first entry of each target's board */
} random_search;

static uint64_t first_step(const cream_search *search, int i) {
  return search->steps * (uint64_t)i / (uint64_t)search->config.search.random.paths;
}

static int path_at(const cream_search *search, uint64_t step) {
  int n = search->config.search.random.paths, i = (int)(step * (uint64_t)n / search->steps);
  return i + 1 < n && first_step(search, i + 1) <= step ? i + 1 : i;
}

static int target_of(const cream_search *search, int i) {
  return i % search->n_targets;
}

static cream_status check(cream_search *search, cream_error *err) {
  int n = search->config.search.random.paths;
  if ((uint64_t)n <= search->steps && n >= search->n_targets) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "search.random.paths: got %d, expected %d to %llu, a step for each", n, search->n_targets,
                    (unsigned long long)search->steps);
}

/* Draws search.random.paths different paths, for the targets in turn. */
static cream_status draw_paths(cream_search *search, cream_error *err) {
  random_search *self = search->strategy_state;
  int n = search->config.search.random.paths;
  cream_path *paths = self->paths = calloc((size_t)n, sizeof *paths);
  if (!paths) return cream_fail_memory(err, (size_t)n * sizeof *paths, "the paths of a random search");
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, 0);
  for (int i = 0; i < n; i++) {
    int tries = 0, same;
    do {
      paths[i] = cream_range_sampler_draw(search->targets[target_of(search, i)].sampler, &rng);
      for (same = 0; same < i && !cream_path_equal(&paths[same], &paths[i]);) same++;
    } while (same < i && ++tries < TRIES);
    if (same < i)
      return cream_fail(
          err, CREAM_BAD_CONFIG,
          "search.random.paths: got %d, but only %d different paths were found inside the range", n, i);
  }
  return CREAM_OK;
}

static cream_status open(cream_search *search, cream_error *err) {
  random_search *self = search->strategy_state;
  cream_backend *backend = search->backend;
  cream_net *net = search->train.net;
  size_t weights = cream_net_weight_count(net), statistics = cream_net_statistic_count(net);
  size_t targets = (size_t)search->n_targets;
  cream_status status = draw_paths(search, err);
  if (!status) status = backend->alloc(backend, weights + statistics, &self->initial, err);
  if (!status) status = backend->alloc(backend, targets * weights, &self->weights, err);
  if (!status) status = backend->alloc(backend, targets * statistics, &self->statistics, err);
  if (status) return status;
  for (int t = 0; t < search->n_targets; t++) { /* the better trained path enters, whatever its FLOPs */
    search->targets[t].board.rule = CREAM_BOARD_GAP;
    search->targets[t].board.gap = -INFINITY;
  }
  backend->copy(backend, self->initial, cream_net_weights(net), weights);
  backend->copy(backend, cream_buf_at(self->initial, weights), cream_net_statistics(net), statistics);
  return CREAM_OK;
}

static void close(cream_search *search) {
  random_search *self = search->strategy_state;
  cream_buf *buffers[] = {&self->initial, &self->weights, &self->statistics};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) search->backend->release(search->backend, *buffers[i]);
  free(self->paths);
}

static void set_net(cream_search *search, cream_buf weights, cream_buf statistics) {
  cream_net *net = search->train.net;
  search->backend->copy(search->backend, cream_net_weights(net), weights, cream_net_weight_count(net));
  search->backend->copy(search->backend, cream_net_statistics(net), statistics,
                        cream_net_statistic_count(net));
}

static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  random_search *self = search->strategy_state;
  const cream_search_config *config = &search->config.search;
  cream_train *train = &search->train;
  cream_net *net = train->net;
  int i = path_at(search, search->step);
  uint64_t first = first_step(search, i), length = first_step(search, i + 1) - first;
  size_t weights = cream_net_weight_count(net);
  search->path = self->paths[i];
  if (search->step == first) {
    set_net(search, self->initial, cream_buf_at(self->initial, weights));
    search->backend->fill(search->backend, train->blocks.m, weights, 0);
  }
  /* Every path runs through the whole schedule, with shorter epochs. */
  uint64_t per_epoch = search->per_epoch / (uint64_t)config->random.paths;
  event->lr = train->lr_scale * cream_lr_at(&config->lr, search->step - first, length,
                                            per_epoch ? per_epoch : 1, config->batch * config->accumulate);
  return search_train_path(search, event, err);
}

/* Measures path `i` with the net's weights and offers it to the board of its target. */
static cream_status rank(cream_search *search, int i, cream_event *event, cream_error *err) {
  random_search *self = search->strategy_state;
  int t = target_of(search, i);
  cream_board *board = &search->targets[t].board;
  const cream_path *path = &self->paths[i];
  cream_score score;
  cream_status status = search_measure(search, search->train.cluster, path, search->heldout, &score, err);
  if (status) return status;
  cream_board_entry candidate = search_entry(search, path, &score);
  if ((status = search_emit_score(search, &candidate, event, err))) return status;
  bool entered;
  int at = cream_board_offer(board, &candidate, &entered);
  if (!entered) return CREAM_OK;
  if (at == 0) {
    cream_backend *backend = search->backend;
    cream_net *net = search->train.net;
    size_t weights = cream_net_weight_count(net), statistics = cream_net_statistic_count(net);
    backend->copy(backend, cream_buf_at(self->weights, (size_t)t * weights), cream_net_weights(net), weights);
    backend->copy(backend, cream_buf_at(self->statistics, (size_t)t * statistics), search->statistics,
                  statistics);
  }
  return search_emit_board(search, t, at, event, err);
}

static cream_status after(cream_search *search, cream_event *event, cream_error *err) {
  int i = path_at(search, search->step - 1);
  if (search->step != first_step(search, i + 1)) return CREAM_OK;
  search_save_statistics(search);
  return rank(search, i, event, err);
}

static uint64_t board_opens(const cream_search *search) {
  return first_step(search, 1);
}

/* If the time budget ended before a target's first path was trained, ranks the path that was being trained, or the
 * target's first one. */
static cream_status finish(cream_search *search, cream_error *err) {
  for (int t = 0; t < search->n_targets; t++) {
    if (search->targets[t].board.count > 0) continue;
    int begun = path_at(search, search->step ? search->step - 1 : 0);
    cream_event event = {.phase = "search", .step = search->step, .rho = -1};
    cream_status status = rank(search, target_of(search, begun) == t ? begun : t, &event, err);
    if (status) return status;
  }
  return CREAM_OK;
}

static void restore_best(cream_search *search, int t) {
  random_search *self = search->strategy_state;
  size_t weights = cream_net_weight_count(search->train.net);
  size_t statistics = cream_net_statistic_count(search->train.net);
  set_net(search, cream_buf_at(self->weights, (size_t)t * weights),
          cream_buf_at(self->statistics, (size_t)t * statistics));
  search_save_statistics(search);
}

static void state(cream_search *search, cream_state *state) {
  random_search *self = search->strategy_state;
  cream_net *net = search->train.net;
  size_t targets = (size_t)search->n_targets;
  cream_state_add_device(state, "random.weights", self->weights, targets * cream_net_weight_count(net));
  cream_state_add_device(state, "random.statistics", self->statistics,
                         targets * cream_net_statistic_count(net));
}

SEARCH_STRATEGY(random, "paths trained from scratch, one after the other", search_one_path, step, finish,
                .state_size = sizeof(random_search), .check = check, .open = open, .close = close,
                .after = after, .board_opens = board_opens, .restore_best = restore_best, .state = state);
