#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Most commands that may wait in the queue: some drivers hang on more. And most that are not flushed: a driver
 * need not begin with a command before clFlush (OpenCL 1.2, section 5.13), and rusticl does not. */
enum { MAX_QUEUED = 8192, MAX_UNFLUSHED = 32 };

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

void ocl_harvest(ocl_runtime *ocl) {
  for (size_t i = 0; i < ocl->n_timed; i++) {
    ocl_timed *timed = &ocl->timed[i];
    cl_ulong start = 0, end = 0;
    clGetEventProfilingInfo(timed->event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    clGetEventProfilingInfo(timed->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    const cl_ulong taken = end > start ? end - start : 0;
    timed->kernel->calls++;
    timed->kernel->nanoseconds += taken;
    if (taken > timed->kernel->longest) timed->kernel->longest = taken;
    clReleaseEvent(timed->event);
  }
  ocl->n_timed = 0;
}

void ocl_wait(ocl_runtime *ocl) {
  if (ocl->failed) return;
  double started = ocl_now();
  cl_int code = ocl_fault(OCL_FAULT_WAIT, clFinish(ocl->queue));
  ocl->waited += ocl_now() - started;
  ocl_settled(ocl);
  if (code)
    ocl_fail(ocl, code, "waiting for its work");
  else if (ocl->profile)
    ocl_harvest(ocl);
}

void ocl_flush(ocl_runtime *ocl) {
  if (ocl->failed) return;
  cl_int code = clFlush(ocl->queue);
  ocl->unflushed = 0;
  if (code) ocl_fail(ocl, code, "sending its work");
}

void ocl_queued(ocl_runtime *ocl, ocl_kernel *kernel, cl_event event, cl_int code) {
  if (code) ocl_fail(ocl, code, kernel->name);
  if (event && (code || !keep_event(ocl, kernel, event))) clReleaseEvent(event);
  ocl->launches++;
  ocl->queued++;
  ocl->unflushed++;
  if (ocl->queued >= MAX_QUEUED || ocl->sync_each)
    ocl_wait(ocl);
  else if (ocl->unflushed >= MAX_UNFLUSHED)
    ocl_flush(ocl);
}

static int by_time(const void *a, const void *b) {
  const cream_device_time *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
  return strcmp(x->kernel, y->kernel);
}

static void take_time(ocl_kernel *kernel, cream_device_time *times, int room, int *n) {
  if (kernel->calls == 0 || *n >= room) return;
  cream_device_time *time = &times[(*n)++];
  snprintf(time->kernel, sizeof time->kernel, "%s", kernel->name);
  time->calls = kernel->calls;
  time->seconds = 1e-9 * (double)kernel->nanoseconds;
  time->longest = 1e-9 * (double)kernel->longest;
  kernel->calls = kernel->nanoseconds = kernel->longest = 0;
}

int ocl_times(cream_backend *backend, cream_device_time *times, int room) {
  ocl_runtime *ocl = ocl_of(backend);
  int n = 0;
  ocl_wait(ocl);
  for (int i = 0; i < OCL_KERNEL_SLOTS; i++) take_time(&ocl->kernels[i], times, room, &n);
  for (int i = 0; i < OCL_ROUTINES; i++) take_time(&ocl->products[i], times, room, &n);
  qsort(times, (size_t)n, sizeof *times, by_time);
  return n;
}
