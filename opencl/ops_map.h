/* Pending maps and gradients written out. */
#ifndef CREAM_OPENCL_OPS_MAP_H
#define CREAM_OPENCL_OPS_MAP_H

#include "chunks.h"

/* Write the values of a tensor, with pitched channels (ocl_pitch), to the scratch OCL_VALUES, and a pending
 * gradient to OCL_GRADIENTS; both return the scratch. */
cream_buf ocl_values(ocl_runtime *, const cream_tensor *);
cream_buf ocl_gradients(ocl_runtime *, const cream_tensor *, const cream_grad *, int pitch);
/* partial [chunks][C] = factor * sum of the values. */
void ocl_pool(ocl_runtime *, const cream_tensor *, const ocl_chunks *, float factor, cream_buf partial);

#endif
