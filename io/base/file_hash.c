#include "file_hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

cream_status cream_file_hash(const char *path, uint64_t *hash, cream_error *err) {
  FILE *stream = fopen(path, "rb");
  if (!stream) return cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
  XXH3_state_t *state = XXH3_createState();
  char bytes[1 << 14];
  size_t n;
  XXH3_64bits_reset(state);
  while ((n = fread(bytes, 1, sizeof bytes, stream))) XXH3_64bits_update(state, bytes, n);
  bool failed = ferror(stream);
  fclose(stream);
  *hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return failed ? cream_fail(err, CREAM_FAILED, "cannot read %s", path) : CREAM_OK;
}
