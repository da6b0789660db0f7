#include "image_size.h"

#include <stdlib.h>

#include "io/base/file.h"
#include "io/image/image.h"

enum { HEAD = 1 << 16 }; /* bytes that are enough for most files */

cream_status cream_image_file_size(const char *path, int *width, int *height, cream_error *err) {
  static _Thread_local uint8_t head[HEAD];
  FILE *stream = cream_is_file(path) ? fopen(path, "rb") : NULL;
  if (stream) {
    size_t size = fread(head, 1, sizeof head, stream);
    fclose(stream);
    if (cream_image_size(head, size, path, width, height, NULL) == CREAM_OK) return CREAM_OK;
  }
  char *data;
  size_t size;
  cream_error reason;
  if (cream_file_read(path, CREAM_MAX_IMAGE_BYTES, &data, &size, &reason))
    return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
  cream_status status = cream_image_size((const uint8_t *)data, size, path, width, height, err);
  free(data);
  return status;
}
