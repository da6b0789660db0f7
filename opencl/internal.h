/* The runtime's own parts; the ops see runtime.h alone. */
#ifndef CREAM_OPENCL_INTERNAL_H
#define CREAM_OPENCL_INTERNAL_H

#include "opencl.h"
#include "runtime.h"

enum { OCL_KERNEL_SLOTS = 512, OCL_MAX_PROGRAMS = 32, OCL_STAGES = 2, OCL_RING = 256 << 10 };

typedef struct ocl_kernel {
  char name[64];
  cl_kernel handle;
  cl_uint args;
  cl_ulong calls, nanoseconds; /* while profiling, harvested */
} ocl_kernel;

/* A command that is being timed. */
typedef struct ocl_timed {
  cl_event event;
  ocl_kernel *kernel;
} ocl_timed;

/* One of the two ways for pictures: pinned memory on the host, bytes on the device. */
typedef struct ocl_stage {
  cl_mem pinned, device;
  uint8_t *host;
  size_t size;
  cl_event read;         /* the kernel that reads the device's bytes; NULL: none under way */
  cl_event written;      /* the copy from the host */
  const uint8_t *source; /* went up ahead of time from here; NULL: free */
  size_t bytes;
} ocl_stage;

/* Small uploads: host memory that copies under way may still read. */
typedef struct ocl_ring {
  uint8_t *host;
  size_t used;
} ocl_ring;

typedef enum ocl_routine { OCL_GEMM, OCL_GEMM_BATCHED, OCL_ROUTINES } ocl_routine;

typedef struct ocl_warm ocl_warm; /* blas.c */

struct ocl_runtime {
  cream_backend base;
  cl_platform_id platform;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue, transfer; /* transfer: pictures alone */
  ocl_info info;
  cream_opencl_device about;
  const char *name; /* about.name */

  cl_program programs[OCL_MAX_PROGRAMS];
  int n_programs, compiled, cached;
  ocl_kernel kernels[OCL_KERNEL_SLOTS]; /* open addressing by name */
  ocl_kernel products[OCL_ROUTINES];
  cream_buf scratch[OCL_SCRATCHES];

  ocl_stage stages[OCL_STAGES];
  int next_stage;
  ocl_ring ring;
  cream_opencl_next *ahead;
  void *ahead_context;

  bool failed, lost;
  cream_error error;

  bool profile, sync_each, own_blas;
  ocl_timed *timed;
  size_t n_timed, timed_room;
  unsigned queued; /* commands since the host last waited */
  uint64_t up_bytes, down_bytes, launches;
  double waited;

  ocl_warm *warm; /* [OCL_ROUTINES] */
  double warm_seconds, warm_waited;
};

double ocl_now(void);

/* ---- error.c --------------------------------------------------------------------------------------- */

const char *ocl_code_name(cl_int code);
/* Where a call may be made to fail: CREAM_OPENCL_FAULT=KIND:NUMBER:CODE[:COUNT] gives CODE in place of the
 * NUMBER-th call (from 1) of that kind, and of COUNT - 1 after it. For tests. */
typedef enum ocl_fault_kind {
  OCL_FAULT_ALLOC,
  OCL_FAULT_LAUNCH,
  OCL_FAULT_WAIT,
  OCL_FAULT_BUILD
} ocl_fault_kind;
cl_int ocl_fault(ocl_fault_kind, cl_int code);
/* Out of memory, as drivers say it when they find out late. */
bool ocl_no_memory(cl_int code);
/* The kept failure as a status; CREAM_OK without one. */
cream_status ocl_status(const ocl_runtime *, cream_error *);
/* Keeps a failure that is told already, unless there is one. */
void ocl_keep_failure(ocl_runtime *, const cream_error *);
/* cream_opencl_failed */
bool ocl_any_failed(void);
/* Waits for all that was queued. */
void ocl_wait(ocl_runtime *);

/* ---- device.c -------------------------------------------------------------------------------------- */

typedef struct ocl_choice {
  cl_platform_id platform;
  cl_device_id device;
  cream_opencl_device about;
} ocl_choice;

/* All devices; freed by the caller. */
cream_status ocl_choices(ocl_choice **, int *count, cream_error *);
/* Those that `word` (cream_opencl_options.device) means, best first, at the front; *count becomes their
 * number. */
cream_status ocl_choose(const char *word, ocl_choice *, int *count, cream_error *);
cream_status ocl_devices(bool test, cream_opencl_device **, int *count, cream_error *);

/* ---- module.c -------------------------------------------------------------------------------------- */

/* A backend on that device, kernels built, self-test passed. */
cream_status ocl_open(const ocl_choice *, const cream_opencl_options *, ocl_runtime **, cream_error *);
void ocl_close(ocl_runtime *);

/* ---- program.c, cache.c ---------------------------------------------------------------------------- */

cream_status ocl_build(ocl_runtime *, cream_error *);
ocl_kernel *ocl_find_kernel(ocl_runtime *, const char *name);

/* Whether the driver keeps what it compiles, and ours is not needed. */
bool ocl_driver_caches(const ocl_runtime *);

/* What a program's binary depends on. */
typedef struct ocl_cache_key {
  char text[64]; /* hash, as the file's name; "": nothing is kept */
} ocl_cache_key;

ocl_cache_key ocl_cache_key_of(const ocl_runtime *, const char *const *sources, const size_t *lengths, int n,
                               const char *options);
/* NULL where there is none, or one that cannot be trusted. */
cl_program ocl_cache_load(const ocl_runtime *, const ocl_cache_key *);
/* Keeps what was built; failures are no matter. */
void ocl_cache_save(const ocl_cache_key *, cl_program);

/* ---- memory.c -------------------------------------------------------------------------------------- */

/* Fills the memory slots of the table. */
void ocl_memory_init(cream_backend *);
void ocl_memory_end(ocl_runtime *);
/* Compiles, runs and compares. */
cream_status ocl_self_test(ocl_runtime *, cream_error *);

/* ---- launch.c -------------------------------------------------------------------------------------- */

/* Events of commands that are timed: ocl_timing gives where to put one, or NULL. */
cl_event *ocl_timing(ocl_runtime *, cl_event *place);
void ocl_queued(ocl_runtime *, ocl_kernel *, cl_event event, cl_int code);
void ocl_harvest(ocl_runtime *);
int ocl_times(cream_backend *, cream_opencl_time *, int room);

/* ---- blas.c, tune.c -------------------------------------------------------------------------------- */

/* Takes `parameters` (cream_opencl_options), if there are any; then forces CLBlast's direct path. */
cream_status ocl_blas_init(ocl_runtime *, const cream_opencl_options *, cream_error *);
/* Compiles what was planned (ocl_gemm_plan) in the background. */
void ocl_blas_warm(ocl_runtime *);
void ocl_blas_end(ocl_runtime *);
/* A line "KERNEL NAME=VALUE ..."; a message if CLBlast refuses it, else NULL. */
const char *ocl_blas_override(ocl_runtime *, const char *line);
cream_status ocl_tune(cream_backend *, const cream_opencl_shape *, int count, int sets, char **best,
                      cream_opencl_tell *, void *context, cream_error *);

#endif
