#include "search_internal.h"

void search_save_statistics(cream_search *search) {
  cream_net *net = search->train.net;
  search->backend->copy(search->backend, search->statistics, cream_net_statistics(net),
                        cream_net_statistic_count(net));
}

void search_restore_statistics(cream_search *search) {
  cream_net *net = search->train.net;
  search->backend->copy(search->backend, cream_net_statistics(net), search->statistics,
                        cream_net_statistic_count(net));
}

cream_status search_measure(cream_search *search, cream_cluster *cluster, const cream_path *path,
                            cream_source *images, cream_score *score, cream_error *err) {
  cream_net *net = search->train.net;
  search_restore_statistics(search);
  cream_status status =
      cream_recalibrate(net, path, search->train_source, (uint64_t)search->config.search.epochs,
                        search->config.recalibrate.mode, search->config.search.recalibrate, err);
  if (status) return status;
  return cream_evaluate_shared(cluster, net, path, images, CREAM_BN_RUNNING, score, NULL, err);
}

cream_status cream_search_score(cream_search *search, const cream_path *path, cream_score *score,
                                cream_error *err) {
  search_save_statistics(search);
  cream_status status = search_measure(search, NULL, path, search->heldout, score, err);
  search_restore_statistics(search);
  return status;
}

/* ---- rounds ------------------------------------------------------------------------------------------ */

/* What a rank has measured of a path. */
typedef struct measurement {
  cream_score score;
  int32_t done, stopped; /* stopped: by the listener of this rank */
} measurement;

/* Measures paths of the round until all are taken. A rank that is stopped takes the rest, and measures none of it. */
static cream_status measure_some(cream_search *search, const search_round *round, measurement *own,
                                 cream_error *err) {
  cream_cluster *cluster = search->train.cluster;
  cream_status status = CREAM_OK;
  while (!status) {
    uint64_t number;
    if ((status = cluster->take(cluster, &number, err))) return status;
    const uint64_t i = number - search->numbers;
    if (i >= (uint64_t)round->count) break;
    own[i].stopped = cream_train_stopped(&search->train);
    if (own[i].stopped) continue;
    own[i].done = 1;
    status =
        search_measure(search, NULL, &round->paths[round->done + (int)i], round->images, &own[i].score, err);
  }
  search->numbers += (uint64_t)round->count + (uint64_t)cluster->size;
  return status;
}

/* A round of all paths, which the ranks share out. */
static cream_status share_out(cream_search *search, search_round *round, bool *stopped, cream_error *err) {
  cream_cluster *cluster = search->train.cluster;
  const size_t n = (size_t)round->count, ranks = (size_t)cluster->size;
  measurement *own = calloc(n * (ranks + 1), sizeof *own), *all = own + n;
  if (!own) return cream_fail_memory(err, n * (ranks + 1) * sizeof *own, "the scores of paths");
  cream_status status = measure_some(search, round, own, err);
  if (!status) status = cream_cluster_gather(cluster, own, n * sizeof *own, all, err);
  for (size_t i = 0; i < n * ranks && !status; i++) {
    *stopped |= all[i].stopped != 0;
    if (all[i].done) round->scores[i % n] = all[i].score;
  }
  free(own);
  return status;
}

/* A round of one path, which all ranks measure together. */
static cream_status measure_one(cream_search *search, const search_round *round, bool *stopped,
                                cream_error *err) {
  cream_cluster *cluster = search->train.cluster;
  uint8_t own = cream_train_stopped(&search->train), all[CREAM_MAX_RANKS] = {own};
  cream_status status = CREAM_OK;
  if (!own || !cream_cluster_alone(cluster))
    status =
        search_measure(search, cluster, &round->paths[round->done], round->images, &round->scores[0], err);
  if (!status && !cream_cluster_alone(cluster)) status = cream_cluster_gather(cluster, &own, 1, all, err);
  for (int r = 0; r < cream_cluster_size(cluster) && !status; r++) *stopped |= all[r] != 0;
  return status;
}

cream_status search_round_next(cream_search *search, search_round *round, bool *more, cream_error *err) {
  const bool shared = !round->together && !cream_cluster_alone(search->train.cluster);
  bool stopped = false;
  round->done += round->count;
  const int left = round->n - round->done;
  round->count = shared || left < 1 ? left : 1;
  *more = round->count > 0;
  if (!*more) return CREAM_OK;
  if (!round->scores) round->scores = calloc((size_t)round->count, sizeof *round->scores);
  if (!round->scores) return cream_fail_memory(err, (size_t)round->count * sizeof *round->scores, "scores");
  cream_status status =
      shared ? share_out(search, round, &stopped, err) : measure_one(search, round, &stopped, err);
  if (!status && stopped) status = cream_fail(err, CREAM_INTERRUPTED, "interrupted during %s", round->what);
  return status;
}

void search_round_end(search_round *round) {
  free(round->scores);
}

/* ---- the final selection ----------------------------------------------------------------------------- */

static bool better(cream_order order, const cream_search_result *a, const cream_search_result *b) {
  return cream_score_order(order, &a->score, cream_cost_flops(&a->cost), &b->score,
                           cream_cost_flops(&b->cost)) < 0;
}

static cream_search_result result_of(const cream_search *search, const cream_path *path, int entry,
                                     const cream_score *score) {
  cream_search_result result = {
      .path = *path, .score = *score, .cost = cream_costs_path(&search->costs, path), .entry = entry};
  if (search->has_latencies) result.ms = cream_latencies_path(&search->latencies, path);
  return result;
}

static cream_status emit(cream_search *search, int t, const cream_search_result *result, cream_error *err) {
  const cream_board *board = &search->targets[t].board;
  cream_event event = {.kind = CREAM_EVENT_SELECT,
                       .phase = "search",
                       .step = search->step,
                       .rho = -1,
                       .accuracy = result->score.top1,
                       .top5 = result->score.top5,
                       .eval_loss = result->score.loss,
                       .split = "heldout",
                       .board = board,
                       .budget = search->n_budgets ? search->budgets[t].label : NULL,
                       .path = &board->entries[result->entry].path,
                       .entry = result->entry};
  return cream_train_emit(&search->train, &event, err);
}

cream_status search_select(cream_search *search, int t, cream_search_result *best, cream_error *err) {
  const search_target *target = &search->targets[t];
  const cream_board *board = &target->board;
  const bool one_path = search->strategy->restore_best != NULL;
  cream_path paths[CREAM_MAX_BOARD];
  int entries[CREAM_MAX_BOARD], n = 0;
  if (one_path) search->strategy->restore_best(search, t);
  for (int e = 0; e < board->count && (e == 0 || !one_path); e++) {
    if (!cream_limits_hold(&target->limits, &search->costs, &board->entries[e].path)) continue;
    paths[n] = board->entries[e].path;
    entries[n++] = e;
  }
  search_round round = {
      .paths = paths, .n = n, .images = search->heldout, .what = "the final selection", .together = one_path};
  cream_status status = CREAM_OK;
  best->entry = -1;
  for (bool more = true; !status && more;) {
    status = search_round_next(search, &round, &more, err);
    for (int i = 0; !status && i < round.count; i++) {
      const int at = round.done + i;
      cream_search_result measured = result_of(search, &paths[at], entries[at], &round.scores[i]);
      status = emit(search, t, &measured, err);
      if (best->entry < 0 || better(search->config.search.order, &measured, best)) *best = measured;
    }
  }
  search_round_end(&round);
  CREAM_ASSERT(status || best->entry >= 0);
  return status;
}
