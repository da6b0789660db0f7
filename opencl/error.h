/* OpenCL's codes, injected faults, and the failure that a backend keeps. */
#ifndef CREAM_OPENCL_ERROR_H
#define CREAM_OPENCL_ERROR_H

#include "runtime.h"

/* Seconds of a monotonic clock. */
double ocl_now(void);

const char *ocl_code_name(cl_int code);
/* Lets calls fail, for tests: CREAM_OPENCL_FAULT=KIND:NUMBER:CODE[:COUNT] returns CODE from the NUMBER-th such
 * call (from 1), and from the COUNT - 1 calls after it. */
typedef enum ocl_fault_kind {
  OCL_FAULT_ALLOC,
  OCL_FAULT_LAUNCH,
  OCL_FAULT_WAIT,
  OCL_FAULT_BUILD,
  OCL_FAULT_KINDS
} ocl_fault_kind;
cl_int ocl_fault(ocl_fault_kind, cl_int code);
/* Whether the code means that memory ran out; some drivers report that only when a command runs. */
bool ocl_no_memory(cl_int code);

/* Keeps the first failure; `what` names the call that failed, `code` is OpenCL's. */
void ocl_fail(ocl_runtime *, cl_int code, const char *what);
/* Keeps a failure that was described already, unless there is one. */
void ocl_keep_failure(ocl_runtime *, const cream_error *);
/* The kept failure as a status; CREAM_OK without one. */
cream_status ocl_status(const ocl_runtime *, cream_error *);
/* Whether any backend of this process has failed. */
bool ocl_any_failed(void);

#endif
