/* Training of one network from scratch (section 3). */
#ifndef CREAM_CORE_RETRAIN_H
#define CREAM_CORE_RETRAIN_H

#include "config.h"
#include "data.h"
#include "evaluate.h"
#include "event.h"
#include "net.h"

typedef struct cream_retrain cream_retrain;

typedef struct cream_retrain_inputs {
  const cream_config *config;     /* copied */
  const cream_skeleton *skeleton; /* fixed; copied */
  cream_source *train;            /* not owned */
  cream_source *heldout;          /* may be NULL */
  cream_listener listener;
} cream_retrain_inputs;

cream_status cream_retrain_create(cream_backend *, const cream_retrain_inputs *, cream_retrain **,
                                  cream_error *);
void cream_retrain_destroy(cream_retrain *);

/* Trains to the last epoch, the time budget or the stop (CREAM_INTERRUPTED). On return the net holds the
 * averaged weights where config->retrain.ema > 0, else the trained ones. */
cream_status cream_retrain_run(cream_retrain *, cream_error *);

cream_net *cream_retrain_net(cream_retrain *);

#endif
