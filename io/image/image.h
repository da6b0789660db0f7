/* Images as 8-bit RGB, decoded from the formats of image_codec.h (JPEG, PNG, BMP; WebP, GIF and TIFF where the build has their libraries). The first bytes of a file decide its
 * format, not its name. Colours are those of Pillow's convert('RGB'), the usual first step of training pipelines in
 * Python: alpha is dropped; EXIF rotation, gamma and colour profiles are ignored; CMYK is read as Adobe writes it
 * (inverted); 16-bit grey is clipped to 255, not scaled. Of a file with several images, the first is read.
 */
#ifndef CREAM_IO_IMAGE_H
#define CREAM_IO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum {
  CREAM_MAX_PIXELS =
      178956970, /* of an image: Pillow's limit, above which it suspects a decompression bomb */
  CREAM_MAX_IMAGE_BYTES = 1 << 28, /* of a file */
};

/* The part of an image that the caller needs. A decoder may use it to skip work for the rest. */
typedef struct cream_image_crop cream_image_crop;
struct cream_image_crop {
  /* Called by the decoder once it knows the size of the image; sets the members below. */
  void (*choose)(cream_image_crop *, int width, int height);
  int left, top, width, height;  /* in pixels of the full image, inside it */
  int least_width, least_height; /* the part may be decoded at a reduced scale that is no smaller than this */
};

/* Initialise with {0}. The memory is reused from image to image and only grows. */
typedef struct cream_image {
  int width, height;
  uint8_t *pixels; /* [height, width, 3] */
  size_t capacity; /* bytes at `pixels` */

  cream_image_crop *crop; /* the caller's, or NULL; decoders may ignore it */
  int left, top,
      shrink; /* with a crop: pixels[0] is at (left, top) of the image at scale 1/shrink; else 0, 0, 0 */
} cream_image;

/* The word of the format that the extension of a file name belongs to, in upper or lower case; NULL: none of an image.
 * *present: this build reads the format. The names are a guess: the content decides when a file is read. */
const char *cream_image_format_of_name(const char *name, bool *present);
/* Writes the extensions of all formats: ".jpg .jpeg ...". Returns `text`. */
const char *cream_image_extensions(char *text, size_t size);

/* Makes room for width x height pixels; their values are undefined. */
cream_status cream_image_resize(cream_image *, int width, int height, cream_error *);
void cream_image_free(cream_image *);

/* Reads width and height from the header alone. `name` is used in messages. */
cream_status cream_image_size(const uint8_t *data, size_t size, const char *name, int *width, int *height,
                              cream_error *);

/* Decodes the image in `data`. A JPEG is decoded at the smallest scale of 1, 1/2, 1/4 and 1/8 (sizes rounded up)
 * whose shorter side has at least `least_side` pixels; 0: at full size. CREAM_BAD_DATA: the data are empty, damaged,
 * truncated, of a format without a decoder, or have more than CREAM_MAX_PIXELS, which is checked before memory for
 * them is allocated. On error the content of `image` is undefined, but `image` can be used again. */
cream_status cream_image_decode(const uint8_t *data, size_t size, const char *name, int least_side,
                                cream_image *image, cream_error *);

/* Decodes the image in a file. CREAM_BAD_DATA also if the file cannot be read. */
cream_status cream_image_read(const char *path, int least_side, cream_image *image, cream_error *);

#endif
