/* TensorBoard's event files: records of TFRecord framing (length, masked CRC32C of it, data, masked CRC32C)
 * that hold a protobuf message each (proto/event.proto). */
#ifndef CREAM_IO_TENSORBOARD_H
#define CREAM_IO_TENSORBOARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

typedef struct cream_scalar {
  const char *tag; /* "train/loss" */
  double value;
} cream_scalar;

/* The record that such a file begins with. wall: seconds since 1970. What the stream could not take is left
 * to its error flag. */
cream_status cream_tensorboard_begin(FILE *, double wall, cream_error *);
/* Scalars of a step, at most 16. */
cream_status cream_tensorboard_write(FILE *, double wall, uint64_t step, const cream_scalar *, int count,
                                     cream_error *);

/* CRC-32C (Castagnoli). */
uint32_t cream_crc32c(const void *, size_t);

#endif
