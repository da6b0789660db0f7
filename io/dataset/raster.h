/* Data sets of small pictures of one size that are held in memory: what `cifar10`, `cifar100` and `idx`
 * share.
 */
#ifndef CREAM_IO_RASTER_H
#define CREAM_IO_RASTER_H

#include "data.h"

typedef struct cream_raster_part {
  uint8_t *pixels; /* [count, channels, height, width] */
  int32_t *labels; /* [count] */
  size_t count;
} cream_raster_part;

/* Begins as {.dataset = {.name}, width, height, channels}; the parts are filled by the format. */
typedef struct cream_raster {
  cream_dataset dataset;
  int width, height, channels; /* 1: grey, shown as three channels that are alike; 3: RGB */
  char *place;                 /* what the user named */
  cream_raster_part parts[CREAM_PARTS];
} cream_raster;

/* NULL: out of memory. */
cream_raster *cream_raster_create(const char *kind, const char *place, int width, int height, int channels);

/* Makes room for `count` more pictures, whose values are undefined; *first: the number of the first. */
cream_status cream_raster_extend(cream_raster *, cream_part, size_t count, size_t *first, cream_error *);

/* Mean and deviation are measured; classes as cream_classes_set has it. The set then is *out's; on failure it
 * is the caller's still. */
cream_status cream_raster_finish(cream_raster *, const char *const *class_names, int classes,
                                 cream_dataset **out, cream_error *);
void cream_raster_free(cream_raster *);

#endif
