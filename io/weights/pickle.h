/* Reads Python's pickles, protocols 2 to 5, as data: the stream of opcodes builds a graph of values and
 * nothing is ever called or imported. Classes and functions ("globals") have to be on the caller's list; what
 * a call of one would have made is kept as the call with its arguments, or as an empty container.
 *
 * A hostile stream costs at most memory in proportion to its length: values, stack and memo are bounded by
 * the bytes that made them, and by the limits below. Values may refer to themselves; who walks them minds
 * that.
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
  CREAM_PICKLE_TEXT, /* str, or the bytes of Python 2's */
  CREAM_PICKLE_BYTES,
  CREAM_PICKLE_TUPLE,
  CREAM_PICKLE_LIST,
  CREAM_PICKLE_DICT,       /* key, value, key, value ...; also what a CREAM_PICKLE_HOLDS call made */
  CREAM_PICKLE_NAME,       /* a global */
  CREAM_PICKLE_CALL,       /* of a CREAM_PICKLE_CALLED global: its arguments are the items */
  CREAM_PICKLE_PERSISTENT, /* a persistent id: the one item */
  CREAM_PICKLE_MARK        /* never in a finished value */
} cream_pickle_kind;

/* What may become of a global. */
typedef enum cream_pickle_use {
  CREAM_PICKLE_NAMED,  /* it may be named, not called */
  CREAM_PICKLE_CALLED, /* a call of it is kept as CREAM_PICKLE_CALL */
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
  size_t at; /* byte of the opcode that made it */
  union {
    int64_t integer; /* BOOL, INT */
    double number;
    struct {
      const char *bytes; /* inside the data, not ended by 0 */
      size_t length;
    } text;
    struct {
      uint32_t count, first, last; /* cream_pickle_next; of DICTs, keys and values both count */
      uint32_t global;             /* of NAME and CALL: index among the caller's */
    } items;
  };
} cream_pickle_value;

typedef struct cream_pickle cream_pickle;

/* Reads the pickle that begins at data[from] and sets *end behind its last byte. `globals` ends in a NULL
 * module. `name` stands in errors. CREAM_BAD_DATA names opcode or global and the byte. The data have to
 * outlive the pickle. */
cream_status cream_pickle_read(const char *name, const void *data, size_t size, size_t from,
                               const cream_pickle_global *globals, size_t *end, cream_pickle **,
                               cream_error *);
void cream_pickle_free(cream_pickle *);

cream_pickle_ref cream_pickle_root(const cream_pickle *);
uint32_t cream_pickle_count(const cream_pickle *); /* of values: their refs are 0 .. count - 1 */
const cream_pickle_value *cream_pickle_at(const cream_pickle *, cream_pickle_ref);

/* A walk over the items of a container, a call or a persistent id: `walk` begins as items.first and is 0
 * behind the last item. */
cream_pickle_ref cream_pickle_next(const cream_pickle *, uint32_t *walk);
/* Item i, which must exist. */
const cream_pickle_value *cream_pickle_item(const cream_pickle *, const cream_pickle_value *, uint32_t i);
/* The value of a dict under that key, the last one given; NULL: none. */
const cream_pickle_value *cream_pickle_find(const cream_pickle *, const cream_pickle_value *dict,
                                            const char *key);
/* TEXT or BYTES equal to a string. */
bool cream_pickle_is(const cream_pickle_value *, const char *text);
/* "a tuple" */
const char *cream_pickle_kind_name(cream_pickle_kind);

#endif
