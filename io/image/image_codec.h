/* The list of image formats that are decoded, and what their decoders share with image.c. Definitions: image_codec.c.
 *
 * A new format is a source file that defines cream_NAME_decode and one line in CREAM_IMAGE_FORMATS. Where it needs a
 * library that a build may lack, its macro CREAM_WITH_LIBRARY is 0 then, and its decoder fails with
 * cream_image_no_library.
 */
#ifndef CREAM_IO_IMAGE_CODEC_H
#define CREAM_IO_IMAGE_CODEC_H

#include "image.h"

/* X(name, word, extensions, magic, present): files of the format begin with `magic`; a format with several has a line for
 * each. `word` is used in messages; `extensions` are those of file names, in small letters; present: whether this build
 * decodes the format. */
#define CREAM_IMAGE_FORMATS(X)                                                                               \
  X(jpeg, "JPEG", ".jpg .jpeg", "\xff\xd8\xff", 1)                                                           \
  X(png, "PNG", ".png", "\x89PNG\r\n\x1a\n", 1)                                                              \
  X(webp, "WebP", ".webp", "RIFF", CREAM_WITH_WEBP)                                                          \
  X(gif, "GIF", ".gif", "GIF8", CREAM_WITH_GIF)                                                              \
  X(tiff, "TIFF", ".tif .tiff", "II*\0", CREAM_WITH_TIFF)                                                    \
  X(tiff, "TIFF", "", "MM\0*", CREAM_WITH_TIFF)                                                              \
  X(tiff, "TIFF", "", "II+\0", CREAM_WITH_TIFF)                                                              \
  X(tiff, "TIFF", "", "MM\0+", CREAM_WITH_TIFF)                                                              \
  X(bmp, "BMP", ".bmp", "BM", 1)

/* Formats that no build decodes, whose files count as images by their names, as they do in torchvision: X(word,
 * extensions). */
#define CREAM_IMAGE_OTHER_FORMATS(X) X("PPM", ".ppm") X("PGM", ".pgm")

typedef struct cream_image_input {
  const uint8_t *data;
  size_t size;
  const char *name; /* for messages */
  int least_side;   /* see cream_image_decode */
} cream_image_input;

/* Decodes into `image`; if `image` is NULL, reads the header alone. *width and *height are those of the file. */
typedef cream_status cream_image_decoder(const cream_image_input *, cream_image *image, int *width,
                                         int *height, cream_error *);

#define CREAM_IMAGE_DECODER(name, word, extensions, magic, present) cream_image_decoder cream_##name##_decode;
CREAM_IMAGE_FORMATS(CREAM_IMAGE_DECODER)
#undef CREAM_IMAGE_DECODER

/* CREAM_BAD_DATA if an image of that size has no pixels or more than CREAM_MAX_PIXELS. */
cream_status cream_image_check_size(const char *name, uint32_t width, uint32_t height, cream_error *);

/* Fails with CREAM_BAD_DATA and "NAME: a damaged FORMAT: REASON". */
cream_status cream_image_damaged(const char *name, const char *format, const char *reason, cream_error *);
/* Fails with CREAM_BAD_DATA for a format whose library this build lacks. */
cream_status cream_image_no_library(const char *name, const char *format, const char *library, cream_error *);

#endif
