#include "search_internal.h"

/* BigNAS (Yu et al., ECCV 2020), the sandwich rule with in-place distillation: for every batch, the largest
 * path learns the labels, and the smallest and some drawn ones the largest's probabilities; one update. */

static cream_status open(cream_search *search, cream_error *err) {
  const cream_costs *costs = &search->costs;
  for (int end = 0; end < 2; end++) {
    cream_path *path = &search->extremes[end];
    path->n_layers = costs->n_layers;
    for (int l = 0; l < costs->n_layers; l++)
      for (int i = 1; i < costs->n_options[l]; i++) {
        double more =
            cream_cost_flops(&costs->layer[l][i]) - cream_cost_flops(&costs->layer[l][path->choice[l]]);
        if (end == 0 ? more > 0 : more < 0) path->choice[l] = (uint8_t)i;
      }
  }
  size_t outputs = (size_t)search->config.search.batch * (size_t)search->skeleton.classes;
  cream_status status = search->backend->alloc(search->backend, outputs, &search->soft, err);
  return status ? status
                : search_gather_init(
                      search, cream_search_batch_paths(&search->config.search, &search->skeleton), err);
}

static cream_status step(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  cream_net *net = search->train.net;
  const int paths = cream_search_batch_paths(&search->config.search, &search->skeleton);
  cream_rng rng = search_begin_draw(search);
  cream_loss loss = {
      .hard = 1, .smoothing = (float)search->config.search.smoothing, .labels = search->train.labels};
  search_gather_begin(search);
  for (int k = 0; k < paths; k++) {
    if (k < 2)
      search->path = search->extremes[k];
    else
      search_draw(search, &rng);
    cream_buf logits =
        cream_net_forward_train(net, &search->path, x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
    if (k == 0)
      search->backend->softmax(search->backend, logits, x->n, search->skeleton.classes, search->soft);
    search_gather_add(search, &search->path, &loss, logits, x->n);
    loss = (cream_loss){.soft = 1, .labels = search->train.labels, .target = search->soft};
  }
  return search_gather_update(search, event, err);
}

const cream_strategy_ops cream_strategy_sandwich = {
    .open = open, .close = search_gather_destroy, .step = step, .finish = search_evolve};
