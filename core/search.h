/* Training of the supernet, and the architecture that comes out of it (section 2). */
#ifndef CREAM_CORE_SEARCH_H
#define CREAM_CORE_SEARCH_H

#include "board.h"
#include "config.h"
#include "data.h"
#include "evaluate.h"
#include "event.h"
#include "net.h"

typedef struct cream_search cream_search;

typedef struct cream_search_inputs {
  const cream_config *config;     /* copied */
  const cream_skeleton *skeleton; /* of the supernet; copied */
  cream_range range;              /* in FLOPs (not M); max 0: none */
  cream_source *train, *heldout;  /* not owned; the same batch size as config->search.batch */
  cream_listener listener;
} cream_search_inputs;

typedef struct cream_search_result {
  cream_path path;
  cream_score score; /* on the whole held-out set, after recalibration */
  cream_cost cost;
  int entry; /* of the board */
} cream_search_result;

/* Fails with CREAM_BAD_CONFIG on an empty range, a batch larger than the data and the like. */
cream_status cream_search_create(cream_backend *, const cream_search_inputs *, cream_search **,
                                 cream_error *);
void cream_search_destroy(cream_search *);

/* Trains until the last epoch, the time budget, or the listener's stop; then selects. CREAM_INTERRUPTED: the
 * state is that after the last whole step, `result` is unset. */
cream_status cream_search_run(cream_search *, cream_search_result *result, cream_error *);

cream_net *cream_search_net(cream_search *);
const cream_board *cream_search_board(const cream_search *);
/* Meta network: classes*slice weights and one bias, to the host. */
cream_status cream_search_meta(const cream_search *, float *theta, cream_error *);
/* Updates of the meta network so far. */
uint64_t cream_search_meta_updates(const cream_search *);
uint64_t cream_search_step(const cream_search *);

#endif
