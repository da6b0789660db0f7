/* An OpenCL driver that misbehaves, for tests of probing. Its file's name says how and where:
 *
 *     stub-HOW-WHERE.so   HOW: hang, crash, abort, exit, error
 *                         WHERE: platforms, platform_info, devices, device_info, context, build, enqueue, finish
 *
 * Up to there it is a driver with one GPU. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>

#define EXPORT __attribute__((visibility("default")))

static cl_icd_dispatch dispatch;

/* All objects; a loader looks at the first member alone. */
typedef struct object {
  const cl_icd_dispatch *dispatch;
} object;
static object platform = {&dispatch}, device = {&dispatch}, context = {&dispatch}, queue = {&dispatch},
              program = {&dispatch}, buffer = {&dispatch};

/* The base name of this file, without ".so". */
static const char *name(void) {
  static char copy[PATH_MAX];
  Dl_info info;
  if (copy[0] || !dladdr(&platform, &info)) return copy;
  snprintf(copy, sizeof copy, "%s", info.dli_fname);
  char *base = basename(copy);
  memmove(copy, base, strlen(base) + 1);
  copy[strcspn(copy, ".")] = '\0';
  return copy;
}

/* Does what the name says if this is where it says so; the code that the call returns. */
static cl_int at(const char *where) {
  char how[16], place[32];
  if (sscanf(name(), "stub-%15[a-z]-%31s", how, place) != 2 || strcmp(place, where) != 0) return CL_SUCCESS;
  fprintf(stderr, "stub: %s in %s\n", how, where);
  if (!strcmp(how, "hang"))
    for (;;) pause();
  if (!strcmp(how, "crash")) {
    signal(SIGSEGV, SIG_DFL); /* other drivers handle it */
    raise(SIGSEGV);
  }
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "exit")) exit(3);
  return CL_OUT_OF_RESOURCES;
}

static cl_int answer(const void *value, size_t length, size_t size, void *out, size_t *size_out) {
  if (size_out) *size_out = length;
  if (out && size < length) return CL_INVALID_VALUE;
  if (out) memcpy(out, value, length);
  return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t size, void *out, size_t *size_out) {
  return answer(text, strlen(text) + 1, size, out, size_out);
}

EXPORT cl_int clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *platforms, cl_uint *count);
EXPORT cl_int clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *platforms, cl_uint *count) {
  cl_int code = at("platforms");
  if (code) return code;
  if (count) *count = 1;
  if (platforms && room > 0) platforms[0] = (cl_platform_id)&platform;
  return CL_SUCCESS;
}

EXPORT CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id id, cl_platform_info what,
                                                         size_t size, void *out, size_t *size_out) {
  (void)id;
  if (what == CL_PLATFORM_EXTENSIONS) return answer_text("cl_khr_icd", size, out, size_out);
  if (what == CL_PLATFORM_ICD_SUFFIX_KHR) return answer_text("STUB", size, out, size_out);
  if (what == CL_PLATFORM_NAME) return answer_text(name(), size, out, size_out);
  cl_int code = what == CL_PLATFORM_VERSION ? at("platform_info") : CL_SUCCESS;
  return code ? code : answer_text("OpenCL 1.2 stub", size, out, size_out);
}

static cl_int get_devices(cl_platform_id id, cl_device_type type, cl_uint room, cl_device_id *devices,
                          cl_uint *count) {
  (void)id, (void)type;
  cl_int code = at("devices");
  if (code) return code;
  if (count) *count = 1;
  if (devices && room > 0) devices[0] = (cl_device_id)&device;
  return CL_SUCCESS;
}

static cl_int get_device(cl_device_id id, cl_device_info what, size_t size, void *out, size_t *size_out) {
  static const size_t group = 256;
  static const cl_ulong local = 64 << 10, memory = 1 << 30, type = CL_DEVICE_TYPE_GPU;
  static const cl_uint one = 1, yes = CL_TRUE;
  (void)id;
  switch (what) {
  case CL_DEVICE_NAME:
    return answer_text(name(), size, out, size_out);
  case CL_DRIVER_VERSION: {
    cl_int code = at("device_info");
    return code ? code : answer_text("1.2.3", size, out, size_out);
  }
  case CL_DEVICE_VENDOR:
  case CL_DEVICE_VERSION:
  case CL_DEVICE_EXTENSIONS:
    return answer_text("stub", size, out, size_out);
  case CL_DEVICE_TYPE:
    return answer(&type, sizeof type, size, out, size_out);
  case CL_DEVICE_MAX_WORK_GROUP_SIZE:
    return answer(&group, sizeof group, size, out, size_out);
  case CL_DEVICE_LOCAL_MEM_SIZE:
    return answer(&local, sizeof local, size, out, size_out);
  case CL_DEVICE_GLOBAL_MEM_SIZE:
  case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
    return answer(&memory, sizeof memory, size, out, size_out);
  case CL_DEVICE_COMPILER_AVAILABLE:
    return answer(&yes, sizeof yes, size, out, size_out);
  default:
    return size == sizeof one ? answer(&one, sizeof one, size, out, size_out) : CL_INVALID_VALUE;
  }
}

static cl_context create_context(const cl_context_properties *properties, cl_uint count,
                                 const cl_device_id *devices,
                                 void (*notify)(const char *, const void *, size_t, void *), void *user,
                                 cl_int *code) {
  (void)properties, (void)count, (void)devices, (void)notify, (void)user;
  *code = at("context");
  return *code ? NULL : (cl_context)&context;
}

static cl_command_queue create_queue(cl_context c, cl_device_id d, cl_command_queue_properties properties,
                                     cl_int *code) {
  (void)c, (void)d, (void)properties;
  *code = CL_SUCCESS;
  return (cl_command_queue)&queue;
}

static cl_program create_program(cl_context c, cl_uint count, const char **sources, const size_t *lengths,
                                 cl_int *code) {
  (void)c, (void)count, (void)sources, (void)lengths;
  *code = CL_SUCCESS;
  return (cl_program)&program;
}

static cl_int build_program(cl_program p, cl_uint count, const cl_device_id *devices, const char *options,
                            void (*notify)(cl_program, void *), void *user) {
  (void)p, (void)count, (void)devices, (void)options, (void)notify, (void)user;
  return at("build");
}

static cl_int get_build(cl_program p, cl_device_id d, cl_program_build_info what, size_t size, void *out,
                        size_t *size_out) {
  (void)p, (void)d, (void)what;
  return answer_text("error: none", size, out, size_out);
}

static cl_int get_program(cl_program p, cl_program_info what, size_t size, void *out, size_t *size_out) {
  (void)p, (void)what, (void)size, (void)out, (void)size_out;
  return CL_INVALID_VALUE;
}

static cl_int create_kernels(cl_program p, cl_uint room, cl_kernel *kernels, cl_uint *count) {
  (void)p, (void)room, (void)kernels;
  if (count) *count = 0;
  return CL_SUCCESS;
}

static cl_mem create_buffer(cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *code) {
  (void)c, (void)flags, (void)size, (void)host;
  *code = CL_SUCCESS;
  return (cl_mem)&buffer;
}

static cl_int fill_buffer(cl_command_queue q, cl_mem m, const void *pattern, size_t pattern_size,
                          size_t offset, size_t size, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)q, (void)m, (void)pattern, (void)pattern_size, (void)offset, (void)size, (void)count, (void)wait,
      (void)event;
  return at("enqueue");
}

static cl_int finish(cl_command_queue q) {
  (void)q;
  return at("finish");
}

static cl_int write_buffer(cl_command_queue q, cl_mem m, cl_bool blocking, size_t offset, size_t size,
                           const void *from, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)q, (void)m, (void)blocking, (void)offset, (void)size, (void)from, (void)count, (void)wait,
      (void)event;
  return CL_SUCCESS;
}

static cl_int release_context(cl_context c) {
  (void)c;
  return CL_SUCCESS;
}
static cl_int release_queue(cl_command_queue q) {
  (void)q;
  return CL_SUCCESS;
}
static cl_int release_program(cl_program p) {
  (void)p;
  return CL_SUCCESS;
}
static cl_int release_buffer(cl_mem m) {
  (void)m;
  return CL_SUCCESS;
}

__attribute__((constructor)) static void fill_dispatch(void) {
  dispatch.clGetPlatformInfo = clGetPlatformInfo;
  dispatch.clGetDeviceIDs = get_devices;
  dispatch.clGetDeviceInfo = get_device;
  dispatch.clCreateContext = create_context;
  dispatch.clCreateCommandQueue = create_queue;
  dispatch.clCreateProgramWithSource = create_program;
  dispatch.clBuildProgram = build_program;
  dispatch.clGetProgramBuildInfo = get_build;
  dispatch.clGetProgramInfo = get_program;
  dispatch.clCreateKernelsInProgram = create_kernels;
  dispatch.clCreateBuffer = create_buffer;
  dispatch.clEnqueueFillBuffer = fill_buffer;
  dispatch.clEnqueueWriteBuffer = write_buffer;
  dispatch.clFinish = finish;
  dispatch.clFlush = finish;
  dispatch.clReleaseContext = release_context;
  dispatch.clReleaseCommandQueue = release_queue;
  dispatch.clReleaseProgram = release_program;
  dispatch.clReleaseMemObject = release_buffer;
}

EXPORT CL_API_ENTRY void *CL_API_CALL clGetExtensionFunctionAddress(const char *function) {
  if (strcmp(function, "clIcdGetPlatformIDsKHR") == 0) return (void *)clIcdGetPlatformIDsKHR;
  return strcmp(function, "clGetPlatformInfo") == 0 ? (void *)clGetPlatformInfo : NULL;
}
