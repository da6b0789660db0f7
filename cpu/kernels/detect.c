#include <omp.h>

#include "conv.h"
#include "map.h"

/* Tasks of a fusion are rows of the result; tiles of a sink are TILES parts of an image. Sums along memory have CPU_WIDE
 * lanes, whatever the instruction set. */
enum { TILES = 4, LOSS_BLOCKS = 64, LOSS_RUN = 512 };

/* Adds v to the lanes of elements i..; CPU_WIDE lanes. */
CPU_INLINE void add_to(float *sums, vf v, int i, int lanes) {
  float *at = sums + i % CPU_WIDE;
  vf_store_n(at, vf_load_n(at, lanes) + v, lanes);
}
static double sum_of(const float *sums) {
  double total = 0;
  for (int i = 0; i < CPU_WIDE; i++) total += (double)sums[i];
  return total;
}

void CPU_NAME(cpu_fuse_workspace)(int n, int h, int channels, cpu_workspace *work) {
  cpu_raise(&work->shared, cpu_line((size_t)n * TILES * cpu_bn_partial(channels)));
  cpu_raise(&work->shared, cpu_line((size_t)n * (size_t)h * CREAM_FUSE_MAX));
}

/* ---- fusion ------------------------------------------------------------------------------------------ */

/* One input of a fusion. */
typedef struct fused {
  const cream_tensor *x;
  cpu_map map;
  const float *raw;
  size_t ld;
  float weight;
} fused;

static float fusion_weights(const cream_fuse *fuse, float w[CREAM_FUSE_MAX]) {
  float sum = 1e-4f;
  const float *v = cpu_at(fuse->weight);
  for (int i = 0; i < fuse->n; i++) {
    w[i] = v ? fmaxf(v[i], 0) : 1;
    sum += w[i];
  }
  for (int i = 0; v && i < fuse->n; i++) w[i] /= sum;
  return sum;
}

static void open_fused(const cream_fuse *fuse, fused in[CREAM_FUSE_MAX]) {
  float w[CREAM_FUSE_MAX] = {0};
  fusion_weights(fuse, w);
  for (int i = 0; i < fuse->n; i++)
    in[i] = (fused){&fuse->x[i], cpu_map_of(&fuse->x[i], 0, 0), cpu_at(fuse->x[i].raw), (size_t)fuse->x[i].c,
                    w[i]};
}

CPU_INLINE vf fused_at(const fused *in, size_t pixel, int c, int lanes) {
  return cpu_map_value(&in->map, in->map.act, vf_load_n(in->raw + pixel * in->ld + c, lanes), c, lanes);
}

/* Which pixels of x a pixel of the result is made of. */
typedef struct window {
  size_t first; /* pixel */
  size_t width; /* of x */
  int rows, columns;
} window;

static window window_of(const cream_tensor *x, const cream_tensor *out, size_t n, int oy, int ox) {
  const cream_rows rows = cream_fuse_sources(x->h, out->h, oy),
                   columns = cream_fuse_sources(x->w, out->w, ox);
  return (window){(n * (size_t)x->h + (size_t)rows.first) * (size_t)x->w + (size_t)columns.first,
                  (size_t)x->w, rows.end - rows.first, columns.end - columns.first};
}

/* x at a pixel of the result. */
CPU_INLINE vf fused_value(const fused *in, const window *at, int c, int lanes) {
  vf most = fused_at(in, at->first, c, lanes);
  for (int r = 0; r < at->rows; r++)
    for (int k = r == 0; k < at->columns; k++)
      most = vf_max(most, fused_at(in, at->first + (size_t)r * at->width + (size_t)k, c, lanes));
  return most;
}

CPU_INLINE void fuse_step(const fused *in, const window *at, int n, float *out, int c, int lanes) {
  vf sum = fused_value(&in[0], &at[0], c, lanes) * in[0].weight;
  for (int i = 1; i < n; i++) sum += fused_value(&in[i], &at[i], c, lanes) * in[i].weight;
  vf_store_n(out + c, sum, lanes);
}

static void fuse_forward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out) {
  const size_t rows = (size_t)out->n * (size_t)out->h, ld = (size_t)out->c;
  fused in[CREAM_FUSE_MAX];
  open_fused(fuse, in);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t row = 0; row < rows; row++) {
    float *to = cpu_at(out->raw) + row * (size_t)out->w * ld;
    for (int x = 0; x < out->w; x++, to += ld) {
      window at[CREAM_FUSE_MAX];
      for (int i = 0; i < fuse->n; i++)
        at[i] = window_of(&fuse->x[i], out, row / (size_t)out->h, (int)(row % (size_t)out->h), x);
      CPU_FOR_LANES(out->c, fuse_step, in, at, fuse->n, to);
    }
  }
}

CPU_INLINE void product_step(const fused *in, const window *at, const float *dout, float *sums, int c,
                             int lanes) {
  add_to(sums, fused_value(in, at, c, lanes) * vf_load_n(dout + c, lanes), c, lanes);
}

/* The gradient of the weights, from the products of dout with every input, by rows. */
static void weight_gradients(cpu_backend *cpu, const cream_fuse *fuse, const cream_tensor *out,
                             const float *dout) {
  const size_t rows = (size_t)out->n * (size_t)out->h, ld = (size_t)out->c;
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *partials = cpu_piece(&pieces, rows * CREAM_FUSE_MAX), w[CREAM_FUSE_MAX] = {0};
  fused in[CREAM_FUSE_MAX];
  open_fused(fuse, in);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t row = 0; row < rows; row++)
    for (int i = 0; i < fuse->n; i++) {
      float sums[CPU_WIDE] = {0};
      for (int x = 0; x < out->w; x++) {
        const window at = window_of(&fuse->x[i], out, row / (size_t)out->h, (int)(row % (size_t)out->h), x);
        const float *from = dout + (row * (size_t)out->w + (size_t)x) * ld;
        CPU_FOR_LANES(out->c, product_step, &in[i], &at, from, sums);
      }
      partials[row * CREAM_FUSE_MAX + (size_t)i] = (float)sum_of(sums);
    }
  double products[CREAM_FUSE_MAX] = {0}, mean = 0;
  for (size_t row = 0; row < rows; row++)
    for (int i = 0; i < fuse->n; i++) products[i] += (double)partials[row * CREAM_FUSE_MAX + (size_t)i];
  const double total = (double)fusion_weights(fuse, w);
  for (int i = 0; i < fuse->n; i++) mean += (double)w[i] * products[i];
  for (int i = 0; i < fuse->n; i++)
    cpu_at(fuse->dweight)[i] = cpu_at(fuse->weight)[i] > 0 ? (float)((products[i] - mean) / total) : 0;
}

/* ---- the gradient of one input ------------------------------------------------------------------------ */

typedef struct gathering {
  const fused *in;
  const cream_tensor *out;
  const float *dout;
  const cream_sink *sink;
  cpu_map node;
  float *sums; /* [2][C] of the tile; NULL: none */
} gathering;

/* Lanes -1 where pixel p is the window's, the first of its largest values. */
CPU_INLINE vi is_peak(const fused *in, const window *at, size_t p, vf own, int c, int lanes) {
  vi peak = own == own;
  for (int r = 0; r < at->rows; r++)
    for (int k = 0; k < at->columns; k++) {
      const size_t other = at->first + (size_t)r * at->width + (size_t)k;
      if (other == p) continue;
      vf value = fused_at(in, other, c, lanes);
      peak &= other < p ? (vi)(value < own) : (vi)(value <= own);
    }
  return peak;
}

/* Pixel p of x, of which (y, x) are row and column: g and the sums. */
CPU_INLINE void gather_step(const gathering *g, size_t p, size_t n, cream_rows rows, cream_rows columns,
                            int c, int lanes) {
  const cream_tensor *out = g->out, *x = g->in->x;
  const size_t at = p * g->in->ld + (size_t)c;
  const bool pooled = x->h > out->h || x->w > out->w;
  vf d = {0}, own = pooled ? fused_at(g->in, p, c, lanes) : (vf){0};
  for (int r = rows.first; r < rows.end; r++)
    for (int k = columns.first; k < columns.end; k++) {
      const size_t pixel = (n * (size_t)out->h + (size_t)r) * (size_t)out->w + (size_t)k;
      vf part = vf_load_n(g->dout + pixel * g->in->ld + c, lanes);
      if (pooled) {
        const window under = window_of(x, out, n, r, k);
        part = vf_where(is_peak(g->in, &under, p, own, c, lanes), part);
      }
      d += part;
    }
  d *= g->in->weight;
  if (g->sink->add.mem) d += vf_load_n(cpu_at(g->sink->add) + at, lanes);
  vf raw = vf_load_n(cpu_at(g->sink->node->raw) + at, lanes);
  if (g->node.act != CREAM_ACT_NONE) d *= vf_act_slope(g->node.act, cpu_map_z(&g->node, raw, c, lanes));
  vf_store_n(cpu_at(g->sink->g) + at, d, lanes);
  if (!g->sums) return;
  float *moments = g->sums + g->in->ld;
  vf_store_n(g->sums + c, vf_load_n(g->sums + c, lanes) + d, lanes);
  raw -= vf_load_n(cpu_at(g->sink->bn->mean) + c, lanes);
  vf_store_n(moments + c, vf_load_n(moments + c, lanes) + d * raw, lanes);
}

static void gather_input(cpu_backend *cpu, const fused *in, const cream_tensor *out, const float *dout,
                         const cream_sink *sink) {
  const cream_tensor *x = in->x;
  const size_t tiles = (size_t)x->n * TILES, partial = cpu_bn_partial(x->c);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *partials = sink->bn ? cpu_piece(&pieces, tiles * partial) : NULL;
  CREAM_ASSERT(!cream_buf_present(sink->node->gate));
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t tile = 0; tile < tiles; tile++) {
    const size_t n = tile / TILES;
    const int first = (int)(tile % TILES) * x->h / TILES, end = ((int)(tile % TILES) + 1) * x->h / TILES;
    gathering g = {in, out, dout, sink, cpu_map_of(sink->node, 0, 0), NULL};
    if (partials) g.sums = memset(partials + tile * partial, 0, partial * sizeof *partials);
    for (int y = first; y < end; y++)
      for (int k = 0; k < x->w; k++) {
        const size_t p = (n * (size_t)x->h + (size_t)y) * (size_t)x->w + (size_t)k;
        CPU_FOR_LANES(x->c, gather_step, &g, p, n, cream_fuse_readers(x->h, out->h, y),
                      cream_fuse_readers(x->w, out->w, k));
      }
  }
  if (partials)
    CPU_NAME(cpu_bn_backward)(cpu, sink->bn, x->c, (double)x->n * (double)cpu_pixels(x), tiles, partials);
}

static void fuse_backward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out,
                          cream_buf dout, const cream_sink *sinks) {
  cpu_backend *cpu = cpu_of(backend);
  fused in[CREAM_FUSE_MAX];
  open_fused(fuse, in);
  if (cream_buf_present(fuse->dweight)) weight_gradients(cpu, fuse, out, cpu_at(dout));
  for (int i = 0; i < fuse->n; i++)
    if (cream_buf_present(sinks[i].g)) gather_input(cpu, &in[i], out, cpu_at(dout), &sinks[i]);
}

/* ---- losses ------------------------------------------------------------------------------------------- */

/* log(1 + e) for e in [0, 1], by the series of artanh; relative error below 3e-7. */
CPU_INLINE vf vf_log1p(vf e) {
  vf s = e * vf_reciprocal(2.0f + e), q = s * s;
  vf p = vf_set(2.0f / 13);
  p = p * q + 2.0f / 11;
  p = p * q + 2.0f / 9;
  p = p * q + 2.0f / 7;
  p = p * q + 2.0f / 5;
  p = p * q + 2.0f / 3;
  p = p * q + 2.0f;
  return p * s;
}

/* Focal losses of logits without a target, with weight `alpha`, factor by factor. The loss of a logit of the entry's own
 * class is that of its negative. */
CPU_INLINE void focal_step(float alpha, float gamma, const float *logits, const float *factors, float *slopes,
                           float *sums, int i, int lanes) {
  vf z = vf_load_n(logits + i, lanes), e = vf_exp(-vf_max(z, -z)), r = vf_reciprocal(1.0f + e);
  vf p = vf_where(z >= 0, r) + vf_where(z < 0, e * r);
  vf missed = vf_max(z, (vf){0}) + vf_log1p(e);
  vf power = p * p;
  if (gamma != 2) power = vf_exp(gamma * (z - missed));
  power *= alpha * vf_load_n(factors + i, lanes);
  add_to(sums, power * missed, i, lanes);
  if (slopes) vf_store_n(slopes + i, power * (p + gamma * (1.0f - p) * missed), lanes);
}

/* That of the logit of an entry's class; *slope (may be NULL): its derivative. */
static double found_loss(const cream_box_loss *terms, float z, float factor, float *slope) {
  float sums[CPU_WIDE] = {0}, own;
  const float negative = -z;
  focal_step(terms->alpha, terms->gamma, &negative, &factor, &own, sums, 0, 1);
  if (slope) *slope = -own;
  return (double)sums[0];
}

typedef struct loss_sums {
  double classes, boxes, foreground;
} loss_sums;

/* The four numbers of a foreground entry. */
static double box_numbers(const cream_box_loss *terms, const float *delta, const float *target,
                          float *slopes) {
  const float beta = terms->beta;
  double sum = 0;
  for (int k = 0; k < 4; k++) {
    const float d = delta[k] - target[k], size = fabsf(d);
    const bool inner = size < beta;
    sum += (double)(target[4] * (inner ? d * d / (2 * beta) : size - beta / 2));
    if (slopes) slopes[k] = terms->box * target[4] * (inner ? d / beta : (float)((d > 0) - (d < 0)));
  }
  return sum;
}

/* Logits from..end-1 of entries whose classes lie one after another: all as without a target but those of an entry's
 * class, which have factor 0. */
static double background_losses(const cream_box_loss *terms, const float *logits, size_t from, size_t end,
                                size_t classes, float *slopes) {
  const int32_t *labels = (const int32_t *)cpu_at(terms->labels);
  const float *targets = cpu_at(terms->targets);
  double total = 0;
  for (size_t i = from; i < end; i += LOSS_RUN) {
    const size_t run = cpu_min_size(LOSS_RUN, end - i);
    float factors[LOSS_RUN];
    for (size_t k = 0, e = i / classes, c = i % classes; k < run; k++) {
      factors[k] = labels[e] == (int32_t)c ? 0 : targets[e * 5 + 4];
      if (++c == classes) c = 0, e++;
    }
    float sums[CPU_WIDE] = {0};
    CPU_FOR_LANES((int)run, focal_step, 1.0f - terms->alpha, terms->gamma, logits + i, factors,
                  slopes ? slopes + i : NULL, sums);
    total += sum_of(sums);
  }
  return total;
}

static loss_sums block_losses(const cream_box_loss *terms, const float *logits, const float *deltas,
                              size_t first, size_t end, size_t classes, float *dlogits, float *ddeltas) {
  const int32_t *labels = (const int32_t *)cpu_at(terms->labels);
  loss_sums sums = {.classes =
                        background_losses(terms, logits, first * classes, end * classes, classes, dlogits)};
  if (ddeltas) memset(ddeltas + first * 4, 0, (end - first) * 4 * sizeof *ddeltas);
  for (size_t e = first; e < end; e++) {
    const float *target = cpu_at(terms->targets) + e * 5;
    if (labels[e] < 0) continue;
    const size_t i = e * classes + (size_t)labels[e];
    sums.classes += found_loss(terms, logits[i], target[4], dlogits ? &dlogits[i] : NULL);
    sums.boxes += box_numbers(terms, deltas + e * 4, target, ddeltas ? ddeltas + e * 4 : NULL);
    sums.foreground++;
  }
  return sums;
}

static void box_loss(cream_backend *backend, const cream_box_loss *terms, cream_buf logits, cream_buf deltas,
                     size_t entries, int classes, cream_buf dlogits, cream_buf ddeltas, cream_buf result) {
  loss_sums blocks[LOSS_BLOCKS], all = {0};
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t b = 0; b < LOSS_BLOCKS; b++)
    blocks[b] =
        block_losses(terms, cpu_at(logits), cpu_at(deltas), b * entries / LOSS_BLOCKS,
                     (b + 1) * entries / LOSS_BLOCKS, (size_t)classes, cpu_at(dlogits), cpu_at(ddeltas));
  for (size_t b = 0; b < LOSS_BLOCKS; b++) {
    all.classes += blocks[b].classes;
    all.boxes += blocks[b].boxes;
    all.foreground += blocks[b].foreground;
  }
  float *out = cpu_at(result);
  out[0] = (float)(all.classes + (double)terms->box * all.boxes);
  out[1] = (float)all.classes;
  out[2] = (float)((double)terms->box * all.boxes);
  out[3] = (float)all.foreground;
}

void CPU_NAME(cpu_tuned_detect_init)(cream_backend *backend) {
  CREAM_DETECT_OPS(CREAM_SET_OP)
}
