/* Between resample.c and its kernels for one instruction set. */
#ifndef CREAM_IO_RESAMPLE_INTERNAL_H
#define CREAM_IO_RESAMPLE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

enum { CREAM_WEIGHT_BITS = 22, CREAM_WEIGHT_HALF = 1 << (CREAM_WEIGHT_BITS - 1) };

/* Which inputs make each output along one axis, and how much of them. */
typedef struct cream_taps {
  int count, width; /* outputs; weights of each: a multiple of 4, zeros behind those in use */
  int32_t *first;   /* [count] first input */
  int32_t *used;    /* [count] weights in use */
  int32_t *weights; /* [count, width] times 2^22 */
} cream_taps;

enum { CREAM_TABLE_BYTES = 64 }; /* of `table` for every 4 weights */

typedef struct cream_resample_kernels {
  /* Lays the weights out as `row` likes them. */
  void (*prepare)(const cream_taps *, void *table);
  /* One row: in[width, 3] to out[count, 3]. May read up to 3 * taps.width + 4 bytes beyond the row and write
   * four bytes beyond the output. */
  void (*row)(const cream_taps *, const void *table, const uint8_t *in, uint8_t *out);
  /* Weighted sum of n rows of `bytes` bytes, `stride` apart. May read 31 bytes beyond a row. */
  void (*column)(const uint8_t *rows, size_t stride, const int32_t *weights, int n, size_t bytes,
                 uint8_t *out);
} cream_resample_kernels;

/* NULL where the processor lacks it. */
const cream_resample_kernels *cream_resample_avx2(void);

#endif
