/* In place of driver.c in programs that are built without OpenCL. */
#include "driver.h"

static cream_status absent(cream_error *err) {
  return cream_fail(
      err, CREAM_FAILED,
      "this program was built without OpenCL: configure it with -DCREAM_OPENCL=ON, or use --device cpu");
}

static cream_status list(cream_device **devices, int *count, cream_error *err) {
  *devices = NULL;
  *count = 0;
  return absent(err);
}

static cream_status open(const cream_device_options *options, cream_backend **out, cream_error *err) {
  (void)options, (void)out;
  return absent(err);
}

const cream_driver cream_opencl_driver = {.name = "opencl", .list = list, .open = open};
