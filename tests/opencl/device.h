/* The OpenCL device of the tests: $CREAM_TEST_OPENCL, or the first that works; with the parameters $CREAM_TEST_PARAMETERS,
 * or those it has. */
#ifndef CREAM_TESTS_OPENCL_DEVICE_H
#define CREAM_TESTS_OPENCL_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "opencl/driver.h"

static inline cream_backend *device_open_with(const cream_device_options *wanted) {
  const char *name = getenv("CREAM_TEST_OPENCL");
  cream_device_options options = *wanted;
  options.device = name ? name : "opencl";
  options.parameters = getenv("CREAM_TEST_PARAMETERS");
  options.parameters_name = "CREAM_TEST_PARAMETERS";
  cream_backend *backend = NULL;
  cream_error err;
  if (cream_opencl_driver.open(&options, &backend, &err)) fail_msg("%s", err.text);
  return backend;
}

static inline cream_backend *device_open(bool half) {
  return device_open_with(&(cream_device_options){.half = half});
}

/* Whether kernels are compiled with the options $CREAM_TEST_OPTIONS from here on: -cl-opt-disable on PoCL, whose compiler
 * takes most of these tests' time, for kernels that its users do not run by default. */
static inline void device_test_options(bool on) {
  const char *options = getenv("CREAM_TEST_OPTIONS");
  if (!options) return;
  if (on)
    setenv("CREAM_OPENCL_OPTIONS", options, 1);
  else
    unsetenv("CREAM_OPENCL_OPTIONS");
}

/* Exits as skipped without a device. */
static inline void device_need(void) {
  cream_device *devices;
  cream_error err;
  int count;
  if (cream_opencl_driver.list(&devices, &count, &err)) {
    puts(err.text);
    exit(77);
  }
  free(devices);
}

#endif
