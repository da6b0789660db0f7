#include "fuzz.h"

#include "io/image/image.h"

/* Decodes at full size and reduced. Large images are skipped to save time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { MAX_AREA = 1 << 18 };
  static cream_image image;
  cream_error error;
  int width = 0, height = 0;
  cream_status status = cream_image_size(data, size, "fuzz", &width, &height, &error);
  fuzz_check(status, &error);
  if (status || (long)width * height > MAX_AREA) return 0;
  for (int i = 0; i < 2; i++) {
    status = cream_image_decode(data, size, "fuzz", i ? 9 : 0, &image, &error);
    fuzz_check(status, &error);
    if (status) continue;
    CREAM_ASSERT(image.width > 0 && image.width <= width && image.height > 0 && image.height <= height);
    volatile uint8_t last = image.pixels[(size_t)image.width * (size_t)image.height * 3 - 1];
    (void)last;
  }
  return 0;
}
