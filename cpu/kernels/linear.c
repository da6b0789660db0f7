#include <omp.h>

#include "gemm.h"
#include "operands.h"

/* Rows and columns of a task: whole panels of every instruction set, as the order of sums over rows depends on it. */
enum { TASK_ROWS = 64, TASK_COLUMNS = 6 * CPU_WIDE, TASK_OUTPUTS = 32 };

static int ceil_div(int a, int b) {
  return (a + b - 1) / b;
}

void CPU_NAME(cpu_linear_workspace)(const cream_conv *conv, int n, size_t rows, cpu_workspace *work) {
  const size_t cin = (size_t)conv->cin, tiles = (rows + TASK_ROWS - 1) / TASK_ROWS;
  cpu_raise(&work->shared, cpu_line(cpu_packed_size(conv->cout, conv->cin)) + cpu_line(rows * cin) +
                               cpu_line(tiles * cpu_bn_partial(conv->cout)) +
                               cpu_line(rows * (size_t)conv->cout));
  cpu_raise(&work->shared, cpu_operands_size(conv, rows, rows) + cpu_line(rows * cin) +
                               cpu_line(cpu_sink_partials(true, tiles, n, conv->cin)) +
                               cpu_weight_operand_size(conv));
}

void CPU_NAME(cpu_linear_forward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                  const cream_bn *bn, cream_bn_mode mode, float momentum,
                                  const cream_tensor *y) {
  const int cin = conv->cin, cout = conv->cout;
  const size_t ld_x = (size_t)cin, ld_y = (size_t)cout;
  const cpu_tiling tiling = {1, (size_t)x->n * cpu_pixels(x), TASK_ROWS};
  const int tiles = (int)cpu_tiling_count(&tiling), blocks = ceil_div(cout, TASK_COLUMNS);
  const bool measured = bn && mode != CREAM_BN_RUNNING;
  const float *weight = cpu_at(conv->weight);
  const cpu_map map = cpu_map_of(x, 0, 0);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  const bool bf16 = cpu_multiplies_bf16(cpu, conv, x);
  const bool few = tiling.period <= CPU_FEW_ROWS && !bf16, pack = !few && !cpu_at(conv->packed);
  float *packed =
      cpu_at(conv->packed) ? cpu_at(conv->packed) : cpu_piece(&pieces, cpu_packed_size(cout, cin));
  const bool narrow_x = cpu_is_narrow(cpu->narrow, x), narrow_y = cpu_is_narrow(cpu->narrow, y);
  float *values = cpu_map_identity(&map) && !narrow_x ? NULL : cpu_piece(&pieces, tiling.period * ld_x);
  float *partials = measured ? cpu_piece(&pieces, (size_t)tiles * cpu_bn_partial(cout)) : NULL;
  float *results = narrow_y ? cpu_piece(&pieces, tiling.period * ld_y) : cpu_at(y->raw);

#pragma omp parallel num_threads(cpu->threads) if (pack || values)
  {
#pragma omp for schedule(static) nowait
    for (int o = 0; o < (pack ? cout : 0); o += CPU_PANEL)
      cpu_pack_outputs(bf16, conv, o, cpu_min(CPU_PANEL, cout - o), packed);
#pragma omp for schedule(static) nowait
    for (size_t row = 0; row < (values ? tiling.period : 0); row++) {
      float *value = values + row * ld_x;
      cpu_map_tile(x, narrow_x, row, 1, 0, cin, value, ld_x);
      if (bf16) CPU_NAME(cpu_bf16_rows)(1, ld_x, value, ld_x, value); /* words take its start */
    }
  }
  cpu_tasks_begin(cpu, (size_t)(tiles * blocks));
#pragma omp parallel num_threads(cpu->threads)
  {
    for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
      const size_t t = task % (size_t)tiles;
      const int o = (int)task / tiles * TASK_COLUMNS, width = cpu_min(TASK_COLUMNS, cout - o);
      const size_t row = cpu_tiling_first(&tiling, t), rows = cpu_tiling_rows(&tiling, t);
      const float *a = values ? values : cpu_at(x->raw);
      float *out = results + row * ld_y + o;
      float *mean = measured ? partials + t * cpu_bn_partial(cout) + o : NULL;
      if (few) {
        CPU_NAME(cpu_gemm_few)
        ((int)rows, width, cin, a + row * ld_x, ld_x, weight + (size_t)o * ld_x, ld_x, out, ld_y);
      } else {
        cpu_multiply_packed(bf16, conv, rows, a + row * ld_x, ld_x, o, width, packed, out);
      }

      CPU_NAME(cpu_conv_epilogue)
      (out, ld_y, rows, conv, o, width, mean, mean ? mean + cout : NULL);
      if (narrow_y)
        cells_write(out, ld_y, rows, width, cells_to(true, cpu_at(y->raw), row * ld_y + (size_t)o), ld_y);
    }
  }
  if (bn) CPU_NAME(cpu_bn_forward)(cpu, bn, mode, momentum, cout, &tiling, partials);
}

/* dweight of TASK_OUTPUTS outputs from `o` on. */
static void weight_task(const cpu_backward *op, const float *dy, const float *value, size_t rows, int o) {
  const size_t cin = (size_t)op->conv->cin;
  const int width = cpu_min(TASK_OUTPUTS, op->conv->cout - o);
  cpu_multiply_outer(op, dy, value, rows, o, width, cpu_at(op->conv->dweight) + (size_t)o * cin, false);
}

/* The input gradient of a tile of rows and TASK_COLUMNS channels from c0 on; d: [all rows][cin], scratch. */
static void input_task(const cpu_backward *op, const cpu_operands *all, const float *dy, const float *weight,
                       float *d, const cpu_tiling *tiling, size_t t, int c0, float *partials) {
  const size_t cin = (size_t)op->conv->cin, cout = (size_t)op->conv->cout;
  const int width = cpu_min(TASK_COLUMNS, op->conv->cin - c0);
  const size_t row = cpu_tiling_first(tiling, t), rows = cpu_tiling_rows(tiling, t);
  const cpu_operands at = cpu_operands_at(op, *all, row);
  const size_t words = op->bf16 ? cpu_bf16_words(cout) : cout;
  cpu_multiply_weight(op, dy + row * words, weight, rows, c0, width, d + row * cin);
  cpu_operands_finish(op, &at, d + row * cin, cin, t, row, rows, c0, width, partials);
}

void CPU_NAME(cpu_linear_backward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                   const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  const cpu_backward op = cpu_backward_of(cpu, conv, x, y, dy, sink);
  const cpu_tiling tiling = {1, (size_t)x->n * cpu_pixels(x), TASK_ROWS};
  const int tiles = (int)cpu_tiling_count(&tiling);
  const int outputs = ceil_div(conv->cout, TASK_OUTPUTS);
  const int inputs = op.wanted ? tiles * ceil_div(conv->cin, TASK_COLUMNS) : 0;
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  const cpu_operands all = CPU_NAME(cpu_operands_take)(&op, &pieces, tiling.period, tiling.period);
  float *d = op.wanted ? cpu_piece(&pieces, tiling.period * (size_t)conv->cin) : NULL, *partials = NULL;
  if (op.wanted && sink->bn)
    partials = cpu_piece(&pieces, cpu_sink_partials(cpu_sink_gated(sink), (size_t)tiles, x->n, conv->cin));

#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t row = 0; row < tiling.period; row++) {
    const cpu_operands at = cpu_operands_at(&op, all, row);
    cpu_operands_map_dy(&op, &at, row, 1);
    cpu_operands_map_x(&op, &at, row, 1);
  }
  const float *g = cpu_operands_dy(&op, &all, 0), *value = cpu_operands_value(&op, &all, 0);
  if (cream_buf_present(conv->dbias)) {
    float *dbias = cpu_at(conv->dbias);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (int o = 0; o < conv->cout; o += TASK_OUTPUTS) CPU_NAME(cpu_column_sums)
    (g + o, (size_t)conv->cout, tiling.period, cpu_min(TASK_OUTPUTS, conv->cout - o), dbias + o);
  }
  if (op.bf16) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t row = 0; row < tiling.period; row += 2)
      cpu_operands_round(&op, &all, row, cpu_min_size(2, tiling.period - row));
  }
  const float *weight = CPU_NAME(cpu_weight_operand)(&op, cpu->threads, &pieces);
  const float *columns = op.bf16 ? all.words.dy_columns : g, *rows = op.bf16 ? all.words.dy_rows : g;
  cpu_tasks_begin(cpu, (size_t)(outputs + inputs));
#pragma omp parallel num_threads(cpu->threads)
  {
    for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
      const int input = (int)task - outputs;
      if (input < 0)
        weight_task(&op, columns, op.bf16 ? all.words.x_columns : value, tiling.period,
                    (int)task * TASK_OUTPUTS);
      else
        input_task(&op, &all, rows, weight, d, &tiling, (size_t)(input % tiles), input / tiles * TASK_COLUMNS,
                   partials);
    }
    vf_stream_end();
  }
  if (op.wanted) CPU_NAME(cpu_sink_merge)(cpu, sink, tiling.tile, partials);
}
