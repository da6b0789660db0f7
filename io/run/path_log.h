/* Paths and their scores, a line each, in a file that grows as they come: what a ranking goes on from.
 * Format: docs/formats.md. */
#ifndef CREAM_IO_PATH_LOG_H
#define CREAM_IO_PATH_LOG_H

#include "core/base/config.h"
#include "core/train/evaluate.h"
#include "core/space/space.h"

typedef struct cream_path_scores {
  cream_path path;
  cream_score heldout, test; /* count 0: not measured */
} cream_path_scores;

/* What scores belong to: a file with other ones is of no use. */
typedef struct cream_path_log_owner {
  const cream_config *config;
  const char *const *free; /* settings that do not count, as cream_settings_differ has them */
  const char *weights;     /* file whose bytes count; NULL: none do */
  const cream_skeleton *skeleton;
} cream_path_log_owner;

typedef struct cream_path_log {
  int fd;
  char name[1024];
  int count, room;
  cream_path_scores *lines; /* [count], in the order of the file */
} cream_path_log;

/* Reads the file, or begins one where there is none or `anew`, and locks it. A line that was not ended is cut
 * off. CREAM_BAD_CONFIG: it belongs to other settings or weights (and which), or another process uses it;
 * CREAM_BAD_DATA, with the line: it is no such file. */
cream_status cream_path_log_open(cream_path_log *, const char *name, const cream_path_log_owner *, bool anew,
                                 cream_error *);
/* NULL: none. */
const cream_path_scores *cream_path_log_find(const cream_path_log *, const cream_path *);
/* One write, synced. */
cream_status cream_path_log_append(cream_path_log *, const cream_path_scores *, cream_error *);
void cream_path_log_close(cream_path_log *); /* a zeroed one too */

/* The lines of `size` bytes at `text`: into log->lines, and in *whole the bytes up to the end of the last
 * whole line. A log of bytes alone, for tests: fd and name do not matter. */
cream_status cream_path_log_parse(cream_path_log *, const char *text, size_t size,
                                  const cream_path_log_owner *, uint64_t weights, size_t *whole,
                                  cream_error *);

#endif
