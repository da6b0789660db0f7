/* The interface between resample.c and its kernels for an instruction set. */
#ifndef CREAM_IO_RESAMPLE_INTERNAL_H
#define CREAM_IO_RESAMPLE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

enum { CREAM_WEIGHT_BITS = 22, CREAM_WEIGHT_HALF = 1 << (CREAM_WEIGHT_BITS - 1) };

/* The inputs of each output along one axis, and their weights. */
typedef struct cream_taps {
  int count, width; /* outputs; weights per output: a multiple of 4, those not used are 0 */
  int32_t *first;   /* [count]: first input */
  int32_t *used;    /* [count]: weights in use */
  int32_t *weights; /* [count, width]: times 2^CREAM_WEIGHT_BITS */
} cream_taps;

enum { CREAM_TABLE_BYTES = 64 }; /* of `table` per 4 weights */

typedef struct cream_resample_kernels {
  /* Writes the weights to `table` in the layout that `row` reads. */
  void (*prepare)(const cream_taps *, void *table);
  /* Resizes a row, in[width, 3] to out[count, 3]. May read up to 3 * taps.width + 4 bytes after the row and write 4
   * bytes after the output. */
  void (*row)(const cream_taps *, const void *table, const uint8_t *in, uint8_t *out);
  /* Computes a weighted sum of n rows of `bytes` bytes, `stride` bytes apart. May read 31 bytes after a row. */
  void (*column)(const uint8_t *rows, size_t stride, const int32_t *weights, int n, size_t bytes,
                 uint8_t *out);
} cream_resample_kernels;

/* NULL if the processor has no AVX2. */
const cream_resample_kernels *cream_resample_avx2(void);

#endif
