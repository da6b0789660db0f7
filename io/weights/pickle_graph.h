/* The graph of values of a pickle. Internal to io/weights/pickle*.c. */
#ifndef CREAM_IO_PICKLE_GRAPH_H
#define CREAM_IO_PICKLE_GRAPH_H

#include <string.h>

#include "pickle.h"

/* An item of a container. Cell 0 is not used: index 0 ends a list of cells. */
typedef struct cream_pickle_cell {
  cream_pickle_ref value;
  uint32_t next;
} cream_pickle_cell;

struct cream_pickle {
  cream_pickle_value *values;
  uint32_t n_values, values_room;
  cream_pickle_cell *cells;
  uint32_t n_cells, cells_room;
  cream_pickle_ref root;
};

static inline bool cream_pickle_equal(const char *text, const char *bytes, size_t length) {
  return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

#endif
