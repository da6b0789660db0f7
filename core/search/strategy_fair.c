#include "search_internal.h"

/* FairNAS (Chu et al., ICCV 2021), strict fairness: for every batch, as many paths as the widest layer has
 * choices, each layer going through a permutation of its own, and one update at the end. A layer with fewer
 * choices begins its permutation again. */

static cream_status open(cream_search *search, cream_error *err) {
  return search_gather_init(search, cream_search_batch_paths(&search->config.search, &search->skeleton), err);
}

static cream_status step(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  const cream_skeleton *skeleton = &search->skeleton;
  const int paths = cream_search_batch_paths(&search->config.search, skeleton);
  uint32_t order[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
  for (int l = 0; l < skeleton->n_layers; l++) {
    int n = skeleton->layers[l].n_options;
    for (int i = 0; i < n; i++) order[l][i] = (uint32_t)i;
    cream_rng_shuffle(&rng, order[l], (size_t)n);
  }
  cream_loss loss = {
      .hard = 1, .smoothing = (float)search->config.search.smoothing, .labels = search->train.labels};
  search_gather_begin(search);
  search->path = (cream_path){.n_layers = skeleton->n_layers};
  for (int k = 0; k < paths; k++) {
    for (int l = 0; l < skeleton->n_layers; l++)
      search->path.choice[l] = (uint8_t)order[l][k % skeleton->layers[l].n_options];
    cream_buf logits = cream_net_forward_train(search->train.net, &search->path, x, CREAM_BN_TRAIN,
                                               CREAM_BN_MOMENTUM, 0, 0, 0);
    search_gather_add(search, &search->path, &loss, logits, x->n);
  }
  return search_gather_update(search, event, err);
}

const cream_strategy_ops cream_strategy_fair = {
    .open = open, .close = search_gather_destroy, .step = step, .finish = search_evolve};
