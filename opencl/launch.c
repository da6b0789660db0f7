#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* So many commands may wait in the queue: some drivers hang on longer ones. */
enum { MAX_QUEUED = 8192 };

cl_event *ocl_timing(ocl_runtime *ocl, cl_event *place) {
  *place = NULL;
  return ocl->profile ? place : NULL;
}

static bool keep_event(ocl_runtime *ocl, ocl_kernel *kernel, cl_event event) {
  if (ocl->n_timed == ocl->timed_room) {
    size_t room = ocl->timed_room ? 2 * ocl->timed_room : 1024;
    ocl_timed *grown = realloc(ocl->timed, room * sizeof *grown);
    if (!grown) return false;
    ocl->timed = grown;
    ocl->timed_room = room;
  }
  ocl->timed[ocl->n_timed++] = (ocl_timed){event, kernel};
  return true;
}

void ocl_queued(ocl_runtime *ocl, ocl_kernel *kernel, cl_event event, cl_int code) {
  if (code) ocl_fail(ocl, code, kernel->name);
  if (event && (code || !keep_event(ocl, kernel, event))) clReleaseEvent(event);
  ocl->launches++;
  if (++ocl->queued >= MAX_QUEUED || ocl->sync_each) ocl_wait(ocl);
}

void ocl_harvest(ocl_runtime *ocl) {
  for (size_t i = 0; i < ocl->n_timed; i++) {
    ocl_timed *timed = &ocl->timed[i];
    cl_ulong start = 0, end = 0;
    clGetEventProfilingInfo(timed->event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    clGetEventProfilingInfo(timed->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    timed->kernel->calls++;
    timed->kernel->nanoseconds += end > start ? end - start : 0;
    clReleaseEvent(timed->event);
  }
  ocl->n_timed = 0;
}

static cl_int set_buffer(cl_kernel kernel, cl_uint *at, cream_buf buf) {
  cl_mem mem = ocl_handle(buf);
  cl_uint offset = mem ? (cl_uint)buf.offset : 0;
  cl_int code = clSetKernelArg(kernel, (*at)++, sizeof mem, &mem);
  return code ? code : clSetKernelArg(kernel, (*at)++, sizeof offset, &offset);
}

static cl_int set_arguments(cl_kernel kernel, const ocl_arg *args, int n) {
  cl_int code = CL_SUCCESS;
  cl_uint at = 0;
  for (int i = 0; i < n && !code; i++) {
    const ocl_arg *arg = &args[i];
    switch (arg->kind) {
    case OCL_ARG_BUF:
      code = set_buffer(kernel, &at, arg->value.buf);
      break;
    case OCL_ARG_VALUE:
      code = clSetKernelArg(kernel, at++, arg->size, &arg->value);
      break;
    case OCL_ARG_LOCAL:
      code = clSetKernelArg(kernel, at++, arg->size, NULL);
      break;
    }
  }
  return code;
}

static cl_uint parameters(const ocl_arg *args, int n) {
  cl_uint count = 0;
  for (int i = 0; i < n; i++) count += args[i].kind == OCL_ARG_BUF ? 2 : 1;
  return count;
}

static size_t at_least_one(size_t size) {
  return size ? size : 1;
}

void ocl_run_args(ocl_runtime *ocl, const char *name, ocl_size groups, ocl_size local, const ocl_arg *args,
                  int n) {
  if (ocl->failed || groups.x == 0) return;
  ocl_kernel *kernel = ocl_find_kernel(ocl, name);
  CREAM_ASSERT(parameters(args, n) == kernel->args);
  const size_t items[] = {at_least_one(local.x), at_least_one(local.y), at_least_one(local.z)};
  const size_t all[] = {groups.x * items[0], at_least_one(groups.y) * items[1],
                        at_least_one(groups.z) * items[2]};
  CREAM_ASSERT(items[0] * items[1] * items[2] <= OCL_MAX_GROUP);
  cl_int code = set_arguments(kernel->handle, args, n);
  cl_event event, *wanted = ocl_timing(ocl, &event);
  for (int attempt = 0; attempt < 2; attempt++) {
    if (!code)
      code = ocl_fault(OCL_FAULT_LAUNCH, clEnqueueNDRangeKernel(ocl->queue, kernel->handle, 3, NULL, all,
                                                                items, 0, NULL, wanted));
    if (!ocl_no_memory(code) || attempt) break;
    ocl_wait(ocl); /* what is done gives its memory back */
    if (ocl->failed) return;
    code = CL_SUCCESS;
  }
  ocl_queued(ocl, kernel, event, code);
}

static int by_time(const void *a, const void *b) {
  const cream_opencl_time *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
  return strcmp(x->kernel, y->kernel);
}

static void take_time(ocl_kernel *kernel, cream_opencl_time *times, int room, int *n) {
  if (kernel->calls == 0 || *n >= room) return;
  cream_opencl_time *time = &times[(*n)++];
  snprintf(time->kernel, sizeof time->kernel, "%s", kernel->name);
  time->calls = kernel->calls;
  time->seconds = 1e-9 * (double)kernel->nanoseconds;
  kernel->calls = kernel->nanoseconds = 0;
}

int ocl_times(cream_backend *backend, cream_opencl_time *times, int room) {
  ocl_runtime *ocl = ocl_of(backend);
  int n = 0;
  ocl_wait(ocl);
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) take_time(&ocl->kernels[i], times, room, &n);
  for (int i = 0; i < OCL_ROUTINES; i++) take_time(&ocl->products[i], times, room, &n);
  qsort(times, (size_t)n, sizeof *times, by_time);
  return n;
}
