/* Training of one network (docs/method.md, section 3). */
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

/* Trains until the last epoch, the time budget or the listener's stop (CREAM_INTERRUPTED). On return the net holds the
 * averaged weights if config->retrain.ema > 0, otherwise the trained ones. */
cream_status cream_retrain_run(cream_retrain *, cream_error *);

/* As cream_search_state and cream_search_restored (search.h). Not after cream_retrain_run has returned. */
void cream_retrain_state(cream_retrain *, cream_state *);
cream_status cream_retrain_restored(cream_retrain *, cream_error *);

/* The network, owned by the run. The training starts from the weights and statistics that it has when cream_retrain_run
 * is called. */
cream_net *cream_retrain_net(cream_retrain *);

/* Steps done, and steps in all. */
uint64_t cream_retrain_step(const cream_retrain *);
uint64_t cream_retrain_steps(const cream_retrain *);

/* After cream_retrain_run: replaces averaged weights and statistics in the net by the trained ones. False: there are no
 * averaged ones, and nothing changes. */
bool cream_retrain_use_trained(cream_retrain *);

#endif
