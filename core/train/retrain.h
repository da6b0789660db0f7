/* Training of one network (docs/method.md, section 3). */
#ifndef CREAM_CORE_RETRAIN_H
#define CREAM_CORE_RETRAIN_H

#include "core/base/boxes.h"
#include "core/base/config.h"
#include "core/base/data.h"
#include "core/base/event.h"
#include "core/cluster/cluster.h"
#include "core/detect/coco_eval.h"
#include "core/net/net.h"
#include "core/net/state.h"
#include "evaluate.h"
#include "external.h"

typedef struct cream_retrain cream_retrain;

typedef struct cream_retrain_inputs {
  const cream_config *config;     /* copied */
  const cream_skeleton *skeleton; /* fixed; copied */
  cream_source *train;            /* not owned; of a classifier */
  cream_source *heldout;          /* may be NULL */
  /* Of a detector (skeleton->detect), instead. Not owned. */
  struct {
    cream_box_source *train, *heldout; /* heldout may be NULL */
    const cream_coco_input *truth;     /* the boxes of the held-out images, which are in its order */
  } boxes;
  cream_listener listener;
  cream_checkpointer checkpointer; /* may be zeroed */
  cream_cluster *cluster;          /* ranks that train the network together, not owned; NULL: alone */
} cream_retrain_inputs;

cream_status cream_retrain_create(cream_backend *, const cream_retrain_inputs *, cream_retrain **,
                                  cream_error *);
void cream_retrain_destroy(cream_retrain *);

/* The weights that a training has: those of its last step, and their average if config->retrain.ema > 0. */
typedef enum cream_retrain_kind {
  CREAM_RETRAIN_TRAINED,
  CREAM_RETRAIN_AVERAGED,
  CREAM_RETRAIN_KINDS
} cream_retrain_kind;

/* How the weights that a training ends with were chosen. */
typedef struct cream_retrain_choice {
  cream_retrain_kind kind;
  bool evaluated;                           /* on the held-out images, after the last step */
  cream_score heldout[CREAM_RETRAIN_KINDS]; /* then; without averaged weights only that of the trained ones */
} cream_retrain_choice;

/* Before cream_retrain_run and cream_retrain_restored: this network teaches, for batches of config->retrain.batch images.
 * Not owned; NULL: none. */
void cream_retrain_teach(cream_retrain *, cream_external *teacher);

/* Trains until the last epoch, the time budget or the listener's stop (CREAM_INTERRUPTED). On return the net holds the
 * weights of config->retrain.weights. The better ones have the higher top-1 on all held-out images, then the lower loss; of
 * a detector, the higher AP;
 * equal ones are averaged. Not evaluated (there are no held-out images, or the training was stopped before an
 * evaluation), they are the averaged ones, unless these still hold too much of the initial weights
 * (cream_retrain_average_is_young). */
cream_status cream_retrain_run(cream_retrain *, cream_error *);

/* After cream_retrain_run: what it chose. */
cream_retrain_choice cream_retrain_chosen(const cream_retrain *);

/* Whether averaged weights hold more than a twentieth of the initial ones after so many steps. *share: how much. */
bool cream_retrain_average_is_young(const cream_retrain_config *, double steps, double *share);

/* As cream_search_state and cream_search_restored (search.h). Not after cream_retrain_run has returned. */
void cream_retrain_state(cream_retrain *, cream_state *);
cream_status cream_retrain_restored(cream_retrain *, cream_error *);

/* The network, owned by the run. The training starts from the weights and statistics that it has when cream_retrain_run
 * is called. */
cream_net *cream_retrain_net(cream_retrain *);

/* Bytes of the host that hold messages between ranks. */
size_t cream_retrain_messages(const cream_retrain *);

/* Steps done, and steps in all. */
uint64_t cream_retrain_step(const cream_retrain *);
uint64_t cream_retrain_steps(const cream_retrain *);

/* After cream_retrain_run: the net holds these weights and statistics from now on. False: there are no averaged ones,
 * and nothing changes. */
bool cream_retrain_use(cream_retrain *, cream_retrain_kind);

#endif
