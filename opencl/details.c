#include "details.h"

#include <stdio.h>
#include <stdlib.h>

#include "tiling.h"

enum { LINE = 200 };

/* A parameter of clGetDeviceInfo in OpenCL 1.2, and the size of its value. */
typedef struct parameter {
  cl_device_info what;
  const char *words, *unit;
  size_t size;
} parameter;

static const parameter parameters[] = {
    {CL_DEVICE_VENDOR_ID, "vendor id", "", sizeof(cl_uint)},
    {CL_DEVICE_ADDRESS_BITS, "address bits", "", sizeof(cl_uint)},
    {CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, "dimensions of a work-item", "", sizeof(cl_uint)},
    {CL_DEVICE_MEM_BASE_ADDR_ALIGN, "alignment of buffers", " bits", sizeof(cl_uint)},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, "native vector width", " floats", sizeof(cl_uint)},
    {CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, "preferred vector width", " floats", sizeof(cl_uint)},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF, "native vector width, half", "", sizeof(cl_uint)},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE, "native vector width, double", "", sizeof(cl_uint)},
    {CL_DEVICE_HOST_UNIFIED_MEMORY, "shares the host's memory", "", sizeof(cl_uint)},
    {CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE, "cache line", " bytes", sizeof(cl_uint)},
    {CL_DEVICE_LOCAL_MEM_TYPE, "type of local memory (1: of its own)", "", sizeof(cl_uint)},
    {CL_DEVICE_MAX_CONSTANT_ARGS, "constant arguments", "", sizeof(cl_uint)},
    {CL_DEVICE_ENDIAN_LITTLE, "little endian", "", sizeof(cl_uint)},
    {CL_DEVICE_GLOBAL_MEM_SIZE, "memory", " bytes", sizeof(cl_ulong)},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, "largest buffer", " bytes", sizeof(cl_ulong)},
    {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, "cache", " bytes", sizeof(cl_ulong)},
    {CL_DEVICE_LOCAL_MEM_SIZE, "local memory", " bytes", sizeof(cl_ulong)},
    {CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, "largest constant buffer", " bytes", sizeof(cl_ulong)},
    {CL_DEVICE_QUEUE_PROPERTIES, "properties of queues (2: times)", "", sizeof(cl_ulong)},
    {CL_DEVICE_SINGLE_FP_CONFIG, "single precision", "", sizeof(cl_ulong)},
    {CL_DEVICE_DOUBLE_FP_CONFIG, "double precision", "", sizeof(cl_ulong)},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, "largest work-group", "", sizeof(size_t)},
    {CL_DEVICE_MAX_PARAMETER_SIZE, "arguments of a kernel", " bytes", sizeof(size_t)},
    {CL_DEVICE_PROFILING_TIMER_RESOLUTION, "resolution of times", " ns", sizeof(size_t)},
    {CL_DEVICE_PRINTF_BUFFER_SIZE, "buffer of printf", " bytes", sizeof(size_t)},
};

static void put_parameter(const ocl_runtime *ocl, const parameter *p, cream_device_log *log, void *context) {
  union {
    cl_uint small;
    cl_ulong large;
    size_t size;
  } value = {.large = 0};
  char line[LINE];
  cl_int code = clGetDeviceInfo(ocl->device, p->what, p->size, &value, NULL);
  unsigned long long number = p->size == sizeof(cl_uint) ? value.small : value.large;
  if (code)
    snprintf(line, sizeof line, "%s: unknown (%d)", p->words, code);
  else
    snprintf(line, sizeof line, "%s: %llu%s", p->words, number, p->unit);
  log(context, line);
}

static void put_extensions(const ocl_runtime *ocl, cream_device_log *log, void *context) {
  size_t size = 0;
  clGetDeviceInfo(ocl->device, CL_DEVICE_EXTENSIONS, 0, NULL, &size);
  char *text = calloc(1, size + 16), *line = calloc(1, size + 16);
  if (text && line && !clGetDeviceInfo(ocl->device, CL_DEVICE_EXTENSIONS, size, text, NULL)) {
    snprintf(line, size + 16, "extensions: %s", text);
    log(context, line);
  }
  free(text);
  free(line);
}

typedef struct kernel_use {
  size_t group;
  cl_ulong private, local;
} kernel_use;

static kernel_use use_of(const ocl_runtime *ocl, const ocl_kernel *kernel) {
  kernel_use use = {0};
  clGetKernelWorkGroupInfo(kernel->handle, ocl->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof use.group,
                           &use.group, NULL);
  clGetKernelWorkGroupInfo(kernel->handle, ocl->device, CL_KERNEL_PRIVATE_MEM_SIZE, sizeof use.private,
                           &use.private, NULL);
  clGetKernelWorkGroupInfo(kernel->handle, ocl->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof use.local,
                           &use.local, NULL);
  return use;
}

/* What the compiler made of the kernels: spilled registers show as more private memory, or as smaller work-groups, than
 * others have. */
static void put_kernels(const ocl_runtime *ocl, cream_device_log *log, void *context) {
  char line[LINE];
  int count = 0;
  kernel_use usual = {0};
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) {
    if (!ocl->kernels[i].handle) continue;
    kernel_use use = use_of(ocl, &ocl->kernels[i]);
    if (count++ == 0 || use.private < usual.private) usual.private = use.private;
    if (use.group > usual.group) usual.group = use.group;
  }
  snprintf(line, sizeof line,
           "%d kernels: %llu bytes of private memory, work-groups of up to %zu, except for", count,
           (unsigned long long)usual.private, usual.group);
  log(context, line);
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) {
    if (!ocl->kernels[i].handle) continue;
    kernel_use use = use_of(ocl, &ocl->kernels[i]);
    if (use.private == usual.private && use.group == usual.group) continue;
    snprintf(line, sizeof line,
             "  %s: %llu bytes of private memory, %llu of local memory, work-groups of up to %zu",
             ocl->kernels[i].name, (unsigned long long)use.private, (unsigned long long)use.local, use.group);
    log(context, line);
  }
}

void ocl_details(cream_backend *backend, cream_device_log *log, void *context) {
  const ocl_runtime *ocl = ocl_of(backend);
  char line[LINE];
  for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
    put_parameter(ocl, &parameters[i], log, context);
  put_extensions(ocl, log, context);
  snprintf(
      line, sizeof line, "in use: kernels for %s, %d floats an item, work-groups up to %d, products by %s%s",
      ocl->info.cpu ? "CPUs" : "GPUs", ocl->info.lanes, ocl->info.max_group,
      ocl->info.blas ? "CLBlast" : "own kernels", ocl->info.half ? ", activations in half precision" : "");
  log(context, line);
  char tiling[LINE - 40];
  ocl_tiling_write(&ocl->tiling, tiling, sizeof tiling);
  snprintf(line, sizeof line, "sizes of work-groups and tiles: %s", tiling);
  log(context, line);
  put_kernels(ocl, log, context);
}
