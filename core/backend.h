/* The one interface to kernels. A network describes its ops with the structs below and never asks which
 * backend runs them.
 *
 * Pending maps. A convolution writes its output raw. Batch norm, activation and the squeeze-excite gate
 * are a map that the ops that read the tensor apply on the fly:
 *
 *     value[n,h,w,c] = gate[n,c] * act(scale[c] * raw[n,h,w,c] + shift[c])
 *
 * Pending gradients. The gradient of a raw output is never written either; an op that needs it computes
 *
 *     draw = a[c] * dz + b[c] * raw + c[c],
 *     dz   = g                                                       (CREAM_GRAD_Z)
 *     dz   = (g * gate[n,c] + pool[n,c]) * act'(scale[c]*raw + shift[c])   (CREAM_GRAD_VALUE)
 *
 * where a, b, c are the batch-norm backward written as an affine function of dz and raw:
 *     a = gamma*invstd,  b = -gamma*invstd^2 * m2,  c = -gamma*invstd*(m1 - mean*invstd*m2),
 *     m1 = mean(dz), m2 = mean(dz * xhat), xhat = (raw - mean)*invstd  (means over N*H*W).
 * The kernel that produces g takes the sums m1 and m2 while its tile is hot.
 *
 * Zero padding pads *values* (after the map), as in PyTorch.
 *
 * Buffers hold 4-byte elements (float, or int32 for labels). Weights are in PyTorch's order
 * (O, I/groups, kh, kw). Activations are NHWC in shape; a backend chooses their order in memory.
 *
 * Ops run at once or are queued, and return nothing. The next `synchronise` or `download` returns what went
 * wrong on a device. No op allocates: workspace is reserved when a network is planned.
 * Results do not depend on the number of threads, to the bit: partial sums are over fixed tiles and are
 * reduced in a fixed order, in double or by pairwise merging of (mean, M2).
 */
#ifndef CREAM_CORE_BACKEND_H
#define CREAM_CORE_BACKEND_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend_ops.h"
#include "core/base/activation.h"
#include "core/base/optimiser.h"
#include "core/base/padding.h"
#include "core/base/status.h"

/* A place in an allocation of a backend: `offset` counts 4-byte elements. mem == NULL: absent. */
typedef struct cream_buf {
  void *mem;
  size_t offset;
} cream_buf;

static inline cream_buf cream_buf_at(cream_buf buf, size_t elements) {
  return (cream_buf){buf.mem, buf.offset + elements};
}
static inline bool cream_buf_present(cream_buf buf) {
  return buf.mem != NULL;
}
#define CREAM_NO_BUF ((cream_buf){NULL, 0})

/* [N,H,W,C] with its pending map. scale and shift are absent together (then 1 and 0). */
typedef struct cream_tensor {
  int n, h, w, c;
  cream_buf raw;
  cream_buf scale, shift; /* [C] */
  cream_act act;
  cream_buf gate; /* [N,C] or absent (1) */
} cream_tensor;

/* Batch norm of one convolution's output. All buffers [C]. */
typedef struct cream_bn {
  cream_buf gamma, beta;
  cream_buf running_mean, running_var;
  cream_buf dgamma, dbeta; /* written (=) by the op that completes the sums; absent: not computed */
  cream_buf mean, invstd;  /* written by forward (not in CREAM_BN_RUNNING) */
  cream_buf scale, shift;  /* written by forward: gamma*invstd, beta - mean*gamma*invstd */
  cream_buf a, b, c;       /* written by the op that completes the sums of dz */
  float eps;
} cream_bn;

typedef enum cream_bn_mode {
  CREAM_BN_TRAIN,   /* the batch's statistics; running ones are updated by `momentum` (unbiased variance) */
  CREAM_BN_BATCH,   /* the batch's statistics; running ones are unchanged */
  CREAM_BN_RUNNING, /* running statistics */
} cream_bn_mode;

typedef enum cream_grad_kind { CREAM_GRAD_Z, CREAM_GRAD_VALUE } cream_grad_kind;

/* The pending gradient of a tensor; see the top. */
typedef struct cream_grad {
  cream_grad_kind kind;
  cream_buf g;       /* [N,H,W,C]; absent: 0 (then kind is CREAM_GRAD_VALUE and pool present) */
  cream_buf pool;    /* [N,C]; absent: 0 */
  cream_buf a, b, c; /* [C]; absent together: 1, 0, 0 (a layer without batch norm) */
} cream_grad;

/* Where a backward op writes dL/d(value of its input x). With d = that gradient (+ `add`):
 *   - `node` is the tensor whose raw output produced x: x itself, or, where x is a materialised residual
 *     sum, the last convolution of the block (act none; a gate on it is that of drop path).
 *   - bn present, node without gate: g = d * act'(node) = dz (CREAM_GRAD_Z); m1, m2 are taken and bn's
 *     dgamma, dbeta, a, b, c are complete when the op returns.
 *   - bn present, node with gate (squeeze-excite): g = d (CREAM_GRAD_VALUE), and gate_sums[n][5][C] get
 *     per image and channel, with z = scale*raw+shift, u = act(z), q = act'(z):
 *     sum d*u,  sum d*q,  sum q,  sum d*q*xhat,  sum q*xhat.   se_backward completes bn.
 *   - bn absent: g = d * gate * act'(node).
 */
typedef struct cream_sink {
  cream_buf g;   /* [N,H,W,C], written (=); absent: the input gradient is not computed */
  cream_buf add; /* [N,H,W,C] or absent; may be the same memory as g */
  const cream_tensor *node;
  const cream_bn *bn;
  cream_buf gate_sums; /* [N,5,C] or absent */
} cream_sink;

/* A convolution, dense or depthwise, or (1x1 on 1x1 images) a linear layer.
 * Output height = (h + zeros - dilation*(kernel-1) - 1) / stride + 1, with the zeros above and below that
 * cream_conv_pads gives for h; the width in the same way. Depthwise: cin == cout. */
typedef struct cream_conv {
  int cin, cout, kernel, stride, pad, dilation; /* pad: zeros on each side (CREAM_PADDING_SYMMETRIC) */
  cream_padding padding;
  bool depthwise;
  cream_buf weight, bias;   /* (cout, cin or 1, kernel, kernel); [cout] or absent */
  cream_buf dweight, dbias; /* written (=) by backward */
  /* In networks for inference, on backends with pack_weights: */
  cream_act act;    /* y->raw = act(conv(value of x) + bias), nothing is pending; bn is NULL */
  cream_buf packed; /* `weight` as pack_weights packed it, or absent */
} cream_conv;

/* Squeeze-excite: gate = gate_act(W2 * act(W1 * mean_hw(value) + b1) + b2). */
typedef struct cream_se {
  int c, r; /* channels, reduced channels */
  cream_act act, gate_act;
  cream_buf w1, b1, w2, b2;       /* (r,c,1,1), [r], (c,r,1,1), [c] */
  cream_buf dw1, db1, dw2, db2;   /* written (=) by se_backward */
  cream_buf pooled, hidden, gate; /* [N,C], [N,r] before act, [N,C]; written by forward */
  cream_buf gate_z;               /* [N,C] before gate_act; written by forward */
} cream_se;

/* Loss = mean over the batch of  hard*CE(smoothed y, logits) + soft*CE(target, logits). */
typedef struct cream_loss {
  float hard, soft;
  float smoothing;  /* label smoothing of the hard part */
  cream_buf labels; /* int32 [N] */
  cream_buf target; /* [N,K] probabilities; absent where soft is 0 */
} cream_loss;

/* Several tensors as one: sum of w[i] * value of x[i] at the size [h,w] of the result. A smaller x is enlarged: pixel
 * (y, x) of the result takes pixel (y*h_x/h, x*w_x/w), rounded down (nearest neighbour). A larger one has
 * 2h or 2h-1 rows (and columns alike), of which the result takes the maximum of 3x3 windows, stride 2, padding 1; of
 * equal values the first in the order of rows has the gradient. No x and no node of a sink has a gate. */
enum { CREAM_FUSE_MAX = 3 };
typedef struct cream_fuse {
  int n; /* 1..CREAM_FUSE_MAX */
  cream_tensor x[CREAM_FUSE_MAX];
  cream_buf weight;  /* v [n]: w[i] = r[i] / (sum of r + 1e-4), r = max(v, 0); absent: w[i] = 1 */
  cream_buf dweight; /* [n], written (=) by backward; absent: not computed */
} cream_fuse;

/* Rows or columns [first, end). */
typedef struct cream_rows {
  int first, end;
} cream_rows;
/* Those of an x of `from` rows that row `at` of a result of `to` rows is made of. */
static inline cream_rows cream_fuse_sources(int from, int to, int at) {
  if (from <= to) return (cream_rows){at * from / to, at * from / to + 1};
  return (cream_rows){at > 0 ? 2 * at - 1 : 0, 2 * at + 2 < from ? 2 * at + 2 : from};
}
/* Rows of a result of `to` rows that read row `at` of an x of `from` rows. */
static inline cream_rows cream_fuse_readers(int from, int to, int at) {
  if (from <= to) return (cream_rows){(at * to + from - 1) / from, ((at + 1) * to + from - 1) / from};
  return (cream_rows){at / 2, (at + 1) / 2 + 1 < to ? (at + 1) / 2 + 1 : to};
}

/* The losses of a detector, of entries that have a class (foreground) or none, each with a factor f:
 * sum over entries and classes of f * focal(logit), where with p = sigmoid(logit)
 *     focal = -alpha * (1-p)^gamma * log(p) of the entry's class, -(1-alpha) * p^gamma * log(1-p) of the others,
 * plus box * sum over foreground entries and their four numbers of f * smooth(delta - target), where
 *     smooth(d) = |d| - beta/2 from |d| = beta on, d^2 / (2 beta) below (smooth L1; beta 0: L1). */
typedef struct cream_box_loss {
  float alpha, gamma, beta, box;
  cream_buf labels;  /* int32 [entries]: a class, or negative */
  cream_buf targets; /* [entries][5]: four targets, then f */
} cream_box_loss;

/* One optimiser step. With d = g + weight_decay*w (decay only in slices with `decay`):
 *   SGD:        m = momentum*m + d;  w -= lr*(nesterov ? d + momentum*m : m)
 *   RMSPROP_TF: v += (1-alpha)*(d^2 - v);  m = momentum*m + lr*d/sqrt(v + eps);  w -= m
 *               (v starts at 1, eps inside the root: TensorFlow's form, as in timm)
 *   ADAM:       m += (1-momentum)*(d - m);  v += (1-alpha)*(d^2 - v);
 *               w -= lr * m/(1-momentum^step) / (sqrt(v/(1-alpha^step)) + eps)   (m is required; v starts at
 *               0)
 *   ADAMW:      w -= lr*weight_decay*w, then ADAM with d = g
 * then, where ema is present: ema += (1-ema_decay)*(w - ema). */
typedef struct cream_optim {
  cream_optim_kind kind;
  float lr, momentum, weight_decay, alpha, eps, ema_decay;
  bool nesterov;
  uint64_t step; /* ADAM, ADAMW: number of this update, from 1 */
} cream_optim;

/* A run of `count` parameters: `w` is its place in the weight block (and in those of moments and EMA), `g`
 * that in the gradient block. */
typedef struct cream_slice {
  size_t w, g, count;
  bool decay;
} cream_slice;

/* The parameter blocks that an optimiser step works on; m, v, ema may be absent. */
typedef struct cream_blocks {
  cream_buf w, g, m, v, ema;
} cream_blocks;

typedef struct cream_backend cream_backend;
struct cream_backend {
  const char *name; /* "cpu", "cpu-plain", ... */
  bool no_data;     /* it stores no values, it only counts memory (core/net/memory.h) */
  size_t memory;    /* bytes of the device's memory; 0: buffers are in the host's memory */
  size_t largest;   /* bytes of the largest buffer that the device has without effort; 0: any */
  size_t limit;     /* bytes of the largest buffer at all, where that is more; 0: `largest` */
  bool shared;      /* the device's memory is a part of the host's */

  CREAM_REQUIRED_OPS(CREAM_OP_SLOT)
  CREAM_OPTIONAL_OPS(CREAM_OP_SLOT)
};
static_assert(CREAM_COMPUTE_GROUPS(CREAM_OP_GROUP_COUNT) == CREAM_COMPUTE_OPS(CREAM_OP_ONE),
              "every group is in CREAM_COMPUTE_GROUPS and in CREAM_COMPUTE_OPS");

/* The padding of `in` rows or columns. Output row `oy` reads row oy*stride - before at kernel row 0. */
static inline cream_pads cream_conv_pads(const cream_conv *conv, int in) {
  return cream_padding_of(conv->padding, conv->pad, conv->kernel, conv->stride, conv->dilation, in);
}
static inline int cream_conv_padded(const cream_conv *conv, int in) {
  cream_pads pads = cream_conv_pads(conv, in);
  return pads.before + in + pads.after;
}
static inline int cream_conv_out(const cream_conv *conv, int in) {
  return (cream_conv_padded(conv, in) - conv->dilation * (conv->kernel - 1) - 1) / conv->stride + 1;
}

#endif
