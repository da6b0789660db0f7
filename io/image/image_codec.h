/* The list of image formats that are decoded, and what their decoders share with image.c. Definitions: image_codec.c.
 *
 * A new format is a source file that defines cream_NAME_decode and one line in CREAM_IMAGE_FORMATS. Where it needs a
 * library that a build may lack, its macro CREAM_WITH_LIBRARY is 0 then, and its decoder fails with
 * cream_image_no_library.
 */
#ifndef CREAM_IO_IMAGE_CODEC_H
#define CREAM_IO_IMAGE_CODEC_H

#include "image.h"

/* X(name, word, magic, present): files of the format begin with `magic`; a format with several has a line for each.
 * `word` is used in messages; present: whether this build decodes the format. */
#define CREAM_IMAGE_FORMATS(X)                                                                               \
  X(jpeg, "JPEG", "\xff\xd8\xff", 1)                                                                         \
  X(png, "PNG", "\x89PNG\r\n\x1a\n", 1)                                                                      \
  X(webp, "WebP", "RIFF", CREAM_WITH_WEBP)                                                                   \
  X(gif, "GIF", "GIF8", CREAM_WITH_GIF)                                                                      \
  X(tiff, "TIFF", "II*\0", CREAM_WITH_TIFF)                                                                  \
  X(tiff, "TIFF", "MM\0*", CREAM_WITH_TIFF)                                                                  \
  X(tiff, "TIFF", "II+\0", CREAM_WITH_TIFF)                                                                  \
  X(tiff, "TIFF", "MM\0+", CREAM_WITH_TIFF)                                                                  \
  X(bmp, "BMP", "BM", 1)

typedef struct cream_image_input {
  const uint8_t *data;
  size_t size;
  const char *name; /* for messages */
  int least_side;   /* see cream_image_decode */
} cream_image_input;

/* Decodes into `image`; if `image` is NULL, reads the header alone. *width and *height are those of the file. */
typedef cream_status cream_image_decoder(const cream_image_input *, cream_image *image, int *width,
                                         int *height, cream_error *);

#define CREAM_IMAGE_DECODER(name, word, magic, present) cream_image_decoder cream_##name##_decode;
CREAM_IMAGE_FORMATS(CREAM_IMAGE_DECODER)
#undef CREAM_IMAGE_DECODER

/* CREAM_BAD_DATA if an image of that size has no pixels or more than CREAM_MAX_PIXELS. */
cream_status cream_image_check_size(const char *name, uint32_t width, uint32_t height, cream_error *);

/* Fails with CREAM_BAD_DATA and "NAME: a damaged FORMAT: REASON". */
cream_status cream_image_damaged(const char *name, const char *format, const char *reason, cream_error *);
/* Fails with CREAM_BAD_DATA for a format whose library this build lacks. */
cream_status cream_image_no_library(const char *name, const char *format, const char *library, cream_error *);

#endif
