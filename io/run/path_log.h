/* The scores of paths, one line each, in a file that is appended to while a ranking runs, so that an
 * interrupted ranking can continue. Format: docs/formats.md. */
#ifndef CREAM_IO_PATH_LOG_H
#define CREAM_IO_PATH_LOG_H

#include "core/base/config.h"
#include "core/proxy/proxy.h"
#include "core/space/space.h"
#include "core/train/evaluate.h"
#include "io/base/json.h"

typedef struct cream_path_scores {
  cream_path path;
  cream_score heldout, test; /* count 0: not measured */
  cream_proxy_values proxies;
} cream_path_scores;

/* What the scores depend on. A file that was written for a different owner is refused. */
typedef struct cream_path_log_owner {
  const cream_config *config;
  const char *const *free; /* settings that may differ, as in cream_settings_differ() */
  const uint64_t *weights; /* cream_file_hash of the file of the weights; NULL: none */
  const cream_skeleton *skeleton;
} cream_path_log_owner;

typedef struct cream_path_log {
  int fd;
  char name[1024];
  int count, room;
  cream_path_scores *lines; /* [count], in the order of the file */
} cream_path_log;

/* Reads the file and locks it, or creates it if there is none or if `overwrite`. A last line without an end is
 * cut off. CREAM_BAD_CONFIG: the file belongs to other settings or weights, or another process uses it.
 * CREAM_BAD_DATA: a line is not valid; the error names it. The caller ends it with cream_path_log_close. */
cream_status cream_path_log_open(cream_path_log *, const char *name, const cream_path_log_owner *,
                                 bool overwrite, cream_error *);
/* The same for a process that only reads: the file is not locked, and where there is none the log is empty. */
cream_status cream_path_log_read(cream_path_log *, const char *name, const cream_path_log_owner *,
                                 cream_error *);
/* The scores of the path, of several lines the last; NULL: there are none. */
const cream_path_scores *cream_path_log_find(const cream_path_log *, const cream_path *);
/* Appends a line in one write and syncs it. Proxies that are not known in it are those of the path's last line, so that
 * rankings with different proxies add to each other. */
cream_status cream_path_log_append(cream_path_log *, const cream_path_scores *, cream_error *);
void cream_path_log_close(cream_path_log *); /* also a zeroed log */

/* Writes "proxies", an object of the known ones; nothing where there are none. */
void cream_json_proxies(cream_json *, const cream_proxy_values *);

/* A file with the line of one path. Writes it atomically; reads it, CREAM_BAD_DATA where it is no such line. */
cream_status cream_path_scores_write(const char *name, const cream_path_scores *, cream_error *);
cream_status cream_path_scores_read(const char *name, const cream_skeleton *, cream_path_scores *,
                                    cream_error *);

/* Parses `size` bytes at `text` into log->lines; log->name is used in errors, log->fd is not used. *whole:
 * number of bytes up to the end of the last complete line. */
cream_status cream_path_log_parse(cream_path_log *, const char *text, size_t size,
                                  const cream_path_log_owner *, size_t *whole, cream_error *);

#endif
