/* Compiled kernels. Every kernels/NAME.cl is a program of its own, preceded by the lists of core and
 * common.cl, built when the backend is made, with -cl-std=CL1.2. A kernel is found by its name, which is
 * unique over all files. */
#ifndef CREAM_OPENCL_PROGRAM_H
#define CREAM_OPENCL_PROGRAM_H

#include "runtime.h"

cream_status ocl_build(ocl_runtime *, cream_error *);
/* Aborts where there is no kernel of that name. */
ocl_kernel *ocl_find_kernel(ocl_runtime *, const char *name);

#endif
