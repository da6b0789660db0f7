#include "status.h"

#include <stdarg.h>

#undef cream_fail
#undef cream_fail_memory

/* Values quoted from files may have line breaks or terminal codes. */
static void make_one_line(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c; c++)
    if (*c < ' ' || *c == 127) *c = ' ';
}

cream_status cream_fail(cream_error *err, cream_status status, const char *format, ...) {
  if (err) {
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    make_one_line(err->text);
    err->status = status;
  }
  return status;
}

cream_status cream_fail_memory(cream_error *err, size_t bytes, const char *what) {
  return cream_fail(err, CREAM_FAILED,
                    "out of memory: %.1f MB for %s; lower the batch, the resolution or the depth",
                    (double)bytes / 1e6, what);
}
