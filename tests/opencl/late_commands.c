/* Loaded before an OpenCL driver, runs every command as late as OpenCL allows: nothing that is queued begins before the
 * host waits for it. A program that takes the end of a command for granted, or an order that the specification does not
 * promise, then gives wrong results on any driver.
 *
 * The first command of a queue comes after a barrier that waits for a user event, the gate; all later ones come after
 * it too, because queues are in order (OpenCL 1.2, section 5.11). The gate opens where the host waits: in clFinish,
 * clWaitForEvents, blocking reads and maps, and when the queue is released. Another queue's gate opens only if a command
 * that the host waits for waits for an event of it. A blocking write does not wait: its source is copied (section 5.2.2).
 * Waiting for an event of a queue that was not flushed ends the program (section 5.13).
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUEUES = 64 };

typedef struct late_queue {
  cl_command_queue queue; /* NULL: free */
  cl_event gate;          /* NULL: open */
  bool flushed;           /* all its commands */
  bool needs[MAX_QUEUES]; /* queues with events that its commands wait for */
} late_queue;

static late_queue queues[MAX_QUEUES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The driver's own function of that name. */
#define REAL(name)                                                                                           \
  __extension__({                                                                                            \
    void *symbol = dlsym(RTLD_NEXT, #name);                                                                  \
    __typeof__(&name) function;                                                                              \
    memcpy(&function, &symbol, sizeof function);                                                             \
    function;                                                                                                \
  })

static late_queue *find(cl_command_queue queue) {
  int free_one = -1;
  for (int i = 0; i < MAX_QUEUES; i++) {
    if (queues[i].queue == queue) return &queues[i];
    if (!queues[i].queue && free_one < 0) free_one = i;
  }
  if (free_one < 0) abort();
  queues[free_one] = (late_queue){.queue = queue, .flushed = true};
  return &queues[free_one];
}

static late_queue *queue_of(cl_event event) {
  cl_command_queue queue = NULL;
  clGetEventInfo(event, CL_EVENT_COMMAND_QUEUE, sizeof queue, &queue, NULL);
  return queue ? find(queue) : NULL;
}

/* A command that waits for these events is about to be queued. */
static void begin(cl_command_queue queue, cl_uint n, const cl_event *wait) {
  pthread_mutex_lock(&lock);
  late_queue *late = find(queue);
  if (!late->gate) {
    cl_context context;
    cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
    if (!code) late->gate = clCreateUserEvent(context, &code);
    if (!code) code = REAL(clEnqueueBarrierWithWaitList)(queue, 1, &late->gate, NULL);
    if (code) abort();
  }
  late->flushed = false;
  for (cl_uint i = 0; i < n; i++) {
    late_queue *other = queue_of(wait[i]);
    if (!other || other == late) continue;
    if (!other->flushed) {
      fputs("a command waits for an event of a queue that was not flushed\n", stderr);
      abort();
    }
    late->needs[other - queues] = true;
  }
  pthread_mutex_unlock(&lock);
}

static void open_gate(late_queue *late) {
  cl_event gate = late->gate;
  bool needs[MAX_QUEUES];
  memcpy(needs, late->needs, sizeof needs);
  memset(late->needs, 0, sizeof late->needs);
  late->gate = NULL;
  for (int i = 0; i < MAX_QUEUES; i++)
    if (needs[i] && queues[i].queue) open_gate(&queues[i]);
  if (!gate) return;
  clSetUserEventStatus(gate, CL_COMPLETE);
  clReleaseEvent(gate);
}

/* The host is about to wait for all commands of the queue. */
static void wait_for(cl_command_queue queue) {
  pthread_mutex_lock(&lock);
  late_queue *late = find(queue);
  late->flushed = true;
  open_gate(late);
  pthread_mutex_unlock(&lock);
}

/* ---- commands ------------------------------------------------------------------------------------------ */

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *global, const size_t *local, cl_uint n,
                              const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueNDRangeKernel)(queue, kernel, dimensions, offset, global, local, n, wait, event);
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem, const void *pattern, size_t pattern_size,
                           size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueFillBuffer)(queue, mem, pattern, pattern_size, offset, size, n, wait, event);
}

cl_int clEnqueueCopyBuffer(cl_command_queue queue, cl_mem src, cl_mem dst, size_t from, size_t to,
                           size_t size, cl_uint n, const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueCopyBuffer)(queue, src, dst, from, to, size, n, wait, event);
}

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint n, const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueMarkerWithWaitList)(queue, n, wait, event);
}

cl_int clEnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint n, const cl_event *wait,
                                    cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueBarrierWithWaitList)(queue, n, wait, event);
}

cl_int clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem mem, void *mapped, cl_uint n,
                               const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  return REAL(clEnqueueUnmapMemObject)(queue, mem, mapped, n, wait, event);
}

static void CL_CALLBACK free_copy(cl_event event, cl_int status, void *copy) {
  (void)event, (void)status;
  free(copy);
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size,
                            const void *src, cl_uint n, const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  if (!blocking) return REAL(clEnqueueWriteBuffer)(queue, mem, CL_FALSE, offset, size, src, n, wait, event);
  void *copy = malloc(size);
  cl_event done;
  if (!copy) return CL_OUT_OF_HOST_MEMORY;
  memcpy(copy, src, size);
  cl_int code = REAL(clEnqueueWriteBuffer)(queue, mem, CL_FALSE, offset, size, copy, n, wait, &done);
  if (code) {
    free(copy);
    return code;
  }
  clSetEventCallback(done, CL_COMPLETE, free_copy, copy);
  if (event)
    *event = done;
  else
    clReleaseEvent(done);
  return CL_SUCCESS;
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size,
                           void *dst, cl_uint n, const cl_event *wait, cl_event *event) {
  begin(queue, n, wait);
  if (blocking) wait_for(queue);
  return REAL(clEnqueueReadBuffer)(queue, mem, blocking, offset, size, dst, n, wait, event);
}

void *clEnqueueMapBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, cl_map_flags flags,
                         size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event,
                         cl_int *code) {
  begin(queue, n, wait);
  if (blocking) wait_for(queue);
  return REAL(clEnqueueMapBuffer)(queue, mem, blocking, flags, offset, size, n, wait, event, code);
}

cl_int clFinish(cl_command_queue queue) {
  wait_for(queue);
  return REAL(clFinish)(queue);
}

cl_int clFlush(cl_command_queue queue) {
  pthread_mutex_lock(&lock);
  find(queue)->flushed = true;
  pthread_mutex_unlock(&lock);
  return REAL(clFlush)(queue);
}

cl_int clWaitForEvents(cl_uint n, const cl_event *events) {
  pthread_mutex_lock(&lock);
  for (cl_uint i = 0; i < n; i++) {
    late_queue *late = queue_of(events[i]);
    if (!late) continue;
    late->flushed = true;
    open_gate(late);
  }
  pthread_mutex_unlock(&lock);
  return REAL(clWaitForEvents)(n, events);
}

cl_int clReleaseCommandQueue(cl_command_queue queue) {
  wait_for(queue);
  pthread_mutex_lock(&lock);
  late_queue *late = find(queue);
  for (int i = 0; i < MAX_QUEUES; i++) queues[i].needs[late - queues] = false;
  late->queue = NULL;
  pthread_mutex_unlock(&lock);
  return REAL(clReleaseCommandQueue)(queue);
}
