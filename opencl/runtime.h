/* The state of the OpenCL backend: one context, one device, one in-order queue, one submitting thread.
 *
 * The files form layers; each includes the headers of those before it and calls nothing of those after it:
 *
 *     runtime.h   types, no functions of their own
 *     error       codes, injected faults, the kept failure
 *     queue       waiting, times of commands
 *     tiling   sizes of work-groups and tiles
 *     cache, program, launch, kernels.h   compiled kernels, their arguments, one typed function for each
 *     stage, memory, tensor   image batches, buffers and copies, whole tensors
 *     blas        products through CLBlast
 *     chunks, ops_*, ops   the ops of core/backend.h
 *     identity, known_drivers, device   which devices there are
 *     backend, details, tune, module   opening one, what a report says, what cream-opencl.so exports
 *
 * driver.c, vendors.c and absent.c belong to the program, which loads the module (driver.h).
 *
 * Layout: activations are NHWC without padding, as on the CPU: neighbouring work-items take neighbouring
 * channels, and a 1x1 convolution is one row-major product of N*H*W rows. In CLBlast's column-major terms an
 * activation is a matrix of C rows and N*H*W columns with leading dimension C.
 *
 * Buffers: cream_buf.mem is an ocl_mem; `offset` counts 4-byte elements and fits an int.
 *
 * Errors: functions that queue return none. The first failure is kept, everything queued afterwards is
 * dropped, and the next download or synchronise returns the failure.
 *
 * Order: the queue is in order (OpenCL 1.2, section 5.11), so a kernel sees what was queued before it. No op waits, reads back or maps.
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
#include "core/device.h"

/* Work-groups have at most OCL_MAX_GROUP items, and OCL_SMALL_GROUP where a device or the compiler of its kernels allows
 * no more; every device must offer these, and local memory of this size. */
enum { OCL_MAX_GROUP = 256, OCL_SMALL_GROUP = 32, OCL_MAX_LOCAL_BYTES = 32 << 10 };
/* Work-groups of a launch: NVIDIA's limit in y and z, and how many are launched at once. */
enum { OCL_MAX_GROUPS_Y = 65535, OCL_MOST_GROUPS = 8192 };
enum {
  OCL_KERNEL_SLOTS = 512,
  OCL_MAX_PROGRAMS = 32,
  OCL_SCRATCHES = CREAM_WORKSPACES,
  OCL_STAGES = 2,
  OCL_RING = 256 << 10
};

typedef struct ocl_mem {
  cl_mem mem;
  size_t count; /* 4-byte elements */
} ocl_mem;

typedef struct ocl_kernel {
  char name[64];
  cl_kernel handle;
  cl_uint args;
  cl_ulong calls, nanoseconds, longest; /* of timed commands that have ended; nanoseconds, too */
} ocl_kernel;

/* A command that is being timed. */
typedef struct ocl_timed {
  cl_event event;
  ocl_kernel *kernel;
} ocl_timed;

/* One of the two buffers for image batches: pinned memory on the host, bytes on the device. */
typedef struct ocl_stage {
  cl_mem pinned, device;
  uint8_t *host;
  size_t size;
  cl_event read;         /* the kernel that reads the device's bytes; NULL: none is queued */
  cl_event written;      /* the copy from the host */
  const uint8_t *source; /* the batch that was prefetched from here; NULL: the stage is free */
  size_t bytes;
} ocl_stage;

/* Small uploads: host memory that queued copies may still read. */
typedef struct ocl_ring {
  uint8_t *host;
  size_t used;
} ocl_ring;

typedef enum ocl_routine { OCL_GEMM, OCL_GEMM_BATCHED, OCL_ROUTINES } ocl_routine;

typedef struct ocl_warm ocl_warm; /* blas.c */

/* What ops depend on. */
typedef struct ocl_info {
  int compute_units, max_group; /* max_group <= OCL_MAX_GROUP */
  bool cpu;                     /* the device is a CPU */
  int lanes;                    /* floats that an item of the ops' kernels takes: -DCREAM_LANES */
  bool half;                    /* activations are stored as half: kernels are built with -DCREAM_HALF=1 */
  bool blas;                    /* products go through CLBlast */
  bool large;                   /* kernels are built for buffers of any size (Intel's GPUs) */
} ocl_info;

/* X(member, name, its value for GPUs, for CPUs, for work-groups of OCL_SMALL_GROUP items); tiling.h */
#define OCL_TILES(X)                                                                                         \
  X(tile, TILE, 64, 64, 32)      /* products: rows and columns of a work-group */                            \
  X(rows, ROWS, 8, 8, 8)         /* ... and rows of an item */                                               \
  X(depth, DEPTH, 16, 32, 16)    /* ... and steps of the sum that are in local memory at a time */           \
  X(across, ACROSS, 4, 1, 4)     /* items of a work-group along channels */                                  \
  X(along, ALONG, 16, 1, 8)      /* ... and along chunks of pixels */                                        \
  X(strip, STRIP, 4, 4, 4)       /* depthwise: neighbouring pixels of an item */                             \
  X(items, ITEMS, 64, 64, 32)    /* work-groups of most other kernels */                                     \
  X(columns, COLUMNS, 16, 16, 8) /* sums over chunks: channels of a work-group */                            \
  X(over, OVER, 16, 16, 4)       /* ... and items over the chunks of each */
#define OCL_TILE_MEMBER(member, name, gpu, cpu, small) int member;
typedef struct ocl_tiling {
  OCL_TILES(OCL_TILE_MEMBER)
} ocl_tiling;

typedef struct ocl_runtime {
  cream_backend base;
  cl_platform_id platform;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue, transfer; /* transfer: image batches only */
  ocl_info info;
  ocl_tiling tiling;
  cream_device about;
  const char *name; /* about.name */

  cl_program programs[OCL_MAX_PROGRAMS];
  uint64_t built_with[OCL_MAX_PROGRAMS]; /* a hash of each program's options */
  int compiled, cached;
  ocl_kernel kernels[OCL_KERNEL_SLOTS]; /* open addressing by name */
  ocl_kernel products[OCL_ROUTINES];
  cream_buf scratch[OCL_SCRATCHES];

  ocl_stage stages[OCL_STAGES];
  int next_stage;
  ocl_ring ring;
  cream_device_next *next; /* the batch to prefetch; NULL: none is */
  void *next_context;

  bool kept; /* it uses parameters that were kept for the device */
  bool failed, lost;
  cream_error error;

  bool profile, sync_each, own_blas;
  ocl_timed *timed;
  size_t n_timed, timed_room;
  unsigned queued, unflushed; /* commands since the host last waited, and since the queue was last flushed */
  size_t most_groups;         /* of a launch */
  uint64_t up_bytes, down_bytes, launches;
  double waited;

  ocl_warm *warm; /* [OCL_ROUTINES] */
  double warm_seconds, warm_waited;
} ocl_runtime;

static inline ocl_runtime *ocl_of(cream_backend *backend) {
  return (ocl_runtime *)backend;
}

static inline cl_mem ocl_handle(cream_buf buf) {
  return buf.mem ? ((const ocl_mem *)buf.mem)->mem : NULL;
}

/* Work-groups of `local` that cover `items`. */
static inline size_t ocl_groups(size_t items, size_t local) {
  return (items + local - 1) / local;
}

#endif
