/* The tuned kernels' entries in the backend's table, and what they share. Compiled once for each ISA. */
#ifndef CREAM_CPU_KERNELS_KERNELS_H
#define CREAM_CPU_KERNELS_KERNELS_H

#include "cpu/tasks.h"
#include "simd.h"

/* ---- depthwise convolution (dwconv.c) -------------------------------------------------------------- */
void CPU_NAME(cpu_dwconv_forward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                  const cream_bn *bn, cream_bn_mode mode, float momentum,
                                  const cream_tensor *y);
void CPU_NAME(cpu_dwconv_backward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                   const cream_tensor *y, const cream_grad *dy, const cream_sink *sink);
void CPU_NAME(cpu_dwconv_workspace)(const cpu_backend *, const cream_conv *, int n, int h, int w,
                                    cpu_workspace *);

/* ---- dense convolution (conv.c): dispatches on conv->depthwise -------------------------------------- */
void CPU_NAME(cpu_conv_forward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                const cream_bn *bn, cream_bn_mode mode, float momentum,
                                const cream_tensor *y);
void CPU_NAME(cpu_conv_backward)(cream_backend *, const cream_conv *, const cream_tensor *x,
                                 const cream_tensor *y, const cream_grad *dy, const cream_sink *sink);
size_t CPU_NAME(cpu_conv_packed_size)(cream_backend *, const cream_conv *);
void CPU_NAME(cpu_conv_pack_weights)(cream_backend *, const cream_conv *, cream_buf packed);
void CPU_NAME(cpu_conv_workspace)(const cpu_backend *, const cream_conv *, int n, int h, int w,
                                  cpu_workspace *);

/* ---- squeeze-excite, pooling, residual (se.c, pool.c) ----------------------------------------------- */
void CPU_NAME(cpu_se_forward)(cream_backend *, const cream_se *, const cream_tensor *x);
void CPU_NAME(cpu_se_backward)(cream_backend *, const cream_se *, const cream_tensor *x, cream_buf gate_sums,
                               const cream_bn *bn, cream_buf pool);
void CPU_NAME(cpu_pool_forward)(cream_backend *, const cream_tensor *x, cream_buf out);
void CPU_NAME(cpu_pool_backward)(cream_backend *, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                                 cream_buf pool);
void CPU_NAME(cpu_add_forward)(cream_backend *, const cream_tensor *a, const cream_tensor *b,
                               const cream_tensor *out);
void CPU_NAME(cpu_dropout_gate)(cream_backend *, cream_buf gate, size_t count, float p, uint64_t seed,
                                uint64_t step);

/* ---- losses (loss.c) --------------------------------------------------------------------------------- */
void CPU_NAME(cpu_softmax)(cream_backend *, cream_buf logits, int n, int k, cream_buf out);
void CPU_NAME(cpu_loss)(cream_backend *, const cream_loss *, cream_buf logits, int n, int k,
                        cream_buf dlogits, cream_buf result);
void CPU_NAME(cpu_match)(cream_backend *, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                         cream_buf diff, cream_buf scores);

/* ---- flat blocks (optim.c) --------------------------------------------------------------------------- */
void CPU_NAME(cpu_optim_step)(cream_backend *, const cream_optim *, const cream_slice *, int count,
                              const cream_blocks *);
void CPU_NAME(cpu_fill)(cream_backend *, cream_buf dst, size_t count, float value);
void CPU_NAME(cpu_copy)(cream_backend *, cream_buf dst, cream_buf src, size_t count);
void CPU_NAME(cpu_axpy)(cream_backend *, cream_buf y, float alpha, cream_buf x, size_t count);
void CPU_NAME(cpu_dot)(cream_backend *, cream_buf x, cream_buf y, size_t count, cream_buf out);

#endif
