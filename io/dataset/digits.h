/* The UCI handwritten digits (io/dataset/data/README.md): 1,797 pictures of 8x8, always cut into the same 1,437 for
 * training and 360 for tests, stratified by digit.
 */
#ifndef CREAM_IO_DIGITS_H
#define CREAM_IO_DIGITS_H

#include "data.h"

enum {
  CREAM_DIGITS_SIDE = 8,
  CREAM_DIGITS_COUNT = 1797,
  CREAM_DIGITS_TEST = 360,
};

/* Reads a file of the form of io/dataset/data/digits.csv.gz (or the same not compressed); NULL: the one that comes
 * with the program. CREAM_BAD_DATA names the file and the line.
 *
 * A picture is shown at any side by bilinear interpolation, grey as three equal channels. Augmentation is a
 * random affine map: shift up to a tenth of the side, rotation up to 12 degrees, scale 0.9 to 1.1. */
cream_status cream_digits_open(const char *path, cream_dataset **, cream_error *);

#endif
