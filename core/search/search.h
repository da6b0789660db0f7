/* Training of the supernet, and the architecture that comes out of it (section 2). */
#ifndef CREAM_CORE_SEARCH_H
#define CREAM_CORE_SEARCH_H

#include "board.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/net/net.h"
#include "core/net/state.h"
#include "core/space/budget.h"
#include "core/train/evaluate.h"

typedef struct cream_search cream_search;

/* Paths that config->strategy trains on every batch: FAIR as many as the widest layer has choices, SANDWICH the two
 * extremes and the drawn ones, the others one. */
int cream_search_batch_paths(const cream_search_config *, const cream_skeleton *);

typedef struct cream_search_inputs {
  const cream_config *config;       /* copied */
  const cream_skeleton *skeleton;   /* of the supernet; copied */
  cream_range range;                /* in FLOPs (not M); max 0: none. With config->search.budgets: none */
  const cream_latencies *latencies; /* of the skeleton; copied; NULL: not known, and then no limits in ms */
  double max_ms;                    /* that a network may take; 0: any */
  cream_source *train, *heldout;    /* not owned; the same batch size as config->search.batch */
  cream_listener listener;
  cream_checkpointer checkpointer; /* may be zeroed */
} cream_search_inputs;

typedef struct cream_search_result {
  cream_path path;
  cream_score score; /* on the whole held-out set, after recalibration */
  cream_cost cost;
  double ms; /* by the latencies; 0 without */
  int entry; /* of the board */
} cream_search_result;

/* Fails with CREAM_BAD_CONFIG on an empty range, a batch larger than the data and the like. */
cream_status cream_search_create(cream_backend *, const cream_search_inputs *, cream_search **,
                                 cream_error *);
void cream_search_destroy(cream_search *);

/* A search by config->search.strategy (docs/strategies.md): trains until the last epoch, the time budget, or
 * the listener's stop; then looks for candidates where the strategy has no board, and selects.
 * results[cream_search_targets()]: one for each budget, or the only one. The state goes to the checkpointer when
 * it is due, at the end of the training (what follows can be done again from there) and at the stop. The net
 * is left as the training left it, of a random search with the best path's weights and statistics.
 * CREAM_INTERRUPTED: the state is that after the last whole step, `results` are unset. */
cream_status cream_search_run(cream_search *, cream_search_result *results, cream_error *);

/* The state as it is between two steps. After its parts were given other values (of a state of a search with
 * the same inputs), cream_search_restored has to be called; then the search goes on as the other one would
 * have, its time budget counted from *state->seconds. CREAM_BAD_DATA: the values are of another network, or none that a search can have; the search is then
 * of no use until others are restored. */
void cream_search_state(cream_search *, cream_state *);
cream_status cream_search_restored(cream_search *, cream_error *);

cream_net *cream_search_net(cream_search *);
/* Networks that come out of it: one, or one for each budget. */
int cream_search_targets(const cream_search *);
const cream_budget *cream_search_budget(const cream_search *, int target); /* NULL: there are no budgets */
const cream_board *cream_search_board(const cream_search *, int target);
/* Inputs of the meta network; 0: this strategy has none. */
size_t cream_search_meta_inputs(const cream_search *);
/* Meta network: its weights and one bias, to the host. */
cream_status cream_search_meta(const cream_search *, float *theta, cream_error *);
/* Updates of the meta network so far. */
uint64_t cream_search_meta_updates(const cream_search *);
uint64_t cream_search_step(const cream_search *);

#endif
