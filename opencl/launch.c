#include "launch.h"

#include "error.h"
#include "program.h"
#include "queue.h"

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

/* Queues `count` groups along x from group `first` on. */
static void launch(ocl_runtime *ocl, ocl_kernel *kernel, size_t first, size_t count, ocl_size groups,
                   const size_t items[3]) {
  const size_t from[] = {first * items[0], 0, 0};
  const size_t all[] = {count * items[0], groups.y * items[1], groups.z * items[2]};
  cl_int code = CL_SUCCESS;
  cl_event event, *wanted = ocl_timing(ocl, &event);
  for (int attempt = 0; attempt < 2; attempt++) {
    code =
        ocl_fault(OCL_FAULT_LAUNCH, clEnqueueNDRangeKernel(ocl->queue, kernel->handle, 3, first ? from : NULL,
                                                           all, items, 0, NULL, wanted));
    if (!ocl_no_memory(code) || attempt) break;
    ocl_wait(ocl); /* commands that have ended free their memory */
    if (ocl->failed) return;
  }
  ocl_queued(ocl, kernel, event, code);
}

void ocl_run_args(ocl_runtime *ocl, const char *name, ocl_size groups, ocl_size local, const ocl_arg *args,
                  int n) {
  if (ocl->failed || groups.x == 0) return;
  ocl_kernel *kernel = ocl_find_kernel(ocl, name);
  CREAM_ASSERT(parameters(args, n) == kernel->args);
  const size_t items[] = {at_least_one(local.x), at_least_one(local.y), at_least_one(local.z)};
  groups = (ocl_size){groups.x, at_least_one(groups.y), at_least_one(groups.z)};
  CREAM_ASSERT(items[0] * items[1] * items[2] <= OCL_MAX_GROUP);
  CREAM_ASSERT(groups.y <= OCL_MAX_GROUPS_Y && groups.z <= OCL_MAX_GROUPS_Y);
  cl_int code = set_arguments(kernel->handle, args, n);
  if (code) ocl_fail(ocl, code, kernel->name);
  size_t most = ocl->most_groups / (groups.y * groups.z);
  if (most == 0) most = 1;
  for (size_t first = 0; first < groups.x && !ocl->failed; first += most)
    launch(ocl, kernel, first, groups.x - first < most ? groups.x - first : most, groups, items);
}
