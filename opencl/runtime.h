/* What the ops of the OpenCL backend (ops_*.c, kernels/) stand on: one context, one device, one in-order
 * queue, one submitting thread.
 *
 * Layout: activations are NHWC without padding, as on the CPU: neighbouring work-items take neighbouring
 * channels, and a 1x1 convolution is one row-major product of N*H*W rows. In CLBlast's column-major terms an
 * activation is a matrix of C rows and N*H*W columns with leading dimension C.
 *
 * Buffers: cream_buf.mem is an ocl_mem; `offset` counts 4-byte elements and fits an int. A kernel takes a
 * cream_buf as two parameters, written BUF(x) in kernels/common.cl: `__global float *x, uint x_0`; the kernel
 * begins with AT(x), which moves the pointer. An absent buffer arrives as a null pointer with offset 0.
 *
 * Kernels: every kernels/NAME.cl becomes a program of its own, common.cl before it, built when the backend is
 * made with "-cl-std=CL1.2" and the definitions of ocl_build_options. A kernel is known by its name, which
 * must be unique over all files. Work-groups have 256 items at most, local memory 32 KiB.
 *
 * Errors: nothing here that queues returns one. The first failure is kept, everything queued afterwards is
 * dropped, and the failure comes back from the next download or synchronise.
 *
 * Order: the queue is in order, so a kernel sees what was queued before it. No op waits, reads back or maps.
 */
#ifndef CREAM_OPENCL_RUNTIME_H
#define CREAM_OPENCL_RUNTIME_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

enum { OCL_MAX_GROUP = 256, OCL_MAX_LOCAL_BYTES = 32 << 10, OCL_SCRATCHES = 8 };

typedef struct ocl_mem {
  cl_mem mem;
  size_t count; /* 4-byte elements */
} ocl_mem;

typedef struct ocl_runtime ocl_runtime;

/* ---- for the ops (ops_*.c) ------------------------------------------------------------------------- */

/* What an op may want to know of the device. */
typedef struct ocl_info {
  int compute_units, max_group; /* max_group <= OCL_MAX_GROUP */
  bool cpu;                     /* the device is a CPU */
  int lanes;                    /* floats that an item of the ops' kernels takes: -DCREAM_LANES */
  bool half;                    /* activations are stored as half: kernels are built with -DCREAM_HALF=1 */
  bool blas;                    /* products go to CLBlast */
} ocl_info;

ocl_runtime *ocl_of(cream_backend *);
const ocl_info *ocl_device(const ocl_runtime *);

static inline cl_mem ocl_handle(cream_buf buf) {
  return buf.mem ? ((const ocl_mem *)buf.mem)->mem : NULL;
}

/* Defined by the ops: fills the ops' slots of the backend's table (conv_forward ... dot). */
void ocl_ops_init(cream_backend *);
/* Defined by the ops: 4-byte elements of each scratch that conv_forward and conv_backward of `conv` on
 * [n,h,w,cin] and what follows them need (maximum, not sum: size[i] is raised where it is too small). */
void ocl_ops_workspace(const ocl_runtime *, const cream_conv *, int n, int h, int w,
                       size_t size[OCL_SCRATCHES]);

/* Device memory of at least `count` elements that stays valid until the next call for the same slot with
 * more. Contents are undefined. Reserved at plan time by ocl_ops_workspace; grows here where that was too
 * little (small things of no convolution: slices, partial sums of flat blocks). Absent after a failure. */
cream_buf ocl_scratch(ocl_runtime *, int slot, size_t count);
/* Queues a copy of `bytes` (multiple of 4, up to 64 KiB without waiting) from the host; the source may
 * change after the call. For slices and the like; counted as traffic. */
void ocl_upload(ocl_runtime *, cream_buf dst, const void *src, size_t bytes);

/* A kernel's arguments, in order: OCL(x) takes a cream_buf (two parameters, see above), an int, an
 * unsigned, a float, a uint64_t, or a bool (as int). OCL_LOCAL(bytes) is __local memory. */
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
#define OCL(x)                                                                                               \
  _Generic((x), cream_buf                                                                                    \
           : ocl_arg_buf, const cream_buf                                                                    \
           : ocl_arg_buf, bool                                                                               \
           : ocl_arg_int, int                                                                                \
           : ocl_arg_int, cream_act                                                                          \
           : ocl_arg_unsigned, float                                                                         \
           : ocl_arg_float, uint64_t                                                                         \
           : ocl_arg_long)(x)
#define OCL_LOCAL(bytes) ((ocl_arg){OCL_ARG_LOCAL, (bytes), {.i = 0}})

typedef struct ocl_size {
  size_t x, y, z; /* 0 counts as 1 */
} ocl_size;

/* Queues the kernel called `name`: `groups` work-groups of `local` items in each dimension. More or fewer
 * arguments than the kernel has parameters abort. A dimension of 0 groups in x queues nothing. */
#define ocl_run(ocl, name, groups, local, ...)                                                               \
  ocl_run_args(ocl, name, groups, local, (const ocl_arg[]){__VA_ARGS__},                                     \
               (int)(sizeof((const ocl_arg[]){__VA_ARGS__}) / sizeof(ocl_arg)))
void ocl_run_args(ocl_runtime *, const char *name, ocl_size groups, ocl_size local, const ocl_arg *, int n);

/* Work-groups of `local` that cover `items`. */
static inline size_t ocl_groups(size_t items, size_t local) {
  return (items + local - 1) / local;
}

/* Single-precision products through CLBlast, column-major, as BLAS defines them; sizes of 0 queue nothing
 * (beta is then not applied). The direct path is forced, so offsets, strides of 0 and padded leading
 * dimensions are right (CLBlast's indirect path ignores them in some cases). */
typedef struct ocl_matrix {
  cream_buf at;
  int ld;
  size_t stride; /* elements from one matrix of a batch to the next; 0: the same for all (A and B only) */
  bool transposed;
} ocl_matrix;
/* C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C; C is not transposed. */
void ocl_gemm(ocl_runtime *, int m, int n, int k, float alpha, ocl_matrix a, ocl_matrix b, float beta,
              ocl_matrix c);
void ocl_gemm_batched(ocl_runtime *, int batch, int m, int n, int k, float alpha, ocl_matrix a, ocl_matrix b,
                      float beta, ocl_matrix c);

/* Says at plan time, from ocl_ops_workspace, that a training calls ocl_gemm or ocl_gemm_batched: CLBlast then
 * compiles that routine in the background (seconds) once the training begins. Else the first call waits. */
void ocl_gemm_plan(const ocl_runtime *, bool batched);

/* Keeps the first failure; `what` says of what, `code` is OpenCL's. */
void ocl_fail(ocl_runtime *, cl_int code, const char *what);

#endif
