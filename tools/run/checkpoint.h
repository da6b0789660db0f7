/* Writes checkpoints of a run into its folder, and resumes the run from them. */
#ifndef CREAM_TOOLS_CHECKPOINT_H
#define CREAM_TOOLS_CHECKPOINT_H

#include "core/net/state.h"
#include "io/run/checkpoint_rotation.h"
#include "io/run/run.h"

/* The run whose state is saved. */
typedef struct checkpoint_target {
  const char *command; /* "search", "retrain" or "detect train" */
  void *self;
  void (*state)(void *self, cream_state *);
  cream_status (*restored)(void *self, cream_error *); /* after its state was restored */
} checkpoint_target;

typedef struct checkpointer {
  cream_run *folder;
  cream_checkpoints *checkpoints; /* NULL: nothing is saved */
  cream_checkpoint_info info;     /* command and settings */
  double saved;                   /* progress_now() of the last checkpoint */
} checkpointer;

/* Settings that may differ when a run ("search", "retrain") is resumed, because its result does not depend on them:
 * for cream_settings_differ. */
const char *const *checkpoint_free(const char *command);

/* For the core. The checkpointer must stay where it is, and be open when the first state comes. */
cream_checkpointer checkpoint_hooks(checkpointer *);
/* The folder is open, `config` resolved. */
cream_status checkpoint_open(checkpointer *, cream_run *folder, const char *command, const cream_config *,
                             cream_error *);
/* Restores the newest checkpoint that can be read and cuts the logs to it; prints on stderr what it took and what it
 * skipped. *resumed: false where there is no checkpoint, and the run starts from the beginning. CREAM_BAD_CONFIG where
 * a setting differs that the result depends on. */
cream_status checkpoint_resume(checkpointer *, const checkpoint_target *, bool *resumed, cream_error *);
/* Gives every rank the state that rank 0 begins with: its checkpoint, or its initial weights. resumed: on rank 0. */
cream_status checkpoint_share(const checkpoint_target *, bool resumed, cream_error *);
/* Waits for the last write. `status` is the run's own: returned where it is a failure. */
cream_status checkpoint_close(checkpointer *, cream_status status, cream_error *);

#endif
