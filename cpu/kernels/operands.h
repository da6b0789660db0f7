/* The mapped operands of a backward product: rows of dy's pending gradient, of x's value, and of what the
 * sink needs of x's activation.
 */
#ifndef CREAM_CPU_KERNELS_OPERANDS_H
#define CREAM_CPU_KERNELS_OPERANDS_H

#include "conv.h"
#include "gemm.h"
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
  bool bf16;               /* products take operands in bfloat16 */
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
                        .exact = cpu_exact(cpu),
                        .bf16 = cpu_multiplies_bf16(cpu, conv, x)};
}

/* The operands of products in bfloat16, as words (bf16.h); where a word is a value, they replace the mapped rows. */
typedef struct cpu_operand_words {
  float *dy_rows;    /* [rows][words of cout] */
  float *dy_columns; /* [words of rows][cout] */
  float *x_columns;  /* [words of rows][cin] */
} cpu_operand_words;

/* Mapped rows; NULL where the tensor itself serves (floats without a pending map) or is not needed. */
typedef struct cpu_operands {
  float *dy;       /* [rows][cout of y] */
  cpu_map_parts x; /* [rows][cin] each */
  cpu_operand_words words;
} cpu_operands;

/* Floats that cpu_operands_take takes at most. */
static inline size_t cpu_operands_size(const cream_conv *conv, size_t rows_x, size_t rows_y) {
  const size_t cin = (size_t)conv->cin, cout = (size_t)conv->cout;
  const size_t mapped = cpu_line(rows_y * cout) + 3 * cpu_line(rows_x * cin);
  if (CPU_BF16_WORD == 1) return mapped;
  return mapped + cpu_line(rows_y * cpu_bf16_words(cout)) + cpu_line(cpu_bf16_words(rows_y) * cout) +
         cpu_line(cpu_bf16_words(rows_x) * cin);
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
/* Rounds rows row.. of the operands, which are mapped; `row` is even. */
static inline void cpu_operands_round(const cpu_backward *op, const cpu_operands *at, size_t row,
                                      size_t rows) {
  const size_t cin = (size_t)op->x->c, cout = (size_t)op->y->c, word = row / CPU_BF16_WORD;
  const cpu_operand_words *to = &at->words;
  CPU_NAME(cpu_bf16_columns)(rows, cin, at->x.value + row * cin, cin, to->x_columns + word * cin);
  CPU_NAME(cpu_bf16_columns)(rows, cout, at->dy + row * cout, cout, to->dy_columns + word * cout);
  if (to->dy_rows != to->dy_columns)
    CPU_NAME(cpu_bf16_rows)(rows, cout, at->dy + row * cout, cout, to->dy_rows + row * cpu_bf16_words(cout));
}
/* The operands of rows row.. where `at` begins with row `first`. */
static inline cpu_operands cpu_operands_at(const cpu_backward *op, cpu_operands at, size_t row) {
  const size_t x = row * (size_t)op->x->c, y = row * (size_t)op->y->c;
  return (cpu_operands){at.dy ? at.dy + y : NULL,
                        {at.x.value ? at.x.value + x : NULL, at.x.ungated ? at.x.ungated + x : NULL,
                         at.x.slope ? at.x.slope + x : NULL},
                        at.words};
}
static inline const float *cpu_operands_dy(const cpu_backward *op, const cpu_operands *at, size_t row) {
  return at->dy ? at->dy : cpu_at(op->dy->g) + row * (size_t)op->y->c;
}
static inline const float *cpu_operands_value(const cpu_backward *op, const cpu_operands *at, size_t row) {
  return at->x.value ? at->x.value : cpu_at(op->x->raw) + row * (size_t)op->x->c;
}

/* ---- products of 1x1 convolutions, of floats or (`bf16`) of words ---------------------------------------- */
/* Panels of outputs o..o+count-1; o is a multiple of CPU_PANEL. */
static inline void cpu_pack_outputs(bool bf16, const cream_conv *conv, int o, int count, float *packed) {
  const size_t cin = (size_t)conv->cin;
  const float *weight = cpu_at(conv->weight) + (size_t)o * cin;
  if (bf16)
    CPU_NAME(cpu_gemm_bf16_pack)(count, conv->cin, weight, cin, packed + (size_t)o * cpu_bf16_words(cin));
  else
    CPU_NAME(cpu_gemm_pack)(count, conv->cin, weight, cin, packed + (size_t)o * cin);
}
/* y = x W^T for `width` outputs from o on: y at the first of them, in rows of all outputs. */
static inline void cpu_multiply_packed(bool bf16, const cream_conv *conv, size_t rows, const float *x,
                                       size_t ld, int o, int width, const float *packed, float *y) {
  const cpu_matrix a = {x, ld, 1};
  const float *panels = packed + (size_t)o * (bf16 ? cpu_bf16_words((size_t)conv->cin) : (size_t)conv->cin);
  if (bf16)
    CPU_NAME(cpu_gemm_bf16_packed)((int)rows, width, conv->cin, a, panels, y, (size_t)conv->cout, false);
  else
    CPU_NAME(cpu_gemm_packed)((int)rows, width, conv->cin, a, panels, y, (size_t)conv->cout, false);
}
/* The rows o.. of the weight's gradient, at the first of them. */
static inline void cpu_multiply_outer(const cpu_backward *op, const float *dy, const float *x, size_t rows,
                                      int o, int width, float *dweight, bool accumulate) {
  const int cin = op->conv->cin;
  const cpu_matrix a = {dy + o, 1, (size_t)op->conv->cout};
  if (op->bf16)
    CPU_NAME(cpu_gemm_bf16)(width, cin, (int)rows, a, x, (size_t)cin, dweight, (size_t)cin, accumulate);
  else
    CPU_NAME(cpu_gemm)(op->exact, width, cin, (int)rows, a, x, (size_t)cin, dweight, (size_t)cin, accumulate);
}
/* Channels c0.. of dx = dy W; d and weight at their first channel. */
static inline void cpu_multiply_weight(const cpu_backward *op, const float *dy, const float *weight,
                                       size_t rows, int c0, int width, float *d) {
  const size_t cin = (size_t)op->conv->cin, cout = (size_t)op->conv->cout;
  const cpu_matrix a = {dy, op->bf16 ? cpu_bf16_words(cout) : cout, 1};
  if (op->bf16)
    CPU_NAME(cpu_gemm_bf16)((int)rows, width, (int)cout, a, weight + c0, cin, d + c0, cin, false);
  else
    CPU_NAME(cpu_gemm)(op->exact, (int)rows, width, (int)cout, a, weight + c0, cin, d + c0, cin, false);
}
/* What cpu_multiply_weight takes: the weight, or its words, which are made here. */
const float *CPU_NAME(cpu_weight_operand)(const cpu_backward *, int threads, cpu_pieces *);
static inline size_t cpu_weight_operand_size(const cream_conv *conv) {
  return cpu_line(cpu_bf16_words((size_t)conv->cout) * (size_t)conv->cin);
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
