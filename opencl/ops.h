/* The ops of core/backend.h. */
#ifndef CREAM_OPENCL_OPS_H
#define CREAM_OPENCL_OPS_H

#include "runtime.h"

/* A function of each group sets its ops; ops_conv.c has that of CREAM_CONV_OPS, and so on. */
#define OCL_DECLARE_GROUP(group, ops) void ocl_##group##_init(cream_backend *);
CREAM_COMPUTE_GROUPS(OCL_DECLARE_GROUP)

/* Sets all ops that compute. */
void ocl_ops_init(cream_backend *);

/* Slots of cream_backend. */
cream_status ocl_reserve(cream_backend *, const cream_conv *, int n, int h, int w, cream_error *);
void ocl_workspace(cream_backend *, const cream_conv *, int n, int h, int w, size_t sizes[CREAM_WORKSPACES]);

#endif
