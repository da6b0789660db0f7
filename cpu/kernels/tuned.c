#include "conv.h"
#include "gemm.h"

void CPU_NAME(cpu_tuned_init)(cpu_backend *cpu) {
  cream_backend *backend = &cpu->base;
  backend->conv_forward = CPU_NAME(cpu_conv_forward);
  backend->conv_backward = CPU_NAME(cpu_conv_backward);
  backend->packed_size = CPU_NAME(cpu_conv_packed_size);
  backend->pack_weights = CPU_NAME(cpu_conv_pack_weights);
  backend->se_forward = CPU_NAME(cpu_se_forward);
  backend->se_backward = CPU_NAME(cpu_se_backward);
  backend->pool_forward = CPU_NAME(cpu_pool_forward);
  backend->pool_backward = CPU_NAME(cpu_pool_backward);
  backend->add_forward = CPU_NAME(cpu_add_forward);
  backend->dropout_gate = CPU_NAME(cpu_dropout_gate);
  backend->softmax = CPU_NAME(cpu_softmax);
  backend->loss = CPU_NAME(cpu_loss);
  backend->match = CPU_NAME(cpu_match);
  backend->optim_step = CPU_NAME(cpu_optim_step);
  backend->fill = CPU_NAME(cpu_fill);
  backend->copy = CPU_NAME(cpu_copy);
  backend->axpy = CPU_NAME(cpu_axpy);
  backend->dot = CPU_NAME(cpu_dot);
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
}
