#include <omp.h>

#include "conv.h"
#include "gemm.h"
#include "operands.h"

/* Floats of a thread's tiles, so that they fit into a core's second-level cache. */
enum { CACHE_FLOATS = 144 * 1024, FORWARD_MIN = 64, BACKWARD_MIN = 32, TILE_MAX = 256 };
/* Weight gradients are summed in groups of tiles: the least and the most groups, and the rows of one. */
enum { GROUPS_MIN = 8, GROUPS_MAX = 64, GROUP_ROWS = 512 };
enum { MAPPED_ROWS = 8 }; /* rows that are mapped before they are rounded */

static size_t tile_rows(size_t floats_per_row, int least) {
  int rows = (int)(CACHE_FLOATS / floats_per_row) & ~7;
  return (size_t)cpu_min(cpu_max(rows, least), TILE_MAX);
}
static size_t forward_tile(const cream_conv *conv) {
  return tile_rows((size_t)conv->cin + (size_t)conv->cout, FORWARD_MIN);
}
static size_t backward_tile(const cream_conv *conv) {
  return tile_rows(3 * (size_t)conv->cin + (size_t)conv->cout, BACKWARD_MIN);
}
static size_t tiles_of(size_t rows, size_t tile) {
  return (rows + tile - 1) / tile;
}
static size_t groups_of(size_t rows, size_t tiles) {
  int groups = cpu_max(cpu_min((int)(rows / GROUP_ROWS), GROUPS_MAX), GROUPS_MIN);
  return cpu_min_size((size_t)groups, tiles);
}

void CPU_NAME(cpu_pointwise_workspace)(const cream_conv *conv, int n, size_t rows, cpu_workspace *work) {
  const size_t cin = (size_t)conv->cin, cout = (size_t)conv->cout;
  const size_t forward = forward_tile(conv), backward = backward_tile(conv);
  const size_t tiles = tiles_of(rows, backward);
  cpu_raise(&work->scratch, cpu_line(forward * cin) + cpu_line(forward * cout) + cpu_line(MAPPED_ROWS * cin));
  cpu_raise(&work->scratch, cpu_operands_size(conv, backward, backward) + cpu_line(backward * cin));
  cpu_raise(&work->shared, cpu_line(cpu_packed_size(conv->cout, conv->cin)) +
                               cpu_line(tiles_of(rows, forward) * cpu_bn_partial(conv->cout)));
  cpu_raise(&work->shared, cpu_line(groups_of(rows, tiles) * cpu_line(cin * cout)) +
                               cpu_line(cpu_sink_partials(true, tiles, n, conv->cin)) +
                               cpu_line(tiles * cout) + cpu_weight_operand_size(conv));
}

/* Rows row.. of the value of x as words. mapped: scratch of MAPPED_ROWS rows, which stay in the first-level cache. */
static void round_tile(const cream_tensor *x, size_t row, size_t rows, float *mapped, float *words) {
  const size_t cin = (size_t)x->c;
  for (size_t r = 0; r < rows; r += MAPPED_ROWS) {
    const size_t some = cpu_min_size(MAPPED_ROWS, rows - r);
    cpu_map_tile(x, true, row + r, some, 0, x->c, mapped, cin);
    CPU_NAME(cpu_bf16_rows)(some, cin, mapped, cin, words + r * cpu_bf16_words(cin));
  }
}

void CPU_NAME(cpu_pointwise_forward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                     const cream_bn *bn, cream_bn_mode mode, float momentum,
                                     const cream_tensor *y) {
  const int cin = conv->cin, cout = conv->cout;
  const cpu_tiling tiling = {1, (size_t)x->n * cpu_pixels(x), forward_tile(conv)};
  const size_t tiles = cpu_tiling_count(&tiling);
  const bool measured = bn && mode != CREAM_BN_RUNNING;
  const cpu_map map = cpu_map_of(x, 0, 0);
  const bool narrow_x = cpu_is_narrow(cpu->narrow, x), narrow_y = cpu_is_narrow(cpu->narrow, y);
  const bool identity = cpu_map_identity(&map) && !narrow_x;
  const bool bf16 = cpu_multiplies_bf16(cpu, conv, x);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *packed =
      cpu_at(conv->packed) ? cpu_at(conv->packed) : cpu_piece(&pieces, cpu_packed_size(cout, cin));
  float *partials = measured ? cpu_piece(&pieces, tiles * cpu_bn_partial(cout)) : NULL;

#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (!cpu_at(conv->packed))
  for (int o = 0; o < (cpu_at(conv->packed) ? 0 : cout); o += CPU_PANEL)
    cpu_pack_outputs(bf16, conv, o, cpu_min(CPU_PANEL, cout - o), packed);
  cpu_tasks_begin(cpu, tiles);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    float *values = identity ? NULL : cpu_piece(&own, tiling.tile * (size_t)cin);
    float *mapped = bf16 ? cpu_piece(&own, MAPPED_ROWS * (size_t)cin) : NULL;
    float *products = narrow_y ? cpu_piece(&own, tiling.tile * (size_t)cout) : NULL;
    for (size_t t; cpu_tasks_next(cpu, thread, &t);) {
      const size_t row = cpu_tiling_first(&tiling, t), rows = cpu_tiling_rows(&tiling, t);
      const float *a = identity ? cpu_at(x->raw) + row * (size_t)cin : values;
      float *out = narrow_y ? products : cpu_at(y->raw) + row * (size_t)cout;
      float *mean = measured ? partials + t * cpu_bn_partial(cout) : NULL;
      if (bf16)
        round_tile(x, row, rows, mapped, values);
      else if (!identity)
        cpu_map_tile(x, narrow_x, row, rows, 0, cin, values, (size_t)cin);
      cpu_multiply_packed(bf16, conv, rows, a, bf16 ? cpu_bf16_words((size_t)cin) : (size_t)cin, 0, cout,
                          packed, out);
      CPU_NAME(cpu_conv_epilogue)(out, (size_t)cout, rows, conv, 0, cout, mean, mean ? mean + cout : NULL);
      if (narrow_y)
        cells_write(out, (size_t)cout, rows, cout, cells_to(true, cpu_at(y->raw), row * (size_t)cout),
                    (size_t)cout);
    }
  }
  if (bn) CPU_NAME(cpu_bn_forward)(cpu, bn, mode, momentum, cout, &tiling, partials);
}

/* One tile: adds to the group's dweight, writes its rows of the input gradient. products: scratch; weight: of cpu_gemm, or
 * cpu_bf16_columns. */
static void backward_tile_run(const cpu_backward *op, const cpu_operands *at, const float *weight,
                              float *products, size_t index, size_t row, size_t rows, float *dweight,
                              bool first, float *dbias, float *partials) {
  const int cin = op->conv->cin, cout = op->conv->cout;
  const size_t ld_x = (size_t)cin, ld_y = (size_t)cout;
  cpu_operands_map_dy(op, at, row, rows);
  cpu_operands_map_x(op, at, row, rows);
  const float *dy = cpu_operands_dy(op, at, row), *value = cpu_operands_value(op, at, row);
  if (dbias) CPU_NAME(cpu_column_sums)(dy, ld_y, rows, cout, dbias);
  if (op->bf16) cpu_operands_round(op, at, 0, rows);
  cpu_multiply_outer(op, op->bf16 ? at->words.dy_columns : dy, op->bf16 ? at->words.x_columns : value, rows,
                     0, cout, dweight, !first);
  if (!op->wanted) return;
  const bool in_place = cpu_sink_gated(op->sink) && !op->sink->add.mem && !op->narrow_x;
  float *d = in_place ? cpu_at(op->sink->g) + row * ld_x : products;
  cpu_multiply_weight(op, op->bf16 ? at->words.dy_rows : dy, weight, rows, 0, cin, d);
  cpu_operands_finish(op, at, d, ld_x, index, row, rows, 0, cin, partials);
}

void CPU_NAME(cpu_pointwise_backward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                      const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  const cpu_backward op = cpu_backward_of(cpu, conv, x, y, dy, sink);
  const size_t cin = (size_t)conv->cin, cout = (size_t)conv->cout;
  const cpu_tiling tiling = {1, (size_t)x->n * cpu_pixels(x), backward_tile(conv)};
  const size_t tiles = cpu_tiling_count(&tiling), groups = groups_of(tiling.period, tiles);
  const size_t stride = cpu_line(cin * cout);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *dweight = cpu_piece(&pieces, groups * stride), *partials = NULL, *dbias = NULL;
  if (op.wanted && sink->bn)
    partials = cpu_piece(&pieces, cpu_sink_partials(cpu_sink_gated(sink), tiles, x->n, conv->cin));
  if (cream_buf_present(conv->dbias)) dbias = cpu_piece(&pieces, tiles * cout);
  const float *weight = CPU_NAME(cpu_weight_operand)(&op, cpu->threads, &pieces);

  cpu_tasks_begin(cpu, groups);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    const cpu_operands at = CPU_NAME(cpu_operands_take)(&op, &own, tiling.tile, tiling.tile);
    float *products = op.wanted ? cpu_piece(&own, tiling.tile * cin) : NULL;
    for (size_t group; cpu_tasks_next(cpu, thread, &group);) {
      const size_t first = group * tiles / groups, end = (group + 1) * tiles / groups;
      for (size_t t = first; t < end; t++)
        backward_tile_run(&op, &at, weight, products, t, cpu_tiling_first(&tiling, t),
                          cpu_tiling_rows(&tiling, t), dweight + group * stride, t == first,
                          dbias ? dbias + t * cout : NULL, partials);
    }
    vf_stream_end();
  }
  CPU_NAME(cpu_merge_partials)(cpu, dweight, groups, stride, cin * cout, cpu_at(conv->dweight));
  if (dbias) CPU_NAME(cpu_merge_partials)(cpu, dbias, tiles, cout, cout, cpu_at(conv->dbias));
  if (op.wanted) CPU_NAME(cpu_sink_merge)(cpu, sink, tiling.tile, partials);
}
