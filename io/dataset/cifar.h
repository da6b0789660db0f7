#ifndef CREAM_IO_CIFAR_H
#define CREAM_IO_CIFAR_H

#include "data.h"
#include "raster.h"

/* `cifar10:PATH`, `cifar100:PATH`: the folder of the binary version, or the one that it was unpacked
 * into; labels of cifar100 are the fine ones. CREAM_BAD_DATA: a file that is missing or no whole number
 * of pictures, or a label out of range. Names of classes come from the files beside the pictures; without
 * them they are numbers. */
cream_status cream_cifar10_open(const char *place, cream_dataset **, cream_error *);
cream_status cream_cifar100_open(const char *place, cream_dataset **, cream_error *);

/* Adds the pictures of one file, records of `labels` bytes (the last is the class, below `classes`) and 3
 * x 32 x 32 pixels, to a set of that size. */
cream_status cream_cifar_add(cream_raster *, cream_part, const char *name, const uint8_t *data, size_t size,
                             int labels, int classes, cream_error *);

#endif
