/* Checkpoints: the whole state of a run in one safetensors file of the run folder. Format: docs/formats.md.
 *
 * A state is copied to memory while the run waits, and written by a thread while it goes on: to a temporary
 * file, synced, renamed, the folder synced; then those no longer kept are removed. One write is under way at
 * most; who comes earlier waits. */
#ifndef CREAM_IO_CHECKPOINT_H
#define CREAM_IO_CHECKPOINT_H

#include <stdbool.h>

#include "core/base/config.h"
#include "core/net/state.h"

enum { CREAM_CHECKPOINT_VERSION = 1, CREAM_CHECKPOINT_LOGS = 4 };

/* A file that the run appends to, and how far it was when the state was taken. */
typedef struct cream_checkpoint_log {
  char name[64];
  uint64_t bytes;
  int fd; /* synced before the checkpoint appears; -1: not */
} cream_checkpoint_log;

/* What goes with a state. */
typedef struct cream_checkpoint_info {
  char command[16];    /* "search", "retrain" */
  cream_config config; /* as resolved */
  uint64_t step;
  double seconds; /* that the run had taken; 0: not known */
  double score;   /* of the last evaluation, 0 to 1; the best checkpoint is kept. NaN: none */
  int n_logs;
  cream_checkpoint_log logs[CREAM_CHECKPOINT_LOGS];
} cream_checkpoint_info;

typedef struct cream_checkpoints cream_checkpoints;

/* Of the folder `dir`, of which the last `keep` are kept, and the best. Checkpoints that are there count. */
cream_status cream_checkpoints_create(const char *dir, int keep, cream_checkpoints **, cream_error *);
/* Ends a write that is under way first. May be NULL. */
void cream_checkpoints_destroy(cream_checkpoints *);

/* Takes the state. Fails where the write before failed (every one before that is as it was), and with
 * CREAM_BAD_DATA as cream_state_snapshot. A state of the step that was taken last is not taken again. */
cream_status cream_checkpoints_save(cream_checkpoints *, const cream_state *, const cream_checkpoint_info *,
                                    cream_error *);
/* Waits for the write that is under way. */
cream_status cream_checkpoints_wait(cream_checkpoints *, cream_error *);
bool cream_checkpoints_busy(cream_checkpoints *);
/* Restores the state taken or loaded last. */
cream_status cream_checkpoints_restore(cream_checkpoints *, const cream_state *, cream_error *);

/* What a reader expects, and is told. */
typedef struct cream_checkpoint_reader {
  void *self;
  const char *command; /* the kind of run */
  /* May refuse a whole checkpoint by its settings, before anything is changed; may be NULL. */
  cream_status (*check)(void *self, const cream_checkpoint_info *, cream_error *);
  void (*tell)(void *self, const char *line); /* of each checkpoint passed over; may be NULL */
} cream_checkpoint_reader;

/* Restores the newest whole checkpoint and tells what it is. Broken ones are passed over and renamed to
 * *.broken. *found false, and nothing changed, if there is none. A failure to read (CREAM_FAILED) is no
 * reason to pass over one. CREAM_BAD_CONFIG: of a newer version, of another kind of run, or refused by the
 * reader. */
cream_status cream_checkpoints_load(cream_checkpoints *, const cream_state *, const cream_checkpoint_reader *,
                                    cream_checkpoint_info *, bool *found, cream_error *);

/* One file. Writing: `memory` holds the snapshot of `state`. Reading checks the checksum, asks `reader` (may
 * be NULL), and copies the parts, which have to be those of `state`, to `memory`; `memory` NULL: only `info`
 * is wanted, and nothing else is read. */
cream_status cream_checkpoint_write(const char *path, const cream_state *, const void *memory,
                                    const cream_checkpoint_info *, cream_error *);
cream_status cream_checkpoint_read(const char *path, const cream_state *, void *memory,
                                   const cream_checkpoint_reader *reader, cream_checkpoint_info *,
                                   cream_error *);

/* A checkpoint by name: its step, or false for any other file. */
bool cream_checkpoint_step_of(const char *name, uint64_t *step);
/* What a folder's newest checkpoint says of the run, without reading its data. *found false: there is none.
 * */
cream_status cream_checkpoints_peek(const char *dir, cream_checkpoint_info *, bool *found, cream_error *);

/* Removes all checkpoints of the folder, and what is left of files that were never finished. */
cream_status cream_checkpoints_clear(const char *dir, bool only_unfinished, cream_error *);

#endif
