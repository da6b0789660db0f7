/* A backend that measures another. Every op is passed on, and its calls, seconds, floating-point operations
 * and least memory traffic are added up by kind of op and by shape. A network sees nothing but the interface,
 * so any backend can be measured in any program.
 *
 * Operations are those of the products and of the optimiser: two for each multiply-add. Maps, activations and
 * sums are not counted. Bytes are those of every operand read or written once, from no cache.
 */
#ifndef CREAM_TOOLS_PROFILED_H
#define CREAM_TOOLS_PROFILED_H

#include "core/backend.h"

typedef enum profiled_kind {
  PROFILED_POINTWISE_FORWARD,
  PROFILED_POINTWISE_BACKWARD,
  PROFILED_DEPTHWISE_FORWARD,
  PROFILED_DEPTHWISE_BACKWARD,
  PROFILED_DENSE_FORWARD, /* k x k: the stem */
  PROFILED_DENSE_BACKWARD,
  PROFILED_LINEAR_FORWARD,
  PROFILED_LINEAR_BACKWARD,
  PROFILED_SE_FORWARD,
  PROFILED_SE_BACKWARD,
  PROFILED_POOL_FORWARD,
  PROFILED_POOL_BACKWARD,
  PROFILED_ADD,
  PROFILED_LOSS, /* with softmax */
  PROFILED_MATCH,
  PROFILED_OPTIM,
  PROFILED_FLAT,     /* fill, copy, axpy, dot, dropout */
  PROFILED_TRANSFER, /* upload, download */
  PROFILED_KINDS
} profiled_kind;

/* Sums over the calls of one kind (then the shape is 0), or of one kind and shape. */
typedef struct profiled_op {
  profiled_kind kind;
  int n, h, w, cin, cout, kernel, stride; /* of the input */
  uint64_t calls;
  double seconds, flops, bytes;
} profiled_op;

enum { PROFILED_SHAPES = 4096 }; /* shapes that are told apart; calls of further ones count by kind alone */

/* "1x1 forward" */
const char *profiled_name(profiled_kind);

/* Takes `inner` over, also on failure: destroy() of the new backend destroys it. */
cream_status profiled_create(cream_backend *inner, cream_backend **out, cream_error *);
void profiled_reset(cream_backend *);
/* PROFILED_KINDS sums, by kind; valid until `destroy`. */
const profiled_op *profiled_by_kind(const cream_backend *);
/* Copies the sums by shape to ops[PROFILED_SHAPES], ordered by kind, then as they first came; returns their
 * number. */
int profiled_by_shape(const cream_backend *, profiled_op *ops);

#endif
