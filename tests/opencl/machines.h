/* The device with each set of kernels and products, as machines of parity_cases.h; and the tests on them. */
#ifndef CREAM_TESTS_OPENCL_MACHINES_H
#define CREAM_TESTS_OPENCL_MACHINES_H

#include "tools/bench/parity_tables.h"

#include "device.h"

/* The kernels of $CREAM_OPENCL_KERNELS alone; otherwise those for CPUs and those for GPUs, the latter compiled with the
 * options $CREAM_TEST_OPTIONS. */
static inline void device_machines(int repeats) {
  const char *given = getenv("CREAM_OPENCL_KERNELS");
  const char *const kinds[] = {given ? given : "gpu", "cpu"}, *const products[] = {"own", "clblast"};
  for (int k = 0; k < (given ? 1 : 2); k++)
    for (int p = 0; p < 2; p++) {
      char name[32];
      setenv("CREAM_OPENCL_KERNELS", kinds[k], 1);
      device_test_options(strcmp(kinds[k], "cpu") != 0);
      setenv("CREAM_OPENCL_PRODUCTS", products[p], 1);
      snprintf(name, sizeof name, "opencl, for %s, %s", kinds[k], products[p]);
      add_machine(name, device_open_with(&(cream_device_options){.profile = true}), true, repeats);
    }
  device_test_options(false);
}

/* The two ways of products differ in dense convolutions alone: all else runs once with each set of kernels. */
#define DEVICE_TEST(name, run, depthwise, shapes, variants)                                                  \
  static void name(void **state) {                                                                           \
    (void)state;                                                                                             \
    machine_step = !(depthwise) && ((run) == run_conv_forward || (run) == run_conv_backward) ? 1 : 2;        \
    DEVICE_TABLE(run, depthwise, shapes, variants);                                                          \
  }

#endif
