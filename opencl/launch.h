/* Queueing kernels. Ops call the typed functions ocl_run_NAME of kernels.h, which is generated from
 * kernels/NAME.cl (kernel_stubs.cmake). */
#ifndef CREAM_OPENCL_LAUNCH_H
#define CREAM_OPENCL_LAUNCH_H

#include "runtime.h"

typedef enum ocl_arg_kind { OCL_ARG_BUF, OCL_ARG_VALUE, OCL_ARG_LOCAL } ocl_arg_kind;
typedef struct ocl_arg {
  ocl_arg_kind kind;
  size_t size;
  union {
    cream_buf buf;
    cl_int i;
    cl_uint u;
    cl_ulong l;
    cl_float f;
    cl_float v[4];
  } value;
} ocl_arg;

/* __local memory of a work-group. */
typedef struct ocl_local {
  size_t bytes;
} ocl_local;

/* A buffer is two parameters of a kernel, BUF(x) in kernels/common.cl: `__global float *x, uint x_0`; the
 * kernel begins with AT(x), which moves the pointer. An absent buffer is a null pointer with offset 0. */
static inline ocl_arg ocl_arg_buf(cream_buf buf) {
  return (ocl_arg){OCL_ARG_BUF, 0, {.buf = buf}};
}
static inline ocl_arg ocl_arg_int(int i) {
  return (ocl_arg){OCL_ARG_VALUE, sizeof(cl_int), {.i = i}};
}
static inline ocl_arg ocl_arg_unsigned(unsigned u) {
  return (ocl_arg){OCL_ARG_VALUE, sizeof(cl_uint), {.u = u}};
}
static inline ocl_arg ocl_arg_long(uint64_t l) {
  return (ocl_arg){OCL_ARG_VALUE, sizeof(cl_ulong), {.l = l}};
}
static inline ocl_arg ocl_arg_float(float f) {
  return (ocl_arg){OCL_ARG_VALUE, sizeof(cl_float), {.f = f}};
}
static inline ocl_arg ocl_arg_float4(const float v[4]) {
  return (ocl_arg){OCL_ARG_VALUE, 4 * sizeof(cl_float), {.v = {v[0], v[1], v[2], v[3]}}};
}
static inline ocl_arg ocl_arg_local(ocl_local local) {
  return (ocl_arg){OCL_ARG_LOCAL, local.bytes, {.i = 0}};
}

typedef struct ocl_size {
  size_t x, y, z; /* 0 counts as 1 */
} ocl_size;

/* Work-groups and items of a FLAT kernel. */
static inline ocl_size ocl_flat_groups(const ocl_runtime *ocl, size_t items) {
  return (ocl_size){ocl_groups(items, (size_t)ocl->tiling.items), 1, 1};
}
static inline ocl_size ocl_flat_items(const ocl_runtime *ocl) {
  return (ocl_size){(size_t)ocl->tiling.items, 1, 1};
}

/* Queues the kernel called `name`: `groups` work-groups of `local` items in each dimension; 0 in x queue nothing.
 * More than ocl->most_groups become several launches, one after the other along x: each ends before a display's
 * watchdog or a driver's time limit. For the functions of kernels.h alone. */
void ocl_run_args(ocl_runtime *, const char *name, ocl_size groups, ocl_size local, const ocl_arg *, int n);

#include "kernels.h"

#endif
