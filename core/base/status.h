/* How a failure travels: a status, and one line of text that says what, where and what to do.
 *
 * Functions that can fail because of input, files or memory take a `cream_error *` last and return a
 * `cream_status`. On failure they fill the error once, where most is known, and change nothing else.
 * A broken invariant is no such error: CREAM_ASSERT aborts.
 */
#ifndef CREAM_CORE_STATUS_H
#define CREAM_CORE_STATUS_H

#include <stdio.h>
#include <stdlib.h>

/* The values are the exit codes of the command line. */
typedef enum cream_status {
  CREAM_OK = 0,
  CREAM_FAILED = 1,        /* files, memory, device */
  CREAM_BAD_CONFIG = 2,    /* wrong usage or configuration */
  CREAM_BAD_DATA = 3,      /* a data set, image or weights file that cannot be used */
  CREAM_INTERRUPTED = 130, /* stopped by a signal, everything written */
} cream_status;

typedef struct cream_error {
  cream_status status;
  char text[512]; /* one line, no full stop, no newline */
} cream_error;

/* Fills `err` (may be NULL) with `status` and the formatted line, in which control characters become spaces; returns
 * `status`. */
cream_status cream_fail(cream_error *err, cream_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* cream_fail for a failed allocation of `bytes` bytes; `what` names its purpose. */
cream_status cream_fail_memory(cream_error *err, size_t bytes, const char *what);

#ifdef __clang_analyzer__ /* which cannot see that a failure is never CREAM_OK */
static inline cream_status cream_failure(cream_status status) {
  if (status == CREAM_OK) abort();
  return status;
}
#define cream_fail(...)        cream_failure(cream_fail(__VA_ARGS__))
#define cream_fail_memory(...) cream_failure(cream_fail_memory(__VA_ARGS__))
#endif

#define CREAM_ASSERT(condition)                                                                              \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition);                      \
      abort();                                                                                               \
    }                                                                                                        \
  } while (0)

#endif
