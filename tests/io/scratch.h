/* A temporary folder for a test, and helpers for files in it. */
#ifndef CREAM_TESTS_IO_SCRATCH_H
#define CREAM_TESTS_IO_SCRATCH_H

#define _GNU_SOURCE
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/status.h"

static char scratch_dir[64];

__attribute__((unused)) static int scratch_setup(void **state) {
  (void)state;
  strcpy(scratch_dir, "/tmp/cream-test-XXXXXX");
  return mkdtemp(scratch_dir) ? 0 : -1;
}

static int scratch_remove(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

__attribute__((unused)) static int scratch_teardown(void **state) {
  (void)state;
  return nftw(scratch_dir, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the folder, valid until the fourth call after this one. */
__attribute__((unused)) static const char *scratch(const char *name) {
  static char paths[4][256];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", scratch_dir, name);
  return path;
}

__attribute__((unused)) static void scratch_write(const char *name, const void *data, size_t size) {
  FILE *stream = fopen(scratch(name), "wb");
  assert_non_null(stream);
  assert_int_equal(fwrite(data, 1, size, stream), size);
  assert_int_equal(fclose(stream), 0);
}

/* Returns the content of a file, up to 1 MB, as a string that the caller frees. */
__attribute__((unused)) static char *scratch_read(const char *name, size_t *size) {
  FILE *stream = fopen(scratch(name), "rb");
  assert_non_null(stream);
  char *text = calloc(1, 1 << 20);
  assert_non_null(text);
  size_t got = fread(text, 1, (1 << 20) - 1, stream);
  fclose(stream);
  if (size) *size = got;
  return text;
}

/* The number of files and folders in the folder. */
__attribute__((unused)) static int scratch_entered;
__attribute__((unused)) static int scratch_count_one(const char *path, const struct stat *info, int kind,
                                                     struct FTW *walk) {
  (void)path, (void)info, (void)kind;
  if (walk->level > 0) scratch_entered++;
  return 0;
}
__attribute__((unused)) static int scratch_count(void) {
  scratch_entered = 0;
  nftw(scratch_dir, scratch_count_one, 16, FTW_PHYS);
  return scratch_entered;
}

#define assert_text_contains(text, part)                                                                     \
  do {                                                                                                       \
    if (!strstr(text, part)) fail_msg("\"%s\" is not in \"%s\"", part, text);                                \
  } while (0)

/* The call fails with the status `wanted`; its message contains `part` and has no newline. */
#define assert_fails(call, wanted, error, part)                                                              \
  do {                                                                                                       \
    (error).text[0] = 0;                                                                                     \
    assert_int_equal(call, wanted);                                                                          \
    assert_int_equal((error).status, wanted);                                                                \
    assert_text_contains((error).text, part);                                                                \
    assert_null(strchr((error).text, '\n'));                                                                 \
  } while (0)

#endif
