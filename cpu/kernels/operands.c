#include "operands.h"

cpu_operands CPU_NAME(cpu_operands_take)(const cpu_backward *op, cpu_pieces *pieces, size_t rows_x,
                                         size_t rows_y) {
  const size_t x = rows_x * (size_t)op->x->c, y = rows_y * (size_t)op->y->c;
  const cpu_map map = cpu_map_of(op->x, 0, 0);
  const cpu_pending pending = cpu_pending_of(op->y, op->dy, 0, 0);
  cpu_operands to = {0};
  if (!cpu_pending_identity(&pending) || op->narrow_y) to.dy = cpu_piece(pieces, y);
  if (!cpu_map_identity(&map) || op->narrow_x) to.x.value = cpu_piece(pieces, x);
  if (!op->wanted) return to;
  const cream_tensor *node = op->sink->node;
  const bool gated = cpu_sink_gated(op->sink), sloped = node->act != CREAM_ACT_NONE;
  CREAM_ASSERT(cpu_at(node->raw) == cpu_at(op->x->raw) || !sloped);
  if (gated && sloped) to.x.ungated = cpu_piece(pieces, x);
  if (sloped) to.x.slope = cpu_piece(pieces, x);
  return to;
}
