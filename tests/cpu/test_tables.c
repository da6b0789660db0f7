/* Every backend's table is complete: plain, tuned for each instruction set, the one that counts memory, and
 * the one that measures another. tests/opencl has the same for OpenCL.
 */
#include "complete.h"
#include "core/net/memory.h"
#include "tools/bench/parity_ops.h"
/* Part of the program, not of a library. */
#include "tools/bench/profiled.c"

double progress_now(void) {
  return 0;
}

static void test_cpu(void **state) {
  (void)state;
  cream_backend *plain = ops_backend(true, CREAM_ISA_AUTO, 1);
  assert_non_null(plain);
  assert_complete(plain);
  plain->destroy(plain);
  for (cream_isa isa = CREAM_ISA_AUTO; isa < CREAM_ISA_COUNT; isa++) {
    for (cream_exact exact = 0; exact < CREAM_EXACT_COUNT; exact++) {
      cream_backend *tuned = ops_backend_exact(false, isa, 1, exact);
      if (!tuned) continue; /* not of this machine */
      assert_complete(tuned);
      tuned->destroy(tuned);
    }
  }
}

static void test_counter(void **state) {
  (void)state;
  cream_backend *real = ops_backend(false, CREAM_ISA_AUTO, 1);
  cream_counter counter;
  cream_counter_init(&counter, real);
  assert_complete(&counter.base);
  assert_true(counter.base.no_data);
  cream_buf buf;
  cream_error err;
  assert_int_equal(counter.base.alloc(&counter.base, 100, &buf, &err), CREAM_OK);
  assert_int_equal(counter.bytes, 400);
  assert_int_equal(counter.base.tensor_size(&counter.base, 2, 3, 4, 5), real->tensor_size(real, 2, 3, 4, 5));
  counter.base.destroy(&counter.base);
  real->destroy(real);
}

static void test_profiled(void **state) {
  (void)state;
  cream_backend *measured;
  cream_error err;
  cream_backend *real = ops_backend(false, CREAM_ISA_AUTO, 1);
  assert_int_equal(profiled_create(real, &measured, &err), CREAM_OK);
  assert_complete(measured);
#define ASSERT_OPTIONAL(result, op, parameters) assert_int_equal(!measured->op, !real->op);
  CREAM_OPTIONAL_OPS(ASSERT_OPTIONAL)
  measured->destroy(measured);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu), cmocka_unit_test(test_counter),
                                     cmocka_unit_test(test_profiled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
