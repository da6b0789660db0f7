#include <math.h>

#include "plain.h"

/* The weights of a fusion, and the sum that they were divided by. */
static double fusion_weights(const cream_fuse *fuse, double w[CREAM_FUSE_MAX]) {
  double sum = 1e-4;
  for (int i = 0; i < fuse->n; i++) {
    w[i] = 1;
    if (!cream_buf_present(fuse->weight)) continue;
    w[i] = fmax(cpu_at(fuse->weight)[i], 0);
    sum += w[i];
  }
  if (cream_buf_present(fuse->weight))
    for (int i = 0; i < fuse->n; i++) w[i] /= sum;
  return sum;
}

/* The pixel of x that pixel (y, x) of `out` takes, of channel c of image n. */
static size_t source_pixel(const cream_tensor *t, const cream_tensor *out, int n, int y, int x, int c) {
  const cream_rows rows = cream_fuse_sources(t->h, out->h, y), columns = cream_fuse_sources(t->w, out->w, x);
  size_t best = 0;
  float most = 0;
  for (int r = rows.first; r < rows.end; r++)
    for (int k = columns.first; k < columns.end; k++) {
      const size_t pixel = ((size_t)n * (size_t)t->h + (size_t)r) * (size_t)t->w + (size_t)k;
      const float value = plain_value(t, pixel, c);
      const bool first = r == rows.first && k == columns.first;
      if (first || value > most) best = pixel, most = value;
    }
  return best;
}

static void fuse_forward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out) {
  double w[CREAM_FUSE_MAX];
  fusion_weights(fuse, w);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(out); p++) {
    const int n = (int)(p / plain_area(out)), y = (int)(p / (size_t)out->w % (size_t)out->h);
    const int x = (int)(p % (size_t)out->w);
    for (int c = 0; c < out->c; c++) {
      double sum = 0;
      for (int i = 0; i < fuse->n; i++)
        sum += w[i] * plain_value(&fuse->x[i], source_pixel(&fuse->x[i], out, n, y, x, c), c);
      cpu_at(out->raw)[plain_index(out, p, c)] = (float)sum;
    }
  }
}

/* <dout, x brought to out's size> */
static double fusion_product(const cream_tensor *t, const cream_tensor *out, const float *dout) {
  double sum = 0;
  for (size_t p = 0; p < plain_pixels(out); p++) {
    const int n = (int)(p / plain_area(out)), y = (int)(p / (size_t)out->w % (size_t)out->h);
    const int x = (int)(p % (size_t)out->w);
    for (int c = 0; c < out->c; c++)
      sum += (double)dout[plain_index(out, p, c)] * plain_value(t, source_pixel(t, out, n, y, x, c), c);
  }
  return sum;
}

/* The sum of dout over the pixels that take pixel p of x. */
static double gathered(const cream_tensor *t, const cream_tensor *out, const float *dout, size_t p, int c) {
  const int n = (int)(p / plain_area(t)), y = (int)(p / (size_t)t->w % (size_t)t->h);
  const cream_rows rows = cream_fuse_readers(t->h, out->h, y);
  const cream_rows columns = cream_fuse_readers(t->w, out->w, (int)(p % (size_t)t->w));
  double sum = 0;
  for (int r = rows.first; r < rows.end; r++)
    for (int k = columns.first; k < columns.end; k++) {
      const size_t pixel = ((size_t)n * (size_t)out->h + (size_t)r) * (size_t)out->w + (size_t)k;
      if (source_pixel(t, out, n, r, k, c) == p) sum += dout[plain_index(out, pixel, c)];
    }
  return sum;
}

static void fuse_backward(cream_backend *backend, const cream_fuse *fuse, const cream_tensor *out,
                          cream_buf dout, const cream_sink *sinks) {
  cpu_backend *cpu = cpu_of(backend);
  double w[CREAM_FUSE_MAX], products[CREAM_FUSE_MAX], mean = 0;
  const double total = fusion_weights(fuse, w);
  if (cream_buf_present(fuse->dweight)) {
    for (int i = 0; i < fuse->n; i++) {
      products[i] = fusion_product(&fuse->x[i], out, cpu_at(dout));
      mean += w[i] * products[i];
    }
    for (int i = 0; i < fuse->n; i++)
      cpu_at(fuse->dweight)[i] = cpu_at(fuse->weight)[i] > 0 ? (float)((products[i] - mean) / total) : 0;
  }
  for (int i = 0; i < fuse->n; i++) {
    const cream_tensor *x = &fuse->x[i];
    if (!cream_buf_present(sinks[i].g)) continue;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t p = 0; p < plain_pixels(x); p++)
      for (int c = 0; c < x->c; c++)
        plain_sink_store(&sinks[i], p, c, w[i] * gathered(x, out, cpu_at(dout), p, c));
    plain_sink_complete(cpu, &sinks[i]);
  }
}

/* log(1 + exp(z)) */
static double softplus(double z) {
  return fmax(z, 0) + log1p(exp(-fabs(z)));
}

/* The focal loss of a logit whose target is 1 or 0; *slope: its derivative. */
static double focal(const cream_box_loss *terms, double z, bool target, double *slope) {
  const double sign = target ? 1 : -1, alpha = target ? terms->alpha : 1 - (double)terms->alpha;
  const double missed = softplus(-sign * z), p = exp(-missed); /* of the target */
  const double q = exp(-softplus(sign * z)), power = alpha * pow(q, terms->gamma);
  *slope = -sign * power * (q + terms->gamma * p * missed);
  return power * missed;
}

/* Smooth L1; *slope: its derivative. */
static double smooth(const cream_box_loss *terms, double d, double *slope) {
  const double beta = terms->beta;
  const bool inner = fabs(d) < beta;
  *slope = inner ? d / beta : (d > 0) - (d < 0);
  return inner ? d * d / (2 * beta) : fabs(d) - beta / 2;
}

static void box_loss(cream_backend *backend, const cream_box_loss *terms, cream_buf logits, cream_buf deltas,
                     size_t entries, int classes, cream_buf dlogits, cream_buf ddeltas, cream_buf result) {
  (void)backend;
  const int32_t *labels = (const int32_t *)cpu_at(terms->labels);
  double of_classes = 0, of_boxes = 0, foreground = 0;
  for (size_t e = 0; e < entries; e++) {
    const float *target = cpu_at(terms->targets) + e * 5;
    const double factor = target[4];
    const bool found = labels[e] >= 0;
    foreground += found;
    for (int k = 0; k < classes; k++) {
      const size_t i = e * (size_t)classes + (size_t)k;
      double slope;
      of_classes += factor * focal(terms, cpu_at(logits)[i], k == labels[e], &slope);
      if (cream_buf_present(dlogits)) cpu_at(dlogits)[i] = (float)(factor * slope);
    }
    for (int k = 0; k < 4; k++) {
      const size_t i = e * 4 + (size_t)k;
      double slope = 0;
      if (found) of_boxes += factor * smooth(terms, (double)cpu_at(deltas)[i] - target[k], &slope);
      if (cream_buf_present(ddeltas)) cpu_at(ddeltas)[i] = (float)(terms->box * factor * slope);
    }
  }
  float *out = cpu_at(result);
  out[0] = (float)(of_classes + terms->box * of_boxes);
  out[1] = (float)of_classes;
  out[2] = (float)(terms->box * of_boxes);
  out[3] = (float)foreground;
}

void plain_detect_init(cream_backend *backend) {
  CREAM_DETECT_OPS(CREAM_SET_OP)
}
