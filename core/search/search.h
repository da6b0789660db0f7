/* Training of the supernet and the choice of an architecture in it (docs/method.md, section 2). */
#ifndef CREAM_CORE_SEARCH_H
#define CREAM_CORE_SEARCH_H

#include "board.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/cluster/cluster.h"
#include "core/net/net.h"
#include "core/net/state.h"
#include "core/space/budget.h"
#include "core/train/evaluate.h"
#include "core/train/external.h"

typedef struct cream_search cream_search;

/* A strategy's word in settings, and what it does, in one line. */
const char *cream_strategy_name(cream_strategy);
const char *cream_strategy_summary(cream_strategy);
/* The strategy of that word; false: there is none, and *strategy is CREAM_STRATEGY_COUNT. */
bool cream_strategy_find(const char *name, cream_strategy *strategy);
/* Whether its paths share the weights of a supernet, which can then rank them; false: each is trained from scratch. */
bool cream_strategy_has_supernet(cream_strategy);
/* Paths that config->strategy trains on every batch, >= 1. */
int cream_search_batch_paths(const cream_search_config *, const cream_skeleton *);

typedef struct cream_search_inputs {
  const cream_config *config;       /* copied */
  const cream_skeleton *skeleton;   /* of the supernet; copied */
  cream_range range;                /* FLOPs (not M); max 0: none, as with config->search.budgets */
  const cream_latencies *latencies; /* of the skeleton; copied; NULL: unknown, no limits in ms */
  double max_ms;                    /* largest latency of a network; 0: any */
  cream_source *train, *heldout;    /* not owned; the same batch size as config->search.batch */
  cream_listener listener;
  cream_checkpointer checkpointer; /* may be zeroed */
  cream_cluster *cluster;          /* ranks that search together, not owned; NULL: alone */
  /* config->search.teacher_run: the paths of that search's board, the best first, copied; at most CREAM_MAX_BOARD. 0: this
   * search's own board teaches. */
  const cream_path *teachers;
  int n_teachers;
  uint64_t teachers_hash; /* of paths and weights, stored in checkpoints */
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

/* Before cream_search_run and cream_search_restored: this network teaches every path (config->search.external), for
 * batches of config->search.batch images. Not owned; NULL: none. */
void cream_search_teach(cream_search *, cream_external *teacher);

/* The supernet of inputs->teachers; NULL: there is none. It gets its weights before cream_search_run. */
cream_net *cream_search_teacher_net(cream_search *);

/* Searches by config->search.strategy (docs/strategies.md): trains until the last epoch, the time budget, or the
 * listener's stop; then the strategy completes its boards, and the best entry of each is selected.
 * results[cream_search_targets()]: one for each budget, or the only one. The state is checkpointed when the checkpointer
 * says that it is due, at the end of the training (the rest can be repeated from there) and at the stop. The net is left
 * as the training left it; of a strategy without a supernet, with the weights and statistics of the best path.
 * CREAM_INTERRUPTED: the state is that after the last whole step, `results` are unset. */
cream_status cream_search_run(cream_search *, cream_search_result *results, cream_error *);

/* What follows the training in cream_search_run, with the weights and statistics that the net has now: the strategy
 * completes its boards, and the best entry of each is selected. */
cream_status cream_search_choose(cream_search *, cream_search_result *results, cream_error *);

/* After cream_search_run of a strategy with a supernet: the score that the final selection would give a path. The net is
 * left as it was. A rank measures alone. */
cream_status cream_search_score(cream_search *, const cream_path *, cream_score *, cream_error *);

/* The state between two steps. After other values were written into its parts (from the state of a search with the same
 * inputs), call cream_search_restored: the search then continues exactly as the other one would have, with its time
 * budget counted from *state->seconds. CREAM_BAD_DATA: the values belong to a different network, or no search can have
 * them; the search must then not be used until other values are restored. */
void cream_search_state(cream_search *, cream_state *);
cream_status cream_search_restored(cream_search *, cream_error *);

cream_net *cream_search_net(cream_search *);
/* Bytes of the host that hold messages between ranks. */
size_t cream_search_messages(const cream_search *);
/* Number of networks that the search finds: one, or one for each budget. */
int cream_search_targets(const cream_search *);
const cream_budget *cream_search_budget(const cream_search *, int target); /* NULL: there are no budgets */
const cream_board *cream_search_board(const cream_search *, int target);
/* Inputs of the meta network; 0: this strategy has no meta network. */
size_t cream_search_meta_inputs(const cream_search *);
/* Downloads the meta network, which must exist: theta[inputs + 1], its weights and then its bias. */
cream_status cream_search_meta(const cream_search *, float *theta, cream_error *);
/* Updates of the meta network so far. */
uint64_t cream_search_meta_updates(const cream_search *);
/* Steps done, and steps in all. */
uint64_t cream_search_step(const cream_search *);
uint64_t cream_search_steps(const cream_search *);
/* The step after which a path can first enter a board: cream_search_steps where that is the end of the training. */
uint64_t cream_search_board_opens(const cream_search *);

#endif
