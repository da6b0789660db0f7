/* Largest sizes of search spaces and networks, and ranges of a quantity: what settings (config.h), spaces and
 * networks share.
 */
#ifndef CREAM_CORE_BOUNDS_H
#define CREAM_CORE_BOUNDS_H

#include <stdbool.h>

enum {
  CREAM_MAX_NAME = 32,
  CREAM_MAX_OPS = 32, /* ops of a space, and choices of a layer */
  CREAM_MAX_STAGES = 12,
  CREAM_MAX_LAYERS = 64, /* choice layers of a network */
  CREAM_MAX_UNITS = 3,   /* convolutions of a block */
};

/* Of FLOPs as the paper counts them (not M), or of milliseconds. max = 0: no range. */
typedef struct cream_range {
  double min, max;
} cream_range;

static inline bool cream_range_holds(const cream_range *range, double value) {
  return range->max == 0 || (value >= range->min && value <= range->max);
}

#endif
