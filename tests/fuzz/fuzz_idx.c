#include "fuzz.h"

#include "io/base/gzip.h"
#include "io/dataset/idx.h"

static void parse(const uint8_t *data, size_t size, int dimensions) {
  cream_error error;
  cream_idx idx;
  cream_status status = cream_idx_parse("fuzz", data, size, dimensions, &idx, &error);
  fuzz_check(status, &error);
  if (status) return;
  unsigned sum = 0;
  for (size_t i = 0; i < idx.count * (size_t)idx.height * (size_t)idx.width; i++) sum += idx.values[i];
  CREAM_ASSERT(sum <= 255 * size);
}

/* Parses the bytes directly, and as a file that may be compressed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cream_error error;
  char *expanded;
  size_t length;
  parse(data, size, 1);
  parse(data, size, 3);
  cream_status status = cream_gzip_read(fuzz_file(data, size), 1 << 20, &expanded, &length, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  parse((const uint8_t *)expanded, length, 3);
  free(expanded);
  return 0;
}
