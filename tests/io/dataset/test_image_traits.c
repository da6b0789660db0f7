/* Which images look different elsewhere, by the first bytes of their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dataset/image_traits.h"

static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x10\0\0\0\0";
static const char jpeg[] = "\xff\xd8\xff\xe0\0\4ab\xff\xe1\0\x22"
                           "Exif\0\0II*\0\x8\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0\xff\xda";

/* The traits of the first `size` bytes in a block of just that size, so that a sanitizer sees reads beyond it. */
static unsigned traits(const char *data, size_t size) {
  uint8_t *copy = malloc(size + !size);
  assert_non_null(copy);
  memcpy(copy, data, size);
  unsigned found = cream_image_traits(copy, size);
  free(copy);
  return found;
}

static void test_traits(void **state) {
  (void)state;
  char changed[sizeof jpeg];
  assert_int_equal(traits(png, sizeof png - 1), CREAM_TRAIT_DEEP_GREY);
  memcpy(changed, png, sizeof png);
  changed[25] = 2; /* RGB */
  assert_int_equal(traits(changed, sizeof png - 1), 0);
  assert_int_equal(traits(jpeg, sizeof jpeg - 1), CREAM_TRAIT_ROTATED);
  memcpy(changed, jpeg, sizeof jpeg);
  changed[36] = 1; /* upright */
  assert_int_equal(traits(changed, sizeof jpeg - 1), 0);
  for (size_t i = 0; i < sizeof png; i++) traits(png, i);
  for (size_t at = 0; at < sizeof jpeg; at++) {
    traits(jpeg, at);
    memcpy(changed, jpeg, sizeof jpeg);
    changed[at] = (char)0xff;
    traits(changed, sizeof jpeg - 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_traits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
