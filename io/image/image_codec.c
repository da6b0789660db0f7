#include "image_codec.h"

#include <stdlib.h>

cream_status cream_image_resize(cream_image *image, int width, int height, cream_error *err) {
  size_t bytes = (size_t)width * (size_t)height * 3;
  if (bytes > image->capacity) {
    free(image->pixels);
    image->pixels = malloc(bytes);
    image->capacity = image->pixels ? bytes : 0;
    if (!image->pixels) return cream_fail_memory(err, bytes, "an image");
  }
  image->width = width;
  image->height = height;
  image->left = image->top = image->shrink = 0;
  return CREAM_OK;
}

void cream_image_free(cream_image *image) {
  free(image->pixels);
  *image = (cream_image){0};
}

cream_status cream_image_check_size(const char *name, uint32_t width, uint32_t height, cream_error *err) {
  if (width == 0 || height == 0)
    return cream_fail(err, CREAM_BAD_DATA, "%s: the image has no pixels (%u x %u)", name, width, height);
  if ((uint64_t)width * height > CREAM_MAX_PIXELS)
    return cream_fail(err, CREAM_BAD_DATA, "%s: %u x %u pixels, more than the %d allowed", name, width,
                      height, CREAM_MAX_PIXELS);
  return CREAM_OK;
}

cream_status cream_image_no_library(const char *name, const char *format, const char *library,
                                    cream_error *err) {
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: a %s file, and this program was built without %s; build it with that library, or convert the "
      "file to PNG",
      name, format, library);
}

cream_status cream_image_damaged(const char *name, const char *format, const char *reason, cream_error *err) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: a damaged %s: %s", name, format, reason);
}
