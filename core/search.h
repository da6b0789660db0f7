/* Training of the supernet, and the architecture that comes out of it (section 2). */
#ifndef CREAM_CORE_SEARCH_H
#define CREAM_CORE_SEARCH_H

#include "board.h"
#include "config.h"
#include "data.h"
#include "evaluate.h"
#include "event.h"
#include "net.h"
#include "state.h"

typedef struct cream_search cream_search;

typedef struct cream_search_inputs {
  const cream_config *config;     /* copied */
  const cream_skeleton *skeleton; /* of the supernet; copied */
  cream_range range;              /* in FLOPs (not M); max 0: none */
  cream_source *train, *heldout;  /* not owned; the same batch size as config->search.batch */
  cream_listener listener;
  cream_keeper keeper; /* of the state; may be zeroed */
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

/* Trains until the last epoch, the time budget, or the listener's stop; then selects. The state goes to the
 * keeper when it is due, at the end of the training (the selection can be done again from there) and at the
 * stop. CREAM_INTERRUPTED: the state is that after the last whole step, `result` is unset. */
cream_status cream_search_run(cream_search *, cream_search_result *result, cream_error *);

/* The state as it is between two steps. After its parts were given other values (of a state of a search with
 * the same inputs), cream_search_restored has to be called; then the search goes on as the other one would
 * have. CREAM_BAD_DATA: the values are of another network, or none that a search can have; the search is then
 * of no use until others are restored. */
void cream_search_state(cream_search *, cream_state *);
cream_status cream_search_restored(cream_search *, cream_error *);

cream_net *cream_search_net(cream_search *);
const cream_board *cream_search_board(const cream_search *);
/* Meta network: classes*slice weights and one bias, to the host. */
cream_status cream_search_meta(const cream_search *, float *theta, cream_error *);
/* Updates of the meta network so far. */
uint64_t cream_search_meta_updates(const cream_search *);
uint64_t cream_search_step(const cream_search *);

#endif
