/* The mapped operands of a backward product: rows of dy's pending gradient, of x's value, and of what the
 * sink needs of x's activation.
 */
#ifndef CREAM_CPU_KERNELS_OPERANDS_H
#define CREAM_CPU_KERNELS_OPERANDS_H

#include "conv.h"
#include "map.h"
#include "sink.h"

typedef struct cpu_backward {
  const cream_conv *conv;
  const cream_tensor *x, *y;
  const cream_grad *dy;
  const cream_sink *sink;
  bool narrow_x, narrow_y; /* how their values and gradients are stored (cells.h) */
  bool wanted;             /* the input gradient is computed */
  bool exact;              /* of cpu_gemm */
} cpu_backward;

static inline cpu_backward cpu_backward_of(const cpu_backend *cpu, const cream_conv *conv,
                                           const cream_tensor *x, const cream_tensor *y, const cream_grad *dy,
                                           const cream_sink *sink) {
  return (cpu_backward){.conv = conv,
                        .x = x,
                        .y = y,
                        .dy = dy,
                        .sink = sink,
                        .narrow_x = cpu_is_narrow(cpu->narrow, x),
                        .narrow_y = cpu_is_narrow(cpu->narrow, y),
                        .wanted = cream_buf_present(sink->g),
                        .exact = cpu_exact(cpu)};
}

/* Mapped rows; NULL where the tensor itself serves (floats without a pending map) or is not needed. */
typedef struct cpu_operands {
  float *dy;       /* [rows][cout of y] */
  cpu_map_parts x; /* [rows][cin] each */
} cpu_operands;

/* Floats that cpu_operands_take takes at most. */
static inline size_t cpu_operands_size(const cream_conv *conv, size_t rows_x, size_t rows_y) {
  return cpu_line(rows_y * (size_t)conv->cout) + 3 * cpu_line(rows_x * (size_t)conv->cin);
}
cpu_operands CPU_NAME(cpu_operands_take)(const cpu_backward *, cpu_pieces *, size_t rows_x, size_t rows_y);

/* Maps rows row.. of x and y into the start of the operands. */
static inline void cpu_operands_map_x(const cpu_backward *op, const cpu_operands *to, size_t row,
                                      size_t rows) {
  if (to->x.value || to->x.slope) cpu_map_tile_parts(op->x, op->narrow_x, row, rows, to->x);
}
static inline void cpu_operands_map_dy(const cpu_backward *op, const cpu_operands *to, size_t row,
                                       size_t rows) {
  if (to->dy) cpu_pending_tile(op->y, op->narrow_y, op->dy, row, rows, 0, op->y->c, to->dy, (size_t)op->y->c);
}
/* The operands of rows row.. where `at` begins with row `first`. */
static inline cpu_operands cpu_operands_at(const cpu_backward *op, cpu_operands at, size_t row) {
  const size_t x = row * (size_t)op->x->c, y = row * (size_t)op->y->c;
  return (cpu_operands){at.dy ? at.dy + y : NULL,
                        {at.x.value ? at.x.value + x : NULL, at.x.ungated ? at.x.ungated + x : NULL,
                         at.x.slope ? at.x.slope + x : NULL}};
}
static inline const float *cpu_operands_dy(const cpu_backward *op, const cpu_operands *at, size_t row) {
  return at->dy ? at->dy : cpu_at(op->dy->g) + row * (size_t)op->y->c;
}
static inline const float *cpu_operands_value(const cpu_backward *op, const cpu_operands *at, size_t row) {
  return at->x.value ? at->x.value : cpu_at(op->x->raw) + row * (size_t)op->x->c;
}

/* Finishes rows row.. and channels c0.. of the sink; rows of d lie ld_d apart. */
static inline void cpu_operands_finish(const cpu_backward *op, const cpu_operands *at, const float *d,
                                       size_t ld_d, size_t index, size_t row, size_t rows, int c0,
                                       int channels, float *partials) {
  const cpu_sink_tile tile = {.narrow = op->narrow_x,
                              .index = index,
                              .row = row,
                              .rows = rows,
                              .c0 = c0,
                              .channels = channels,
                              .slope = at->x.slope ? at->x.slope + c0 : NULL,
                              .value = at->x.ungated ? at->x.ungated + c0 : NULL,
                              .ld = (size_t)op->x->c,
                              .d = d + c0,
                              .ld_d = ld_d};
  CPU_NAME(cpu_sink_finish)(op->sink, &tile, partials);
}

#endif
