/* Keeps the state of a run in its folder, and lets a run go on from there. */
#ifndef CREAM_TOOLS_KEEP_H
#define CREAM_TOOLS_KEEP_H

#include "core/net/state.h"
#include "io/run/checkpoint_rotation.h"
#include "io/run/run.h"

/* The run whose state it is: "search" or "retrain". */
typedef struct keep_target {
  const char *command;
  void *self;
  void (*state)(void *self, cream_state *);
  cream_status (*restored)(void *self, cream_error *);
} keep_target;

typedef struct keep {
  cream_run *folder;
  cream_checkpoints *checkpoints; /* NULL: nothing is kept */
  cream_checkpoint_info info;     /* command and settings */
  double saved;                   /* when the last state was taken; progress_now() */
} keep;

/* Settings that change how a run ("search", "retrain") is watched and kept, not what comes of it: for
 * cream_settings_differ. */
const char *const *keep_free(const char *command);

/* For the core; `keep` must stay where it is, and be open when the first state comes. */
cream_checkpointer keep_keeper(keep *);
/* The folder is open, `config` as resolved. */
cream_status keep_open(keep *, cream_run *folder, const char *command, const cream_config *, cream_error *);
/* Restores the newest checkpoint and cuts the logs to it; says on stderr what it took, and what it passed
 * over. Without any the run begins anew: *resumed. Refuses where a setting that matters differs. */
cream_status keep_resume(keep *, const keep_target *, bool *resumed, cream_error *);
/* Waits for the last write. `status` is the run's own: returned where it is a failure. */
cream_status keep_close(keep *, cream_status status, cream_error *);

#endif
