/* The list of a backend's ops: X(result, name, parameters).
 *
 * The slots of `cream_backend`, the tables of all backends, the wrapper that measures a backend and the
 * backend that counts memory are made from this list, so an op that one of them lacks does not compile. Ops
 * come in groups. A backend implements a group in one file: a static function of each op's name, then
 *
 *     void my_se_init(cream_backend *backend) {
 *       CREAM_SE_OPS(CREAM_SET_OP)
 *     }
 *
 * Every op of CREAM_REQUIRED_OPS must be there; only those of CREAM_OPTIONAL_OPS may be NULL. backend.h
 * describes the structs.
 */
#ifndef CREAM_CORE_BACKEND_OPS_H
#define CREAM_CORE_BACKEND_OPS_H

/* Buffers of a backend's workspace, at most. */
enum { CREAM_WORKSPACES = 8 };

/* clang-format off */

/* Memory. `count` counts elements of 4 bytes.
 *
 * alloc: `count` elements, zeroed and aligned to 64 bytes; the caller frees them with `release`.
 * synchronise: waits for all queued ops and returns what went wrong since the last call.
 * upload_pixels: dst->raw = (pixels/255 - mean[c]) / std[c]. Pixels are [n,h,w,c] bytes; dst is NHWC in
 *   shape, its order in memory is the backend's business.
 * download_tensor: the values of an activation, its map applied, as an NHWC array.
 * upload_tensor: writes an NHWC array as a raw activation.
 * tensor_size: elements that a raw activation of this shape takes.
 * gradient_size: elements that the gradient of such an activation takes.
 * reserve: makes room for the workspace of conv_forward and conv_backward of `conv` on inputs up to
 *   [n,h,w,cin], and of the ops around it (se, pool, add, fuse, losses on the same shapes). Only this op and
 *   alloc allocate.
 * destroy: frees the backend and its workspace. */
#define CREAM_MEMORY_OPS(X)                                                                                  \
  X(cream_status, alloc, (cream_backend *backend, size_t count, cream_buf *out, cream_error *err))           \
  X(void, release, (cream_backend *backend, cream_buf buf))                                                  \
  X(void, upload, (cream_backend *backend, cream_buf dst, const void *src, size_t count))                    \
  X(cream_status, download,                                                                                  \
    (cream_backend *backend, void *dst, cream_buf src, size_t count, cream_error *err))                      \
  X(cream_status, synchronise, (cream_backend *backend, cream_error *err))                                   \
  X(void, upload_pixels,                                                                                     \
    (cream_backend *backend, const cream_tensor *dst, const uint8_t *pixels, const float *mean,              \
     const float *std))                                                                                      \
  X(cream_status, download_tensor,                                                                           \
    (cream_backend *backend, float *dst, const cream_tensor *src, cream_error *err))                         \
  X(void, upload_tensor, (cream_backend *backend, const cream_tensor *dst, const float *src))                \
  X(size_t, tensor_size, (cream_backend *backend, int n, int h, int w, int c))                               \
  X(size_t, gradient_size, (cream_backend *backend, int n, int h, int w, int c))                             \
  X(cream_status, reserve,                                                                                   \
    (cream_backend *backend, const cream_conv *conv, int n, int h, int w, cream_error *err))                 \
  X(void, destroy, (cream_backend *backend))

/* Convolution with batch norm.
 *
 * conv_forward: y->raw = conv(value of x) + bias. bn may be NULL; otherwise its statistics follow `mode` and
 *   are complete on return.
 * conv_backward: reads the pending gradient `dy` of y and writes dweight, dbias and, through `sink`, the
 *   gradient of x. sink->g must not overlap dy->g. */
#define CREAM_CONV_OPS(X)                                                                                    \
  X(void, conv_forward,                                                                                      \
    (cream_backend *backend, const cream_conv *conv, const cream_tensor *x, const cream_bn *bn,              \
     cream_bn_mode mode, float momentum, const cream_tensor *y))                                             \
  X(void, conv_backward,                                                                                     \
    (cream_backend *backend, const cream_conv *conv, const cream_tensor *x, const cream_tensor *y,           \
     const cream_grad *dy, const cream_sink *sink))

/* Squeeze-excite.
 *
 * se_forward: x is the tensor without its gate. Writes se->pooled, hidden, gate_z and gate.
 * se_backward: gate_sums as in cream_sink. Writes dw1..db2 and pool [N,C], the gradient that the squeeze adds
 *   to every pixel (d pooled / (h*w)), and completes bn: dgamma, dbeta, a, b, c. */
#define CREAM_SE_OPS(X)                                                                                      \
  X(void, se_forward, (cream_backend *backend, const cream_se *se, const cream_tensor *x))                   \
  X(void, se_backward,                                                                                       \
    (cream_backend *backend, const cream_se *se, const cream_tensor *x, cream_buf gate_sums,                 \
     const cream_bn *bn, cream_buf pool))

/* Pooling, residual sums, dropout.
 *
 * pool_forward: out [N,C] = mean over h, w of the value of x.
 * pool_backward: pool [N,C] = dout/(h*w) (may be the same memory as dout [N,C]); completes bn from
 *   dz = pool * act'(x). bn may be NULL.
 * add_forward: out->raw = value of a + value of b, all of one shape.
 * dropout_gate: gate[i] = 0 with probability p, else 1/(1-p); a function of seed, step and i alone (Philox,
 *   see rng.h). */
#define CREAM_POOL_OPS(X)                                                                                    \
  X(void, pool_forward, (cream_backend *backend, const cream_tensor *x, cream_buf out))                      \
  X(void, pool_backward,                                                                                     \
    (cream_backend *backend, const cream_tensor *x, cream_buf dout, const cream_bn *bn, cream_buf pool))     \
  X(void, add_forward,                                                                                       \
    (cream_backend *backend, const cream_tensor *a, const cream_tensor *b, const cream_tensor *out))         \
  X(void, dropout_gate,                                                                                      \
    (cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed, uint64_t step))

/* Losses and the meta network.
 *
 * softmax: out [N,K] = softmax of logits [N,K].
 * loss: writes dlogits [N,K] (may be absent) and result[4]: loss, hard CE (smoothed), soft CE, and the number
 *   of images whose label has the largest logit (the first of equals).
 * match: diff [entries][len] = p - phi, scores[k] = <theta, diff[k]> + theta[len], the matching degrees of
 *   docs/method.md, section 2. */
#define CREAM_LOSS_OPS(X)                                                                                    \
  X(void, softmax, (cream_backend *backend, cream_buf logits, int n, int k, cream_buf out))                  \
  X(void, loss,                                                                                              \
    (cream_backend *backend, const cream_loss *terms, cream_buf logits, int n, int k, cream_buf dlogits,     \
     cream_buf result))                                                                                      \
  X(void, match,                                                                                             \
    (cream_backend *backend, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,              \
     cream_buf diff, cream_buf scores))

/* Detection.
 *
 * fuse_forward: out->raw = sum over i < fuse->n of w[i] * value of x[i], brought to out's size; see cream_fuse.
 * fuse_backward: reads dout, the gradient of out->raw, and writes the gradient of x[i] through sinks[i] (absent g: not
 *   computed) and, where fuse->dweight is present, that of the weights. No sinks[i].g may overlap dout.
 * box_loss: the losses of `entries` anchors; see cream_box_loss. Writes dlogits [entries][classes] and ddeltas
 *   [entries][4] (absent together: not computed) and result[4]: loss, its part of the classes, its part of the boxes, and
 *   the number of foreground anchors. */
#define CREAM_DETECT_OPS(X)                                                                                  \
  X(void, fuse_forward, (cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out))           \
  X(void, fuse_backward,                                                                                     \
    (cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out, cream_buf dout,                \
     const cream_sink *sinks))                                                                               \
  X(void, box_loss,                                                                                          \
    (cream_backend *backend, const cream_box_loss *terms, cream_buf logits, cream_buf deltas, size_t entries, \
     int classes, cream_buf dlogits, cream_buf ddeltas, cream_buf result))

/* Flat blocks.
 *
 * optim_step: one update, see cream_optim, of the parameters in `count` slices.
 * fill: dst = value. copy: dst = src. axpy: y += alpha * x. dot: out[0] = <x, y>. */
#define CREAM_FLAT_OPS(X)                                                                                    \
  X(void, optim_step,                                                                                        \
    (cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int count,                 \
     const cream_blocks *blocks))                                                                            \
  X(void, fill, (cream_backend *backend, cream_buf dst, size_t count, float value))                          \
  X(void, copy, (cream_backend *backend, cream_buf dst, cream_buf src, size_t count))                        \
  X(void, axpy, (cream_backend *backend, cream_buf y, float alpha, cream_buf x, size_t count))               \
  X(void, dot, (cream_backend *backend, cream_buf x, cream_buf y, size_t count, cream_buf out))

/* Optional ops.
 *
 * workspace: raises sizes[i] to the elements that `reserve` would make buffer i of the workspace have. NULL: little,
 *   and in the host's memory.
 * packed_size, pack_weights (both or neither): a form of the weights for inference. packed_size: elements
 *   that the weights of `conv` take packed, 0 where packing gains nothing. pack_weights: fills `packed`,
 *   which serves as conv->packed until the weights change. */
#define CREAM_OPTIONAL_OPS(X)                                                                                \
  X(void, workspace,                                                                                         \
    (cream_backend *backend, const cream_conv *conv, int n, int h, int w, size_t sizes[CREAM_WORKSPACES]))   \
  X(size_t, packed_size, (cream_backend *backend, const cream_conv *conv))                                   \
  X(void, pack_weights, (cream_backend *backend, const cream_conv *conv, cream_buf packed))

/* The groups of ops that compute, G(name, list); all of these ops; all ops that are required. */
#define CREAM_COMPUTE_GROUPS(G)                                                                              \
  G(conv, CREAM_CONV_OPS)                                                                                    \
  G(se, CREAM_SE_OPS)                                                                                        \
  G(pool, CREAM_POOL_OPS)                                                                                    \
  G(loss, CREAM_LOSS_OPS)                                                                                    \
  G(detect, CREAM_DETECT_OPS)                                                                                \
  G(flat, CREAM_FLAT_OPS)
#define CREAM_COMPUTE_OPS(X)                                                                                 \
  CREAM_CONV_OPS(X) CREAM_SE_OPS(X) CREAM_POOL_OPS(X) CREAM_LOSS_OPS(X) CREAM_DETECT_OPS(X) CREAM_FLAT_OPS(X)
#define CREAM_REQUIRED_OPS(X) CREAM_MEMORY_OPS(X) CREAM_COMPUTE_OPS(X)

/* A slot of cream_backend; how a table takes the static function of an op's name; for counting ops. */
#define CREAM_OP_SLOT(result, name, parameters) result (*name) parameters;
#define CREAM_SET_OP(result, name, parameters) backend->name = name;
#define CREAM_OP_ONE(result, name, parameters) +1
#define CREAM_OP_GROUP_COUNT(group, ops) ops(CREAM_OP_ONE)

/* clang-format on */

#endif
