#include "files.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/base/file.h"

cream_status files_print(const char *path, cream_error *err) {
  char *text;
  size_t size;
  cream_status status = cream_file_read(path, 64 << 20, &text, &size, err);
  if (status != CREAM_OK) return status;
  fwrite(text, 1, size, stdout);
  free(text);
  return CREAM_OK;
}

cream_status files_join(char *text, size_t size, const char *folder, const char *name, cream_error *err) {
  if ((size_t)snprintf(text, size, "%s/%s", folder, name) < size) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "%s/%s: the name is longer than %zu bytes", folder, name,
                    size - 1);
}
