/* A run that trains: its folder, its checkpoints, and the display of its progress. */
#ifndef CREAM_TOOLS_SESSION_H
#define CREAM_TOOLS_SESSION_H

#include "checkpoint.h"
#include "core/base/event.h"
#include "run_data.h"
#include "run_options.h"
#include "tools/cli/progress.h"
#include "trained.h"

typedef struct session {
  cream_run folder;
  checkpointer checkpoints;
  progress progress;
  int images;                   /* of a step */
  uint64_t steps;               /* since the session was opened */
  uint64_t step, planned_steps; /* of the run: done, in all */
  int epoch, epochs;            /* done, the one that ended early included; in all */
  double trained_from, trained; /* progress_now() at the start of training; seconds until the last step */
  bool open, printed;           /* printed: session_result has printed the result */
} session;

/* Fails where config->out is empty. */
cream_status session_check_out(const cream_config *, cream_error *);
/* Normalises images for the weights that the training starts from, or as a resumed one did. On all ranks, before sources are
 * made. */
cream_status session_normalise(const run_options *, run_data *, cream_error *);
/* A line on stderr where averaged weights will still hold much of the initial ones after so many steps. */
void session_warn_of_average(const cream_retrain_config *, uint64_t steps);
/* Displays the run and writes its metrics; stops at the signals of tools/cli/signals.h. The session must stay where it is, and be open
 * when the first event comes. */
cream_listener session_listener(session *);
/* Alone or on rank 0; on other ranks the session stays closed. Makes the folder config->out and writes the settings and the split; with --resume, restores the target from its
 * newest checkpoint. The skeleton is not copied. images: of a step. */
cream_status session_open(session *, const run_options *, const run_data *, const cream_skeleton *,
                          int images, const checkpoint_target *, cream_error *);
/* Closes the session if it is open. `status` is the run's own: returned where it is a failure. Then completes the line
 * of an interruption with `left`, which says what the run leaves (NULL: only how to resume), and with --json prints how
 * a run without a result ended. `result` may have its command, strategy and scores set. */
cream_status session_end(session *, const run_options *, cream_run_result *, const char *left,
                         cream_status status, cream_error *);
/* Sends the result of a test to the listener. split: a word of CREAM_EVAL_LIST. */
cream_status session_tested(session *, const char *split, const run_test *, cream_error *);
/* Completes `result` (command, net and scores are set) and writes it; with --json also to stdout. */
cream_status session_result(session *, const run_options *, cream_net *, cream_run_result *, cream_error *);

#endif
