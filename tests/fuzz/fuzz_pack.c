#include "fuzz.h"

#include "io/dataset/formats.h"
#include "io/dataset/pack_internal.h"

/* Corrects the checksums if header and index are inside the file, so that the code behind the checks is reached. */
static void mend(uint8_t *data, size_t size) {
  if (size < CREAM_PACK_HEADER) return;
  uint64_t names = pack_get(data + PACK_AT_NAMES, 8), index = pack_get(data + PACK_AT_INDEX, 8);
  if (names > index || index > size) return;
  for (uint8_t *entry = data + index; entry + CREAM_PACK_ENTRY <= data + size; entry += CREAM_PACK_ENTRY) {
    uint64_t at = pack_get(entry + PACK_ENTRY_OFFSET, 8), bytes = pack_get(entry + PACK_ENTRY_SIZE, 4);
    if (at <= size && bytes <= size - at)
      pack_put(entry + PACK_ENTRY_CHECKSUM, XXH3_64bits(data + at, (size_t)bytes), 8);
  }
  uint64_t checksum =
      pack_checksum(data + names, (size_t)(index - names), data + index, size - (size_t)index, data);
  pack_put(data + PACK_AT_CHECKSUM, checksum, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cream_error error;
  cream_dataset *set;
  char *bytes = fuzz_text(data, size);
  mend((uint8_t *)bytes, size);
  cream_status status = cream_pack_open(fuzz_file((const uint8_t *)bytes, size), &set, &error);
  free(bytes);
  fuzz_check(status, &error);
  if (status) return 0;
  cream_image image = {0};
  for (int part = 0; part < CREAM_PARTS; part++)
    for (size_t i = 0; i < set->count[part] && i < 8; i++) {
      CREAM_ASSERT(set->labels[part][i] >= 0 && set->labels[part][i] < set->classes);
      fuzz_check(set->load(set, (cream_part)part, i, 4, &image, &error), &error);
    }
  cream_image_free(&image);
  set->destroy(set);
  return 0;
}
