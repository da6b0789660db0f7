/* Resizing with antialiasing, bit-identical to Pillow: an output pixel is a weighted sum of input pixels, and the
 * support of the filter grows with the reduction. Horizontal before vertical; both in fixed point with 22 bits, rounded
 * to 8 bits.
 */
#ifndef CREAM_IO_RESAMPLE_H
#define CREAM_IO_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* Filters: X(ID, function of resample.c, support in input pixels). Bicubic has a = -0.5. */
#define CREAM_FILTERS(X)                                                                                     \
  X(BILINEAR, bilinear, 1)                                                                                   \
  X(BICUBIC, bicubic, 2)

#define CREAM_FILTER_ID(id, function, support) CREAM_FILTER_##id,
typedef enum cream_filter { CREAM_FILTERS(CREAM_FILTER_ID) } cream_filter;
#undef CREAM_FILTER_ID

/* Memory that is reused between calls and only grows. Initialise with {0}. */
typedef struct cream_scratch {
  void *data;
  size_t size;
} cream_scratch;

/* Returns at least `size` bytes, aligned to 64, with undefined content; NULL: out of memory. */
void *cream_scratch_need(cream_scratch *, size_t size);
void cream_scratch_free(cream_scratch *);

typedef struct cream_resize {
  const uint8_t *pixels;     /* RGB [height, width, 3]; nothing outside is read */
  int width, height;         /* 1..65535 */
  size_t stride;             /* bytes from row to row */
  double box[4];             /* left, top, right, bottom of the region to resize, in pixels; all 0: all */
  int out_width, out_height; /* of the whole box, 1..65535 */
  int window_left, window_top, window_width,
      window_height; /* the part of the output to compute; width, height 0: all */
  cream_filter filter;
  bool mirror; /* flip the window horizontally */
  bool plain;  /* portable code alone, the reference for the faster kernels */
} cream_resize;

/* Writes the window as RGB [window_height, window_width, 3]. The filter reads pixels outside of the box where the image
 * has them; to crop before resizing, as torchvision does, pass the crop as an image. CREAM_FAILED: out of memory. */
cream_status cream_resample(cream_scratch *, const cream_resize *, uint8_t *out, cream_error *);

#endif
