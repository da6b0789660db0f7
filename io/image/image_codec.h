/* The list of image formats that are decoded, and what their decoders share with image.c. Definitions: image_codec.c.
 *
 * A new format is a source file that defines cream_NAME_decode and one line in CREAM_IMAGE_FORMATS.
 */
#ifndef CREAM_IO_IMAGE_CODEC_H
#define CREAM_IO_IMAGE_CODEC_H

#include "image.h"

/* X(name, word, magic): `magic` holds the first bytes of every file of the format, `word` is used in messages. */
#define CREAM_IMAGE_FORMATS(X)                                                                               \
  X(jpeg, "JPEG", "\xff\xd8\xff")                                                                            \
  X(png, "PNG", "\x89PNG\r\n\x1a\n")

typedef struct cream_image_input {
  const uint8_t *data;
  size_t size;
  const char *name; /* for messages */
  int least_side;   /* see cream_image_decode */
} cream_image_input;

/* Decodes into `image`; if `image` is NULL, reads the header alone. *width and *height are those of the file. */
typedef cream_status cream_image_decoder(const cream_image_input *, cream_image *image, int *width,
                                         int *height, cream_error *);

#define CREAM_IMAGE_DECODER(name, word, magic) cream_image_decoder cream_##name##_decode;
CREAM_IMAGE_FORMATS(CREAM_IMAGE_DECODER)
#undef CREAM_IMAGE_DECODER

/* CREAM_BAD_DATA if an image of that size has no pixels or more than CREAM_MAX_PIXELS. */
cream_status cream_image_check_size(const char *name, uint32_t width, uint32_t height, cream_error *);

/* Fails with CREAM_BAD_DATA and "NAME: a damaged FORMAT: REASON". */
cream_status cream_image_damaged(const char *name, const char *format, const char *reason, cream_error *);

#endif
