/* How convolutions pad their input with zeros: X(name, word), `word` being the name in spaces, architectures
 * and tools/python (torch_model.py). */
#ifndef CREAM_CORE_PADDING_H
#define CREAM_CORE_PADDING_H

#include <stdlib.h>

#define CREAM_PADDINGS(X)                                                                                    \
  X(SYMMETRIC, "symmetric") /* as many before as after: PyTorch's */                                         \
  X(SAME, "same")           /* outputs = ceil(inputs / stride), the odd one after: TensorFlow's */

#define CREAM_PADDING_ENUM(name, word) CREAM_PADDING_##name,
typedef enum cream_padding { CREAM_PADDINGS(CREAM_PADDING_ENUM) } cream_padding;

/* Rows of zeros above and below an image, or columns to its left and right. */
typedef struct cream_pads {
  int before, after;
} cream_pads;

/* The padding of `in` rows or columns. `pad`: that of CREAM_PADDING_SYMMETRIC on each side. */
static inline cream_pads cream_padding_of(cream_padding padding, int pad, int kernel, int stride,
                                          int dilation, int in) {
  switch (padding) {
  case CREAM_PADDING_SYMMETRIC:
    return (cream_pads){pad, pad};
  case CREAM_PADDING_SAME: {
    int out = (in + stride - 1) / stride, total = (out - 1) * stride + dilation * (kernel - 1) + 1 - in;
    if (total < 0) total = 0;
    return (cream_pads){total / 2, total - total / 2};
  }
  }
  abort();
}

#endif
