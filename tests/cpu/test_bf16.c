/* Activations and products in bfloat16: every op against the plain kernels on the rounded inputs, with the same bits by any instruction
 * set and number of threads; what is stored so; and a training beside one in float. */
#include "tools/run/train_check.h"
#include "winograd_cases.h"

enum { EVERY = 5 };

#define TESTS(X) PARITY_TESTS(X) WINOGRAD_TESTS(X)
TESTS(PARITY_TEST)

static cream_backend *open_backend(cream_isa isa, int threads) {
  const cream_cpu_options options = {.threads = threads, .isa = isa, .precision = CREAM_PRECISION_BF16};
  cream_backend *backend = NULL;
  cream_error err;
  return cream_cpu_create(&options, &backend, &err) == CREAM_OK ? backend : NULL;
}

/* With sanitizers the set that is checked, alone. */
static int open_machines(void **state) {
  (void)state;
  oracle = ops_backend(true, CREAM_ISA_AUTO, 2);
  assert_non_null(oracle);
  parity_rounded = true;
  parity_every = EVERY; /* what a case does in arithmetic is mostly the same in float */
  const cream_isa best = cream_isa_best();
  add_machine("bf16, 3 threads", open_backend(best, 3), true, 1);
  for (cream_isa isa = CREAM_ISA_GENERIC; isa < best && !CREAM_SLOW_CHECKER; isa++) {
    char name[32];
    snprintf(name, sizeof name, "bf16, %.20s", cream_isa_name(isa));
    add_machine(name, open_backend(isa, 2), false, 1);
  }
  return 0;
}

/* Products whose operands are bfloat16's already are as exact as those in float; sides of whole and part panels. */
static void exact_products(void **state) {
  (void)state;
  static const shape shapes[] = {{2, 16, 16, 16, 96, 1, 1, 1}, {1, 33, 17, 24, 145, 1, 1, 1},
                                 {3, 8, 8, 97, 24, 1, 1, 1},   {1, 3, 5, 37, 61, 1, 1, 1},
                                 {1, 1, 2, 5, 6, 1, 1, 1},     {3, 3, 3, 192, 33, 1, 1, 1}};
  static const variant none[] = {{0, CREAM_ACT_NONE, CREAM_BN_TRAIN}};
  parity_every = 1;
  CHECK_TABLE(run_conv_forward, false, shapes, none);
  CHECK_TABLE(run_conv_backward, false, shapes, none);
  parity_every = EVERY;
}

static void test_storage(void **state) {
  (void)state;
  cream_backend *backend = machines[0].backend;
  assert_int_equal(backend->tensor_size(backend, 2, 3, 3, 7), 63);
  assert_int_equal(backend->tensor_size(backend, 1, 3, 3, 5), 23);
  assert_int_equal(backend->tensor_size(backend, 2, 3, 3, 3), 54); /* an image */
  assert_int_equal(backend->tensor_size(backend, 2, 1, 1, 7), 14); /* logits */
  /* To nearest, ties to even; infinities and NaN stay what they are, and denormals become zero. */
  const float values[] = {1, 1.00390625f, 1.01171875f, -3.1415927f, 3.4e38f, INFINITY, NAN, 0, 1e-40f, 2};
  const float rounded[] = {1, 1, 1.015625f, -3.140625f, INFINITY, INFINITY, NAN, 0, 0, 2};
  enum { COUNT_OF = sizeof values / sizeof *values };
  cream_tensor x = {.n = 1, .h = 1, .w = 2, .c = COUNT_OF / 2};
  cream_error err;
  float got[COUNT_OF];
  assert_int_equal(backend->alloc(backend, COUNT_OF / 2, &x.raw, &err), CREAM_OK);
  backend->upload_tensor(backend, &x, values);
  assert_int_equal(backend->download_tensor(backend, got, &x, &err), CREAM_OK);
  for (int i = 0; i < COUNT_OF; i++)
    assert_true(got[i] == rounded[i] || (isnan(got[i]) && isnan(rounded[i])));
  backend->release(backend, x.raw);
}

/* The losses of a training are those in float but for the rounding, and repeat to the bit. */
static void test_training(void **state) {
  (void)state;
  train_check check;
  cream_error err;
  (void)train_check_run(machines[0].backend, 2, true, &check, &err);
  if (!(check.loss_error > 1e-5 && check.loss_error < 3e-2 && check.weight_error < 0.5 && check.repeats))
    fail_msg("losses differ by %.2g, weights by %.2g of their way%s", check.loss_error, check.weight_error,
             check.repeats ? "" : ", and runs differ");
}

static void test_plain_is_refused(void **state) {
  (void)state;
  cream_backend *backend;
  cream_error err;
  const cream_cpu_options options = {.plain = true, .precision = CREAM_PRECISION_BF16};
  assert_int_equal(cream_cpu_create(&options, &backend, &err), CREAM_BAD_CONFIG);
  assert_non_null(strstr(err.text, "precision"));
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  cmocka_set_skip_filter("fuse"); /* of detectors, which need float */
  const struct CMUnitTest tests[] = {TESTS(PARITY_ENTRY) cmocka_unit_test(exact_products),
                                     cmocka_unit_test(test_storage), cmocka_unit_test(test_training),
                                     cmocka_unit_test(test_plain_is_refused)};
  return cmocka_run_group_tests(tests, open_machines, close_machines);
}
