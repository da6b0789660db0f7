/* Reads Python pickles, protocols 2 to 5, as data: the opcodes build a graph of values, and nothing is ever called or
 * imported. Classes and functions ("globals") must be on the caller's list; a call of one becomes a value that holds the
 * arguments, an empty container, or an object of which only the class is known.
 *
 * A hostile stream takes at most memory in proportion to its length: values, stack and memo are bounded by the bytes that
 * made them, and by the limits below. Values may contain themselves; callers that walk the graph must allow for that.
 */
#ifndef CREAM_IO_PICKLE_H
#define CREAM_IO_PICKLE_H

#include "pickle_graph.h"

enum { CREAM_PICKLE_MAX_DATA = 1 << 28 }; /* bytes of a pickle, with the text and bytes in it */
enum { CREAM_PICKLE_MAX_BYTES = 1 << 26, CREAM_PICKLE_MAX_VALUES = 1 << 22, CREAM_PICKLE_MAX_MEMO = 1 << 22 };

/* How a global may be used. */
typedef enum cream_pickle_use {
  CREAM_PICKLE_NAMED,  /* it may be named, not called */
  CREAM_PICKLE_CALLED, /* a call of it becomes a CREAM_PICKLE_CALL */
  CREAM_PICKLE_HOLDS,  /* a container or an object with fields: its call is a CREAM_PICKLE_DICT, empty or with
                        * the pairs of a list */
  CREAM_PICKLE_SKIPPED, /* it and what its calls make are a CREAM_PICKLE_OBJECT; one that is filled as a dict
                         * becomes a CREAM_PICKLE_DICT */
  CREAM_PICKLE_REFUSED, /* naming it is an error */
} cream_pickle_use;

typedef struct cream_pickle_global {
  const char *module,
      *name; /* "*" stands for any; only in SKIPPED and REFUSED lines. The first match counts */
  cream_pickle_use use;
} cream_pickle_global;

/* Reads the pickle that begins at data[from] and sets *end to the position after its last byte. `globals` ends with a
 * NULL module. Errors name `name` as the file; CREAM_BAD_DATA also names the opcode or global and the byte. The data must
 * outlive the pickle, which the caller frees with cream_pickle_free. */
cream_status cream_pickle_read(const char *name, const void *data, size_t size, size_t from,
                               const cream_pickle_global *globals, size_t *end, cream_pickle **,
                               cream_error *);

#endif
