/* A backend that measures another. It forwards every op and adds up calls, seconds, floating-point operations
 * and least memory traffic, by kind and by shape. It works with any backend.
 *
 * Floating-point operations are those of products and of the optimiser, two for each multiply-add; scales and sums
 * are not counted. Exponentials are those of activations (swish, sigmoid) and of their derivatives: one for each element
 * and op, which gives both. Least memory traffic: every operand is read or written once.
 */
#ifndef CREAM_TOOLS_PROFILED_H
#define CREAM_TOOLS_PROFILED_H

#include "core/backend.h"

/* Kinds of ops: X(NAME, text). A backward kind follows its forward kind. */
#define PROFILED_KIND_LIST(X)                                                                                \
  X(POINTWISE_FORWARD, "1x1 forward")                                                                        \
  X(POINTWISE_BACKWARD, "1x1 backward")                                                                      \
  X(DEPTHWISE_FORWARD, "depthwise forward")                                                                  \
  X(DEPTHWISE_BACKWARD, "depthwise backward")                                                                \
  X(DENSE_FORWARD, "dense forward") /* k x k: the stem */                                                    \
  X(DENSE_BACKWARD, "dense backward")                                                                        \
  X(LINEAR_FORWARD, "linear forward")                                                                        \
  X(LINEAR_BACKWARD, "linear backward")                                                                      \
  X(SE_FORWARD, "se forward")                                                                                \
  X(SE_BACKWARD, "se backward")                                                                              \
  X(POOL_FORWARD, "pool forward")                                                                            \
  X(POOL_BACKWARD, "pool backward")                                                                          \
  X(ADD, "add")                                                                                              \
  X(FUSE_FORWARD, "fuse forward")                                                                            \
  X(FUSE_BACKWARD, "fuse backward")                                                                          \
  X(LOSS, "loss") /* with softmax */                                                                         \
  X(MATCH, "match")                                                                                          \
  X(OPTIM, "optimiser")                                                                                      \
  X(FLAT, "fill, copy, dot") /* with axpy and dropout */                                                     \
  X(TRANSFER, "upload, download")

#define PROFILED_KIND_ENUM(name, text) PROFILED_##name,
typedef enum profiled_kind { PROFILED_KIND_LIST(PROFILED_KIND_ENUM) PROFILED_KINDS } profiled_kind;

/* Sums over the calls of one kind (then the shape is 0), or of one kind and shape. */
typedef struct profiled_op {
  profiled_kind kind;
  int n, h, w, cin, cout, kernel, stride; /* of the input */
  uint64_t calls;
  double seconds, flops, bytes, exponentials;
} profiled_op;

enum { PROFILED_SHAPES = 4096 }; /* distinct shapes; calls of further ones are counted by kind only */

/* "1x1 forward" */
const char *profiled_name(profiled_kind);

/* Owns `inner` from now on, also on failure: destroy() of the new backend destroys it. */
cream_status profiled_create(cream_backend *inner, cream_backend **out, cream_error *);
void profiled_reset(cream_backend *);
/* PROFILED_KINDS sums, by kind; valid until `destroy`. */
const profiled_op *profiled_by_kind(const cream_backend *);
/* Copies the sums by shape to ops[PROFILED_SHAPES], in the order of kinds, then of first calls; returns
 * their number. */
int profiled_by_shape(const cream_backend *, profiled_op *ops);

#endif
