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
  return cream_evaluate_shared(cluster, net, path, images, CREAM_BN_RUNNING, score, err);
}

cream_status cream_search_score(cream_search *search, const cream_path *path, cream_score *score,
                                cream_error *err) {
  search_save_statistics(search);
  cream_status status = search_measure(search, NULL, path, search->heldout, score, err);
  search_restore_statistics(search);
  return status;
}

/* ---- rounds ------------------------------------------------------------------------------------------ */

/* What a rank contributes to a round. */
typedef struct measurement {
  cream_score score;
  int32_t stopped;
} measurement;

static cream_status exchange(cream_cluster *cluster, search_round *round, const measurement *own,
                             bool *stopped, cream_error *err) {
  const size_t ranks = (size_t)cream_cluster_size(cluster);
  measurement *all = malloc(ranks * sizeof *all);
  cream_status status = CREAM_OK;
  if (!all) return cream_fail_memory(err, ranks * sizeof *all, "the scores of paths");
  all[0] = *own;
  if (ranks > 1) status = cluster->gather(cluster, own, sizeof *own, all, err);
  for (size_t r = 0; r < ranks && !status; r++) {
    *stopped |= all[r].stopped != 0;
    if (r < (size_t)round->count) round->scores[r] = all[r].score;
  }
  free(all);
  return status;
}

cream_status search_round_next(cream_search *search, search_round *round, bool *more, cream_error *err) {
  cream_cluster *cluster = search->train.cluster;
  const int ranks = cream_cluster_size(cluster), taken = round->together ? 1 : ranks;
  measurement own = {.stopped = cream_train_stopped(&search->train)};
  bool stopped = false;
  cream_status status = CREAM_OK;
  round->done += round->count;
  round->count = round->n - round->done < taken ? round->n - round->done : taken;
  *more = round->count > 0;
  if (!*more) return CREAM_OK;
  if (!round->scores) round->scores = malloc((size_t)taken * sizeof *round->scores);
  if (!round->scores) return cream_fail_memory(err, (size_t)taken * sizeof *round->scores, "scores");
  int mine = round->together ? 0 : cream_cluster_rank(cluster);
  if (mine < round->count && (round->together || !own.stopped))
    status = search_measure(search, round->together ? cluster : NULL, &round->paths[round->done + mine],
                            round->images, &own.score, err);
  if (!status) status = exchange(cluster, round, &own, &stopped, err);
  if (!status && stopped) status = cream_fail(err, CREAM_INTERRUPTED, "interrupted during %s", round->what);
  return status;
}

void search_round_end(search_round *round) {
  free(round->scores);
}

/* ---- the final selection ----------------------------------------------------------------------------- */

static bool better(const cream_search_result *a, const cream_search_result *b) {
  return cream_score_order(&a->score, cream_cost_flops(&a->cost), &b->score, cream_cost_flops(&b->cost)) < 0;
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
      if (best->entry < 0 || better(&measured, best)) *best = measured;
    }
  }
  search_round_end(&round);
  CREAM_ASSERT(status || best->entry >= 0);
  return status;
}
