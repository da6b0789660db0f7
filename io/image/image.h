/* Pictures as 8-bit RGB, out of JPEG and PNG. What a file is, its first bytes say, not its name. Colours are
 * those of Pillow's convert('RGB'), which training pipelines in Python begin with: alpha is dropped, EXIF
 * rotation, gamma and colour profiles are ignored, CMYK is taken as Adobe writes it (inverted), and 16-bit
 * grey is cut off at 255, not scaled.
 */
#ifndef CREAM_IO_IMAGE_H
#define CREAM_IO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum {
  CREAM_MAX_PIXELS = 178956970,    /* of a picture: beyond it, as in Pillow, a file is taken for an attack */
  CREAM_MAX_IMAGE_BYTES = 1 << 28, /* of a file */
};

/* A part of a picture, all that its user wants of it: a decoder that can leaves out the work for the rest. */
typedef struct cream_image_crop cream_image_crop;
struct cream_image_crop {
  /* Called by the decoder when it knows the size of the picture; sets the members below. */
  void (*choose)(cream_image_crop *, int width, int height);
  int left, top, width, height;  /* in pixels of the full picture, within it */
  int least_width, least_height; /* the part may be shrunk as long as it is not below this size */
};

/* Begins as {0}. Memory is used again from picture to picture and grows only. */
typedef struct cream_image {
  int width, height;
  uint8_t *pixels; /* [height, width, 3] */
  size_t capacity; /* bytes at `pixels` */

  cream_image_crop *crop; /* the caller's, or NULL; a decoder need not heed it */
  int left, top, shrink; /* if it did: pixels[0] is at (left, top) of the picture at 1/shrink; else 0, 0, 0 */
} cream_image;

/* Makes room for width x height pixels, whose values are undefined after it. */
cream_status cream_image_resize(cream_image *, int width, int height, cream_error *);
void cream_image_free(cream_image *);

/* Width and height out of the header alone; `name` is for messages. */
cream_status cream_image_size(const uint8_t *data, size_t size, const char *name, int *width, int *height,
                              cream_error *);

/* The picture in `data`. A JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size (rounded up)
 * whose shorter side is still at least `least_side`; 0: at full size. CREAM_BAD_DATA: empty, neither JPEG nor
 * PNG, damaged, truncated, or more than CREAM_MAX_PIXELS, found before anything of that size is allocated;
 * what is in `image` then is undefined, and it can be used again. */
cream_status cream_image_decode(const uint8_t *data, size_t size, const char *name, int least_side,
                                cream_image *image, cream_error *);

/* The same out of a file. CREAM_BAD_DATA also for a file that cannot be read. */
cream_status cream_image_read(const char *path, int least_side, cream_image *image, cream_error *);

#endif
