#include "conv.h"

typedef enum conv_path { CONV_DEPTHWISE, CONV_SPATIAL, CONV_POINTWISE, CONV_LINEAR } conv_path;

static conv_path path_of(const cream_conv *conv, size_t rows) {
  if (conv->depthwise) return CONV_DEPTHWISE;
  if (conv->kernel != 1 || conv->stride != 1 || conv->pad) return CONV_SPATIAL;
  return rows <= CPU_LINEAR_ROWS ? CONV_LINEAR : CONV_POINTWISE;
}

static size_t rows_of(const cream_tensor *x) {
  return (size_t)x->n * (size_t)x->h * (size_t)x->w;
}

void CPU_NAME(cpu_conv_forward)(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                                const cream_bn *bn, cream_bn_mode mode, float momentum,
                                const cream_tensor *y) {
  cpu_backend *cpu = cpu_of(backend);
  switch (path_of(conv, rows_of(x))) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_forward)(backend, conv, x, bn, mode, momentum, y);
    break;
  case CONV_SPATIAL:
    CPU_NAME(cpu_spatial_forward)(cpu, conv, x, bn, mode, momentum, y);
    break;
  case CONV_POINTWISE:
    CPU_NAME(cpu_pointwise_forward)(cpu, conv, x, bn, mode, momentum, y);
    break;
  case CONV_LINEAR:
    CPU_NAME(cpu_linear_forward)(cpu, conv, x, bn, mode, momentum, y);
    break;
  }
}

void CPU_NAME(cpu_conv_backward)(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                                 const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cpu_backend *cpu = cpu_of(backend);
  switch (path_of(conv, rows_of(x))) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_backward)(backend, conv, x, y, dy, sink);
    break;
  case CONV_SPATIAL:
    CPU_NAME(cpu_spatial_backward)(cpu, conv, x, y, dy, sink);
    break;
  case CONV_POINTWISE:
    CPU_NAME(cpu_pointwise_backward)(cpu, conv, x, y, dy, sink);
    break;
  case CONV_LINEAR:
    CPU_NAME(cpu_linear_backward)(cpu, conv, x, y, dy, sink);
    break;
  }
}

void CPU_NAME(cpu_conv_workspace)(const cpu_backend *cpu, const cream_conv *conv, int n, int h, int w,
                                  cpu_workspace *work) {
  const size_t rows = (size_t)n * (size_t)h * (size_t)w;
  switch (path_of(conv, rows)) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_workspace)(cpu, conv, n, h, w, work);
    break;
  case CONV_SPATIAL:
    CPU_NAME(cpu_spatial_workspace)(conv, n, h, w, work);
    break;
  case CONV_POINTWISE: /* smaller batches may take the other path */
    CPU_NAME(cpu_pointwise_workspace)(conv, n, rows, work);
    CPU_NAME(cpu_linear_workspace)(conv, n, CPU_LINEAR_ROWS, work);
    break;
  case CONV_LINEAR:
    CPU_NAME(cpu_linear_workspace)(conv, n, rows, work);
    break;
  }
}

/* ---- shared by the paths ----------------------------------------------------------------------------- */
void CPU_NAME(cpu_merge_partials)(const cpu_backend *cpu, const float *partials, size_t parts, size_t stride,
                                  size_t count, float *dst) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (parts * count > 16384)
  for (size_t first = 0; first < count; first += CPU_MERGE_BLOCK)
    cpu_merge_block(partials + first, parts, stride, cpu_min_size(count - first, CPU_MERGE_BLOCK),
                    dst + first);
}

CPU_INLINE void sums_step(const float *d, size_t ld, size_t rows, float *sums, int c, int lanes) {
  vf sum = {0};
  for (size_t r = 0; r < rows; r++) sum += vf_load_n(d + r * ld + c, lanes);
  vf_store_n(sums + c, sum, lanes);
}

void CPU_NAME(cpu_column_sums)(const float *d, size_t ld, size_t rows, int channels, float *sums) {
  CPU_FOR_LANES(channels, sums_step, d, ld, rows, sums);
}

CPU_INLINE void bias_step(float *y, const float *bias, int c, int lanes) {
  vf_store_n(y + c, vf_load_n(y + c, lanes) + vf_load_n(bias + c, lanes), lanes);
}

void CPU_NAME(cpu_conv_epilogue)(float *y, size_t ld, size_t rows, int channels, const float *bias,
                                 float *mean, float *m2) {
  if (mean)
    CPU_NAME(cpu_bn_tile)(y, ld, rows, channels, bias, mean, m2);
  else if (bias)
    for (size_t r = 0; r < rows; r++) CPU_FOR_LANES(channels, bias_step, y + r * ld, bias);
}
