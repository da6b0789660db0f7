/* The tuned kernels: their groups in the backend's table, and functions that they share. Compiled once for
 * each ISA.
 */
#ifndef CREAM_CPU_KERNELS_KERNELS_H
#define CREAM_CPU_KERNELS_KERNELS_H

#include "cpu/tasks.h"
#include "simd.h"

/* Sets the slots of one group of ops (core/backend_ops.h) to this ISA's kernels, which are static functions
 * of the group's file: conv.c, se.c, pool.c, loss.c, detect.c, optim.c (flat). */
#define CPU_DECLARE_GROUP(group, ops) void CPU_NAME(cpu_tuned_##group##_init)(cream_backend *);
CREAM_COMPUTE_GROUPS(CPU_DECLARE_GROUP)

/* ---- depthwise convolution (dwconv.c) -------------------------------------------------------------- */
void CPU_NAME(cpu_dwconv_forward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                  const cream_bn *bn, cream_bn_mode mode, float momentum,
                                  const cream_tensor *y);
void CPU_NAME(cpu_dwconv_backward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                   const cream_tensor *y, const cream_grad *dy, const cream_sink *sink);
void CPU_NAME(cpu_dwconv_workspace)(const cpu_backend *, const cream_conv *, int n, int h, int w,
                                    cpu_workspace *);

/* ---- convolution (conv.c) ---------------------------------------------------------------------------- */
void CPU_NAME(cpu_conv_workspace)(const cpu_backend *, const cream_conv *, int n, int h, int w,
                                  cpu_workspace *);

/* ---- detection (detect.c) ---------------------------------------------------------------------------- */
/* Of fusions of tensors [n,h,w,channels]. */
void CPU_NAME(cpu_fuse_workspace)(int n, int h, int channels, cpu_workspace *);

#endif
