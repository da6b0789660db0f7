/* Which drivers the list of known problems fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "opencl/known_drivers.h"

static cream_device device_of(const char *platform, const char *name, const char *driver) {
  cream_device device = {0};
  snprintf(device.platform, sizeof device.platform, "%s", platform);
  snprintf(device.name, sizeof device.name, "%s", name);
  snprintf(device.driver, sizeof device.driver, "%s", driver);
  ocl_set_known(&device);
  return device;
}

static void test_versions(void **state) {
  (void)state;
  const struct {
    const char *driver;
    bool known;
  } cases[] = {{"460.56", false},    {"470.57.01", false}, {"470.57.02", true},
               {"470.103.01", true}, {"510.47.03", true},  {"515.43.03", true},
               {"515.43.04", false}, {"550.54.14", false}, {"1000.1.1", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_device device = device_of("NVIDIA CUDA", "NVIDIA GeForce RTX 3060", cases[i].driver);
    if (device.warn != cases[i].known) fail_msg("%s: %s", cases[i].driver, device.known);
    assert_false(device.avoid);
  }
}

static void test_names(void **state) {
  (void)state;
  assert_true(device_of("Clover", "AMD Radeon", "22.3.6").avoid);
  assert_true(
      device_of("Intel(R) OpenCL HD Graphics", "Intel(R) Arc(TM) A770 Graphics", "22.53.25593.11").avoid);
  cream_device later = device_of("Intel(R) OpenCL Graphics", "Intel(R) Arc(TM) A770 Graphics", "24.52.32224");
  assert_false(later.avoid || later.warn);
  assert_non_null(strstr(later.known, "i915.request_timeout_ms"));
  assert_int_equal(device_of("Intel(R) OpenCL", "AMD EPYC Processor", "2026.22.8.0").known[0], '\0');
  assert_non_null(
      strstr(device_of("rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6").known, "no times"));
}

static void test_ignored(void **state) {
  (void)state;
  setenv("CREAM_OPENCL_KNOWN", "0", 1);
  cream_device device = device_of("Clover", "AMD Radeon", "22.3.6");
  assert_false(device.avoid || device.warn || device.known[0]);
  unsetenv("CREAM_OPENCL_KNOWN");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions), cmocka_unit_test(test_names),
                                     cmocka_unit_test(test_ignored)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
