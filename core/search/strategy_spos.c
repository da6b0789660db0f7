#include "search_internal.h"

/* SPOS (Guo et al., ECCV 2020): every step trains one drawn path by its labels alone; then evolution. */

static cream_status step(cream_search *search, const cream_tensor *x, cream_event *event, cream_error *err) {
  cream_rng rng = search_begin_draw(search);
  search_draw(search, &rng);
  cream_buf logits = cream_net_forward_train(search->train.net, &search->path, x, CREAM_BN_TRAIN,
                                             CREAM_BN_MOMENTUM, 0, 0, 0);
  cream_loss loss = search_label_loss(search);
  return search_learn(search, &loss, logits, x->n, event, err);
}

SEARCH_STRATEGY(spos, "paths drawn uniformly, then evolution", search_one_path, step, search_evolve);
