/* Helpers of the fuzz targets. */
#ifndef CREAM_TESTS_FUZZ_FUZZ_H
#define CREAM_TESTS_FUZZ_FUZZ_H

#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A failure has a message of one line. */
__attribute__((unused)) static void fuzz_check(cream_status status, const cream_error *error) {
  if (status == CREAM_OK) return;
  CREAM_ASSERT(error->status == status && error->text[0] && !strchr(error->text, '\n'));
}

/* The path of a file in memory with these bytes, valid until the next call. */
__attribute__((unused)) static const char *fuzz_file(const uint8_t *data, size_t size) {
  static char path[64];
  static int fd = -1;
  if (fd >= 0) close(fd);
  fd = memfd_create("fuzz", 0);
  CREAM_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

/* A copy that ends with a 0 byte; the caller frees it. */
__attribute__((unused)) static char *fuzz_text(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  CREAM_ASSERT(text);
  if (size) memcpy(text, data, size);
  text[size] = 0;
  return text;
}

#endif
