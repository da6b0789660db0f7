#include "backend.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "cache.h"
#include "error.h"
#include "launch.h"
#include "memory.h"
#include "ops.h"
#include "program.h"
#include "queue.h"
#include "stage.h"
#include "tensor.h"
#include "tiling.h"

static bool is_set(const char *variable) {
  const char *text = getenv(variable);
  return text && strcmp(text, "0") != 0 && *text;
}

/* Kernels are written for CPUs and for GPUs. Mesa's rusticl takes the items of a work-group as lanes of vectors on CPUs
 * too, so that groups of one item leave most of them idle. CREAM_OPENCL_KERNELS=cpu|gpu chooses otherwise, for tests. */
static bool takes_cpu_kernels(const ocl_runtime *ocl) {
  const char *kind = getenv("CREAM_OPENCL_KERNELS");
  if (kind && *kind) return strcmp(kind, "cpu") == 0;
  return strcmp(ocl->about.type, "cpu") == 0 && strcmp(ocl->about.platform, "rusticl") != 0;
}

/* CLBlast on GPUs; on CPUs the kernels of product.cl, which need no pass before and after, were faster. Only
 * they read half precision. CREAM_OPENCL_PRODUCTS=own|clblast, for tests and measurements. */
static bool takes_blas(const ocl_runtime *ocl) {
  const char *products = getenv("CREAM_OPENCL_PRODUCTS"), *kind = getenv("CREAM_OPENCL_KERNELS");
  if (ocl->info.half) return false;
  if (products && *products) return strcmp(products, "clblast") == 0;
  return kind && *kind ? !ocl->info.cpu : strcmp(ocl->about.type, "cpu") != 0;
}

/* Intel's GPUs have larger buffers than they say (4 GB) if the buffer and the kernels ask for it. Kernels count the
 * elements of a buffer in ints. */
static size_t buffer_limit(const cream_device *about) {
  const uint64_t most = 4 * (uint64_t)INT_MAX;
  bool intel = strcmp(about->type, "gpu") == 0 && strstr(about->platform, "Intel(R) OpenCL");
  if (!intel || getenv("CREAM_OPENCL_BUFFER")) return about->largest;
  return about->memory < most ? about->memory : most;
}

static void read_info(ocl_runtime *ocl, const cream_device_options *options) {
  size_t group = 0;
  clGetDeviceInfo(ocl->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
  ocl->info = (ocl_info){.compute_units = ocl->about.units,
                         .max_group = group < OCL_MAX_GROUP ? (int)group : OCL_MAX_GROUP,
                         .cpu = takes_cpu_kernels(ocl),
                         .half = options->half};
  ocl->info.blas = takes_blas(ocl);
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
    return cream_fail(err, CREAM_FAILED, "the driver of %s has no compiler; install a complete driver",
                      ocl->name);
  if (ocl->info.max_group < OCL_SMALL_GROUP || local < OCL_MAX_LOCAL_BYTES)
    return cream_fail(err, CREAM_FAILED,
                      "the device %s is too small: work-groups of %d and %d KiB of local memory are needed",
                      ocl->name, OCL_SMALL_GROUP, OCL_MAX_LOCAL_BYTES >> 10);
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
      "the device %s cannot be opened (%s, %d); free it, check your permission to use it, or use "
      "--device cpu",
      ocl->name, ocl_code_name(code), code);
}

static const char *read_tiling(void *context, const char *line) {
  ocl_runtime *ocl = context;
  return ocl_tiling_read(ocl, &ocl->tiling, line);
}

static cream_status set_tiling(ocl_runtime *ocl, const cream_device_options *options, cream_error *err) {
  ocl->tiling = ocl_tiling_of(ocl, ocl->info.max_group < OCL_MAX_GROUP);
  return ocl_parameters_each(options, read_tiling, ocl, err);
}

/* ---- self-test ----------------------------------------------------------------------------------------- */

enum { TEST_VALUES = 1000 };

/* Compiles, runs and compares. */
static cream_status self_test(ocl_runtime *ocl, cream_error *err) {
  cream_backend *backend = &ocl->base;
  cream_buf x = CREAM_NO_BUF, sums = CREAM_NO_BUF;
  float values[TEST_VALUES], got[TEST_VALUES];
  const ocl_size groups = ocl_flat_groups(ocl, TEST_VALUES);
  const int items = ocl->tiling.items;
  for (int i = 0; i < TEST_VALUES; i++) values[i] = (float)(i % 7 - 2);
  cream_status status = ocl_alloc(backend, TEST_VALUES, &x, err);
  if (!status) status = ocl_alloc(backend, groups.x, &sums, err);
  if (!status) {
    ocl_upload(backend, x, values, TEST_VALUES);
    ocl_run_self_test(ocl, groups, ocl_flat_items(ocl), x, sums, TEST_VALUES);
    status = ocl_download(backend, got, sums, groups.x, err);
  }
  for (int g = 0; !status && g < (int)groups.x; g++) {
    float want = 0;
    for (int i = items * g; i < items * (g + 1) && i < TEST_VALUES; i++) want += values[i];
    if (got[g] != want)
      status =
          cream_fail(err, CREAM_FAILED,
                     "the device %s computes wrongly: a sum is %g, expected %g; update its driver, or use "
                     "--device cpu",
                     ocl->name, (double)got[g], (double)want);
  }
  ocl_release(backend, x);
  ocl_release(backend, sums);
  return status;
}

/* ---- opening and closing ------------------------------------------------------------------------------- */

static void ocl_destroy(cream_backend *backend) {
  ocl_close(ocl_of(backend));
}

#define SET_MEMORY_OP(result, name, parameters) backend->name = ocl_##name;
static void set_ops(cream_backend *backend) {
  CREAM_MEMORY_OPS(SET_MEMORY_OP)
  backend->workspace = ocl_workspace;
  ocl_ops_init(backend);
}

cream_status ocl_open(const ocl_choice *choice, const cream_device_options *options, ocl_runtime **out,
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
  const char *groups = getenv("CREAM_OPENCL_GROUPS");
  ocl->most_groups = groups && atoi(groups) > 0 ? (size_t)atoi(groups) : OCL_MOST_GROUPS;
  ocl->base = (cream_backend){.name = "opencl",
                              .memory = ocl->about.memory,
                              .largest = ocl->about.largest,
                              .limit = buffer_limit(&ocl->about),
                              .shared = ocl->about.shared};
  read_info(ocl, options);
  set_ops(&ocl->base);
  char *kept = NULL;
  cream_device_options with = *options;
  if (!with.parameters) {
    kept = ocl_kept_read(ocl, &with.parameters_name);
    with.parameters = kept;
    ocl->kept = kept != NULL;
  }
  cream_status status = check_device(ocl, err);
  if (!status) status = set_tiling(ocl, &with, err);
  if (!status) status = create_queues(ocl, err);
  if (!status) status = ocl_build(ocl, err);
  if (!status) status = self_test(ocl, err);
  if (!status) status = ocl_blas_init(ocl, &with, err);
  free(kept);
  if (status)
    ocl_close(ocl);
  else
    *out = ocl;
  return status;
}

/* A lost device may never answer, so nothing is released on it. */
void ocl_close(ocl_runtime *ocl) {
  if (!ocl->lost) {
    ocl_blas_end(ocl);
    if (ocl->queue) clFinish(ocl->queue);
    if (ocl->transfer) clFinish(ocl->transfer);
    if (ocl->queue) ocl_harvest(ocl);
  }
  ocl_stages_end(ocl);
  ocl_memory_end(ocl);
  if (!ocl->lost) {
    ocl_programs_end(ocl);
    if (ocl->transfer) clReleaseCommandQueue(ocl->transfer);
    if (ocl->queue) clReleaseCommandQueue(ocl->queue);
    if (ocl->context) clReleaseContext(ocl->context);
  }
  free(ocl->timed);
  free(ocl);
}
