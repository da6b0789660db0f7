/* RandAugment (Cubuk et al., 2020) as implemented in timm: for each image a few of 15 operations are drawn, and each
 * is applied with probability 0.5 at a strength near the given magnitude.
 */
#ifndef CREAM_IO_RANDAUGMENT_H
#define CREAM_IO_RANDAUGMENT_H

#include <stdbool.h>

#include "colour.h"
#include "core/base/rng.h"
#include "core/base/status.h"

typedef struct cream_randaugment {
  double magnitude, std; /* 0..10; standard deviation of the magnitude between draws */
  bool increasing;       /* inc1: all operations become stronger as the magnitude increases */
  int count;             /* operations drawn per image; 0: RandAugment is off */
} cream_randaugment;

enum { CREAM_RANDAUGMENT_OPS = 15 };

/* Parses timm's notation, for example `rand-m9-mstd0.5`: after `rand`, in any order, -m (magnitude), -mstd (standard
 * deviation), -inc1 (increasing) and -n2 (number of operations). "none" and "" turn RandAugment off. CREAM_BAD_CONFIG
 * for anything else; the result is then unchanged. */
cream_status cream_randaugment_parse(const char *text, cream_randaugment *, cream_error *);

/* The name of operation `op`, 0..CREAM_RANDAUGMENT_OPS-1, in timm: "AutoContrast", ... */
const char *cream_randaugment_name(int op);
/* The argument of an operation (degrees, factor, bits, ...) at a magnitude of 0..10. `negate` flips its sign if the
 * operation has two directions. */
double cream_randaugment_argument(int op, double magnitude, bool increasing, bool negate);
/* Applies an operation. `filter` and `fill` are used by the geometric operations. */
void cream_randaugment_op(int op, double argument, cream_filter filter, const uint8_t fill[3],
                          cream_canvas *);

/* Draws operations, magnitudes and filters (bilinear or bicubic) from the rng and applies them. */
void cream_randaugment_apply(const cream_randaugment *, cream_rng *, const uint8_t fill[3], cream_canvas *);

#endif
