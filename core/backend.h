/* The one interface to kernels. A network describes its ops with the structs below and never asks which
 * backend runs them.
 *
 * Pending maps. A convolution writes its output raw. Batch norm, activation and the squeeze-excite gate
 * are a map that whoever reads the tensor applies on the fly:
 *
 *     value[n,h,w,c] = gate[n,c] * act(scale[c] * raw[n,h,w,c] + shift[c])
 *
 * Pending gradients. Likewise the gradient of a raw output is never written; whoever needs it reads
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
 * (O, I/groups, kh, kw); activations are NHWC in shape, their memory order is the backend's business.
 *
 * Ops are queued or run at once; they return nothing. What goes wrong on a device is kept and comes back
 * from the next `synchronise` or `download`. No op allocates: workspace is reserved at plan time.
 * Results are bit-identical whatever the number of threads: partial sums are over fixed tiles, reduced in
 * a fixed order, in double or by pairwise merging of (mean, M2).
 */
#ifndef CREAM_CORE_BACKEND_H
#define CREAM_CORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* Part of a backend allocation: `offset` counts 4-byte elements. mem == NULL: absent. */
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

typedef enum cream_act {
  CREAM_ACT_NONE,
  CREAM_ACT_RELU,
  CREAM_ACT_SWISH,      /* x * sigmoid(x) */
  CREAM_ACT_HARD_SWISH, /* x * relu6(x+3)/6 */
  CREAM_ACT_SIGMOID,
  CREAM_ACT_HARD_SIGMOID, /* relu6(x+3)/6 */
  CREAM_ACT_COUNT
} cream_act;

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
  cream_buf dgamma, dbeta; /* written (=) by the op that completes the sums; absent: not wanted */
  cream_buf mean, invstd;  /* written by forward (not in CREAM_BN_RUNNING) */
  cream_buf scale, shift;  /* written by forward: gamma*invstd, beta - mean*gamma*invstd */
  cream_buf a, b, c;       /* written by the op that completes the sums of dz */
  float eps;
} cream_bn;

typedef enum cream_bn_mode {
  CREAM_BN_TRAIN,   /* this batch's statistics; running ones move by `momentum` (unbiased variance) */
  CREAM_BN_BATCH,   /* this batch's statistics; running ones untouched */
  CREAM_BN_RUNNING, /* running statistics; nothing is measured */
} cream_bn_mode;

typedef enum cream_grad_kind { CREAM_GRAD_Z, CREAM_GRAD_VALUE } cream_grad_kind;

/* The gradient of the tensor that it stands beside; see the top. */
typedef struct cream_grad {
  cream_grad_kind kind;
  cream_buf g;       /* [N,H,W,C]; absent: 0 (then kind is CREAM_GRAD_VALUE and pool present) */
  cream_buf pool;    /* [N,C]; absent: 0 */
  cream_buf a, b, c; /* [C]; absent together: 1, 0, 0 (a layer without batch norm) */
} cream_grad;

/* What becomes of dL/d(value of the input x) of a backward op. With d = that gradient (+ `add`):
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
  cream_buf g;   /* [N,H,W,C], written (=); absent: the input gradient is not wanted at all */
  cream_buf add; /* [N,H,W,C] or absent; may be the same memory as g */
  const cream_tensor *node;
  const cream_bn *bn;
  cream_buf gate_sums; /* [N,5,C] or absent */
} cream_sink;

/* A convolution, dense or depthwise, and (1x1 on 1x1 pictures) a linear layer.
 * Output height = (h + 2*pad - dilation*(kernel-1) - 1) / stride + 1. Depthwise: cin == cout. */
typedef struct cream_conv {
  int cin, cout, kernel, stride, pad, dilation;
  bool depthwise;
  cream_buf weight, bias;   /* (cout, cin or 1, kernel, kernel); [cout] or absent */
  cream_buf dweight, dbias; /* written (=) by backward */
  /* Of networks for inference alone, on backends with pack_weights: */
  cream_act act;    /* y->raw = act(conv(value of x) + bias): nothing is left pending; bn is NULL then */
  cream_buf packed; /* what pack_weights made of `weight`, or absent */
} cream_conv;

/* Squeeze-excite: gate = gate_act(W2 * act(W1 * mean_hw(value) + b1) + b2). */
typedef struct cream_se {
  int c, r; /* channels, reduced channels */
  cream_act act, gate_act;
  cream_buf w1, b1, w2, b2;       /* (r,c,1,1), [r], (c,r,1,1), [c] */
  cream_buf dw1, db1, dw2, db2;   /* written (=) by se_backward */
  cream_buf pooled, hidden, gate; /* [N,C], [N,r] before act, [N,C]: kept by forward */
  cream_buf gate_z;               /* [N,C] before gate_act: kept by forward */
} cream_se;

/* Loss = mean over the batch of  hard*CE(smoothed y, logits) + soft*CE(target, logits). */
typedef struct cream_loss {
  float hard, soft;
  float smoothing;  /* label smoothing of the hard part */
  cream_buf labels; /* int32 [N] */
  cream_buf target; /* [N,K] probabilities; absent where soft is 0 */
} cream_loss;

typedef enum cream_optim_kind {
  CREAM_OPTIM_SGD,
  CREAM_OPTIM_RMSPROP_TF,
  CREAM_OPTIM_ADAM,
  CREAM_OPTIM_ADAMW,
  CREAM_OPTIM_COUNT
} cream_optim_kind;

/* One optimiser step. With d = g + weight_decay*w (decay only in slices that ask for it):
 *   SGD:        m = momentum*m + d;  w -= lr*(nesterov ? d + momentum*m : m)
 *   RMSPROP_TF: v += (1-alpha)*(d^2 - v);  m = momentum*m + lr*d/sqrt(v + eps);  w -= m
 *               (v starts at 1, eps inside the root: TensorFlow's form, as in timm)
 *   ADAM:       m += (1-momentum)*(d - m);  v += (1-alpha)*(d^2 - v);
 *               w -= lr * m/(1-momentum^step) / (sqrt(v/(1-alpha^step)) + eps)   (m needed; v starts at 0)
 *   ADAMW:      w -= lr*weight_decay*w, then ADAM with d = g
 * then, where ema is present: ema += (1-ema_decay)*(w - ema). */
typedef struct cream_optim {
  cream_optim_kind kind;
  float lr, momentum, weight_decay, alpha, eps, ema_decay;
  bool nesterov;
  uint64_t step; /* ADAM, ADAMW: number of this update, from 1 */
} cream_optim;

/* A run of parameters that belong together: `w` counts in the weight block (and moments, EMA),
 * `g` in the gradient block. */
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
  bool no_data;     /* it only counts (memory.h): values need not be computed for it */
  size_t memory;    /* bytes of the device that buffers live on; 0: the host's memory */

  /* ---- memory ---------------------------------------------------------------------------------- */
  /* `count` elements, zeroed, aligned to 64 bytes. */
  cream_status (*alloc)(cream_backend *, size_t count, cream_buf *out, cream_error *);
  void (*release)(cream_backend *, cream_buf);
  void (*upload)(cream_backend *, cream_buf dst, const void *src, size_t count);
  cream_status (*download)(cream_backend *, void *dst, cream_buf src, size_t count, cream_error *);
  cream_status (*synchronise)(cream_backend *, cream_error *);
  /* Activations in NHWC order: dst may be padded or permuted by the backend, so a picture batch goes in
   * this way. value = (pixel/255 - mean[c]) / std[c]; pixels are [n,h,w,c] bytes. */
  void (*upload_pixels)(cream_backend *, const cream_tensor *dst, const uint8_t *pixels, const float *mean,
                        const float *std);
  /* Reads an activation back as NHWC values (map applied). For tests. */
  cream_status (*download_tensor)(cream_backend *, float *dst, const cream_tensor *, cream_error *);
  /* Writes an NHWC float array as a raw activation. For tests. */
  void (*upload_tensor)(cream_backend *, const cream_tensor *dst, const float *src);
  /* Elements that a raw activation of this shape takes. */
  size_t (*tensor_size)(cream_backend *, int n, int h, int w, int c);
  /* Makes room for the workspace of conv_forward and conv_backward of `conv` on inputs up to [n,h,w,cin],
   * with what follows it (se, pool, add, loss on the same shapes). Only this may allocate. */
  cream_status (*reserve)(cream_backend *, const cream_conv *conv, int n, int h, int w, cream_error *);
  /* Elements of workspace that reserve would see to. NULL: little, and in the host's memory. */
  size_t (*workspace)(cream_backend *, const cream_conv *conv, int n, int h, int w);
  void (*destroy)(cream_backend *);

  /* ---- convolution with batch norm ------------------------------------------------------------- */
  /* y->raw = conv(value of x) + bias. bn may be NULL; else its statistics by `mode`, complete on return. */
  void (*conv_forward)(cream_backend *, const cream_conv *, const cream_tensor *x, const cream_bn *bn,
                       cream_bn_mode mode, float momentum, const cream_tensor *y);
  /* Reads the pending gradient `dy` of y and gives dweight, dbias and, through `sink`, the gradient of x.
   * `sink->g` must not overlap dy->g. */
  void (*conv_backward)(cream_backend *, const cream_conv *, const cream_tensor *x, const cream_tensor *y,
                        const cream_grad *dy, const cream_sink *sink);

  /* Both NULL on backends without a form of their own for inference. Elements that `conv` takes packed (0: it
   * gains nothing), and the packing: `packed` serves as conv->packed until the weights change. */
  size_t (*packed_size)(cream_backend *, const cream_conv *);
  void (*pack_weights)(cream_backend *, const cream_conv *, cream_buf packed);

  /* ---- squeeze-excite, pooling, residual ------------------------------------------------------- */
  /* x: the tensor without its gate. Writes se->pooled, hidden, gate_z, gate. */
  void (*se_forward)(cream_backend *, const cream_se *, const cream_tensor *x);
  /* gate_sums as in cream_sink. Writes dw1..db2, pool [N,C] (the gradient that the squeeze adds to every
   * pixel: d pooled / (h*w)) and completes bn: dgamma, dbeta, a, b, c. */
  void (*se_backward)(cream_backend *, const cream_se *, const cream_tensor *x, cream_buf gate_sums,
                      const cream_bn *bn, cream_buf pool);
  /* out [N,C] = mean over h, w of the value of x. */
  void (*pool_forward)(cream_backend *, const cream_tensor *x, cream_buf out);
  /* dout [N,C] -> pool [N,C] = dout/(h*w) (may be the same memory) and completes bn from
   * dz = pool * act'(x); bn may be NULL. */
  void (*pool_backward)(cream_backend *, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                        cream_buf pool);
  /* out->raw = value of a + value of b, same shapes. */
  void (*add_forward)(cream_backend *, const cream_tensor *a, const cream_tensor *b, const cream_tensor *out);
  /* gate[i] = 0 with probability p, else 1/(1-p): a function of key and i alone (Philox, see rng.h). */
  void (*dropout_gate)(cream_backend *, cream_buf gate, size_t count, float p, uint64_t seed, uint64_t step);

  /* ---- losses and the meta network ------------------------------------------------------------- */
  /* out [N,K] = softmax of logits [N,K]. */
  void (*softmax)(cream_backend *, cream_buf logits, int n, int k, cream_buf out);
  /* Writes dlogits [N,K] (may be absent) and result[4]: loss, hard CE (smoothed), soft CE, and how many
   * of the batch have their label on top (first of equals). */
  void (*loss)(cream_backend *, const cream_loss *, cream_buf logits, int n, int k, cream_buf dlogits,
               cream_buf result);
  /* diff [K][len] = p - phi, scores[k] = <theta, diff_k> + theta[len].  (section 2, step 3) */
  void (*match)(cream_backend *, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                cream_buf diff, cream_buf scores);

  /* ---- flat blocks ----------------------------------------------------------------------------- */
  void (*optim_step)(cream_backend *, const cream_optim *, const cream_slice *, int slices,
                     const cream_blocks *);
  void (*fill)(cream_backend *, cream_buf dst, size_t count, float value);
  void (*copy)(cream_backend *, cream_buf dst, cream_buf src, size_t count);
  /* y += alpha * x */
  void (*axpy)(cream_backend *, cream_buf y, float alpha, cream_buf x, size_t count);
  /* out[0] = <x, y> */
  void (*dot)(cream_backend *, cream_buf x, cream_buf y, size_t count, cream_buf out);
};

static inline int cream_conv_out(const cream_conv *conv, int in) {
  return (in + 2 * conv->pad - conv->dilation * (conv->kernel - 1) - 1) / conv->stride + 1;
}

#endif
