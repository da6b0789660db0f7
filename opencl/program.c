#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "core/base/hash.h"
#include "error.h"
#include "program.h"
#include "queue.h"
#include "tiling.h"

typedef struct ocl_source {
  const char *name;
  const unsigned char *text;
  size_t length;
} ocl_source;

/* Made by tools/embed.cmake. */
static const ocl_source sources[] = {
#define EMBEDDED(name, ...)                                                                                  \
  {name, (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})},
#include "kernels.inc"
#undef EMBEDDED
};
enum { N_SOURCES = sizeof sources / sizeof *sources };
_Static_assert((int)N_SOURCES <= (int)OCL_MAX_PROGRAMS, "a place for each program");

/* The sources that precede every other one in its program, in this order. */
static const char *const before[] = {"activation", "optimiser", "common"};
enum { N_BEFORE = sizeof before / sizeof *before };

static const ocl_source *source_of(const char *name) {
  for (int i = 0; i < N_SOURCES; i++)
    if (strcmp(sources[i].name, name) == 0) return &sources[i];
  fprintf(stderr, "no source of kernels is called %s\n", name);
  abort();
}

static bool is_before(const ocl_source *source) {
  for (int i = 0; i < N_BEFORE; i++)
    if (strcmp(source->name, before[i]) == 0) return true;
  return false;
}

/* The kernel's place in the table, taken or free. */
static ocl_kernel *place_of(ocl_runtime *ocl, const char *name) {
  size_t at = cream_fnv1a(CREAM_FNV1A_START, name, strlen(name)) % OCL_KERNEL_SLOTS;
  while (ocl->kernels[at].name[0] && strcmp(ocl->kernels[at].name, name) != 0)
    at = (at + 1) % OCL_KERNEL_SLOTS;
  return &ocl->kernels[at];
}

ocl_kernel *ocl_find_kernel(ocl_runtime *ocl, const char *name) {
  ocl_kernel *kernel = place_of(ocl, name);
  if (!kernel->handle) {
    fprintf(stderr, "no kernel is called %s\n", name);
    CREAM_ASSERT(kernel->handle);
  }
  return kernel;
}

/* Enters all kernels of a program into the table. */
static cl_int add_kernels(ocl_runtime *ocl, cl_program program) {
  cl_uint count = 0;
  cl_int code = clCreateKernelsInProgram(program, 0, NULL, &count);
  cl_kernel *handles = code ? NULL : calloc(count ? count : 1, sizeof *handles);
  if (!handles) return code ? code : CL_OUT_OF_HOST_MEMORY;
  code = clCreateKernelsInProgram(program, count, handles, NULL);
  for (cl_uint i = 0; !code && i < count; i++) {
    char name[sizeof ocl->kernels->name];
    cl_uint args;
    code = clGetKernelInfo(handles[i], CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    if (!code) code = clGetKernelInfo(handles[i], CL_KERNEL_NUM_ARGS, sizeof args, &args, NULL);
    if (code) break;
    ocl_kernel *kernel = place_of(ocl, name);
    CREAM_ASSERT(!kernel->handle);
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    kernel->args = args;
    kernel->handle = handles[i];
  }
  free(handles);
  return code;
}

/* The first error of the build log, on one line. */
static void first_error(const ocl_runtime *ocl, cl_program program, char *text, size_t size) {
  size_t length = 0;
  text[0] = '\0';
  clGetProgramBuildInfo(program, ocl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
  char *log = length ? calloc(1, length + 1) : NULL;
  if (!log) return;
  clGetProgramBuildInfo(program, ocl->device, CL_PROGRAM_BUILD_LOG, length, log, NULL);
  const char *line = strstr(log, "error");
  while (line && line > log && line[-1] != '\n') line--;
  if (!line) line = log;
  snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
  free(log);
}

static cream_status compile(ocl_runtime *ocl, const ocl_source *source, const char *const *texts,
                            const size_t *lengths, const char *options, cl_program *program,
                            cream_error *err) {
  cl_int code;
  *program = clCreateProgramWithSource(ocl->context, N_BEFORE + 1, (const char **)texts, lengths, &code);
  if (!code)
    code = ocl_fault(OCL_FAULT_BUILD, clBuildProgram(*program, 1, &ocl->device, options, NULL, NULL));
  if (!code) return CREAM_OK;
  char reason[200] = "";
  if (*program) first_error(ocl, *program, reason, sizeof reason);
  if (*program) clReleaseProgram(*program);
  return cream_fail(err, CREAM_FAILED,
                    "the kernels %s.cl do not compile for %s (%s, %d): %s; install a newer driver, or use "
                    "--device cpu",
                    source->name, ocl->name, ocl_code_name(code), code, reason);
}

/* $CREAM_OPENCL_OPTIONS comes last; false: there is no room for it. */
static bool options_of(const ocl_runtime *ocl, const ocl_source *source, char *options, size_t size) {
  char tiling[256];
  const char *more = getenv("CREAM_OPENCL_OPTIONS");
  char *text = strndup((const char *)source->text, source->length);
  ocl_tiling_options(&ocl->tiling, text ? text : "", tiling, sizeof tiling);
  free(text);
  int length = snprintf(options, size, "-cl-std=CL1.2 -DCREAM_LANES=%d%s%s%s%s%s%s", ocl->info.lanes,
                        ocl->info.half ? " -DCREAM_HALF=1" : "", ocl->info.cpu ? " -DCREAM_CPU=1" : "",
                        tiling, ocl->info.large ? " -cl-intel-greater-than-4GB-buffer-required" : "",
                        more ? " " : "", more ? more : "");
  return length >= 0 && (size_t)length < size;
}

/* The kernels' counts stay. */
static void end_program(ocl_runtime *ocl, int number) {
  cl_program program = ocl->programs[number];
  if (!program) return;
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) {
    cl_program of = NULL;
    if (!ocl->kernels[i].handle) continue;
    clGetKernelInfo(ocl->kernels[i].handle, CL_KERNEL_PROGRAM, sizeof of, &of, NULL);
    if (of != program) continue;
    clReleaseKernel(ocl->kernels[i].handle);
    ocl->kernels[i].handle = NULL;
  }
  clReleaseProgram(program);
  ocl->programs[number] = NULL;
}

void ocl_programs_end(ocl_runtime *ocl) {
  for (int i = 0; i < N_SOURCES; i++) end_program(ocl, i);
}

/* Builds a program, unless it was built with the same options. */
static cream_status build(ocl_runtime *ocl, int number, cream_error *err) {
  const ocl_source *source = &sources[number];
  char options[1024];
  if (!options_of(ocl, source, options, sizeof options))
    return cream_fail(err, CREAM_BAD_CONFIG, "CREAM_OPENCL_OPTIONS is longer than %zu characters; shorten it",
                      sizeof options / 2);
  const uint64_t hash = cream_fnv1a(CREAM_FNV1A_START, options, strlen(options));
  if (ocl->programs[number] && ocl->built_with[number] == hash) return CREAM_OK;
  if (ocl->programs[number]) ocl_wait(ocl); /* its kernels may be queued */
  end_program(ocl, number);
  const char *texts[N_BEFORE + 1];
  size_t lengths[N_BEFORE + 1];
  for (int i = 0; i <= N_BEFORE; i++) {
    const ocl_source *part = i < N_BEFORE ? source_of(before[i]) : source;
    texts[i] = (const char *)part->text;
    lengths[i] = part->length;
  }
  ocl_cache_key key = ocl_cache_key_of(ocl, texts, lengths, N_BEFORE + 1, options);
  cl_program program = ocl_cache_load(ocl, &key);
  bool cached = program != NULL;
  cream_status status = CREAM_OK;
  if (!cached) status = compile(ocl, source, texts, lengths, options, &program, err);
  if (status) return status;
  ocl->programs[number] = program;
  ocl->built_with[number] = hash;
  cl_int code = add_kernels(ocl, program);
  if (code)
    return cream_fail(err, CREAM_FAILED, "the kernels %s.cl cannot be used on %s (%s, %d)", source->name,
                      ocl->name, ocl_code_name(code), code);
  cached ? ocl->cached++ : ocl->compiled++;
  if (!cached) ocl_cache_save(&key, program);
  return CREAM_OK;
}

/* A kernel whose work-groups have more items than its compiler allows for it; NULL: none has. */
static const ocl_kernel *too_large(const ocl_runtime *ocl, size_t *items, size_t *allowed) {
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) {
    const ocl_kernel *kernel = &ocl->kernels[i];
    size_t sizes[3] = {0};
    if (!kernel->handle) continue;
    if (clGetKernelWorkGroupInfo(kernel->handle, ocl->device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof sizes,
                                 sizes, NULL) ||
        clGetKernelWorkGroupInfo(kernel->handle, ocl->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof *allowed,
                                 allowed, NULL))
      continue;
    *items = sizes[0] * sizes[1] * sizes[2];
    if (*items > *allowed) return kernel;
  }
  return NULL;
}

/* Builds the programs up to the first with a kernel that is too large, which becomes *kernel. */
static cream_status build_all(ocl_runtime *ocl, const ocl_kernel **kernel, size_t *items, size_t *allowed,
                              cream_error *err) {
  cream_status status = CREAM_OK;
  *kernel = NULL;
  for (int i = 0; i < N_SOURCES && !status && !*kernel; i++) {
    if (is_before(&sources[i])) continue;
    status = build(ocl, i, err);
    if (!status) *kernel = too_large(ocl, items, allowed);
  }
  return status;
}

cream_status ocl_build(ocl_runtime *ocl, cream_error *err) {
  const ocl_kernel *kernel;
  size_t items, allowed;
  cream_status status = build_all(ocl, &kernel, &items, &allowed, err);
  if (status || !kernel) return status;
  ocl->tiling = ocl_tiling_of(ocl, true);
  status = build_all(ocl, &kernel, &items, &allowed, err);
  if (status || !kernel) return status;
  return cream_fail(
      err, CREAM_FAILED,
      "the device %s runs work-groups of %zu items of the kernel %s, and it needs %zu; install a "
      "newer driver, or use --device cpu",
      ocl->name, allowed, kernel->name, items);
}
