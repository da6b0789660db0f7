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

static cream_status open(cream_search *search, cream_error *err) {
  sandwich *self = search->strategy_state;
  for (int end = 0; end < 2; end++) self->extremes[end] = cream_costs_extreme(&search->costs, end == 0);
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

/* The largest path's probabilities on the images of a part are the targets of the others. */
static void train_part(cream_search *search) {
  sandwich *self = search->strategy_state;
  search_gather *gather = &self->gather;
  cream_loss loss = search_label_loss(search);
  for (int k = 0; k < gather->paths; k++) {
    cream_buf logits = search_gather_forward(gather, search, k);
    if (k == 0)
      search->backend->softmax(search->backend, logits, search->x.n, search->skeleton.classes, self->soft);
    search_gather_add(gather, search, k, &loss, logits);
    loss = (cream_loss){.soft = 1, .labels = search->train.labels, .target = self->soft};
  }
  search_gather_end_part(gather, search);
}

static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  sandwich *self = search->strategy_state;
  search_gather *gather = &self->gather;
  cream_rng rng = search_begin_draw(search);
  for (int k = 0; k < gather->paths; k++) {
    if (k >= 2) search_draw(search, &rng);
    gather->drawn[k] = k < 2 ? self->extremes[k] : search->path;
  }
  search_gather_begin(gather, search);
  for (int part = 0; part < search_own_parts(search); part++) {
    cream_status status = search_begin_part(search, part, event, err);
    if (status) return status;
    train_part(search);
  }
  return search_gather_update(gather, search, event, err);
}

SEARCH_STRATEGY(sandwich, "largest, smallest and drawn paths on every batch, then evolution", batch_paths,
                step, search_evolve, .state_size = sizeof(sandwich), .open = open, .close = close);
