/* Files: whole reads with a limit, and writes that appear complete or not at all. */
#ifndef CREAM_IO_FILE_H
#define CREAM_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

enum { CREAM_MAX_FILE_NAME = 4096 };

/* Reads a whole regular file. *data ends with a 0 byte that *size does not count; the caller frees it. A file of more than
 * `limit` bytes is refused before memory is allocated (CREAM_BAD_DATA); CREAM_FAILED for one that cannot be read. */
cream_status cream_file_read(const char *path, size_t limit, char **data, size_t *size, cream_error *);

/* The same for a text file: a byte order mark of UTF-8 is dropped. CREAM_BAD_DATA for UTF-16 with such a mark. */
cream_status cream_file_read_text(const char *path, size_t limit, char **text, size_t *size, cream_error *);

/* A file that is being written: `stream` writes to a temporary file in the same folder, which replaces `path` at commit.
 * After a successful create, exactly one of commit and abandon must be called. */
typedef struct cream_file {
  FILE *stream;
  struct cream_file_sink *sink; /* the destination of the stream */
  char path[CREAM_MAX_FILE_NAME], temporary[CREAM_MAX_FILE_NAME];
} cream_file;

/* Creates the temporary file, and removes those of `path` that killed processes have left. Fails (CREAM_FAILED) if `path` exists and is not a regular file: a device such as /dev/null
 * is not replaced. */
cream_status cream_file_create(cream_file *, const char *path, cream_error *);
/* Flushes, syncs and renames. On any failure (CREAM_FAILED), including an earlier write to `stream`, `path` is unchanged
 * and the temporary file is removed. */
cream_status cream_file_commit(cream_file *, cream_error *);
/* Removes the temporary file; `path` is unchanged. */
void cream_file_abandon(cream_file *);

/* Whether `name` is that of a temporary file: "NAME.tmp-PROCESS-N". */
bool cream_file_is_temporary(const char *name);

/* Writes a whole file: create, write, commit. */
cream_status cream_file_write(const char *path, const void *data, size_t size, cream_error *);

/* Writes all bytes to a descriptor, also after interruptions; false, with errno set, where they cannot be written. */
bool cream_write_all(int fd, const void *bytes, size_t size);

/* Whether a path is that of a regular file, of a folder. */
bool cream_is_file(const char *path);
bool cream_is_folder(const char *path);

/* Creates a folder and its parents where they do not exist. */
cream_status cream_make_directories(const char *path, cream_error *);

#endif
