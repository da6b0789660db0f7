/* A part of this program in a process of its own, with a time limit, because code of others may hang or crash there. */
#ifndef CREAM_TOOLS_ISOLATED_H
#define CREAM_TOOLS_ISOLATED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/status.h"

/* The process writes its results here. */
enum { ISOLATED_FD = 3 };

typedef struct isolated {
  pid_t pid;
  int results;   /* what the process writes to ISOLATED_FD */
  int errors;    /* a file with what it wrote to stderr */
  bool finished; /* its results have ended */
  bool timed_out;
  bool succeeded; /* after isolated_stop: it ended by itself, with exit code 0 */
} isolated;

/* Executes this program with `words` (ends in NULL; the first is the command). Its standard output is dropped. Safe in a
 * process with threads. CREAM_FAILED where no process can be started, as without /proc. */
cream_status isolated_start(isolated *, const char *const *words, cream_error *);
/* Reads exactly `size` bytes of its results, in at most `seconds` from one part to the next; false: they have ended or the
 * time is over. On a busy machine, the time that the process waits for a processor does not count. */
bool isolated_read(isolated *, void *bytes, size_t size, double seconds);
/* Reads up to `size` bytes; 0: as above. */
size_t isolated_read_some(isolated *, void *bytes, size_t size, double seconds);
/* Kills the process and those it started, and describes how it ended: "hung for 20 s", "crashed (Segmentation fault)"
 * ..., with the last line that it wrote to stderr. A process that cannot be killed is left behind. */
void isolated_stop(isolated *, double limit, char *text, size_t size);
/* In such a process, first: it ends with its parent, leaves no core file, and nothing that it starts inherits
 * ISOLATED_FD. */
void isolated_begin(void);

#endif
