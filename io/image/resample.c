#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample_internal.h"

enum { ALIGNMENT = 64 };

void *cream_scratch_need(cream_scratch *scratch, size_t size) {
  if (scratch->size >= size) return scratch->data;
  cream_scratch_free(scratch);
  size = (size + size / 4 + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  scratch->data = aligned_alloc(ALIGNMENT, size);
  if (scratch->data) scratch->size = size;
  return scratch->data;
}

void cream_scratch_free(cream_scratch *scratch) {
  free(scratch->data);
  *scratch = (cream_scratch){0};
}

/* ---- weights --------------------------------------------------------------------------------------- */

static double bilinear(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

static double bicubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

static const struct {
  double (*at)(double);
  double support;
} filters[] = {
#define FILTER(id, function, support) [CREAM_FILTER_##id] = {function, support},
    CREAM_FILTERS(FILTER)
#undef FILTER
};

/* Inputs from..to of an axis of `size` pixels become `out` outputs, of which `count` are computed, starting with
 * `window`. */
typedef struct axis {
  int size;
  double from, to;
  int out, window, count;
  bool reverse; /* the last output first */
  cream_filter filter;
} axis;

static double reach_of(const axis *a) {
  return filters[a->filter].support * fmax((a->to - a->from) / a->out, 1);
}

/* Weights per output, a multiple of 4: an interval of length 2 * reach holds at most one more integer than its
 * length. */
static int width_of(const axis *a) {
  return ((int)(2 * reach_of(a)) + 1 + 3) / 4 * 4;
}

/* Computes the weights of the output at `centre`, whose sum is 1. k: scratch of width_of() doubles. */
static void weigh(const axis *a, double centre, double *k, int32_t *first, int32_t *used, int32_t *weights) {
  double reach = reach_of(a), scale = 1 / fmax((a->to - a->from) / a->out, 1), sum = 0;
  int from = (int)(centre - reach + 0.5), to = (int)(centre + reach + 0.5);
  if (from < 0) from = 0;
  if (to > a->size) to = a->size;
  int n = to - from;
  for (int i = 0; i < n; i++) {
    k[i] = filters[a->filter].at((i + from - centre + 0.5) * scale);
    sum += k[i];
  }
  for (int i = 0; i < n; i++) {
    double weight = (sum != 0 ? k[i] / sum : k[i]) * (1 << CREAM_WEIGHT_BITS);
    weights[i] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
  }
  *first = from;
  *used = n;
}

static void fill_taps(const axis *a, cream_taps *taps, double *k) {
  double step = (a->to - a->from) / a->out;
  memset(taps->weights, 0, (size_t)taps->count * (size_t)taps->width * sizeof *taps->weights);
  for (int i = 0; i < taps->count; i++) {
    int output = a->window + (a->reverse ? taps->count - 1 - i : i);
    weigh(a, a->from + (output + 0.5) * step, k, &taps->first[i], &taps->used[i],
          taps->weights + (size_t)i * (size_t)taps->width);
  }
}

/* ---- portable kernels ------------------------------------------------------------------------------ */

static uint8_t to_byte(int32_t sum) {
  sum >>= CREAM_WEIGHT_BITS;
  return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void prepare(const cream_taps *taps, void *table) {
  (void)taps, (void)table;
}

static void row(const cream_taps *taps, const void *table, const uint8_t *in, uint8_t *out) {
  (void)table;
  for (int x = 0; x < taps->count; x++, out += 3) {
    const uint8_t *pixel = in + (size_t)taps->first[x] * 3;
    const int32_t *weights = taps->weights + (size_t)x * (size_t)taps->width;
    int32_t r = CREAM_WEIGHT_HALF, g = CREAM_WEIGHT_HALF, b = CREAM_WEIGHT_HALF;
    for (int i = 0; i < taps->used[x]; i++, pixel += 3) {
      r += pixel[0] * weights[i];
      g += pixel[1] * weights[i];
      b += pixel[2] * weights[i];
    }
    out[0] = to_byte(r);
    out[1] = to_byte(g);
    out[2] = to_byte(b);
  }
}

static void column(const uint8_t *rows, size_t stride, const int32_t *weights, int n, size_t bytes,
                   uint8_t *out) {
  enum { BLOCK = 256 };
  for (size_t from = 0; from < bytes; from += BLOCK) {
    int size = bytes - from < BLOCK ? (int)(bytes - from) : BLOCK;
    int32_t sums[BLOCK];
    for (int i = 0; i < size; i++) sums[i] = CREAM_WEIGHT_HALF;
    for (int k = 0; k < n; k++) {
      const uint8_t *in = rows + (size_t)k * stride + from;
      for (int i = 0; i < size; i++) sums[i] += in[i] * weights[k];
    }
    for (int i = 0; i < size; i++) out[from + (size_t)i] = to_byte(sums[i]);
  }
}

static const cream_resample_kernels portable = {prepare, row, column};

/* ---- resizing -------------------------------------------------------------------------------------- */

/* An allocator of consecutive parts of one block. Without `data` it only sums up their sizes in `used`. */
typedef struct block {
  uint8_t *data;
  size_t used;
} block;

static void *take(block *memory, size_t bytes) {
  void *part = memory->data ? memory->data + memory->used : NULL;
  memory->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return part;
}

static cream_taps take_taps(block *memory, const axis *a) {
  cream_taps taps = {.count = a->count, .width = width_of(a)};
  size_t count = (size_t)taps.count;
  taps.first = take(memory, count * sizeof *taps.first);
  taps.used = take(memory, count * sizeof *taps.used);
  taps.weights = take(memory, count * (size_t)taps.width * sizeof *taps.weights);
  return taps;
}

typedef struct plan {
  cream_taps across, down;
  double *k;
  void *table;
  uint8_t *padded; /* copy of a row near the end of the image, with room for reads beyond it */
  size_t padding;  /* bytes after that row: read, but with weights of 0 */
  uint8_t *rows;   /* [inputs of `down`, row_bytes] */
  size_t row_bytes;
} plan;

static void lay_out(plan *p, block *memory, const axis *x, const axis *y, int width, int n_rows) {
  p->across = take_taps(memory, x);
  p->down = take_taps(memory, y);
  int widest = p->across.width > p->down.width ? p->across.width : p->down.width;
  p->k = take(memory, (size_t)widest * sizeof *p->k);
  p->table = take(memory, (size_t)x->count * (size_t)(p->across.width / 4) * CREAM_TABLE_BYTES);
  p->padding = ((size_t)p->across.width + 2) * 3;
  p->padded = take(memory, (size_t)width * 3 + p->padding);
  p->row_bytes = ((size_t)x->count * 3 + 4 + 31) / 32 * 32;
  p->rows = take(memory, (size_t)n_rows * p->row_bytes + 32);
}

static const cream_resample_kernels *kernels_of(const cream_resize *job) {
  const cream_resample_kernels *fast = job->plain ? NULL : cream_resample_avx2();
  return fast ? fast : &portable;
}

cream_status cream_resample(cream_scratch *scratch, const cream_resize *job, uint8_t *out, cream_error *err) {
  bool whole = !job->box[2] && !job->box[3];
  axis x = {.size = job->width,
            .from = whole ? 0 : job->box[0],
            .to = whole ? job->width : job->box[2],
            .out = job->out_width,
            .window = job->window_left,
            .count = job->window_width ? job->window_width : job->out_width,
            .reverse = job->mirror,
            .filter = job->filter};
  axis y = {.size = job->height,
            .from = whole ? 0 : job->box[1],
            .to = whole ? job->height : job->box[3],
            .out = job->out_height,
            .window = job->window_top,
            .count = job->window_height ? job->window_height : job->out_height,
            .filter = job->filter};
  CREAM_ASSERT(x.window >= 0 && x.window + x.count <= x.out && y.window >= 0 && y.window + y.count <= y.out);
  CREAM_ASSERT(x.from >= 0 && x.from < x.to && x.to <= x.size && y.from >= 0 && y.from < y.to &&
               y.to <= y.size);

  /* An upper bound of the input rows that the window needs. */
  double step = (y.to - y.from) / y.out;
  int first = (int)fmax(y.from + y.window * step - reach_of(&y) - 1, 0);
  int last = (int)fmin(y.from + (y.window + y.count) * step + reach_of(&y) + 1, y.size);
  plan p;
  block memory = {0};
  lay_out(&p, &memory, &x, &y, job->width, last - first);
  memory.data = cream_scratch_need(scratch, memory.used);
  if (!memory.data) return cream_fail_memory(err, memory.used, "resizing an image");
  memory.used = 0;
  lay_out(&p, &memory, &x, &y, job->width, last - first);
  fill_taps(&x, &p.across, p.k);
  fill_taps(&y, &p.down, p.k);
  memset(p.padded + (size_t)job->width * 3, 0, p.padding);

  const cream_resample_kernels *kernels = kernels_of(job);
  kernels->prepare(&p.across, p.table);
  first = p.down.first[0];
  last = p.down.first[y.count - 1] + p.down.used[y.count - 1];
  size_t slack = (size_t)p.across.width * 3 + 4;
  for (int i = first; i < last; i++) {
    const uint8_t *in = job->pixels + (size_t)i * job->stride;
    if ((size_t)(job->height - 1 - i) * job->stride < slack)
      in = memcpy(p.padded, in, (size_t)job->width * 3);
    kernels->row(&p.across, p.table, in, p.rows + (size_t)(i - first) * p.row_bytes);
  }
  for (int i = 0; i < y.count; i++)
    kernels->column(p.rows + (size_t)(p.down.first[i] - first) * p.row_bytes, p.row_bytes,
                    p.down.weights + (size_t)i * (size_t)p.down.width, p.down.used[i], (size_t)x.count * 3,
                    out + (size_t)i * (size_t)x.count * 3);
  return CREAM_OK;
}
