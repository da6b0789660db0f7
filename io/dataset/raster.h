/* Data sets of small images of equal size that are held in memory, as `cifar10`, `cifar100` and `idx` are. */
#ifndef CREAM_IO_RASTER_H
#define CREAM_IO_RASTER_H

#include "data.h"

typedef struct cream_raster_part {
  uint8_t *pixels; /* [count, channels, height, width] */
  int32_t *labels; /* [count] */
  size_t count;
} cream_raster_part;

/* A data set under construction; the format appends to the parts. */
typedef struct cream_raster {
  cream_dataset dataset;
  int width, height, channels; /* 1: grey, loaded as three equal channels; 3: RGB */
  char *place;                 /* the text after the colon of --data */
  cream_raster_part parts[CREAM_PARTS];
} cream_raster;

/* Creates an empty set; `format` must outlive it, `place` is copied. NULL: out of memory. */
cream_raster *cream_raster_create(const char *format, const char *place, int width, int height, int channels);

/* Appends `count` images with undefined pixels and labels to a part. *first: the index of the first of them. */
cream_status cream_raster_extend(cream_raster *, cream_part, size_t count, size_t *first, cream_error *);

/* Completes the set: measures mean and deviation and sets the classes (see cream_classes_set). On success *out owns the
 * set; on failure the caller still does. */
cream_status cream_raster_finish(cream_raster *, const char *const *class_names, int classes,
                                 cream_dataset **out, cream_error *);
void cream_raster_free(cream_raster *);

#endif
