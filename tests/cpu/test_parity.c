/* Tuned kernels against the plain ones, on every instruction set that this machine has, with any number of
 * threads. An argument is a filter on test names, as in `test_parity 'conv_*'`.
 */
#include "parity_tables.h"

/* With sanitizers, one thread and three, once. */
enum { THREADS = 3, STEP = CREAM_SLOW_CHECKER ? 2 : 1, REPEATS = CREAM_SLOW_CHECKER ? 1 : 2 };

PARITY_TESTS(PARITY_TEST)

static int open_machines(void **state) {
  (void)state;
  oracle = ops_backend(true, CREAM_ISA_AUTO, 2);
  assert_non_null(oracle);
  for (cream_isa isa = CREAM_ISA_GENERIC; isa < CREAM_ISA_COUNT; isa++)
    for (int threads = 1; threads <= THREADS; threads += STEP) {
      cream_backend *backend = ops_backend(false, isa, threads);
      if (!backend) break;
      char name[32];
      snprintf(name, sizeof name, "%s, %d threads", cream_isa_name(isa), threads);
      add_machine(name, backend, threads == 1, threads == THREADS ? REPEATS : 1);
    }
  assert_true(machine_count >= THREADS / STEP);
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {PARITY_TESTS(PARITY_ENTRY)};
  return cmocka_run_group_tests(tests, open_machines, close_machines);
}
