/* Loaded before Oclgrind, whose check of uninitialised memory takes what the host wrote last for the whole
 * buffer: here every write of the host is made one of the whole buffer. What the program clears becomes NaN,
 * so that a kernel that reads what nothing has written gives a wrong result.
 */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef cl_int write_buffer(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                            const cl_event *, cl_event *);

static write_buffer *real_write(void) {
  void *symbol = dlsym(RTLD_NEXT, "clEnqueueWriteBuffer");
  write_buffer *function;
  memcpy(&function, &symbol, sizeof function);
  return function;
}

/* Writes the whole of `mem`: its present contents with `size` bytes of `src` at `offset`. */
static cl_int write_whole(cl_command_queue queue, cl_mem mem, size_t offset, size_t size, const void *src,
                          cl_uint n, const cl_event *wait, cl_event *event) {
  size_t total = 0;
  cl_int code = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof total, &total, NULL);
  char *all = code ? NULL : malloc(total);
  if (!all) return CL_OUT_OF_HOST_MEMORY;
  code = clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, total, all, n, wait, NULL);
  memcpy(all + offset, src, size);
  if (!code) code = real_write()(queue, mem, CL_TRUE, 0, total, all, 0, NULL, event);
  free(all);
  return code;
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset, size_t size,
                            const void *src, cl_uint n, const cl_event *wait, cl_event *event) {
  (void)blocking;
  return write_whole(queue, mem, offset, size, src, n, wait, event);
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem mem, const void *pattern, size_t pattern_size,
                           size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event) {
  (void)pattern, (void)pattern_size;
  char *filled = malloc(size);
  if (!filled) return CL_OUT_OF_HOST_MEMORY;
  memset(filled, 0xff, size);
  cl_int code = write_whole(queue, mem, offset, size, filled, n, wait, event);
  free(filled);
  return code;
}
