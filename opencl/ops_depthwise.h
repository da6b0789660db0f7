/* Depthwise convolutions. */
#ifndef CREAM_OPENCL_OPS_DEPTHWISE_H
#define CREAM_OPENCL_OPS_DEPTHWISE_H

#include "chunks.h"

/* Writes the raw output and, where bn is present, its statistics, scale and shift. */
void ocl_depthwise_forward(ocl_runtime *, const cream_conv *, const cream_tensor *x, const cream_bn *,
                           cream_bn_mode, float momentum, const cream_tensor *y);
void ocl_depthwise_backward(ocl_runtime *, const cream_conv *, const cream_tensor *x, const cream_tensor *y,
                            const cream_grad *, const cream_sink *);
/* Elements of OCL_PARTIAL that the weights' gradients take. */
size_t ocl_depthwise_partial(const cream_conv *, int n, int oh, int ow);

#endif
