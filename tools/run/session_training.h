/* The session of a training of one network, of images with labels or with boxes. */
#ifndef CREAM_TOOLS_SESSION_TRAINING_H
#define CREAM_TOOLS_SESSION_TRAINING_H

#include "core/train/retrain.h"
#include "io/config/arch.h"
#include "session.h"

typedef struct session_training {
  const char *command; /* as checkpoint_target.command */
  cream_retrain *retrain;
  const cream_arch *arch; /* of the network */
  /* Loads the weights that the training starts from; called where --resume finds no checkpoint. */
  cream_status (*load_weights)(void *self, const cream_config *, cream_error *);
  void *self;
} session_training;

/* session_open, on all ranks: the run continues from its newest checkpoint, or else starts from its weights where it was to be
 * resumed. Rank 0 writes arch.json. */
cream_status session_open_training(session *, const run_options *, const run_data *, const session_training *,
                                   cream_error *);

#endif
