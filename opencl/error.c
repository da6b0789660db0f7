#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"

enum { DEVICE_LOST_NVIDIA = -9999, NO_PLATFORM = -1001 };

double ocl_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

const char *ocl_code_name(cl_int code) {
  static const struct {
    cl_int code;
    const char *name;
  } names[] = {
      {CL_DEVICE_NOT_FOUND, "no device found"},
      {CL_DEVICE_NOT_AVAILABLE, "device not available"},
      {CL_COMPILER_NOT_AVAILABLE, "no compiler available"},
      {CL_MEM_OBJECT_ALLOCATION_FAILURE, "memory allocation failure"},
      {CL_OUT_OF_RESOURCES, "out of resources"},
      {CL_OUT_OF_HOST_MEMORY, "out of host memory"},
      {CL_BUILD_PROGRAM_FAILURE, "build failure"},
      {CL_INVALID_VALUE, "invalid value"},
      {CL_INVALID_DEVICE, "invalid device"},
      {CL_INVALID_CONTEXT, "invalid context"},
      {CL_INVALID_COMMAND_QUEUE, "invalid command queue"},
      {CL_INVALID_MEM_OBJECT, "invalid memory object"},
      {CL_INVALID_BINARY, "invalid binary"},
      {CL_INVALID_PROGRAM_EXECUTABLE, "invalid program executable"},
      {CL_INVALID_KERNEL_ARGS, "invalid kernel arguments"},
      {CL_INVALID_WORK_GROUP_SIZE, "invalid work-group size"},
      {CL_INVALID_WORK_ITEM_SIZE, "invalid work-item size"},
      {CL_INVALID_BUFFER_SIZE, "invalid buffer size"},
      {DEVICE_LOST_NVIDIA, "illegal access or lost device"},
      {NO_PLATFORM, "no platform found"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].code == code) return names[i].name;
  return "OpenCL failure";
}

cl_int ocl_fault(ocl_fault_kind kind, cl_int code) {
  static const char *const kinds[] = {[OCL_FAULT_ALLOC] = "alloc",
                                      [OCL_FAULT_LAUNCH] = "launch",
                                      [OCL_FAULT_WAIT] = "wait",
                                      [OCL_FAULT_BUILD] = "build"};
  _Static_assert(sizeof kinds / sizeof *kinds == OCL_FAULT_KINDS, "a word for each kind of fault");
  static int calls[OCL_FAULT_KINDS];
  const char *text = getenv("CREAM_OPENCL_FAULT");
  size_t length = strlen(kinds[kind]);
  if (!text || strncmp(text, kinds[kind], length) != 0 || text[length] != ':') return code;
  int number, wanted, count = 1;
  if (sscanf(text + length + 1, "%d:%d:%d", &number, &wanted, &count) < 2) return code;
  int call = ++calls[kind];
  return call >= number && call < number + count ? wanted : code;
}

bool ocl_no_memory(cl_int code) {
  return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
         code == CL_OUT_OF_HOST_MEMORY || code == CL_INVALID_BUFFER_SIZE;
}

/* Only a device that is gone returns these from calls that create nothing. */
static bool is_lost(cl_int code) {
  return code == CL_DEVICE_NOT_AVAILABLE || code == CL_INVALID_COMMAND_QUEUE || code == CL_INVALID_CONTEXT ||
         code == DEVICE_LOST_NVIDIA;
}

static bool any_failed;

bool ocl_any_failed(void) {
  return any_failed;
}

void ocl_keep_failure(ocl_runtime *ocl, const cream_error *error) {
  any_failed = true;
  if (ocl->failed) return;
  ocl->failed = true;
  ocl->error = *error;
}

void ocl_fail(ocl_runtime *ocl, cl_int code, const char *what) {
  cream_error error;
  if (!ocl->failed) ocl->lost = is_lost(code) || code == CL_OUT_OF_RESOURCES;
  if (is_lost(code))
    cream_fail(&error, CREAM_FAILED,
               "the device %s no longer answers (%s: %s, %d); resume from the last checkpoint with --resume, "
               "here or with --device cpu",
               ocl->name, what, ocl_code_name(code), code);
  else if (ocl_no_memory(code))
    cream_fail(&error, CREAM_FAILED,
               "the device %s ran out of memory or was lost (%s: %s, %d); halve the batch, or resume with "
               "--resume --device cpu",
               ocl->name, what, ocl_code_name(code), code);
  else
    cream_fail(&error, CREAM_FAILED,
               "the device %s failed (%s: %s, %d); test it with `cream devices`, or use --device cpu",
               ocl->name, what, ocl_code_name(code), code);
  ocl_keep_failure(ocl, &error);
}

cream_status ocl_status(const ocl_runtime *ocl, cream_error *err) {
  if (!ocl->failed) return CREAM_OK;
  if (err) *err = ocl->error;
  return ocl->error.status;
}
