/* Golden images by name, and a comparison of pixels. */
#ifndef CREAM_TESTS_IO_GOLDEN_IMAGES_H
#define CREAM_TESTS_IO_GOLDEN_IMAGES_H

#include "tests/io/scratch.h"

#include "io/weights/safetensors.h"

static cream_st_file *golden;

static inline int golden_open(void **state) {
  (void)state;
  cream_error error;
  if (cream_st_open(CREAM_SOURCE_DIR "/tests/golden/transforms.safetensors", &golden, &error) == CREAM_OK)
    return 0;
  print_error("%s\n", error.text);
  return -1;
}

static inline int golden_close(void **state) {
  (void)state;
  cream_st_close(golden);
  return 0;
}

/* Finds a tensor; NULL: there is none. */
static inline __attribute__((format(printf, 1, 2))) const cream_st_tensor *golden_get(const char *format,
                                                                                      ...) {
  char name[64];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  return cream_st_find(golden, name);
}

/* Fails if a value differs by more than `most`. */
static inline void assert_pixels(const uint8_t *got, const uint8_t *expected, size_t bytes, int most,
                                 const char *what) {
  for (size_t i = 0; i < bytes; i++)
    if (abs(got[i] - expected[i]) > most)
      fail_msg("%s: value %zu of %zu is %d, expected %d", what, i, bytes, got[i], expected[i]);
}

#endif
