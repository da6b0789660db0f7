#include "winograd.h"

#include <omp.h>

#include "map.h"

/* Tiles of a strip, whose transformed values then stay in the last cache, and columns of a product's task: whole panels of
 * every instruction set. */
enum { STRIP_TILES = 128, TASK_COLUMNS = 6 * CPU_WIDE, WEIGHT_ROWS = 32 };
/* Least channels, and tiles of an image: from SMALL on backward, and forward where there are few weights; from LARGE on the
 * transform of any weights takes little of the time (docs/benchmarks.md). */
enum { LEAST_CHANNELS = 16, SMALL = 4, LARGE = 16, WEIGHTS_OF_TILE = 4096 };

static int ceil_div(int a, int b) {
  return (a + b - 1) / b;
}

winograd CPU_NAME(cpu_winograd_of)(int n, int h, int w) {
  winograd s = {
      .n = n, .h = h, .w = w, .down = ceil_div(h, WINOGRAD_OUT), .across = ceil_div(w, WINOGRAD_OUT)};
  const int rows = n * s.down;
  s.strips = ceil_div(rows, cpu_max(1, STRIP_TILES / s.across));
  s.rows = ceil_div(rows, s.strips);
  s.strips = ceil_div(rows, s.rows);
  s.most = cpu_min_size((size_t)rows * (size_t)s.across, (size_t)cpu_max(STRIP_TILES, s.across));
  return s;
}

bool CPU_NAME(cpu_winograd_suits)(const cream_conv *conv, int h, int w, bool backward) {
  if (conv->depthwise || conv->kernel != WINOGRAD_KERNEL || conv->stride != 1 || conv->dilation != 1)
    return false;
  if (conv->cin < LEAST_CHANNELS || conv->cout < LEAST_CHANNELS) return false;
  const cream_pads rows = cream_conv_pads(conv, h), columns = cream_conv_pads(conv, w);
  if (rows.before != 1 || rows.after != 1 || columns.before != 1 || columns.after != 1) return false;
  const size_t tiles = (size_t)ceil_div(h, WINOGRAD_OUT) * (size_t)ceil_div(w, WINOGRAD_OUT);
  const size_t wanted = (size_t)conv->cin * (size_t)conv->cout / WEIGHTS_OF_TILE;
  return tiles >= SMALL && (backward || tiles >= LARGE || tiles >= wanted);
}

/* ---- weights ----------------------------------------------------------------------------------------- */
size_t CPU_NAME(cpu_winograd_weights_size)(int inputs, int outputs) {
  return WINOGRAD_POINTS * winograd_line_up(cpu_packed_size(outputs, inputs));
}

/* Where the weights of input i and output o are, which a gradient exchanges. */
typedef struct weight_steps {
  const float *at;
  size_t input, output;
  bool flip;
} weight_steps;

/* Rows first..end-1 (inputs) of a panel of `width` outputs. */
static void transform_panel(weight_steps w, int first, int end, int width, float *packed, size_t point) {
  enum { TAPS = WINOGRAD_KERNEL * WINOGRAD_KERNEL };
  float taps[TAPS * CPU_PANEL] = {0};
  const winograd_square in = {WINOGRAD_KERNEL * CPU_PANEL, CPU_PANEL}, out = {WINOGRAD_IN * point, point};
  for (int i = first; i < end; i++) {
    for (int o = 0; o < width; o++) {
      const float *from = w.at + (size_t)i * w.input + (size_t)o * w.output;
      for (int tap = 0; tap < TAPS; tap++) taps[tap * CPU_PANEL + o] = from[w.flip ? TAPS - 1 - tap : tap];
    }
    CPU_FOR_LANES(CPU_PANEL, winograd_step, winograd_weight, WINOGRAD_KERNEL, WINOGRAD_IN, taps, in,
                  packed + (size_t)i * CPU_PANEL, out, WINOGRAD_IN, WINOGRAD_IN);
  }
}

winograd_matrices CPU_NAME(cpu_winograd_weights)(cpu_backend *cpu, const cream_conv *conv, bool gradient,
                                                 cpu_pieces *pieces) {
  const int inputs = gradient ? conv->cout : conv->cin, outputs = gradient ? conv->cin : conv->cout;
  const size_t area = WINOGRAD_KERNEL * WINOGRAD_KERNEL, line = (size_t)conv->cin * area;
  const weight_steps w = {cpu_at(conv->weight), gradient ? line : area, gradient ? area : line, gradient};
  const winograd_matrices to = {
      .at = cpu_piece(pieces, CPU_NAME(cpu_winograd_weights_size)(inputs, outputs)),
      .point = winograd_line_up(cpu_packed_size(outputs, inputs)),
      .row = CPU_PANEL,
      .panel = (size_t)inputs * CPU_PANEL,
  };
  const int panels = ceil_div(outputs, CPU_PANEL), blocks = ceil_div(inputs, WEIGHT_ROWS);
  cpu_tasks_begin(cpu, (size_t)(panels * blocks));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const int panel = (int)task / blocks, first = (int)task % blocks * WEIGHT_ROWS, o = panel * CPU_PANEL;
    weight_steps from = w;
    from.at += (size_t)o * w.output;
    transform_panel(from, first, cpu_min(first + WEIGHT_ROWS, inputs), cpu_min(CPU_PANEL, outputs - o),
                    to.at + (size_t)panel * to.panel, to.point);
  }
  return to;
}

/* ---- values ------------------------------------------------------------------------------------------ */
void CPU_NAME(cpu_winograd_pad)(winograd_source from, int image, int row, int count, int left, int width,
                                float *dst) {
  const cream_tensor *t = from.tensor;
  const size_t channels = (size_t)t->c, before = (size_t)left * channels, line = (size_t)t->w * channels;
  const size_t all = (size_t)width * channels;
  for (int i = row; i < row + count; i++, dst += all) {
    if (i < 0 || i >= t->h) {
      memset(dst, 0, all * sizeof *dst);
      continue;
    }
    const size_t pixel = ((size_t)image * (size_t)t->h + (size_t)i) * (size_t)t->w;
    memset(dst, 0, before * sizeof *dst);
    if (from.gradient)
      cpu_pending_tile(t, from.narrow, from.gradient, pixel, (size_t)t->w, 0, t->c, dst + before, channels);
    else
      cpu_map_tile(t, from.narrow, pixel, (size_t)t->w, 0, t->c, dst + before, channels);
    memset(dst + before + line, 0, (all - before - line) * sizeof *dst);
  }
}

static int band_width(const winograd *s) {
  return s->across * WINOGRAD_OUT + WINOGRAD_IN - WINOGRAD_OUT;
}
size_t CPU_NAME(cpu_winograd_band_size)(const winograd *s, int channels) {
  return (size_t)(WINOGRAD_IN * band_width(s)) * (size_t)channels;
}

void CPU_NAME(cpu_winograd_values)(const winograd *s, winograd_source source, int row, size_t first,
                                   float *band, winograd_matrices to) {
  const int channels = source.tensor->c, width = band_width(s), block = to.panel ? CPU_PANEL : channels;
  const winograd_square in = {(size_t)(width * channels), (size_t)channels},
                        out = {WINOGRAD_IN * to.point, to.point};
  CPU_NAME(cpu_winograd_pad)
  (source, row / s->down, row % s->down * WINOGRAD_OUT - 1, WINOGRAD_IN, 1, width, band);
  for (int t = 0; t < s->across; t++)
    for (int c = 0; c < channels; c += block) {
      const float *tile = band + (size_t)(t * WINOGRAD_OUT * channels + c);
      float *at = to.at + (first + (size_t)t) * to.row + (size_t)(c / block) * to.panel;
      CPU_FOR_LANES(cpu_min(block, channels - c), winograd_step, winograd_input, WINOGRAD_IN, WINOGRAD_IN,
                    tile, in, at, out, WINOGRAD_IN, WINOGRAD_IN);
    }
}

/* ---- a pass ------------------------------------------------------------------------------------------ */
/* Matrices [tile][channels]. */
static winograd_matrices matrices_of(size_t tiles, int channels, cpu_pieces *pieces) {
  const size_t row = winograd_line_up((size_t)channels), point = winograd_line_up(tiles * row);
  return (winograd_matrices){.at = cpu_piece(pieces, WINOGRAD_POINTS * point), .point = point, .row = row};
}
static size_t matrices_size(size_t tiles, int channels) {
  return WINOGRAD_POINTS * winograd_line_up(tiles * winograd_line_up((size_t)channels));
}

winograd_pass CPU_NAME(cpu_winograd_pass)(const winograd *s, winograd_source source, int inputs, int outputs,
                                          winograd_matrices weights, cpu_pieces *pieces) {
  winograd_pass pass = {.s = s, .source = source, .inputs = inputs, .outputs = outputs, .weights = weights};
  pass.values = matrices_of(s->most, inputs, pieces);
  pass.products = matrices_of(s->most, outputs, pieces);
  return pass;
}
size_t CPU_NAME(cpu_winograd_pass_size)(const winograd *s, int inputs, int outputs) {
  return matrices_size(s->most, inputs) + matrices_size(s->most, outputs);
}

void CPU_NAME(cpu_winograd_multiply)(cpu_backend *cpu, const winograd_pass *pass, int strip) {
  const winograd *s = pass->s;
  const int rows = winograd_rows(s, strip), blocks = ceil_div(pass->outputs, TASK_COLUMNS);
  cpu_tasks_begin(cpu, (size_t)rows);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    float *band = cpu_piece(&own, CPU_NAME(cpu_winograd_band_size)(s, pass->inputs));
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) CPU_NAME(cpu_winograd_values)
    (s, pass->source, strip * s->rows + (int)task, task * (size_t)s->across, band, pass->values);
  }
  cpu_tasks_begin(cpu, (size_t)(WINOGRAD_POINTS * blocks));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const size_t point = task / (size_t)blocks;
    const int o = (int)(task % (size_t)blocks) * TASK_COLUMNS;
    const cpu_matrix a = {pass->values.at + point * pass->values.point, pass->values.row, 1};
    CPU_NAME(cpu_gemm_packed)
    (rows * s->across, cpu_min(TASK_COLUMNS, pass->outputs - o), pass->inputs, a,
     pass->weights.at + point * pass->weights.point + (size_t)(o / CPU_PANEL) * pass->weights.panel,
     pass->products.at + point * pass->products.point + o, pass->products.row, false);
  }
}

int CPU_NAME(cpu_winograd_outputs)(const winograd_pass *pass, int strip, int row, float *y) {
  const winograd *s = pass->s;
  const int height = cpu_min(WINOGRAD_OUT, s->h - (strip * s->rows + row) % s->down * WINOGRAD_OUT);
  const size_t channels = (size_t)pass->outputs, point = pass->products.point;
  const winograd_square in = {WINOGRAD_IN * point, point}, out = {(size_t)s->w * channels, channels};
  for (int t = 0; t < s->across; t++) {
    const float *from = pass->products.at + (size_t)(row * s->across + t) * pass->products.row;
    const int width = cpu_min(WINOGRAD_OUT, s->w - t * WINOGRAD_OUT);
    float *to = y + (size_t)(t * WINOGRAD_OUT) * channels;
    if (height == WINOGRAD_OUT && width == WINOGRAD_OUT)
      CPU_FOR_LANES(pass->outputs, winograd_step, winograd_output, WINOGRAD_IN, WINOGRAD_OUT, from, in, to,
                    out, WINOGRAD_OUT, WINOGRAD_OUT);
    else
      CPU_FOR_LANES(pass->outputs, winograd_step, winograd_output, WINOGRAD_IN, WINOGRAD_OUT, from, in, to,
                    out, height, width);
  }
  return height;
}

/* ---- forward ----------------------------------------------------------------------------------------- */
void CPU_NAME(cpu_winograd_workspace)(const cream_conv *conv, int n, int h, int w, cpu_workspace *work) {
  const winograd s = CPU_NAME(cpu_winograd_of)(n, h, w);
  const size_t weights = CPU_NAME(cpu_winograd_weights_size)(conv->cin, conv->cout);
  cpu_raise(&work->scratch, cpu_line(CPU_NAME(cpu_winograd_band_size)(&s, conv->cin)));
  cpu_raise(&work->scratch, cpu_line((size_t)(WINOGRAD_OUT * w * conv->cout)));
  cpu_raise(&work->shared, weights + CPU_NAME(cpu_winograd_pass_size)(&s, conv->cin, conv->cout) +
                               cpu_line((size_t)(n * s.down) * cpu_bn_partial(conv->cout)));
}

void CPU_NAME(cpu_winograd_forward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                    const cream_bn *bn, cream_bn_mode mode, float momentum,
                                    const cream_tensor *y) {
  const winograd s = CPU_NAME(cpu_winograd_of)(x->n, x->h, x->w);
  const size_t width = (size_t)s.w, cout = (size_t)conv->cout;
  const cpu_tiling tiling = {(size_t)x->n, cpu_pixels(x), WINOGRAD_OUT * width};
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *partials = NULL;
  if (bn && mode != CREAM_BN_RUNNING)
    partials = cpu_piece(&pieces, cpu_tiling_count(&tiling) * cpu_bn_partial(conv->cout));
  const winograd_matrices weights = CPU_NAME(cpu_winograd_weights)(cpu, conv, false, &pieces);
  const bool narrow = cpu_is_narrow(cpu->narrow, y);
  const winograd_source source = {x, NULL, cpu_is_narrow(cpu->narrow, x)};
  const winograd_pass pass = CPU_NAME(cpu_winograd_pass)(&s, source, conv->cin, conv->cout, weights, &pieces);
  for (int strip = 0; strip < s.strips; strip++) {
    CPU_NAME(cpu_winograd_multiply)(cpu, &pass, strip);
    cpu_tasks_begin(cpu, (size_t)winograd_rows(&s, strip));
#pragma omp parallel num_threads(cpu->threads)
    for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
      const size_t row = (size_t)(strip * s.rows) + task, place = cpu_tiling_first(&tiling, row) * cout;
      float *out = narrow ? cpu_scratch(cpu, omp_get_thread_num()) : cpu_at(y->raw) + place;
      float *mean = partials ? partials + row * cpu_bn_partial(conv->cout) : NULL;
      const int rows = CPU_NAME(cpu_winograd_outputs)(&pass, strip, (int)task, out);
      CPU_NAME(cpu_conv_epilogue)
      (out, cout, (size_t)rows * width, conv, 0, conv->cout, mean, mean ? mean + cout : NULL);
      if (narrow)
        cells_write(out, cout, (size_t)rows * width, conv->cout, cells_to(true, cpu_at(y->raw), place), cout);
    }
  }
  if (bn) CPU_NAME(cpu_bn_forward)(cpu, bn, mode, momentum, conv->cout, &tiling, partials);
}
