/* Files: whole reads with a limit, and writes that appear complete or not at all. */
#ifndef CREAM_IO_FILE_H
#define CREAM_IO_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

enum { CREAM_MAX_FILE_NAME = 4096 };

/* The whole file, with a 0 byte after it that *size does not count; the caller frees *data. A file of more
 * than `limit` bytes is refused before anything is allocated (CREAM_BAD_DATA). */
cream_status cream_file_read(const char *path, size_t limit, char **data, size_t *size, cream_error *);

/* A file on its way: `stream` goes to a temporary file in the same folder, which replaces `path` when it is
 * committed. After create succeeded, exactly one of commit and abandon has to be called. */
typedef struct cream_file {
  FILE *stream;
  struct cream_file_sink *sink; /* what the stream writes to */
  char path[CREAM_MAX_FILE_NAME], temporary[CREAM_MAX_FILE_NAME];
} cream_file;

/* What is at `path` already has to be a regular file: a device such as /dev/null is not replaced. */
cream_status cream_file_create(cream_file *, const char *path, cream_error *);
/* Flushes, syncs and renames. On any failure, one of an earlier write to `stream` included, `path` is as it
 * was before and the temporary file is gone. */
cream_status cream_file_commit(cream_file *, cream_error *);
void cream_file_abandon(cream_file *);

/* create, write, commit. */
cream_status cream_file_write(const char *path, const void *data, size_t size, cream_error *);

/* Makes a folder and those above it, where they do not exist. */
cream_status cream_make_directories(const char *path, cream_error *);

#endif
