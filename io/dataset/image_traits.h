/* What the first bytes of an image file say about images that look different here and in other programs. */
#ifndef CREAM_IO_IMAGE_TRAITS_H
#define CREAM_IO_IMAGE_TRAITS_H

#include <stddef.h>
#include <stdint.h>

enum {
  CREAM_TRAITS_BYTES = 8192, /* of a file that are enough */
  CREAM_TRAIT_DEEP_GREY = 1, /* PNG with 16-bit grey, which is clipped at 255 */
  CREAM_TRAIT_ROTATED = 2    /* JPEG whose EXIF orientation is not applied */
};

/* The traits of the image that begins with these bytes, as a sum; 0 where they are no PNG or JPEG. */
unsigned cream_image_traits(const uint8_t *data, size_t size);

#endif
