/* Devices of processes that share a host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/device.h"

static void test_local_rank(void **state) {
  (void)state;
  /* Two equal cards, the second of which two drivers list; a CPU; a card that should be avoided. */
  const cream_device devices[] = {{.id = "opencl:0:0", .type = "cpu"},
                                  {.id = "opencl:1:0", .type = "gpu", .name = "card", .bus = "0000:03:00.0"},
                                  {.id = "opencl:1:1", .type = "gpu", .name = "card", .bus = "0000:04:00.0"},
                                  {.id = "opencl:2:0", .type = "gpu", .name = "Card", .bus = "0000:04:00.0"},
                                  {.id = "opencl:3:0", .type = "gpu", .avoid = true}};
  const int expected[] = {1, 2, 1, 2};
  for (int rank = 0; rank < 4; rank++)
    assert_int_equal(cream_device_for_local_rank(devices, 5, rank), expected[rank]);
  assert_int_equal(cream_device_for_local_rank(devices, 1, 7), 0);
  assert_int_equal(cream_device_for_local_rank(devices + 4, 1, 0), -1);
  assert_int_equal(cream_device_for_local_rank(devices, 0, 0), -1);
}

/* Cards without an address are distinguished by their numbers. */
static void test_without_address(void **state) {
  (void)state;
  const cream_device devices[] = {{.id = "opencl:0:0", .type = "gpu"}, {.id = "opencl:0:1", .type = "gpu"}};
  assert_int_equal(cream_device_for_local_rank(devices, 2, 1), 1);
}

static void test_words(void **state) {
  (void)state;
  const cream_device card = {.id = "opencl:1:1", .name = "card", .bus = "0000:04:00.0", .uuid = "0011-22"};
  assert_true(cream_device_is_meant(&card, "0000:04:00.0") && cream_device_is_meant(&card, "0011-22"));
  assert_true(cream_device_is_meant(&card, "CAR") && cream_device_is_meant(&card, "opencl:1:1"));
  assert_false(cream_device_is_meant(&card, "0000:03:00.0") || cream_device_is_meant(&card, "opencl:1"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_local_rank),
                                     cmocka_unit_test(test_without_address), cmocka_unit_test(test_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
