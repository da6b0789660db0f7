/* Dense convolution of any shape. A task maps the values that it needs into rows padded with zeros. A row of
 * outputs is then a product whose left operand is read in place with a stride, without im2col.
 *
 * A segment is a run of adjacent taps in a padded row: a whole kernel row, or one tap where the kernel is
 * dilated. Weights are repacked to [segment][cout][depth], depth = taps of a segment * cin.
 */
#include <omp.h>

#include "gemm.h"
#include "operands.h"

enum { FORWARD_ROWS = 256, GROUPS_MAX = 32 };
/* Output pixels whose share of the weight gradient is added at once, and the least weights of a segment for which it pays. */
enum { WEIGHT_PIXELS = 256, WEIGHTS_LARGE = 32768 };

typedef struct spatial {
  const cream_conv *conv;
  int h, w, out_h, out_w;
  size_t cin, cout, ld; /* ld: floats of a padded row */
  int taps, segments;   /* taps of a segment */
  size_t depth, weights;
} spatial;

static spatial spatial_of(const cream_conv *conv, int h, int w) {
  const int taps = conv->dilation == 1 ? conv->kernel : 1;
  const size_t cin = (size_t)conv->cin, cout = (size_t)conv->cout;
  return (spatial){.conv = conv,
                   .h = h,
                   .w = w,
                   .out_h = cream_conv_out(conv, h),
                   .out_w = cream_conv_out(conv, w),
                   .cin = cin,
                   .cout = cout,
                   .ld = (size_t)cream_conv_padded(conv, w) * cin,
                   .taps = taps,
                   .segments = conv->kernel * conv->kernel / taps,
                   .depth = (size_t)taps * cin,
                   .weights = (size_t)(conv->kernel * conv->kernel) * cin * cout};
}

/* Offset of a segment's first tap from the first tap of output row `oh` in the padded rows. */
static size_t segment_offset(const spatial *s, int segment) {
  const int in_row = s->conv->kernel / s->taps, dilation = s->conv->dilation;
  return (size_t)(segment / in_row * dilation) * s->ld + (size_t)(segment % in_row * dilation) * s->cin;
}

/* Output rows of a forward task, a function of the width alone. */
static int forward_rows(const spatial *s) {
  return cpu_max(1, FORWARD_ROWS / s->out_w);
}
static int padded_rows(const spatial *s, int out_rows) {
  return (out_rows - 1) * s->conv->stride + s->conv->dilation * (s->conv->kernel - 1) + 1;
}
static size_t forward_scratch(const spatial *s) {
  return (size_t)padded_rows(s, cpu_min(forward_rows(s), s->out_h)) * s->ld;
}
static size_t forward_outputs(const spatial *s) {
  return (size_t)cpu_min(forward_rows(s), s->out_h) * (size_t)s->out_w * s->cout;
}
/* For cpu_gemm_outer. */
static size_t outer_scratch(const spatial *s) {
  return cpu_gemm_outer_size(s->conv->cout, (int)s->depth, (size_t)cpu_max(WEIGHT_PIXELS, s->out_w));
}
static size_t taps_packed(const spatial *s) {
  return (size_t)(s->segments * s->taps) * cpu_packed_size(s->conv->cin, s->conv->cout);
}
static size_t groups_of(int n) {
  return (size_t)cpu_min(n, GROUPS_MAX);
}

void CPU_NAME(cpu_spatial_workspace)(const cream_conv *conv, int n, int h, int w, cpu_workspace *work) {
  const spatial s = spatial_of(conv, h, w);
  const size_t out_rows = (size_t)n * (size_t)s.out_h, padded = (size_t)cream_conv_padded(conv, h) * s.ld;
  const size_t packed = (size_t)s.segments * cpu_packed_size(conv->cout, (int)s.depth);
  for (int width = 1; width <= w; width++) { /* thinner images take more rows at a time */
    const spatial thin = spatial_of(conv, h, width);
    if (thin.out_w > 0)
      cpu_raise(&work->scratch, cpu_line(forward_scratch(&thin)) + cpu_line(forward_outputs(&thin)));
  }
  cpu_raise(&work->scratch,
            2 * cpu_line(padded) +
                cpu_operands_size(conv, (size_t)h * (size_t)w, (size_t)s.out_h * (size_t)s.out_w) +
                cpu_line(outer_scratch(&s)));
  cpu_raise(&work->shared,
            cpu_line(s.weights) + cpu_line(packed) + cpu_line(out_rows * cpu_bn_partial(conv->cout)));
  cpu_raise(&work->shared, 2 * cpu_line(s.weights) + cpu_line(taps_packed(&s)) +
                               groups_of(n) * cpu_line(s.weights) +
                               cpu_line(cpu_sink_partials(true, (size_t)n * (size_t)h, n, conv->cin)) +
                               cpu_line(out_rows * s.cout));
}

/* PyTorch's order of weights to [segment][cout][depth], or back. */
static void reorder_weights(const cpu_backend *cpu, const spatial *s, const float *from, float *to,
                            bool to_torch) {
  const int k = s->conv->kernel, in_row = k / s->taps, area = k * k;
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (s->weights > 16384)
  for (size_t o = 0; o < s->cout; o++)
    for (int tap = 0; tap < area; tap++) {
      const size_t segment = (size_t)(tap / k * in_row + tap % k / s->taps);
      const size_t own = (segment * s->cout + o) * s->depth + (size_t)(tap % k % s->taps) * s->cin;
      const size_t torch = o * s->cin * (size_t)area + (size_t)tap;
      if (to_torch)
        for (size_t i = 0; i < s->cin; i++) to[torch + i * (size_t)area] = from[own + i];
      else
        for (size_t i = 0; i < s->cin; i++) to[own + i] = from[torch + i * (size_t)area];
    }
}

/* Padded rows row..row+count-1 (0 is the first row of padding) of image n: values, zeros outside. */
static void pad_rows(const spatial *s, const cream_tensor *x, bool narrow, int n, int row, int count,
                     float *dst) {
  const int above = cream_conv_pads(s->conv, s->h).before;
  const cream_pads columns = cream_conv_pads(s->conv, s->w);
  const cpu_map map = cpu_map_of(x, n, 0);
  const size_t left = (size_t)columns.before * s->cin, right = (size_t)columns.after * s->cin;
  const size_t width = (size_t)s->w * s->cin;
  for (int i = 0; i < count; i++, dst += s->ld) {
    const int ih = row + i - above;
    if (ih < 0 || ih >= s->h) {
      memset(dst, 0, s->ld * sizeof *dst);
      continue;
    }
    const void *raw = cells_at(narrow, cpu_at(x->raw), ((size_t)n * (size_t)s->h + (size_t)ih) * width);
    memset(dst, 0, left * sizeof *dst);
    if (cpu_map_identity(&map) && !narrow)
      memcpy(dst + left, raw, width * sizeof *dst);
    else
      cpu_map_rows(&map, narrow, raw, s->cin, (size_t)s->w, x->c, dst + left, s->cin);
    memset(dst + left + width, 0, right * sizeof *dst);
  }
}

void CPU_NAME(cpu_spatial_forward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                   const cream_bn *bn, cream_bn_mode mode, float momentum,
                                   const cream_tensor *y) {
  const spatial s = spatial_of(conv, x->h, x->w);
  const size_t out_w = (size_t)s.out_w, step = (size_t)conv->stride * s.cin;
  const int block = forward_rows(&s), blocks = (s.out_h + block - 1) / block;
  const cpu_tiling tiling = {(size_t)x->n, (size_t)s.out_h * out_w, (size_t)block * out_w};
  const size_t packed_size = cpu_packed_size(conv->cout, (int)s.depth);
  const bool measured = bn && mode != CREAM_BN_RUNNING;
  const bool narrow_x = cpu_is_narrow(cpu->narrow, x), narrow_y = cpu_is_narrow(cpu->narrow, y);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *weight = cpu_piece(&pieces, s.weights);
  float *packed = cpu_piece(&pieces, (size_t)s.segments * packed_size);
  float *partials = NULL;
  if (measured) partials = cpu_piece(&pieces, cpu_tiling_count(&tiling) * cpu_bn_partial(conv->cout));
  reorder_weights(cpu, &s, cpu_at(conv->weight), weight, false);
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (s.weights > 16384)
  for (int i = 0; i < s.segments; i++) CPU_NAME(cpu_gemm_pack)
  (conv->cout, (int)s.depth, weight + (size_t)i * s.cout * s.depth, s.depth,
   packed + (size_t)i * packed_size);

  cpu_tasks_begin(cpu, (size_t)(x->n * blocks));
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    float *padded = cpu_piece(&own, forward_scratch(&s));
    float *products = narrow_y ? cpu_piece(&own, forward_outputs(&s)) : NULL;
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) {
      const int n = (int)task / blocks, first = (int)task % blocks * block,
                rows = cpu_min(block, s.out_h - first);
      const size_t place = ((size_t)n * (size_t)s.out_h + (size_t)first) * out_w * s.cout;
      float *out = narrow_y ? products : cpu_at(y->raw) + place;
      float *mean = measured ? partials + task * cpu_bn_partial(conv->cout) : NULL;
      pad_rows(&s, x, narrow_x, n, first * conv->stride, padded_rows(&s, rows), padded);
      const cpu_steps steps = {rows, (size_t)conv->stride * s.ld, 0, out_w * s.cout};
      for (int i = 0; i < s.segments; i++) CPU_NAME(cpu_gemm_rows)
      (steps, s.out_w, conv->cout, (int)s.depth, (cpu_matrix){padded + segment_offset(&s, i), step, 1},
       packed + (size_t)i * packed_size, out, s.cout, i > 0);
      CPU_NAME(cpu_conv_epilogue)
      (out, s.cout, (size_t)rows * out_w, conv, 0, conv->cout, mean, mean ? mean + s.cout : NULL);
      if (narrow_y)
        cells_write(out, s.cout, (size_t)rows * out_w, conv->cout, cells_to(true, cpu_at(y->raw), place),
                    s.cout);
    }
  }
  if (bn) CPU_NAME(cpu_bn_forward)(cpu, bn, mode, momentum, conv->cout, &tiling, partials);
}

/* Output rows whose share of dweight is added at once: small weights stay in a cache by themselves. */
static int weight_rows(const spatial *s, bool exact) {
  if (s->cout * s->depth < WEIGHTS_LARGE || cpu_gemm_by_blas(exact, (int)s->depth)) return 0;
  return cpu_max(1, cpu_min(WEIGHT_PIXELS / s->out_w, s->out_h));
}
/* dweight[segment][cout][depth] += the share of one image. */
static void image_weights(const spatial *s, bool exact, const float *dy, const float *padded, float *scratch,
                          float *dweight) {
  const size_t step = (size_t)s->conv->stride * s->cin;
  const int block = weight_rows(s, exact);
  for (int oh = 0; oh < s->out_h; oh += cpu_max(block, 1)) {
    const float *from = padded + (size_t)(oh * s->conv->stride) * s->ld;
    const float *a = dy + (size_t)oh * (size_t)s->out_w * s->cout;
    const cpu_steps steps = {cpu_min(block, s->out_h - oh), (size_t)s->out_w * s->cout,
                             (size_t)s->conv->stride * s->ld, 0};
    for (int i = 0; i < s->segments; i++) {
      const float *b = from + segment_offset(s, i);
      float *c = dweight + (size_t)i * s->cout * s->depth;
      if (block) CPU_NAME(cpu_gemm_outer)
      (steps, s->conv->cout, (int)s->depth, s->out_w, a, s->cout, b, step, scratch, c, s->depth, true);
      else CPU_NAME(cpu_gemm)(exact, s->conv->cout, (int)s->depth, s->out_w, (cpu_matrix){a, 1, s->cout}, b,
                              step, c, s->depth, true);
    }
  }
}

/* Gradient of the padded image. packed: a panel for each tap, or NULL. A pixel adds up kernel rows from the last one up, as
 * output rows from the first one down would. */
static void image_inputs(const spatial *s, bool exact, const float *dy, const float *weight,
                         const float *packed, float *padded) {
  const int k = s->conv->kernel, in_row = k / s->taps;
  const size_t step = (size_t)s->conv->stride * s->cin, size = cpu_packed_size(s->conv->cin, s->conv->cout);
  const cpu_matrix a = {dy, s->cout, 1};
  const cpu_steps steps = {s->out_h, (size_t)s->out_w * s->cout, 0, (size_t)s->conv->stride * s->ld};
  memset(padded, 0, (size_t)cream_conv_padded(s->conv, s->h) * s->ld * sizeof *padded);
  for (int row = k - 1; row >= 0; row--)
    for (int i = row * in_row; i < (row + 1) * in_row; i++)
      for (int tap = 0; tap < s->taps; tap++) {
        float *to = padded + segment_offset(s, i) + (size_t)tap * s->cin;
        if (packed) {
          CPU_NAME(cpu_gemm_rows)
          (steps, s->out_w, s->conv->cin, s->conv->cout, a, packed + (size_t)(i * s->taps + tap) * size, to,
           step, true);
          continue;
        }
        const float *b = weight + (size_t)i * s->cout * s->depth + (size_t)tap * s->cin;
        for (int oh = 0; oh < s->out_h; oh++) CPU_NAME(cpu_gemm)
        (exact, s->out_w, s->conv->cin, s->conv->cout, (cpu_matrix){dy + (size_t)oh * steps.a, s->cout, 1}, b,
         s->depth, to + (size_t)oh * steps.c, step, true);
      }
}
/* The weights of all taps as image_inputs takes them. */
static void pack_taps(const cpu_backend *cpu, const spatial *s, const float *weight, float *packed) {
  const size_t size = cpu_packed_size(s->conv->cin, s->conv->cout);
#pragma omp parallel for num_threads(cpu->threads) schedule(static) if (s->weights > 16384)
  for (int i = 0; i < s->segments * s->taps; i++) CPU_NAME(cpu_gemm_copy)
  (s->conv->cin, s->conv->cout,
   weight + (size_t)(i / s->taps) * s->cout * s->depth + (size_t)(i % s->taps) * s->cin, s->depth,
   packed + (size_t)i * size);
}

/* The sink takes the middle of the padded gradient, a row a tile. */
static void image_finish(const cpu_backward *op, const spatial *s, const cpu_operands *at, int n,
                         const float *padded, float *partials) {
  const size_t above = (size_t)cream_conv_pads(s->conv, s->h).before;
  const size_t left = (size_t)cream_conv_pads(s->conv, s->w).before;
  for (size_t ih = 0; ih < (size_t)s->h; ih++) {
    const float *from = padded + (ih + above) * s->ld + left * s->cin;
    const size_t line = (size_t)n * (size_t)s->h + ih;
    const cpu_operands row = cpu_operands_at(op, *at, ih * (size_t)s->w);
    cpu_operands_finish(op, &row, from, s->cin, line, line * (size_t)s->w, (size_t)s->w, 0, op->conv->cin,
                        partials);
  }
}

void CPU_NAME(cpu_spatial_backward)(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                    const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  const cpu_backward op = cpu_backward_of(cpu, conv, x, y, dy, sink);
  const spatial s = spatial_of(conv, x->h, x->w);
  const size_t pixels = cpu_pixels(x), out_pixels = cpu_pixels(y), out_rows = (size_t)(x->n * s.out_h);
  const size_t padded_size = (size_t)cream_conv_padded(conv, s.h) * s.ld;
  const size_t groups = groups_of(x->n), stride = cpu_line(s.weights);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *weight = cpu_piece(&pieces, s.weights), *merged = cpu_piece(&pieces, s.weights);
  float *dweight = cpu_piece(&pieces, groups * stride), *partials = NULL, *dbias = NULL;
  if (op.wanted && sink->bn)
    partials =
        cpu_piece(&pieces, cpu_sink_partials(cpu_sink_gated(sink), (size_t)(x->n * s.h), x->n, conv->cin));
  if (cream_buf_present(conv->dbias)) dbias = cpu_piece(&pieces, out_rows * s.cout);
  reorder_weights(cpu, &s, cpu_at(conv->weight), weight, false);
  float *packed = NULL;
  if (op.wanted && !cpu_gemm_by_blas(op.exact, conv->cin)) {
    packed = cpu_piece(&pieces, taps_packed(&s));
    pack_taps(cpu, &s, weight, packed);
  }

  cpu_tasks_begin(cpu, groups);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    float *values = cpu_piece(&own, padded_size), *gradient = op.wanted ? cpu_piece(&own, padded_size) : NULL;
    cpu_operands at = CPU_NAME(cpu_operands_take)(&op, &own, pixels, out_pixels);
    at.x.value = NULL; /* `values` has them, padded */
    float *scratch = cpu_piece(&own, outer_scratch(&s));
    for (size_t group; cpu_tasks_next(cpu, thread, &group);) {
      const int first = (int)(group * (size_t)x->n / groups),
                end = (int)((group + 1) * (size_t)x->n / groups);
      float *own_dweight = dweight + group * stride;
      memset(own_dweight, 0, s.weights * sizeof *own_dweight);
      for (int n = first; n < end; n++) {
        const size_t row = (size_t)n * pixels, out_row = (size_t)n * out_pixels;
        cpu_operands_map_dy(&op, &at, out_row, out_pixels);
        cpu_operands_map_x(&op, &at, row, pixels);
        const float *g = cpu_operands_dy(&op, &at, out_row);
        pad_rows(&s, x, op.narrow_x, n, 0, cream_conv_padded(conv, s.h), values);
        image_weights(&s, op.exact, g, values, scratch, own_dweight);
        for (int oh = 0; dbias && oh < s.out_h; oh++) CPU_NAME(cpu_column_sums)
        (g + (size_t)(oh * s.out_w) * s.cout, s.cout, (size_t)s.out_w, conv->cout,
         dbias + (size_t)(n * s.out_h + oh) * s.cout);
        if (!op.wanted) continue;
        image_inputs(&s, op.exact, g, weight, packed, gradient);
        image_finish(&op, &s, &at, n, gradient, partials);
      }
    }
    vf_stream_end();
  }
  CPU_NAME(cpu_merge_partials)(cpu, dweight, groups, stride, s.weights, merged);
  reorder_weights(cpu, &s, merged, cpu_at(conv->dweight), true);
  if (dbias) CPU_NAME(cpu_merge_partials)(cpu, dbias, out_rows, s.cout, s.cout, cpu_at(conv->dbias));
  if (op.wanted) CPU_NAME(cpu_sink_merge)(cpu, sink, (size_t)s.w, partials);
}
