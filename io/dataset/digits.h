/* The UCI handwritten digits (io/dataset/data/README.md): 1,797 images of 8x8, always split into the same 1,437
 * training and 360 test images, stratified by digit.
 */
#ifndef CREAM_IO_DIGITS_H
#define CREAM_IO_DIGITS_H

enum {
  CREAM_DIGITS_SIDE = 8,
  CREAM_DIGITS_COUNT = 1797,
  CREAM_DIGITS_TEST = 360,
};

#endif
