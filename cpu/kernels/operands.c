#include "operands.h"

cpu_operands CPU_NAME(cpu_operands_take)(const cpu_backward *op, cpu_pieces *pieces, size_t rows_x,
                                         size_t rows_y) {
  const size_t x = rows_x * (size_t)op->x->c, y = rows_y * (size_t)op->y->c;
  const cpu_map map = cpu_map_of(op->x, 0, 0);
  const cpu_pending pending = cpu_pending_of(op->y, op->dy, 0, 0);
  cpu_operands to = {0};
  if (!cpu_pending_identity(&pending) || op->narrow_y || op->bf16) to.dy = cpu_piece(pieces, y);
  if (!cpu_map_identity(&map) || op->narrow_x) to.x.value = cpu_piece(pieces, x);
  if (op->bf16 && CPU_BF16_WORD == 1)
    to.words = (cpu_operand_words){.dy_rows = to.dy, .dy_columns = to.dy, .x_columns = to.x.value};
  else if (op->bf16)
    to.words = (cpu_operand_words){.dy_rows = cpu_piece(pieces, rows_y * cpu_bf16_words((size_t)op->y->c)),
                                   .dy_columns = cpu_piece(pieces, cpu_bf16_words(rows_y) * (size_t)op->y->c),
                                   .x_columns = cpu_piece(pieces, cpu_bf16_words(rows_x) * (size_t)op->x->c)};
  if (!op->wanted) return to;
  const cream_tensor *node = op->sink->node;
  const bool gated = cpu_sink_gated(op->sink), sloped = node->act != CREAM_ACT_NONE;
  CREAM_ASSERT(cpu_at(node->raw) == cpu_at(op->x->raw) || !sloped);
  if (gated && sloped) to.x.ungated = cpu_piece(pieces, x);
  if (sloped) to.x.slope = cpu_piece(pieces, x);
  return to;
}

const float *CPU_NAME(cpu_weight_operand)(const cpu_backward *op, int threads, cpu_pieces *pieces) {
  const size_t cin = (size_t)op->conv->cin, cout = (size_t)op->conv->cout;
  const float *weight = cpu_at(op->conv->weight);
  if (!op->bf16 || !op->wanted) return weight;
  enum { SOME = 8 };
  float *words = cpu_piece(pieces, cpu_bf16_words(cout) * cin);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (size_t o = 0; o < cout; o += SOME) CPU_NAME(cpu_bf16_columns)
  (cpu_min_size(SOME, cout - o), cin, weight + o * cin, cin, words + o / CPU_BF16_WORD * cin);
  return words;
}
