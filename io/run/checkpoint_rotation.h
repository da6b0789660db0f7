/* The checkpoints of a run folder: when they are written, which are kept, and which one is loaded.
 *
 * The state is copied to memory while the run waits, and a thread writes the copy while the run continues: to
 * a temporary file that is synced and renamed, after which the folder is synced and old checkpoints are
 * removed. At most one write is in progress; a save waits for the one before. */
#ifndef CREAM_IO_CHECKPOINT_ROTATION_H
#define CREAM_IO_CHECKPOINT_ROTATION_H

#include <stdbool.h>

#include "checkpoint_file.h"

typedef struct cream_checkpoints cream_checkpoints;

/* For the folder `dir`, which keeps the `keep` newest checkpoints and the one with the best score. Existing
 * checkpoints count. The caller ends it with cream_checkpoints_destroy. */
cream_status cream_checkpoints_create(const char *dir, int keep, cream_checkpoints **, cream_error *);
/* Waits for the write in progress. May be NULL. */
void cream_checkpoints_destroy(cream_checkpoints *);

/* Copies the state and starts to write it. Does nothing if the last copy is of the same step. Fails if the
 * previous write failed (checkpoints before that one are intact), and with CREAM_BAD_DATA as
 * cream_state_snapshot does. */
cream_status cream_checkpoints_save(cream_checkpoints *, const cream_state *, const cream_checkpoint_info *,
                                    cream_error *);
/* Waits for the write in progress; returns its status. */
cream_status cream_checkpoints_wait(cream_checkpoints *, cream_error *);
/* Whether a write is in progress. */
bool cream_checkpoints_busy(cream_checkpoints *);
/* Restores the state that was saved or loaded last, or else that of the newest checkpoint of the folder. */
cream_status cream_checkpoints_restore(cream_checkpoints *, const cream_state *, cream_error *);

/* Restores the newest intact checkpoint and fills `info`. Broken checkpoints are skipped, logged and renamed
 * to *.broken. If there is none, *found is false and nothing has changed. Fails as cream_checkpoint_read
 * does, except that CREAM_BAD_DATA means a skipped checkpoint. */
cream_status cream_checkpoints_load(cream_checkpoints *, const cream_state *, const cream_checkpoint_reader *,
                                    cream_checkpoint_info *, bool *found, cream_error *);

/* The step of a checkpoint by its file name; false for any other file. */
bool cream_checkpoint_step_of(const char *name, uint64_t *step);
/* Reads the `info` of the newest checkpoint in the folder, but not its state. *found false: there is none. */
cream_status cream_checkpoints_peek(const char *dir, cream_checkpoint_info *, bool *found, cream_error *);

/* Removes temporary files that a killed process left, and, unless `only_unfinished`, all checkpoints. */
cream_status cream_checkpoints_clear(const char *dir, bool only_unfinished, cream_error *);

#endif
