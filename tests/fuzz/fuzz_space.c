#include "fuzz.h"

#include "io/config/space_yaml.h"

/* An accepted space is printed and read again, and must be the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static cream_space space, again;
  cream_error error;
  cream_status status = cream_space_parse("fuzz", (const char *)data, size, &space, &error);
  fuzz_check(status, &error);
  if (status) return 0;
  char *text = NULL, hashes[2][33];
  size_t length = 0;
  FILE *stream = open_memstream(&text, &length);
  CREAM_ASSERT(stream);
  cream_space_print(&space, stream);
  CREAM_ASSERT(fclose(stream) == 0);
  CREAM_ASSERT(cream_space_parse("printed", text, length, &again, &error) == CREAM_OK);
  CREAM_ASSERT(cream_space_hash(&space, hashes[0], &error) == CREAM_OK);
  CREAM_ASSERT(cream_space_hash(&again, hashes[1], &error) == CREAM_OK);
  CREAM_ASSERT(strcmp(hashes[0], hashes[1]) == 0);
  free(text);
  return 0;
}
