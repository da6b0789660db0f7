/* One checkpoint: the whole state of a run in a safetensors file, whose last tensor is the checksum of all
 * bytes before it. Format: docs/formats.md. */
#ifndef CREAM_IO_CHECKPOINT_FILE_H
#define CREAM_IO_CHECKPOINT_FILE_H

#include "core/base/config.h"
#include "core/net/state.h"
#include "run_names.h"

enum { CREAM_CHECKPOINT_VERSION = 1 };

/* A file that the run appends to, and its length when the state was copied. */
typedef struct cream_checkpoint_log {
  char name[64];
  uint64_t bytes;
  int fd; /* synced before the checkpoint appears; -1: nothing to sync */
} cream_checkpoint_log;

/* What a checkpoint says besides the state. */
typedef struct cream_checkpoint_info {
  char command[16];    /* "search", "retrain", "detect train" */
  cream_config config; /* as resolved */
  uint64_t step;
  double seconds;         /* that the run had taken; 0: not known */
  double score;           /* accuracy of the last evaluation, 0 to 1; NaN: none */
  bool has_normalisation; /* given where the run started from a file of weights, which may be gone */
  float mean[3], std[3];  /* of pixel/255, by channel; only with has_normalisation */
  int n_logs;
  cream_checkpoint_log logs[CREAM_LOGS];
} cream_checkpoint_info;

/* What a reader expects of a checkpoint, and where its messages go. */
typedef struct cream_checkpoint_reader {
  void *self;
  const char *command; /* that the checkpoint must be of; NULL: any */
  /* Fails if the checkpoint must not be used, before anything is changed; may be NULL. */
  cream_status (*check)(void *self, const cream_checkpoint_info *, cream_error *);
  /* Receives a line of text for each checkpoint that is skipped; may be NULL. */
  void (*log)(void *self, const char *line);
} cream_checkpoint_reader;

/* Writes the file atomically, after the logs have been synced. memory: the snapshot of the state
 * (cream_state_snapshot). */
cream_status cream_checkpoint_write(const char *path, const cream_state *, const void *memory,
                                    const cream_checkpoint_info *, cream_error *);
/* Reads the file: verifies the checksum, asks `reader` (may be NULL), and copies the parts to `memory`. With
 * `memory` NULL only `info` is read and the checksum is not verified. CREAM_BAD_DATA: the file is broken.
 * CREAM_BAD_CONFIG: a newer version, another command, refused by the reader, or parts other than those of the
 * state. CREAM_FAILED: it cannot be read. */
cream_status cream_checkpoint_read(const char *path, const cream_state *, void *memory,
                                   const cream_checkpoint_reader *reader, cream_checkpoint_info *,
                                   cream_error *);

#endif
