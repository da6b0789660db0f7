/* The graph of values that a pickle describes. pickle.h reads it; its users take values from it by the functions below.
 */
#ifndef CREAM_IO_PICKLE_GRAPH_H
#define CREAM_IO_PICKLE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/status.h"

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
  CREAM_PICKLE_OBJECT, /* a CREAM_PICKLE_SKIPPED global, or what a call of it made: its items are two texts, the
                            * module and the name of the class; its contents are skipped */
  CREAM_PICKLE_MARK,   /* never in a finished value */
  CREAM_PICKLE_KIND_COUNT
} cream_pickle_kind;

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

/* An item of a container. Cell 0 is not used: index 0 ends a list of cells. */
typedef struct cream_pickle_cell {
  cream_pickle_ref value;
  uint32_t next;
} cream_pickle_cell;

typedef struct cream_pickle {
  cream_pickle_value *values;
  uint32_t n_values, values_room;
  cream_pickle_cell *cells;
  uint32_t n_cells, cells_room;
  cream_pickle_ref root;
} cream_pickle;

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

/* Whether `length` bytes are the string `text`. */
static inline bool cream_pickle_equal(const char *text, const char *bytes, size_t length) {
  return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

#endif
