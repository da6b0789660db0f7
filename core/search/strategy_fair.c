#include "search_internal.h"

/* FairNAS (Chu et al., ICCV 2021), strict fairness: every batch trains as many paths as the widest layer has choices, one
 * update for all. Path k takes choice k of a random permutation of each layer; a layer with fewer choices starts its
 * permutation again. */

typedef struct fair {
  search_gather gather;
} fair;

static int batch_paths(const cream_search_config *config, const cream_skeleton *skeleton) {
  (void)config;
  int widest = 1;
  for (int l = 0; l < skeleton->n_layers; l++)
    if (skeleton->layers[l].n_options > widest) widest = skeleton->layers[l].n_options;
  return widest;
}

static cream_status open(cream_search *search, cream_error *err) {
  fair *self = search->strategy_state;
  return search_gather_init(&self->gather, search, batch_paths(&search->config.search, &search->skeleton),
                            err);
}

static void close(cream_search *search) {
  fair *self = search->strategy_state;
  search_gather_destroy(&self->gather, search);
}

static void draw(cream_search *search, cream_path *drawn, int paths) {
  const cream_skeleton *skeleton = &search->skeleton;
  uint32_t order[CREAM_MAX_LAYERS][CREAM_MAX_OPS];
  cream_rng rng = cream_rng_at(search->config.seed, CREAM_RNG_PATH, search->step);
  for (int l = 0; l < skeleton->n_layers; l++) {
    int n = skeleton->layers[l].n_options;
    for (int i = 0; i < n; i++) order[l][i] = (uint32_t)i;
    cream_rng_shuffle(&rng, order[l], (size_t)n);
  }
  for (int k = 0; k < paths; k++) {
    drawn[k] = (cream_path){.n_layers = skeleton->n_layers};
    for (int l = 0; l < skeleton->n_layers; l++)
      drawn[k].choice[l] = (uint8_t)order[l][k % skeleton->layers[l].n_options];
  }
}

static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  fair *self = search->strategy_state;
  search_gather *gather = &self->gather;
  cream_loss loss = search_label_loss(search);
  draw(search, gather->drawn, gather->paths);
  search_gather_begin(gather, search);
  for (int part = 0; part < search_own_parts(search); part++) {
    cream_status status = search_begin_part(search, part, event, err);
    if (status) return status;
    for (int k = 0; k < gather->paths; k++)
      search_gather_add(gather, search, k, &loss, search_gather_forward(gather, search, k));
    search_gather_end_part(gather, search);
  }
  return search_gather_update(gather, search, event, err);
}

SEARCH_STRATEGY(fair, "every choice of every layer on every batch, then evolution", batch_paths, step,
                search_evolve, .state_size = sizeof(fair), .open = open, .close = close);
