#ifndef CREAM_IO_CIFAR_H
#define CREAM_IO_CIFAR_H

#include "raster.h"

/* Adds the images in `data`, the content of a file, to a set of 32 x 32 RGB images. A record has `labels` bytes, of
 * which the last is the class (below `classes`), and 3 x 32 x 32 pixels. `name` is used in messages. CREAM_BAD_DATA:
 * no records, a record that is cut short, or a label out of range. */
cream_status cream_cifar_add(cream_raster *, cream_part, const char *name, const uint8_t *data, size_t size,
                             int labels, int classes, cream_error *);

#endif
