/* Every op on an OpenCL device against the plain CPU kernels, twice, with each set of kernels and products. An
 * argument is a filter on test names. */
#include "tests/cpu/parity_tables.h"

#include "machines.h"

#define DEVICE_TABLE CHECK_TABLE
PARITY_TESTS(DEVICE_TEST)

static int open_machines(void **state) {
  (void)state;
  oracle = ops_backend(true, CREAM_ISA_AUTO, 2);
  assert_non_null(oracle);
  device_machines(2);
  return 0;
}

int main(int argc, char **argv) {
  device_need();
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {PARITY_TESTS(PARITY_ENTRY)};
  return cmocka_run_group_tests(tests, open_machines, close_machines);
}
