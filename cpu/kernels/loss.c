#include "conv.h"
#include "core/base/elementary.h"
#include "flat.h"
#include "math.h"

static int argmax(const float *row, int k) {
  int best = 0;
  for (int i = 1; i < k; i++)
    if (row[i] > row[best]) best = i;
  return best;
}

/* The first `lanes` lanes, the others 0. */
CPU_INLINE vf first_lanes(vf v, int lanes) {
  float lane[CPU_LANES] = {0};
  if (lanes == CPU_LANES) return v;
  vf_store_part(lane, v, lanes);
  return vf_load(lane);
}
CPU_INLINE void exp_sum_step(const float *row, float top, vf_wide *exps, vf_wide *shifted, int i, int part,
                             int lanes) {
  vf d = vf_load_n(row + i, lanes) - top;
  exps->part[part] += first_lanes(vf_exp(d), lanes);
  shifted->part[part] += first_lanes(d, lanes);
}
/* sum of exp(logit - top), and of logit - top. */
static double exp_sum(const float *row, int k, float top, double *shifted) {
  vf_wide exps = {{{0}}}, sum = {{{0}}};
  CPU_FOR_WIDE(k, exp_sum_step, row, top, &exps, &sum);
  *shifted = (double)vf_wide_sum(&sum);
  return (double)vf_wide_sum(&exps);
}

CPU_INLINE void softmax_step(const float *row, float top, float factor, float *out, int i, int lanes) {
  vf_store_n(out + i, vf_exp(vf_load_n(row + i, lanes) - top) * factor, lanes);
}

static void softmax(cream_backend *backend, cream_buf logits, int n, int k, cream_buf out) {
  const float *in = cpu_at(logits);
  float *to = cpu_at(out);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t row = 0; row < (size_t)n; row++) {
    const float *at = in + row * (size_t)k, top = at[argmax(at, k)];
    double shifted, sum = exp_sum(at, k, top, &shifted);
    CPU_FOR_LANES(k, softmax_step, at, top, (float)(1 / sum), to + row * (size_t)k);
  }
}

/* What one image adds to the results. */
typedef struct row_loss {
  double hard, soft;
  int correct;
} row_loss;

CPU_INLINE void soft_step(const float *row, float top, const float *target, vf_wide *mass, vf_wide *dot,
                          int i, int part, int lanes) {
  vf t = vf_load_n(target + i, lanes);
  mass->part[part] += t;
  dot->part[part] = vf_fma(t, vf_load_n(row + i, lanes) - top, dot->part[part]);
}

/* d logits = p_factor * exp(logit - top) - smooth - soft * target, but at the label. */
CPU_INLINE void gradient_step(const float *row, float top, float p_factor, float smooth, float soft,
                              const float *target, float *out, int i, int lanes) {
  vf g = vf_fma(vf_exp(vf_load_n(row + i, lanes) - top), vf_set(p_factor), vf_set(-smooth));
  if (target) g = vf_fma(vf_set(-soft), vf_load_n(target + i, lanes), g);
  vf_store_n(out + i, g, lanes);
}

static row_loss loss_row(const cream_loss *spec, const float *row, int n, int k, int label,
                         const float *target, float *gradient) {
  CREAM_ASSERT(label >= 0 && label < k);
  const int best = argmax(row, k);
  const float top = row[best];
  double shifted, sum = exp_sum(row, k, top, &shifted), log_sum = cream_log(sum);
  double label_log = (double)(row[label] - top) - log_sum;
  double mass = 0, dot = 0, smooth = (double)spec->smoothing / k, confident = 1 - (double)spec->smoothing;
  if (target) {
    vf_wide masses = {{{0}}}, products = {{{0}}};
    CPU_FOR_WIDE(k, soft_step, row, top, target, &masses, &products);
    mass = (double)vf_wide_sum(&masses);
    dot = (double)vf_wide_sum(&products);
  }
  if (gradient) {
    double p_factor = ((double)spec->hard + (double)spec->soft * mass) / (sum * n);
    CPU_FOR_LANES(k, gradient_step, row, top, (float)p_factor, (float)((double)spec->hard * smooth / n),
                  spec->soft / (float)n, target, gradient);
    double p = cream_exp(label_log), t = target ? (double)target[label] : 0;
    gradient[label] =
        (float)(((double)spec->hard * (p - confident - smooth) + (double)spec->soft * (mass * p - t)) / n);
  }
  return (row_loss){.hard = -confident * label_log - smooth * (shifted - k * log_sum),
                    .soft = mass * log_sum - dot,
                    .correct = best == label};
}

static void loss(cream_backend *backend, const cream_loss *spec, cream_buf logits, int n, int k,
                 cream_buf dlogits, cream_buf result) {
  cpu_backend *cpu = cpu_of(backend);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  row_loss *rows = (row_loss *)(void *)cpu_piece(&pieces, (size_t)n * sizeof *rows / sizeof(float));
  const float *in = cpu_at(logits), *target = cpu_at(spec->target);
  const int32_t *labels = (const int32_t *)(const void *)cpu_at(spec->labels);
  float *gradient = cpu_at(dlogits), *out = cpu_at(result);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int i = 0; i < n; i++) {
    const size_t at = (size_t)i * (size_t)k;
    rows[i] = loss_row(spec, in + at, n, k, labels[i], target ? target + at : NULL,
                       gradient ? gradient + at : NULL);
  }
  double hard = 0, soft = 0;
  int correct = 0;
  for (int i = 0; i < n; i++) {
    hard += rows[i].hard;
    soft += rows[i].soft;
    correct += rows[i].correct;
  }
  out[0] = (float)(((double)spec->hard * hard + (double)spec->soft * soft) / n);
  out[1] = (float)(hard / n);
  out[2] = (float)(soft / n);
  out[3] = (float)correct;
}

CPU_INLINE void difference_step(const float *x, const float *y, float *out, int i, int lanes) {
  vf_store_n(out + i, vf_load_n(x + i, lanes) - vf_load_n(y + i, lanes), lanes);
}

static void match(cream_backend *backend, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                  cream_buf diff, cream_buf scores) {
  const float *weight = cpu_at(theta);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (int entry = 0; entry < entries; entry++) {
    const size_t at = (size_t)entry * (size_t)len;
    float *d = cpu_at(diff) + at;
    CPU_FOR_LANES(len, difference_step, cpu_at(p) + at, cpu_at(phi) + at, d);
    cpu_at(scores)[entry] = (float)(cpu_flat_dot(weight, d, (size_t)len) + (double)weight[len]);
  }
}

void CPU_NAME(cpu_tuned_loss_init)(cream_backend *backend) {
  CREAM_LOSS_OPS(CREAM_SET_OP)
}
