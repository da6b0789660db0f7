#include <stdlib.h>
#include <string.h>

#include "internal.h"

ocl_runtime *ocl_of(cream_backend *backend) {
  return (ocl_runtime *)backend;
}

const ocl_info *ocl_device(const ocl_runtime *ocl) {
  return &ocl->info;
}

static bool is_set(const char *variable) {
  const char *text = getenv(variable);
  return text && strcmp(text, "0") != 0 && *text;
}

/* Kernels are written for two kinds of device; CREAM_OPENCL_KERNELS=cpu|gpu takes those of the other kind,
 * for tests. */
static bool takes_cpu_kernels(const ocl_runtime *ocl) {
  const char *kind = getenv("CREAM_OPENCL_KERNELS");
  return strcmp(kind && *kind ? kind : ocl->about.type, "cpu") == 0;
}

/* CLBlast on GPUs; on CPUs the own products, which do without a pass before and one after, were quicker. Half
 * storage is known to the own ones alone. CREAM_OPENCL_PRODUCTS=own|clblast, for tests and measurements. */
static bool takes_blas(const ocl_info *info) {
  const char *products = getenv("CREAM_OPENCL_PRODUCTS");
  if (info->half) return false;
  return products && *products ? strcmp(products, "clblast") == 0 : !info->cpu;
}

static void read_info(ocl_runtime *ocl, const cream_opencl_options *options) {
  size_t group = 0;
  clGetDeviceInfo(ocl->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
  ocl->info = (ocl_info){.compute_units = ocl->about.units,
                         .max_group = group < OCL_MAX_GROUP ? (int)group : OCL_MAX_GROUP,
                         .cpu = takes_cpu_kernels(ocl),
                         .half = options->half};
  ocl->info.blas = takes_blas(&ocl->info);
  cl_uint native = 0;
  clGetDeviceInfo(ocl->device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof native, &native, NULL);
  ocl->info.lanes = !ocl->info.cpu ? 4 : native >= 16 ? 16 : 8;
}

static cream_status check_device(const ocl_runtime *ocl, cream_error *err) {
  cl_bool compiler = CL_FALSE;
  cl_ulong local = 0;
  clGetDeviceInfo(ocl->device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
  clGetDeviceInfo(ocl->device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
  if (!compiler)
    return cream_fail(err, CREAM_FAILED, "the driver of %s has no compiler; install a complete one",
                      ocl->name);
  if (ocl->info.max_group < OCL_MAX_GROUP || local < OCL_MAX_LOCAL_BYTES)
    return cream_fail(err, CREAM_FAILED,
                      "the device %s is too small: work-groups of %d and %d KiB of local memory are needed",
                      ocl->name, OCL_MAX_GROUP, OCL_MAX_LOCAL_BYTES >> 10);
  return CREAM_OK;
}

static cream_status create_queues(ocl_runtime *ocl, cream_error *err) {
  cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)ocl->platform, 0};
  cl_command_queue_properties timing = ocl->profile ? CL_QUEUE_PROFILING_ENABLE : 0;
  cl_int code;
  ocl->context = clCreateContext(properties, 1, &ocl->device, NULL, NULL, &code);
  if (!code) ocl->queue = clCreateCommandQueue(ocl->context, ocl->device, timing, &code);
  if (!code) ocl->transfer = clCreateCommandQueue(ocl->context, ocl->device, 0, &code);
  if (!code) return CREAM_OK;
  return cream_fail(
      err, CREAM_FAILED,
      "the device %s cannot be opened (%s, %d); is it in use or without permission? --device cpu "
      "does without",
      ocl->name, ocl_code_name(code), code);
}

static void destroy(cream_backend *backend) {
  ocl_close(ocl_of(backend));
}

cream_status ocl_open(const ocl_choice *choice, const cream_opencl_options *options, ocl_runtime **out,
                      cream_error *err) {
  ocl_runtime *ocl = calloc(1, sizeof *ocl);
  if (ocl) ocl->ring.host = malloc(OCL_RING);
  if (!ocl || !ocl->ring.host) {
    free(ocl);
    return cream_fail_memory(err, sizeof *ocl, "the OpenCL backend");
  }
  ocl->platform = choice->platform;
  ocl->device = choice->device;
  ocl->about = choice->about;
  ocl->name = ocl->about.name;
  ocl->profile = options->profile;
  ocl->sync_each = is_set("CREAM_OPENCL_SYNC");
  ocl->base = (cream_backend){.name = "opencl", .memory = ocl->about.memory, .destroy = destroy};
  read_info(ocl, options);
  ocl_memory_init(&ocl->base);
  ocl_ops_init(&ocl->base);
  cream_status status = check_device(ocl, err);
  if (!status) status = create_queues(ocl, err);
  if (!status) status = ocl_build(ocl, err);
  if (!status) status = ocl_self_test(ocl, err);
  if (!status) status = ocl_blas_init(ocl, options, err);
  if (status)
    ocl_close(ocl);
  else
    *out = ocl;
  return status;
}

/* A device that is lost may never answer: nothing is asked of it. */
void ocl_close(ocl_runtime *ocl) {
  if (!ocl->lost) {
    ocl_blas_end(ocl);
    if (ocl->queue) clFinish(ocl->queue);
    if (ocl->transfer) clFinish(ocl->transfer);
    if (ocl->queue) ocl_harvest(ocl);
  }
  ocl_memory_end(ocl);
  if (!ocl->lost) {
    for (int i = 0; i < OCL_KERNEL_SLOTS; i++)
      if (ocl->kernels[i].handle) clReleaseKernel(ocl->kernels[i].handle);
    for (int i = 0; i < ocl->n_programs; i++) clReleaseProgram(ocl->programs[i]);
    if (ocl->transfer) clReleaseCommandQueue(ocl->transfer);
    if (ocl->queue) clReleaseCommandQueue(ocl->queue);
    if (ocl->context) clReleaseContext(ocl->context);
  }
  free(ocl->timed);
  free(ocl);
}

/* The first device meant that works. What is wrong with better ones is told on stderr, or, when none works,
 * what is wrong with the best. */
static cream_status create(const cream_opencl_options *options, cream_backend **out, cream_error *err) {
  ocl_choice *choices;
  int count;
  cream_status status = ocl_choices(&choices, &count, err);
  if (status) return status;
  status = ocl_choose(options->device, choices, &count, err);
  for (int i = 0; i < count && !status; i++) {
    ocl_runtime *ocl;
    cream_error problem;
    status = ocl_open(&choices[i], options, &ocl, i == 0 ? err : &problem);
    if (status == CREAM_OK) {
      *out = &ocl->base;
      break;
    }
    if (status == CREAM_BAD_CONFIG || i + 1 == count) break;
    fprintf(stderr, "device      the next one is tried: %s\n", (i == 0 ? err : &problem)->text);
    status = CREAM_OK;
  }
  free(choices);
  return status;
}

static void stats(cream_backend *backend, cream_opencl_stats *out) {
  const ocl_runtime *ocl = ocl_of(backend);
  *out = (cream_opencl_stats){.up_bytes = ocl->up_bytes,
                              .down_bytes = ocl->down_bytes,
                              .launches = ocl->launches,
                              .waited = ocl->waited,
                              .warm_seconds = ocl->warm_seconds,
                              .warm_waited = ocl->warm_waited,
                              .compiled = ocl->compiled,
                              .cached = ocl->cached,
                              .driver_caches = ocl_driver_caches(ocl),
                              .timed = ocl->profile};
  snprintf(out->device, sizeof out->device, "%s (%s, driver %s)", ocl->about.name, ocl->about.platform_name,
           ocl->about.driver);
}

static void ahead(cream_backend *backend, cream_opencl_next *next, void *context) {
  ocl_runtime *ocl = ocl_of(backend);
  ocl->ahead = next;
  ocl->ahead_context = context;
  if (next) ocl_blas_warm(ocl);
  for (int i = 0; i < OCL_STAGES; i++) ocl->stages[i].source = NULL;
}

__attribute__((visibility("default"))) extern const cream_opencl_module cream_opencl_module_table;

const cream_opencl_module cream_opencl_module_table = {
    .version = CREAM_OPENCL_INTERFACE,
    .create = create,
    .devices = ocl_devices,
    .failed = ocl_any_failed,
    .stats = stats,
    .times = ocl_times,
    .ahead = ahead,
    .tune = ocl_tune,
};
