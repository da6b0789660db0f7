/* Both gradients of a convolution by Winograd's algorithm: that of x is a convolution of dy, that of the weights
 *
 *     dg = G^T [sum over tiles of (A dY A^T) * (B^T d B)] G,
 *
 * the adjoint of the forward pass: 36 products of matrices [cout][tiles] by [tiles][cin].
 */
#include <omp.h>

#include "operands.h"
#include "winograd.h"

/* Columns of a product's task, and outputs of a task of the last transform. */
enum { TASK_COLUMNS = 6 * CPU_WIDE, TASK_OUTPUTS = 8, TAPS = WINOGRAD_KERNEL * WINOGRAD_KERNEL };

/* The matrices of a weight gradient: values [cin] of x in panels of tiles, gradients [tile][cout] of y, and their
 * products [cout][cin]. */
typedef struct weight_matrices {
  winograd_matrices values, gradients, products;
} weight_matrices;

static size_t products_size(const cream_conv *conv) {
  return winograd_line_up((size_t)conv->cout * winograd_line_up((size_t)conv->cin));
}
static size_t gradients_size(const winograd *s, const cream_conv *conv) {
  return winograd_line_up(s->most * winograd_line_up((size_t)conv->cout));
}
static size_t values_size(const winograd *s, const cream_conv *conv) {
  return winograd_line_up(cpu_packed_size(conv->cin, (int)s->most));
}
static weight_matrices weight_matrices_of(const winograd *s, const cream_conv *conv, cpu_pieces *pieces) {
  weight_matrices m = {
      .values = {.point = values_size(s, conv), .row = CPU_PANEL},
      .gradients = {.point = gradients_size(s, conv), .row = winograd_line_up((size_t)conv->cout)},
      .products = {.point = products_size(conv), .row = winograd_line_up((size_t)conv->cin)}};
  winograd_matrices *const all[] = {&m.values, &m.gradients, &m.products};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    all[i]->at = cpu_piece(pieces, WINOGRAD_POINTS * all[i]->point);
  return m;
}
static size_t weight_matrices_size(const winograd *s, const cream_conv *conv) {
  return WINOGRAD_POINTS * (values_size(s, conv) + gradients_size(s, conv) + products_size(conv));
}

static int ceil_div(int a, int b) {
  return (a + b - 1) / b;
}
/* Floats of the padded gradient of a row of tiles. */
static size_t gradient_band(const winograd *s, int channels) {
  return (size_t)(WINOGRAD_OUT * WINOGRAD_OUT * s->across) * (size_t)channels;
}
/* Pixels of a row of tiles. */
static size_t row_pixels(const winograd *s) {
  return (size_t)(WINOGRAD_OUT * s->w);
}

void CPU_NAME(cpu_winograd_backward_workspace)(const cream_conv *conv, int n, int h, int w,
                                               cpu_workspace *work) {
  const winograd s = CPU_NAME(cpu_winograd_of)(n, h, w);
  const size_t lines = (size_t)n * (size_t)h;
  const size_t input = CPU_NAME(cpu_winograd_weights_size)(conv->cout, conv->cin) +
                       CPU_NAME(cpu_winograd_pass_size)(&s, conv->cout, conv->cin);
  const size_t weight = weight_matrices_size(&s, conv);
  cpu_raise(&work->shared, cpu_line(cpu_sink_partials(true, lines, n, conv->cin)) +
                               cpu_line(lines * (size_t)conv->cout) + (input > weight ? input : weight));
  cpu_raise(&work->scratch, cpu_line(CPU_NAME(cpu_winograd_band_size)(&s, cpu_max(conv->cin, conv->cout))));
  cpu_raise(&work->scratch, cpu_line(gradient_band(&s, conv->cout)));
  cpu_raise(&work->scratch,
            cpu_operands_size(conv, row_pixels(&s), 0) + cpu_line(row_pixels(&s) * (size_t)conv->cin));
}

/* ---- the weights ------------------------------------------------------------------------------------- */
/* The gradients of a row of tiles, the first of which has index `first`; dbias: sums of each row of pixels. */
static void transform_gradients(const cpu_backward *op, const winograd *s, int row, size_t first, float *band,
                                float *dbias, winograd_matrices to) {
  const int width = WINOGRAD_OUT * s->across, image = row / s->down, top = row % s->down * WINOGRAD_OUT;
  const size_t channels = (size_t)op->y->c, line = (size_t)width * channels;
  const winograd_square in = {line, channels}, out = {WINOGRAD_IN * to.point, to.point};
  CPU_NAME(cpu_winograd_pad)
  ((winograd_source){op->y, op->dy, op->narrow_y}, image, top, WINOGRAD_OUT, 0, width, band);
  for (int i = 0; dbias && i < cpu_min(WINOGRAD_OUT, s->h - top); i++) CPU_NAME(cpu_column_sums)
  (band + (size_t)i * line, channels, (size_t)s->w, op->y->c,
   dbias + (size_t)(image * s->h + top + i) * channels);
  for (int t = 0; t < s->across; t++)
    CPU_FOR_LANES(op->y->c, winograd_step, winograd_output_gradient, WINOGRAD_OUT, WINOGRAD_IN,
                  band + (size_t)(t * WINOGRAD_OUT) * channels, in, to.at + (first + (size_t)t) * to.row, out,
                  WINOGRAD_IN, WINOGRAD_IN);
}

/* Adds the products of a strip (of the first strip: writes them). */
static void multiply_strip(const cpu_backward *op, cpu_backend *cpu, const winograd *s, int strip,
                           float *dbias, weight_matrices m) {
  const int cin = op->conv->cin, blocks = ceil_div(cin, TASK_COLUMNS), rows = winograd_rows(s, strip);
  const int tiles = rows * s->across;
  m.values.panel = (size_t)tiles * CPU_PANEL;
  cpu_tasks_begin(cpu, 2 * (size_t)rows);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) {
      const int at = (int)task / 2, row = strip * s->rows + at;
      const size_t first = (size_t)at * (size_t)s->across;
      float *band = cpu_scratch(cpu, thread);
      if (task % 2)
        transform_gradients(op, s, row, first, band, dbias, m.gradients);
      else
        CPU_NAME(cpu_winograd_values)
      (s, (winograd_source){op->x, NULL, op->narrow_x}, row, first, band, m.values);
    }
  }
  cpu_tasks_begin(cpu, (size_t)(WINOGRAD_POINTS * blocks));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const size_t point = task / (size_t)blocks;
    const int c = (int)(task % (size_t)blocks) * TASK_COLUMNS;
    const cpu_matrix a = {m.gradients.at + point * m.gradients.point, 1, m.gradients.row};
    CPU_NAME(cpu_gemm_packed)
    (op->conv->cout, cpu_min(TASK_COLUMNS, cin - c), tiles, a,
     m.values.at + point * m.values.point + (size_t)(c / CPU_PANEL) * m.values.panel,
     m.products.at + point * m.products.point + c, m.products.row, strip > 0);
  }
}

/* dweight of output o from the products. */
static void finish_output(const cream_conv *conv, winograd_matrices products, int o) {
  const winograd_square in = {WINOGRAD_IN * products.point, products.point},
                        out = {WINOGRAD_KERNEL * CPU_LANES, CPU_LANES};
  float *to = cpu_at(conv->dweight) + (size_t)o * (size_t)conv->cin * TAPS;
  const float *from = products.at + (size_t)o * products.row;
  for (int c = 0; c < conv->cin; c += CPU_LANES) {
    float taps[TAPS * CPU_LANES];
    const int lanes = cpu_min(CPU_LANES, conv->cin - c); /* rows have whole vectors */
    winograd_step(winograd_weight_gradient, WINOGRAD_IN, WINOGRAD_KERNEL, from + c, in, taps, out,
                  WINOGRAD_KERNEL, WINOGRAD_KERNEL, 0, CPU_LANES);
    for (int l = 0; l < lanes; l++)
      for (int tap = 0; tap < TAPS; tap++) to[(c + l) * TAPS + tap] = taps[tap * CPU_LANES + l];
  }
}

static void weight_gradient(const cpu_backward *op, cpu_backend *cpu, const winograd *s, float *dbias,
                            cpu_pieces pieces) {
  const weight_matrices m = weight_matrices_of(s, op->conv, &pieces);
  for (int strip = 0; strip < s->strips; strip++) multiply_strip(op, cpu, s, strip, dbias, m);
  cpu_tasks_begin(cpu, (size_t)ceil_div(op->conv->cout, TASK_OUTPUTS));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const int first = (int)task * TASK_OUTPUTS;
    for (int o = first; o < cpu_min(first + TASK_OUTPUTS, op->conv->cout); o++)
      finish_output(op->conv, m.products, o);
  }
}

/* ---- the input --------------------------------------------------------------------------------------- */
/* Takes row `row` of the strip's tiles to the sink, a row of pixels a tile of its sums; d: scratch. */
static void finish_row(const cpu_backward *op, const winograd_pass *pass, int strip, int row, cpu_operands at,
                       float *d, float *partials) {
  const winograd *s = pass->s;
  const int tile = strip * s->rows + row, width = s->w;
  const int first = tile / s->down * s->h + tile % s->down * WINOGRAD_OUT;
  const int rows = CPU_NAME(cpu_winograd_outputs)(pass, strip, row, d);
  cpu_operands_map_x(op, &at, (size_t)(first * width), (size_t)(rows * width));
  for (int i = 0; i < rows; i++) {
    const cpu_operands line = cpu_operands_at(op, at, (size_t)(i * width));
    cpu_operands_finish(op, &line, d + (size_t)(i * width) * (size_t)op->conv->cin, (size_t)op->conv->cin,
                        (size_t)(first + i), (size_t)((first + i) * width), (size_t)width, 0, op->conv->cin,
                        partials);
  }
}

static void input_gradient(const cpu_backward *op, cpu_backend *cpu, const winograd *s, float *partials,
                           cpu_pieces pieces) {
  const cream_conv *conv = op->conv;
  const winograd_matrices weights = CPU_NAME(cpu_winograd_weights)(cpu, conv, true, &pieces);
  const winograd_pass pass = CPU_NAME(cpu_winograd_pass)(s, (winograd_source){op->y, op->dy, op->narrow_y},
                                                         conv->cout, conv->cin, weights, &pieces);
  for (int strip = 0; strip < s->strips; strip++) {
    CPU_NAME(cpu_winograd_multiply)(cpu, &pass, strip);
    cpu_tasks_begin(cpu, (size_t)winograd_rows(s, strip));
#pragma omp parallel num_threads(cpu->threads)
    {
      const int thread = omp_get_thread_num();
      cpu_pieces own = cpu_pieces_scratch(cpu, thread);
      cpu_operands at = CPU_NAME(cpu_operands_take)(op, &own, row_pixels(s), 0);
      at.x.value = NULL; /* not needed */
      float *d = cpu_piece(&own, row_pixels(s) * (size_t)conv->cin);
      for (size_t row; cpu_tasks_next(cpu, thread, &row);)
        finish_row(op, &pass, strip, (int)row, at, d, partials);
      vf_stream_end();
    }
  }
}

void CPU_NAME(cpu_winograd_backward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                     const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  const cpu_backward op = cpu_backward_of(cpu, conv, x, y, dy, sink);
  const winograd s = CPU_NAME(cpu_winograd_of)(x->n, x->h, x->w);
  const size_t lines = (size_t)x->n * (size_t)x->h, cout = (size_t)conv->cout;
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *partials = NULL, *dbias = NULL;
  if (op.wanted && sink->bn)
    partials = cpu_piece(&pieces, cpu_sink_partials(cpu_sink_gated(sink), lines, x->n, conv->cin));
  if (cream_buf_present(conv->dbias)) dbias = cpu_piece(&pieces, lines * cout);
  weight_gradient(&op, cpu, &s, dbias, pieces);
  if (dbias) CPU_NAME(cpu_merge_partials)(cpu, dbias, lines, cout, cout, cpu_at(conv->dbias));
  if (!op.wanted) return;
  input_gradient(&op, cpu, &s, partials, pieces);
  CPU_NAME(cpu_sink_merge)(cpu, sink, (size_t)s.w, partials);
}
