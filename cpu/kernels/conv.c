#include "conv.h"
#include "gemm.h"
#include "math.h"
#include "winograd.h"

typedef enum conv_path { CONV_DEPTHWISE, CONV_WINOGRAD, CONV_SPATIAL, CONV_POINTWISE, CONV_LINEAR } conv_path;

static conv_path path_of(const cream_conv *conv, int n, int h, int w, bool backward) {
  const size_t rows = (size_t)n * (size_t)h * (size_t)w;
  if (conv->depthwise) return CONV_DEPTHWISE;
  if (CPU_NAME(cpu_winograd_suits)(conv, h, w, backward)) return CONV_WINOGRAD;
  if (!cpu_is_pointwise(conv)) return CONV_SPATIAL;
  return rows <= CPU_LINEAR_ROWS ? CONV_LINEAR : CONV_POINTWISE;
}

static void conv_forward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                         const cream_bn *bn, cream_bn_mode mode, float momentum, const cream_tensor *y) {
  cpu_backend *cpu = cpu_of(backend);
  switch (path_of(conv, x->n, x->h, x->w, false)) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_forward)(backend, conv, x, bn, mode, momentum, y);
    break;
  case CONV_WINOGRAD:
    CPU_NAME(cpu_winograd_forward)(cpu, conv, x, bn, mode, momentum, y);
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

static void conv_backward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cpu_backend *cpu = cpu_of(backend);
  switch (path_of(conv, x->n, x->h, x->w, true)) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_backward)(backend, conv, x, y, dy, sink);
    break;
  case CONV_WINOGRAD:
    CPU_NAME(cpu_winograd_backward)(cpu, conv, x, y, dy, sink);
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

/* Panels for products; linear layers on few rows read the weights as they are. Whether products take floats or bfloat16
 * depends on the image, so a backend that stores bfloat16 packs weights when it multiplies. */
static size_t packed_size(cream_backend *backend, const cream_conv *conv) {
  return cpu_is_pointwise(conv) && !cpu_of(backend)->narrow ? cpu_packed_size(conv->cout, conv->cin) : 0;
}

static void pack_weights(cream_backend *backend, const cream_conv *conv, cream_buf packed) {
  (void)backend;
  CPU_NAME(cpu_gemm_pack)
  (conv->cout, conv->cin, cpu_at(conv->weight), (size_t)conv->cin, cpu_at(packed));
}

void CPU_NAME(cpu_conv_workspace)(const cpu_backend *cpu, const cream_conv *conv, int n, int h, int w,
                                  cpu_workspace *work) {
  const size_t rows = (size_t)n * (size_t)h * (size_t)w;
  switch (path_of(conv, n, h, w, true)) {
  case CONV_DEPTHWISE:
    CPU_NAME(cpu_dwconv_workspace)(cpu, conv, n, h, w, work);
    break;
  case CONV_WINOGRAD: /* forward and smaller images may use the other path */
    CPU_NAME(cpu_winograd_workspace)(conv, n, h, w, work);
    CPU_NAME(cpu_winograd_backward_workspace)(conv, n, h, w, work);
    CPU_NAME(cpu_spatial_workspace)(conv, n, h, w, work);
    break;
  case CONV_SPATIAL:
    CPU_NAME(cpu_spatial_workspace)(conv, n, h, w, work);
    break;
  case CONV_POINTWISE: /* smaller batches may use the other path */
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

CPU_INLINE void finish_step(float *y, const float *bias, cream_act act, int c, int lanes) {
  vf z = vf_load_n(y + c, lanes);
  if (bias) z += vf_load_n(bias + c, lanes);
  vf_store_n(y + c, vf_act(act, z), lanes);
}

void CPU_NAME(cpu_conv_epilogue)(float *y, size_t ld, size_t rows, const cream_conv *conv, int c0,
                                 int channels, float *mean, float *m2) {
  const float *bias = cpu_at(conv->bias) ? cpu_at(conv->bias) + c0 : NULL;
  if (mean) {
    CPU_NAME(cpu_bn_tile)(y, ld, rows, channels, bias, mean, m2);
    return;
  }
  if (!bias && conv->act == CREAM_ACT_NONE) return;
#define FINISH_LOOP(ACT)                                                                                     \
  for (size_t r = 0; r < rows; r++) CPU_FOR_LANES(channels, finish_step, y + r * ld, bias, ACT)
  CPU_ACT_SWITCH(conv->act, FINISH_LOOP);
#undef FINISH_LOOP
}

void CPU_NAME(cpu_tuned_conv_init)(cream_backend *backend) {
  CREAM_CONV_OPS(CREAM_SET_OP)
  backend->packed_size = packed_size;
  backend->pack_weights = pack_weights;
}
