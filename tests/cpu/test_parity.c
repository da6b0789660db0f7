/* Tuned kernels against the plain ones, on every instruction set that this machine has, with any number of
 * threads: with `exact: processors`, all of them give the same bits. An argument is a filter on test names, as in
 * `test_parity 'conv_*'`.
 */
#include "winograd_cases.h"

/* With sanitizers, one thread and three, once; one alone with the variants for `exact: threads`. */
enum { THREADS = 3, STEP = CREAM_SLOW_CHECKER ? 2 : 1, REPEATS = CREAM_SLOW_CHECKER ? 1 : 2 };

/* Those of the tables, and others. */
#define TESTS(X) PARITY_TESTS(X) WINOGRAD_TESTS(X)
TESTS(PARITY_TEST)

#define GOLDEN UINT64_C(0xe2dd3ecda73d1ed7)
static bool whole; /* no filter */

/* The first machine with `exact: processors` leads all others; with `exact: threads`, that of one thread leads those of
 * its set. */
static void open_set(cream_isa isa, cream_exact exact, int first, int step) {
  for (int threads = first; threads <= THREADS; threads += step) {
    cream_backend *backend = ops_backend_exact(false, isa, threads, exact);
    if (!backend) return;
    const bool leads = exact == CREAM_EXACT_THREADS ? threads == 1 : machine_count == 0;
    char name[32];
    snprintf(name, sizeof name, "%s, %d threads%s", cream_isa_name(isa), threads,
             exact == CREAM_EXACT_THREADS ? ", fast" : "");
    add_machine(name, backend, leads, threads == THREADS && first == 1 ? REPEATS : 1);
  }
}

static int open_machines(void **state) {
  (void)state;
  oracle = ops_backend(true, CREAM_ISA_AUTO, 2);
  assert_non_null(oracle);
  const cream_isa best = cream_isa_best();
  for (cream_isa isa = CREAM_ISA_GENERIC; isa < CREAM_ISA_COUNT; isa++) {
    if (CREAM_SLOW_CHECKER && isa == CREAM_ISA_GENERIC && best != isa) continue; /* an emulation is slow */
    if (isa == CREAM_ISA_AVX512_BF16) continue;                                  /* the same in float */
    open_set(isa, CREAM_EXACT_PROCESSORS, isa == CREAM_ISA_GENERIC ? THREADS : 1, STEP);
  }
  open_set(best, CREAM_EXACT_THREADS, 1, CREAM_SLOW_CHECKER ? THREADS : THREADS - 1);
  if (CREAM_SLOW_CHECKER && best != CREAM_ISA_GENERIC)
    open_set(CREAM_ISA_GENERIC, CREAM_EXACT_THREADS, 1, THREADS);
  assert_true(machine_count >= THREADS / STEP);
  return 0;
}

/* The first machine's bytes are those of every other machine. Where kernels or cases are meant to change, the hash is what
 * this prints. */
static void golden(void **state) {
  (void)state;
  if (!whole) skip();
  if (parity_hash != GOLDEN)
    fail_msg("the hash of all results is 0x%016llx, expected 0x%016llx", (unsigned long long)parity_hash,
             (unsigned long long)GOLDEN);
}

int main(int argc, char **argv) {
  whole = argc == 1;
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {TESTS(PARITY_ENTRY) cmocka_unit_test(golden)};
  return cmocka_run_group_tests(tests, open_machines, close_machines);
}
