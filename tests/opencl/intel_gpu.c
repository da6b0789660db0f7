/* Loaded before an OpenCL driver, makes its devices look like GPUs of Intel whose buffers have at most LARGEST bytes. As
 * there, a larger one has to be asked for by a flag, and kernels read it only if they were built with an option.
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20, MOST = 256 };
static const cl_mem_flags flag = (cl_mem_flags)1 << 23;
static const char option[] = "-cl-intel-greater-than-4GB-buffer-required";

/* Buffers above LARGEST, and programs that were built with the option. */
static void *large[MOST], *prepared[MOST];
static int n_large, n_prepared;

/* The driver's own function of that name. */
#define REAL(name)                                                                                           \
  __extension__({                                                                                            \
    void *symbol = dlsym(RTLD_NEXT, #name);                                                                  \
    __typeof__(&name) function;                                                                              \
    memcpy(&function, &symbol, sizeof function);                                                             \
    function;                                                                                                \
  })

static void add(void **list, int *count, void *entry) {
  if (*count == MOST) abort();
  list[(*count)++] = entry;
}

static bool has(void *const *list, int count, const void *entry) {
  for (int i = 0; i < count; i++)
    if (list[i] == entry) return true;
  return false;
}

static cl_int put(const void *value, size_t length, size_t size, void *to, size_t *needed) {
  if (needed) *needed = length;
  if (to && size < length) return CL_INVALID_VALUE;
  if (to) memcpy(to, value, length);
  return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t size, void *to,
                         size_t *needed) {
  static const char name[] = "Intel(R) OpenCL Graphics";
  if (what == CL_PLATFORM_NAME) return put(name, sizeof name, size, to, needed);
  return REAL(clGetPlatformInfo)(platform, what, size, to, needed);
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *to, size_t *needed) {
  const cl_device_type type = CL_DEVICE_TYPE_GPU;
  const cl_ulong most = LARGEST;
  if (what == CL_DEVICE_TYPE) return put(&type, sizeof type, size, to, needed);
  if (what == CL_DEVICE_MAX_MEM_ALLOC_SIZE) return put(&most, sizeof most, size, to, needed);
  return REAL(clGetDeviceInfo)(device, what, size, to, needed);
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code) {
  if (size > LARGEST && !(flags & flag)) {
    *code = CL_INVALID_BUFFER_SIZE;
    return NULL;
  }
  cl_mem mem = REAL(clCreateBuffer)(context, flags & ~flag, size, host, code);
  if (mem && size > LARGEST) add(large, &n_large, mem);
  return mem;
}

cl_int clBuildProgram(cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
                      void (*done)(cl_program, void *), void *context) {
  char text[1024];
  snprintf(text, sizeof text, "%s", options ? options : "");
  char *at = strstr(text, option);
  if (at) {
    add(prepared, &n_prepared, program);
    memset(at, ' ', strlen(option));
  }
  return REAL(clBuildProgram)(program, n, devices, text, done, context);
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint at, size_t size, const void *value) {
  cl_program program = NULL;
  void *mem = NULL;
  if (value && size == sizeof mem) memcpy(&mem, value, size);
  if (mem && has(large, n_large, mem)) {
    clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL);
    if (!has(prepared, n_prepared, program)) return CL_INVALID_ARG_VALUE;
  }
  return REAL(clSetKernelArg)(kernel, at, size, value);
}
