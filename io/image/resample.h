/* Resizing with antialiasing, as Pillow does it: each output pixel is a weighted sum of the inputs under a
 * filter that grows with the scale; columns first, then rows, both in fixed point with 22 bits and rounded
 * to 8 bits.
 */
#ifndef CREAM_IO_RESAMPLE_H
#define CREAM_IO_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum cream_filter { CREAM_FILTER_BILINEAR, CREAM_FILTER_BICUBIC /* a = -0.5 */ } cream_filter;

/* Memory that grows to the largest need and is kept for the next; starts as zeros. */
typedef struct cream_scratch {
  void *data;
  size_t size;
} cream_scratch;

/* At least `size` bytes, aligned to 64, whose content is undefined; NULL: no memory. */
void *cream_scratch_need(cream_scratch *, size_t size);
void cream_scratch_free(cream_scratch *);

typedef struct cream_resize {
  const uint8_t *pixels;     /* RGB [height, width, 3]; nothing outside is looked at */
  int width, height;         /* 1..65535 */
  size_t stride;             /* bytes from row to row */
  double box[4];             /* left, top, right, bottom of what is resized, in pixels; all 0: everything */
  int out_width, out_height; /* of the whole box, 1..65535 */
  int window_left, window_top, window_width, window_height; /* which of it is made; widths 0: all */
  cream_filter filter;
  bool mirror; /* left and right of the window exchanged */
  bool plain;  /* portable code only, the oracle of the other */
} cream_resize;

/* Writes the window as RGB [window_height, window_width, 3]. The filter reaches beyond the box where the
 * picture does; to crop first, as torchvision does, hand over the crop as a picture of its own.
 * CREAM_FAILED: no memory. */
cream_status cream_resample(cream_scratch *, const cream_resize *, uint8_t *out, cream_error *);

#endif
