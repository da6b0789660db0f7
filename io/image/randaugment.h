/* RandAugment (Cubuk et al., 2020) as timm has it: of 15 operations a few are drawn for each picture, and
 * each is applied with probability 0.5 at a strength around the magnitude asked for.
 */
#ifndef CREAM_IO_RANDAUGMENT_H
#define CREAM_IO_RANDAUGMENT_H

#include <stdbool.h>

#include "colour.h"
#include "core/base/rng.h"
#include "core/base/status.h"

typedef struct cream_randaugment {
  double magnitude, std; /* of 0..10; its standard deviation from draw to draw */
  bool increasing;       /* inc1: every operation grows stronger with the magnitude */
  int count;             /* operations drawn; 0: none at all */
} cream_randaugment;

enum { CREAM_RANDAUGMENT_OPS = 15 };

/* `rand-m9-mstd0.5`, in any order with -inc1 and -n2 (the number of operations) behind `rand`. "none" and ""
 * are none. CREAM_BAD_CONFIG for anything else. */
cream_status cream_randaugment_parse(const char *text, cream_randaugment *, cream_error *);

/* "AutoContrast", ...; op 0..CREAM_RANDAUGMENT_OPS-1. */
const char *cream_randaugment_name(int op);
/* The operation's argument (degrees, factor, bits, ...) at a magnitude of 0..10; `negate`: to the other side,
 * for those that have two. */
double cream_randaugment_argument(int op, double magnitude, bool increasing, bool negate);
/* Applies an operation; `filter` and `fill` are for those that move pixels. */
void cream_randaugment_op(int op, double argument, cream_filter filter, const uint8_t fill[3],
                          cream_canvas *);

/* Draws and applies. Filters are drawn between bilinear and bicubic. */
void cream_randaugment_apply(const cream_randaugment *, cream_rng *, const uint8_t fill[3], cream_canvas *);

#endif
