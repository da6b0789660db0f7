#ifndef CREAM_IO_IDX_H
#define CREAM_IO_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct cream_idx {
  const uint8_t *values;
  size_t count;
  int height, width; /* labels: 1 x 1 */
} cream_idx;

/* Parses an IDX file of unsigned bytes with 3 dimensions (images) or 1 (labels). idx->values points into `data`. `name`
 * is used in messages. CREAM_BAD_DATA: another magic number, or a length that differs from the header's. */
cream_status cream_idx_parse(const char *name, const uint8_t *data, size_t size, int dimensions, cream_idx *,
                             cream_error *);

#endif
