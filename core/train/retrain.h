/* Training of one network from scratch (section 3). */
#ifndef CREAM_CORE_RETRAIN_H
#define CREAM_CORE_RETRAIN_H

#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/net/net.h"
#include "core/net/state.h"
#include "evaluate.h"

typedef struct cream_retrain cream_retrain;

typedef struct cream_retrain_inputs {
  const cream_config *config;     /* copied */
  const cream_skeleton *skeleton; /* fixed; copied */
  cream_source *train;            /* not owned */
  cream_source *heldout;          /* may be NULL */
  cream_listener listener;
  cream_checkpointer checkpointer; /* may be zeroed */
} cream_retrain_inputs;

cream_status cream_retrain_create(cream_backend *, const cream_retrain_inputs *, cream_retrain **,
                                  cream_error *);
void cream_retrain_destroy(cream_retrain *);

/* Trains to the last epoch, the time budget or the stop (CREAM_INTERRUPTED). On return the net holds the
 * averaged weights where config->retrain.ema > 0, else the trained ones. */
cream_status cream_retrain_run(cream_retrain *, cream_error *);

/* As cream_search_state and cream_search_restored (search.h); not after cream_retrain_run has returned. */
void cream_retrain_state(cream_retrain *, cream_state *);
cream_status cream_retrain_restored(cream_retrain *, cream_error *);

/* Weights and statistics that it is given before cream_retrain_run are what the training starts from. */
cream_net *cream_retrain_net(cream_retrain *);

/* After cream_retrain_run: the net gets its trained weights and statistics back. False where there are no
 * averaged ones, and so nothing changes. */
bool cream_retrain_use_trained(cream_retrain *);

#endif
