/* TensorBoard's event files. Every record is a protobuf message (event.proto) in the framing of TFRecord: its
 * length, the masked CRC32C of the length, the message, the masked CRC32C of the message. */
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

/* Writes the first record of a file. wall: seconds since 1970. Errors of the stream are left to its error
 * flag (ferror). */
cream_status cream_tensorboard_begin(FILE *, double wall, cream_error *);
/* Writes scalars of a step, at most 16. */
cream_status cream_tensorboard_write(FILE *, double wall, uint64_t step, const cream_scalar *, int count,
                                     cream_error *);

/* CRC-32C (Castagnoli). */
uint32_t cream_crc32c(const void *, size_t);

#endif
