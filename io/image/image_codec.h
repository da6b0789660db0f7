/* What io/image/image.c and the decoders share: one of them for each format that is read. */
#ifndef CREAM_IO_IMAGE_CODEC_H
#define CREAM_IO_IMAGE_CODEC_H

#include "image.h"

typedef struct cream_image_input {
  const uint8_t *data;
  size_t size;
  const char *name; /* for messages */
  int least_side;   /* as cream_image_decode has it */
} cream_image_input;

/* Decodes into `image`; NULL: only the header is read. Width and height are those of the file. */
cream_status cream_jpeg_decode(const cream_image_input *, cream_image *image, int *width, int *height,
                               cream_error *);
cream_status cream_png_decode(const cream_image_input *, cream_image *image, int *width, int *height,
                              cream_error *);

/* CREAM_BAD_DATA unless a picture of that size may be decoded. */
cream_status cream_image_check_size(const char *name, uint32_t width, uint32_t height, cream_error *);

/* CREAM_BAD_DATA: "NAME: a damaged JPEG: REASON" */
cream_status cream_image_damaged(const char *name, const char *format, const char *reason, cream_error *);

#endif
