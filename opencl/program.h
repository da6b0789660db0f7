/* Compiled kernels. Every kernels/NAME.cl is a program of its own, preceded by the lists of core and
 * common.cl, built when the backend is made, with -cl-std=CL1.2 and the sizes of tiling.h. A kernel is found by its name, which is
 * unique over all files. */
#ifndef CREAM_OPENCL_PROGRAM_H
#define CREAM_OPENCL_PROGRAM_H

#include "runtime.h"

/* Builds all kernels for the runtime's tiling, again where they were built for another, or for buffers of any size
 * (info.large). A device that runs no work-groups of that size gets small ones. */
cream_status ocl_build(ocl_runtime *, cream_error *);
void ocl_programs_end(ocl_runtime *);
/* Aborts where there is no kernel of that name. */
ocl_kernel *ocl_find_kernel(ocl_runtime *, const char *name);

#endif
