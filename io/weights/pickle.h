/* Reads Python pickles, protocols 2 to 5, as data: the opcodes build a graph of values, and nothing is ever called or
 * imported. Classes and functions ("globals") must be on the caller's list; a call of one becomes a value that holds the
 * arguments, or an empty container.
 *
 * A hostile stream takes at most memory in proportion to its length: values, stack and memo are bounded by the bytes that
 * made them, and by the limits below. Values may contain themselves; callers that walk the graph must allow for that.
 */
#ifndef CREAM_IO_PICKLE_H
#define CREAM_IO_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { CREAM_PICKLE_MAX_BYTES = 1 << 26, CREAM_PICKLE_MAX_VALUES = 1 << 22, CREAM_PICKLE_MAX_MEMO = 1 << 22 };

typedef enum cream_pickle_kind {
  CREAM_PICKLE_NONE,
  CREAM_PICKLE_BOOL,
  CREAM_PICKLE_INT,
  CREAM_PICKLE_BIG_INT, /* of more than 64 bits: its bytes, little-endian, two's complement */
  CREAM_PICKLE_FLOAT,
  CREAM_PICKLE_TEXT, /* str, of Python 2 its bytes */
  CREAM_PICKLE_BYTES,
  CREAM_PICKLE_TUPLE,
  CREAM_PICKLE_LIST,
  CREAM_PICKLE_DICT,       /* key, value, key, value ...; also what a CREAM_PICKLE_HOLDS call made */
  CREAM_PICKLE_NAME,       /* a global */
  CREAM_PICKLE_CALL,       /* of a CREAM_PICKLE_CALLED global: its arguments are the items */
  CREAM_PICKLE_PERSISTENT, /* a persistent id: the one item */
  CREAM_PICKLE_MARK,       /* never in a finished value */
  CREAM_PICKLE_KIND_COUNT
} cream_pickle_kind;

/* How a global may be used. */
typedef enum cream_pickle_use {
  CREAM_PICKLE_NAMED,  /* it may be named, not called */
  CREAM_PICKLE_CALLED, /* a call of it becomes a CREAM_PICKLE_CALL */
  CREAM_PICKLE_HOLDS,  /* a container or an object with fields: its call is a CREAM_PICKLE_DICT, empty or with
                        * the pairs of a list */
} cream_pickle_use;

typedef struct cream_pickle_global {
  const char *module, *name;
  cream_pickle_use use;
} cream_pickle_global;

typedef uint32_t cream_pickle_ref; /* a value of a pickle */

typedef struct cream_pickle_value {
  cream_pickle_kind kind;
  size_t at; /* position of the opcode that made it */
  union {
    int64_t integer; /* BOOL, INT */
    double number;
    struct {
      const char *bytes; /* inside the data, without a 0 at the end */
      size_t length;
    } text;
    struct {
      uint32_t count, first, last; /* see cream_pickle_next; in a DICT, keys and values both count */
      uint32_t global;             /* NAME and CALL: index in the caller's list */
    } items;
  };
} cream_pickle_value;

typedef struct cream_pickle cream_pickle;

/* Reads the pickle that begins at data[from] and sets *end to the position after its last byte. `globals` ends with a
 * NULL module. Errors name `name` as the file; CREAM_BAD_DATA also names the opcode or global and the byte. The data must
 * outlive the pickle, which the caller frees with cream_pickle_free. */
cream_status cream_pickle_read(const char *name, const void *data, size_t size, size_t from,
                               const cream_pickle_global *globals, size_t *end, cream_pickle **,
                               cream_error *);
void cream_pickle_free(cream_pickle *);

cream_pickle_ref cream_pickle_root(const cream_pickle *);
uint32_t cream_pickle_count(const cream_pickle *); /* number of values; their refs are 0 .. count - 1 */
const cream_pickle_value *cream_pickle_at(const cream_pickle *, cream_pickle_ref);

/* Returns the next item of a container, a call or a persistent id. *walk starts as items.first and becomes 0 after the
 * last item. */
cream_pickle_ref cream_pickle_next(const cream_pickle *, uint32_t *walk);
/* Item i, which must exist. */
const cream_pickle_value *cream_pickle_item(const cream_pickle *, const cream_pickle_value *, uint32_t i);
/* The value of a key in a dict, the last one if the key is duplicate; NULL if there is none. */
const cream_pickle_value *cream_pickle_find(const cream_pickle *, const cream_pickle_value *dict,
                                            const char *key);
/* Whether the value is TEXT or BYTES and equal to the string. */
bool cream_pickle_is(const cream_pickle_value *, const char *text);
/* The kind in a message: "a tuple". */
const char *cream_pickle_kind_name(cream_pickle_kind);

#endif
