/* Sizes of work-groups and of what an item takes: the kernels are compiled for them (-DCREAM_TILE=64), the host launches
 * by them. `cream bench --tune` tries others than these. */
#ifndef CREAM_OPENCL_TILING_H
#define CREAM_OPENCL_TILING_H

#include "runtime.h"

/* The kind's own sizes, or those for work-groups of OCL_SMALL_GROUP items. */
ocl_tiling ocl_tiling_of(const ocl_runtime *, bool small);
/* Whether a line of parameters is for our kernels: it begins with "own". Others are CLBlast's. */
bool ocl_tiling_is_line(const char *line);
/* The sizes that a line "own NAME=VALUE ..." changes; a message where it is wrong, else NULL. Other lines change
 * nothing. */
const char *ocl_tiling_read(const ocl_runtime *, ocl_tiling *, const char *line);
/* "own TILE=64 ..." */
void ocl_tiling_write(const ocl_tiling *, char *text, size_t size);
/* " -DCREAM_TILE=64 ...", for a compiler: the sizes that the source of a kernel names or that all kernels have. Others
 * must not change what is compiled, because that takes long. */
void ocl_tiling_options(const ocl_tiling *, const char *source, char *text, size_t size);

/* Calls `read` with each line of options->parameters that is not empty and no comment, until it returns a message. */
typedef const char *ocl_parameter_read(void *context, const char *line);
cream_status ocl_parameters_each(const cream_device_options *, ocl_parameter_read *, void *context,
                                 cream_error *);

#endif
