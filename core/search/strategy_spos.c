#include "search_internal.h"

/* SPOS (Guo et al., ECCV 2020): every step trains one drawn path by its labels alone; then evolution. */

static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  cream_rng rng = search_begin_draw(search);
  search_draw(search, &rng);
  return search_train_path(search, event, err);
}

SEARCH_STRATEGY(spos, "paths drawn uniformly, then evolution", search_one_path, step, search_evolve);
