#include "conv.h"
#include "gemm.h"

#define INIT_GROUP(group, ops) CPU_NAME(cpu_tuned_##group##_init)(backend);

void CPU_NAME(cpu_tuned_init)(cpu_backend *cpu) {
  cream_backend *backend = &cpu->base;
  CREAM_COMPUTE_GROUPS(INIT_GROUP)
}

void CPU_NAME(cpu_tuned_workspace)(const cpu_backend *cpu, const cream_conv *conv, int n, int h, int w,
                                   cpu_workspace *work) {
  const int channels = cpu_max(conv->cin, conv->cout);
  const size_t image_channels = cpu_line((size_t)n * (size_t)channels);
  CPU_NAME(cpu_conv_workspace)(cpu, conv, n, h, w, work);
  /* Squeeze-excite has no more reduced channels than channels: a panel of its weights for each thread, and
   * three tensors [N,C]. Pooling takes two of them, the loss eight floats an image. */
  cpu_raise(&work->scratch, cpu_line(cpu_packed_size(1, channels)));
  cpu_raise(&work->shared, 3 * image_channels);
  cpu_raise(&work->shared, cpu_line((size_t)n * 8));
  CPU_NAME(cpu_fuse_workspace)(n, h, channels, work);
}
