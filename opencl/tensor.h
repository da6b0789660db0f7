/* Image batches and whole tensors: slots of cream_backend. */
#ifndef CREAM_OPENCL_TENSOR_H
#define CREAM_OPENCL_TENSOR_H

#include "runtime.h"

size_t ocl_tensor_size(cream_backend *, int n, int h, int w, int c);
size_t ocl_gradient_size(cream_backend *, int n, int h, int w, int c);
void ocl_upload_pixels(cream_backend *, const cream_tensor *dst, const uint8_t *pixels, const float *mean,
                       const float *std);
cream_status ocl_download_tensor(cream_backend *, float *dst, const cream_tensor *, cream_error *);
void ocl_upload_tensor(cream_backend *, const cream_tensor *, const float *src);

#endif
