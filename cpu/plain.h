/* Shared by the plain kernels: reading pending maps and gradients, writing sinks. A `pixel` is an index over
 * N*H*W.
 */
#ifndef CREAM_CPU_PLAIN_H
#define CREAM_CPU_PLAIN_H

#include "internal.h"

static inline size_t plain_area(const cream_tensor *t) {
  return (size_t)t->h * (size_t)t->w;
}
static inline size_t plain_pixels(const cream_tensor *t) {
  return (size_t)t->n * plain_area(t);
}
static inline size_t plain_index(const cream_tensor *t, size_t pixel, int c) {
  return pixel * (size_t)t->c + (size_t)c;
}
/* Index into an [N,C] buffer. */
static inline size_t plain_image_index(const cream_tensor *t, size_t pixel, int c) {
  return pixel / plain_area(t) * (size_t)t->c + (size_t)c;
}

static inline float plain_raw(const cream_tensor *t, size_t pixel, int c) {
  return cpu_at(t->raw)[plain_index(t, pixel, c)];
}

static inline float plain_z_of(const cream_tensor *t, int c, float raw) {
  return cream_buf_present(t->scale) ? cpu_at(t->scale)[c] * raw + cpu_at(t->shift)[c] : raw;
}
static inline float plain_z(const cream_tensor *t, size_t pixel, int c) {
  return plain_z_of(t, c, plain_raw(t, pixel, c));
}

static inline float plain_gate(const cream_tensor *t, size_t pixel, int c) {
  return cream_buf_present(t->gate) ? cpu_at(t->gate)[plain_image_index(t, pixel, c)] : 1.0f;
}

/* The value of a raw one. */
static inline float plain_value_of(const cream_tensor *t, size_t pixel, int c, float raw) {
  return plain_gate(t, pixel, c) * cream_act_value(t->act, plain_z_of(t, c, raw));
}
static inline float plain_value(const cream_tensor *t, size_t pixel, int c) {
  return plain_value_of(t, pixel, c, plain_raw(t, pixel, c));
}

/* The gradient of t's raw output at (pixel, c). */
static inline float plain_draw(const cream_tensor *t, const cream_grad *grad, size_t pixel, int c) {
  float dz = cream_buf_present(grad->g) ? cpu_at(grad->g)[plain_index(t, pixel, c)] : 0.0f;
  if (grad->kind == CREAM_GRAD_VALUE) {
    float pool = cream_buf_present(grad->pool) ? cpu_at(grad->pool)[plain_image_index(t, pixel, c)] : 0.0f;
    dz = (dz * plain_gate(t, pixel, c) + pool) * cream_act_slope(t->act, plain_z(t, pixel, c));
  }
  if (!cream_buf_present(grad->a)) return dz;
  return cpu_at(grad->a)[c] * dz + cpu_at(grad->b)[c] * plain_raw(t, pixel, c) + cpu_at(grad->c)[c];
}

/* xhat = (raw - mean) * invstd */
static inline double plain_normalised(const cream_bn *bn, const cream_tensor *t, size_t pixel, int c) {
  return ((double)plain_raw(t, pixel, c) - cpu_at(bn->mean)[c]) * cpu_at(bn->invstd)[c];
}

/* Whether the sink's g is d itself; se_backward and later readers apply its gate and activation. */
static inline bool plain_sink_keeps_value(const cream_sink *sink) {
  return sink->bn && cream_buf_present(sink->node->gate);
}

/* Writes g at (pixel, c) from d without `add`. */
static inline void plain_sink_store(const cream_sink *sink, size_t pixel, int c, double d) {
  const cream_tensor *node = sink->node;
  size_t i = plain_index(node, pixel, c);
  if (cream_buf_present(sink->add)) d += cpu_at(sink->add)[i];
  if (!plain_sink_keeps_value(sink))
    d *= plain_gate(node, pixel, c) * cream_act_slope(node->act, plain_z(node, pixel, c));
  cpu_at(sink->g)[i] = (float)d;
}

/* The pixel of x that output pixel `pixel` of y reads at kernel tap `tap`; false where it is padding. */
static inline bool plain_input_pixel(const cream_conv *conv, const cream_tensor *x, const cream_tensor *y,
                                     size_t pixel, int tap, size_t *input) {
  size_t row = pixel / (size_t)y->w, n = row / (size_t)y->h;
  int oy = (int)(row % (size_t)y->h), ox = (int)(pixel % (size_t)y->w);
  int top = oy * conv->stride - cream_conv_pads(conv, x->h).before;
  int left = ox * conv->stride - cream_conv_pads(conv, x->w).before;
  int iy = top + tap / conv->kernel * conv->dilation, ix = left + tap % conv->kernel * conv->dilation;
  if (iy < 0 || iy >= x->h || ix < 0 || ix >= x->w) return false;
  *input = (n * (size_t)x->h + (size_t)iy) * (size_t)x->w + (size_t)ix;
  return true;
}

/* The pixel of y that reads input pixel `pixel` of x at `tap`; false where there is none. */
static inline bool plain_output_pixel(const cream_conv *conv, const cream_tensor *x, const cream_tensor *y,
                                      size_t pixel, int tap, size_t *output) {
  size_t row = pixel / (size_t)x->w, n = row / (size_t)x->h;
  int iy = (int)(row % (size_t)x->h), ix = (int)(pixel % (size_t)x->w);
  int ty = iy + cream_conv_pads(conv, x->h).before - tap / conv->kernel * conv->dilation;
  int tx = ix + cream_conv_pads(conv, x->w).before - tap % conv->kernel * conv->dilation;
  if (ty < 0 || tx < 0 || ty % conv->stride || tx % conv->stride) return false;
  int oy = ty / conv->stride, ox = tx / conv->stride;
  if (oy >= y->h || ox >= y->w) return false;
  *output = (n * (size_t)y->h + (size_t)oy) * (size_t)y->w + (size_t)ox;
  return true;
}

/* ---- plain_bn.c ------------------------------------------------------------------------------------ */
/* Statistics of y's raw output, scale and shift, by `mode`. */
void plain_bn_forward(cpu_backend *, const cream_bn *, cream_bn_mode mode, float momentum,
                      const cream_tensor *y);
/* dgamma, dbeta, a, b, c of channel c from sum dz and sum dz*xhat over `count` pixels. */
void plain_bn_complete(const cream_bn *, int c, double sum_dz, double sum_dz_xhat, double count);
/* Computes the sums that the sink asks for, after all of its g is stored. */
void plain_sink_complete(cpu_backend *, const cream_sink *);

/* ---- plain_dwconv.c ---------------------------------------------------------------------------------- */
void plain_dwconv_forward(cpu_backend *, const cream_conv *, const cream_tensor *x, const cream_tensor *y);
void plain_dwconv_backward_weight(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                  const cream_tensor *y, const cream_grad *dy);
void plain_dwconv_backward_input(cpu_backend *, const cream_conv *, const cream_tensor *x,
                                 const cream_tensor *y, const cream_grad *dy, const cream_sink *sink);

/* ---- table ------------------------------------------------------------------------------------------- */

/* Sets the slots of one group of ops (core/backend_ops.h) to the plain kernels, which are static functions of
 * the group's file: plain_conv.c, plain_se.c, plain_pool.c, plain_loss.c, plain_detect.c,
 * plain_optim.c (flat). */
#define PLAIN_DECLARE_GROUP(group, ops) void plain_##group##_init(cream_backend *);
CREAM_COMPUTE_GROUPS(PLAIN_DECLARE_GROUP)

#endif
