/* Floats in half precision, for messages. Each block of values has a power of two of its own, so that small gradients
 * keep their 11 bits whatever their size. The result depends on the values alone. */
#ifndef CREAM_IO_CLUSTER_HALF_H
#define CREAM_IO_CLUSTER_HALF_H

#include <stddef.h>
#include <stdint.h>

enum { CREAM_HALF_BLOCK = 1024 };

/* uint16_t that `count` values take. */
size_t cream_half_size(size_t count);
void cream_half_pack(const float *values, size_t count, uint16_t *packed);
void cream_half_unpack(const uint16_t *packed, size_t count, float *values);
/* values[i] += the packed ones. */
void cream_half_add(const uint16_t *packed, size_t count, float *values);

#endif
