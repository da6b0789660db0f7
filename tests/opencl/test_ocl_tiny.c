/* Every kernel on tiny shapes, for a checker of memory and races that is slow (Oclgrind): the cases of
 * parity_cases.h, once; no kernel may be left out. */
#include "tools/bench/parity_tables.h"

#include "machines.h"
#include "opencl/launch.h"

static const shape dense[] = {
    {1, 9, 8, 5, 7, 1, 1, 1}, {2, 5, 4, 3, 6, 3, 2, 1}, {3, 1, 1, 21, 9, 1, 1, 1}, {1, 3, 2, 9, 70, 1, 1, 1}};
static const shape long_rows[] = {{2, 12, 11, 3, 5, 1, 1, 1}};
/* So many chunks that their sums are merged first: the shape of 260 images, with statistics of the batch. */
static const shape depthwise[] = {
    {2, 5, 9, 9, 9, 3, 1, 1}, {1, 5, 6, 5, 5, 3, 2, 1}, {1, 6, 6, 4, 4, 5, 1, 1},   {1, 7, 5, 3, 3, 5, 2, 1},
    {1, 8, 8, 2, 2, 7, 1, 1}, {1, 4, 9, 5, 5, 7, 2, 1}, {260, 1, 1, 5, 5, 3, 1, 1}, {1, 6, 5, 3, 3, 3, 1, 2}};
static const shape planes[] = {{2, 9, 8, 9, 9, 1, 1, 1}, {3, 2, 1, 5, 5, 1, 1, 1}};
/* A work-group has 64 items: more classes than these, and more rows. */
static const shape rows[] = {{2, 1, 1, 69, 9, 1, 1, 1}, {1, 11, 6, 2, 9, 1, 1, 1}};
static const shape points[] = {{1, 3, 2, 9, 5, 1, 1, 1}};
static const shape fused[] = {{1, 3, 2, 9, 9, 1, 1, 1}, {2, 1, 1, 5, 5, 1, 1, 1}};
static const shape cells[] = {{1, 3, 2, 5, 5, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}};
static const shape blocks[] = {{2, 3, 2, 9, 9, 1, 1, 1}, {1, 25, 25, 8, 8, 1, 1, 1}};
/* The first variants of each table of parity_cases.h that together run every part of a kernel. */
static const variant forward[] = {{MAP | GATE | BN, CREAM_ACT_SWISH, CREAM_BN_TRAIN},
                                  {BIAS | BN, CREAM_ACT_NONE, CREAM_BN_RUNNING}};
static const variant backward[] = {
    {MAP | BN | VALUE | POOL | BIAS | AFFINE, CREAM_ACT_SWISH, 0},
    {RESIDUAL | GATE | BN | ADD | AFFINE, CREAM_ACT_NONE, 0},
    {MAP | GATE | IN_PLACE, CREAM_ACT_HARD_SWISH, 0},
};

/* Sums over several chunks of rows; what else a variant does is seen on the shapes that fit into one. */
static const variant chunked[] = {{MAP | BN | VALUE | POOL | BIAS | AFFINE, CREAM_ACT_SWISH, 0}};

static const variant activations[] = {CREAM_ACTS(ACT_VARIANT)};

#define TINY_TESTS(X)                                                                                        \
  X(conv_forward_tiny, run_conv_forward, false, dense, forward)                                              \
  X(conv_backward_tiny, run_conv_backward, false, dense, backward)                                           \
  X(conv_backward_chunks, run_conv_backward, false, long_rows, chunked)                                      \
  X(dwconv_forward_tiny, run_conv_forward, true, depthwise, forward)                                         \
  X(dwconv_backward_tiny, run_conv_backward, true, depthwise, backward)                                      \
  X(act_tiny, run_act, false, points, activations)                                                           \
  X(se_forward_tiny, run_se_forward, false, planes, se_variants)                                             \
  X(se_backward_tiny, run_se_backward, false, planes, se_variants)                                           \
  X(pool_forward_tiny, run_pool_forward, false, planes, pool_variants)                                       \
  X(pool_backward_tiny, run_pool_backward, false, planes, pool_variants)                                     \
  X(add_tiny, run_add, false, planes, add_variants)                                                          \
  X(loss_tiny, run_loss, false, rows, loss_variants)                                                         \
  X(fuse_tiny, run_fuse, false, fused, fuse_variants)                                                        \
  X(box_loss_tiny, run_box_loss, false, cells, box_loss_variants)                                            \
  X(flat_tiny, run_flat, false, blocks, one_variant)                                                         \
  X(optim_tiny, run_optim, false, planes, optim_variants)

/* The first shape with every variant, the others with one, in turn. */
static void check_turns(run_case *run, bool by_channel, const shape *shapes, int shape_count,
                        const variant *variants, int variant_count) {
  for (int s = 0; s < shape_count; s++)
    for (int v = 0; v < variant_count; v++) {
      if (s > 0 && v != s % variant_count) continue;
      op_case in = {shapes[s], by_channel, variants[v]};
      check_case(run, &in, (uint64_t)(s * 100 + v));
    }
}
#define DEVICE_TABLE(run, depthwise, shapes, variants)                                                       \
  check_turns(run, depthwise, shapes, COUNT(shapes), variants, COUNT(variants))
TINY_TESTS(DEVICE_TEST)

static void pixels_tiny(void **state) {
  (void)state;
  const float mean[3] = {0.1f, 0.2f, 0.3f}, std[3] = {0.5f, 1, 2};
  uint8_t pixels[2 * 3 * 5 * 3];
  float expected[sizeof pixels], got[sizeof pixels];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 11);
  cream_backend *backends[] = {oracle, machines[0].backend};
  float *values[] = {expected, got};
  for (int b = 0; b < 2; b++) {
    ops o = ops_open(backends[b], 1);
    cream_tensor x = {.n = 2, .h = 3, .w = 5, .c = 3, .raw = ops_output(&o, "x", sizeof pixels, 0)};
    cream_error err;
    o.backend->upload_pixels(o.backend, &x, pixels, mean, std);
    assert_int_equal(o.backend->download_tensor(o.backend, values[b], &x, &err), CREAM_OK);
    ops_close(&o);
  }
  for (size_t i = 0; i < sizeof pixels; i++) assert_float_equal(got[i], expected[i], 1e-5f);
}

static void all_kernels_ran(void **state) {
  (void)state;
#define KERNEL_NAME(name) #name,
  static const char *const names[] = {OCL_KERNELS(KERNEL_NAME)};
  const char *blas = getenv("CREAM_OPENCL_BLAS");
  static cream_device_time times[256];
  int n = 0;
  for (int m = 0; m < machine_count; m++)
    n += cream_opencl_driver.times(machines[m].backend, times + n, 256 - n);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    bool ran = strcmp(names[i], "gemm_own") == 0 && !(blas && strcmp(blas, "own") == 0);
    for (int t = 0; t < n; t++) ran = ran || strcmp(times[t].kernel, names[i]) == 0;
    if (!ran) fail_msg("the kernel %s was not run", names[i]);
  }
}

static int open_machines(void **state) {
  (void)state;
  oracle = ops_backend(true, CREAM_ISA_AUTO, 1);
  assert_non_null(oracle);
  device_machines(1);
  return 0;
}

int main(int argc, char **argv) {
  device_need();
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {TINY_TESTS(PARITY_ENTRY) cmocka_unit_test(pixels_tiny),
                                     cmocka_unit_test(all_kernels_ran)};
  return cmocka_run_group_tests(tests, open_machines, close_machines);
}
