/* In place of open.c in programs that are built without OpenCL. */
#include "opencl.h"

static cream_status absent(cream_error *err) {
  return cream_fail(
      err, CREAM_FAILED,
      "this program was built without OpenCL: configure it with -DCREAM_OPENCL=ON, or use --device "
      "cpu");
}

cream_status cream_opencl_create(const cream_opencl_options *options, cream_backend **out, cream_error *err) {
  (void)options, (void)out;
  return absent(err);
}

cream_status cream_opencl_devices(bool test, cream_opencl_device **devices, int *count, cream_error *err) {
  (void)test;
  *devices = NULL;
  *count = 0;
  return absent(err);
}

bool cream_opencl_failed(void) {
  return false;
}

bool cream_opencl_is(const cream_backend *backend) {
  (void)backend;
  return false;
}

void cream_opencl_stats_get(cream_backend *backend, cream_opencl_stats *stats) {
  (void)backend;
  *stats = (cream_opencl_stats){0};
}

int cream_opencl_times(cream_backend *backend, cream_opencl_time *times, int room) {
  (void)backend, (void)times, (void)room;
  return 0;
}

void cream_opencl_ahead(cream_backend *backend, cream_opencl_next *next, void *context) {
  (void)backend, (void)next, (void)context;
}

cream_status cream_opencl_tune(cream_backend *backend, const cream_opencl_shape *shapes, int count, int sets,
                               char **best, cream_opencl_tell *tell, void *context, cream_error *err) {
  (void)backend, (void)shapes, (void)count, (void)sets, (void)best, (void)tell, (void)context;
  return absent(err);
}
