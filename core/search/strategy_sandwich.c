#include "search_internal.h"

/* BigNAS (Yu et al., ECCV 2020), the sandwich rule with in-place distillation: on every batch the largest path learns the
 * labels; the smallest and some drawn paths learn the largest path's probabilities; one update for all. */

typedef struct sandwich {
  search_gather gather;
  cream_buf soft;         /* [batch, classes]: probabilities of the largest path */
  cream_path extremes[2]; /* the largest and the smallest path */
} sandwich;

static int batch_paths(const cream_search_config *config, const cream_skeleton *skeleton) {
  (void)skeleton;
  return config->sandwich.paths + 2;
}

static void find_extremes(const cream_costs *costs, cream_path extremes[2]) {
  for (int end = 0; end < 2; end++) {
    cream_path *path = &extremes[end];
    path->n_layers = costs->n_layers;
    for (int l = 0; l < costs->n_layers; l++)
      for (int i = 1; i < costs->n_options[l]; i++) {
        double more =
            cream_cost_flops(&costs->layer[l][i]) - cream_cost_flops(&costs->layer[l][path->choice[l]]);
        if (end == 0 ? more > 0 : more < 0) path->choice[l] = (uint8_t)i;
      }
  }
}

static cream_status open(cream_search *search, cream_error *err) {
  sandwich *self = search->strategy_state;
  find_extremes(&search->costs, self->extremes);
  size_t outputs = (size_t)search->config.search.batch * (size_t)search->skeleton.classes;
  cream_status status = search->backend->alloc(search->backend, outputs, &self->soft, err);
  if (status) return status;
  return search_gather_init(&self->gather, search, batch_paths(&search->config.search, &search->skeleton),
                            err);
}

static void close(cream_search *search) {
  sandwich *self = search->strategy_state;
  search_gather_destroy(&self->gather, search);
  if (cream_buf_present(self->soft)) search->backend->release(search->backend, self->soft);
}

static cream_status step(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  sandwich *self = search->strategy_state;
  cream_net *net = search->train.net;
  const int paths = batch_paths(&search->config.search, &search->skeleton);
  cream_rng rng = search_begin_draw(search);
  cream_loss loss = search_label_loss(search);
  search_gather_begin(&self->gather, search);
  for (int k = 0; k < paths; k++) {
    if (k < 2)
      search->path = self->extremes[k];
    else
      search_draw(search, &rng);
    cream_buf logits =
        cream_net_forward_train(net, &search->path, x, CREAM_BN_TRAIN, CREAM_BN_MOMENTUM, 0, 0, 0);
    if (k == 0) search->backend->softmax(search->backend, logits, x->n, search->skeleton.classes, self->soft);
    search_gather_add(&self->gather, search, &loss, logits, x->n);
    loss = (cream_loss){.soft = 1, .labels = search->train.labels, .target = self->soft};
  }
  return search_gather_update(&self->gather, search, event, err);
}

SEARCH_STRATEGY(sandwich, "largest, smallest and drawn paths on every batch, then evolution", batch_paths,
                step, search_evolve, .state_size = sizeof(sandwich), .open = open, .close = close);
