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

cream_status search_measure(cream_search *search, const cream_path *path, cream_source *images,
                            cream_score *score, cream_error *err) {
  cream_net *net = search->train.net;
  search_restore_statistics(search);
  cream_status status =
      cream_recalibrate(net, path, search->train_source, (uint64_t)search->config.search.epochs,
                        search->config.recalibrate.mode, search->config.search.recalibrate, err);
  if (status) return status;
  return cream_evaluate(net, path, images, CREAM_BN_RUNNING, score, err);
}

static bool better(const cream_search_result *a, const cream_search_result *b) {
  return cream_score_order(&a->score, cream_cost_flops(&a->cost), &b->score, cream_cost_flops(&b->cost)) < 0;
}

static cream_status measure_entry(cream_search *search, int t, int e, cream_search_result *result,
                                  cream_error *err) {
  const cream_board *board = &search->targets[t].board;
  const cream_path *path = &board->entries[e].path;
  *result = (cream_search_result){.path = *path, .cost = cream_costs_path(&search->costs, path), .entry = e};
  if (search->has_latencies) result->ms = cream_latencies_path(&search->latencies, path);
  cream_status status = search_measure(search, path, search->heldout, &result->score, err);
  if (status) return status;
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
                       .path = path,
                       .entry = e};
  return cream_train_emit(&search->train, &event, err);
}

cream_status search_select(cream_search *search, int t, cream_search_result *best, cream_error *err) {
  search_target *target = &search->targets[t];
  const cream_board *board = &target->board;
  if (search->strategy->restore_best) search->strategy->restore_best(search, t);
  best->entry = -1;
  int candidates = search->strategy->restore_best && board->count > 1 ? 1 : board->count;
  for (int e = 0; e < candidates; e++) {
    cream_search_result measured;
    if (!cream_limits_hold(&target->limits, &search->costs, &board->entries[e].path)) continue;
    if (cream_train_stopped(&search->train))
      return cream_fail(err, CREAM_INTERRUPTED, "interrupted during the final selection");
    cream_status status = measure_entry(search, t, e, &measured, err);
    if (status) return status;
    if (best->entry < 0 || better(&measured, best)) *best = measured;
  }
  CREAM_ASSERT(best->entry >= 0);
  return CREAM_OK;
}
