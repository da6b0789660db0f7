#ifndef CREAM_IO_IDX_H
#define CREAM_IO_IDX_H

#include "data.h"
#include "raster.h"

/* `idx:PATH`: MNIST and its family. PATH is a folder (or the beginning of file names, as in
 * idx:emnist/emnist-letters) with {train,t10k}-{images-idx3,labels-idx1}-ubyte, also with .gz, `test` for
 * `t10k`, a dot for the hyphen before idx, and in a folder raw/. Classes are the labels that training
 * pictures have, from the least. CREAM_BAD_DATA: a file that is missing, damaged, of another magic number
 * or of another length than its header says, pictures and labels of different numbers, or a test label
 * that training lacks.
 */
cream_status cream_idx_open(const char *place, cream_dataset **, cream_error *);

typedef struct cream_idx {
  const uint8_t *values;
  size_t count;
  int height, width; /* 1 x 1 for labels */
} cream_idx;

/* Unsigned bytes of 3 dimensions (images) or 1 (labels); values stay in `data`. */
cream_status cream_idx_parse(const char *name, const uint8_t *data, size_t size, int dimensions, cream_idx *,
                             cream_error *);

#endif
