#include "gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FIRST_BYTES = 1 << 18, BYTES_AT_ONCE = 1 << 30 };

/* Reads up to one byte more than the limit, to detect a file that is too long. */
static cream_status read_stream(gzFile stream, const char *path, size_t limit, char **data, size_t *size,
                                cream_error *err) {
  size_t capacity = 0;
  *size = 0;
  for (;;) {
    if (*size == capacity) {
      capacity = capacity ? 2 * capacity : FIRST_BYTES;
      if (capacity > limit + 1) capacity = limit + 1;
      char *grown = realloc(*data, capacity + 1);
      if (!grown) return cream_fail_memory(err, capacity, path);
      *data = grown;
    }
    size_t wanted = capacity - *size;
    int got = gzread(stream, *data + *size, wanted < BYTES_AT_ONCE ? (unsigned)wanted : BYTES_AT_ONCE);
    if (got < 0) {
      int code;
      const char *problem = gzerror(stream, &code);
      if (code == Z_ERRNO) return cream_fail(err, CREAM_FAILED, "cannot read %s: %s", path, strerror(errno));
      return cream_fail(err, CREAM_BAD_DATA, "%s: damaged: %s", path, problem);
    }
    if (got == 0) return CREAM_OK;
    *size += (size_t)got;
    if (*size > limit)
      return cream_fail(err, CREAM_BAD_DATA,
                        "%s: got more than %zu bytes when decompressed, expected at most that", path, limit);
  }
}

cream_status cream_gzip_read(const char *path, size_t limit, char **data, size_t *size, cream_error *err) {
  errno = 0;
  gzFile stream = gzopen(path, "rb");
  if (!stream)
    return cream_fail(err, CREAM_FAILED, "cannot open %s: %s", path, strerror(errno ? errno : ENOMEM));
  *data = NULL;
  cream_status status = read_stream(stream, path, limit, data, size, err);
  /* A truncated stream is only reported by gzclose. */
  if (gzclose(stream) != Z_OK && !status)
    status = cream_fail(err, CREAM_BAD_DATA, "%s: damaged: the compressed data are truncated", path);
  if (status) {
    free(*data);
    *data = NULL;
    return status;
  }
  CREAM_ASSERT(*data);
  (*data)[*size] = 0;
  return CREAM_OK;
}
