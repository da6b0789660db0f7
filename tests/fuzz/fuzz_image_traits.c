#include "fuzz.h"

#include "io/dataset/image_traits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CREAM_ASSERT(cream_image_traits(data, size) <= (CREAM_TRAIT_DEEP_GREY | CREAM_TRAIT_ROTATED));
  return 0;
}
