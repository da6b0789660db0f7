#include "search_internal.h"

/* SPOS (Guo et al., ECCV 2020): every step trains one drawn path by its labels alone; then evolution. */

static cream_status step(cream_search *search, cream_event *event, cream_error *err) {
  cream_rng rng = search_begin_draw(search);
  cream_loss loss = search_label_loss(search);
  search_draw(search, &rng);
  for (int part = 0; part < search_own_parts(search); part++) {
    cream_status status = search_begin_part(search, part, event, err);
    if (status) return status;
    search_learn(search, &loss, search_forward(search));
  }
  return search_update(search, event, err);
}

SEARCH_STRATEGY(spos, "paths drawn uniformly, then evolution", search_one_path, step, search_evolve);
