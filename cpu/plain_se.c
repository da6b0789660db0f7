#include "plain.h"

static void se_forward(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  backend->pool_forward(backend, x, se->pooled);
  const float *w1 = cpu_at(se->w1), *w2 = cpu_at(se->w2);
  for (int n = 0; n < x->n; n++) {
    const float *pooled = cpu_at(se->pooled) + (size_t)n * (size_t)se->c;
    float *hidden = cpu_at(se->hidden) + (size_t)n * (size_t)se->r;
    for (int r = 0; r < se->r; r++) {
      double sum = cpu_at(se->b1)[r];
      for (int c = 0; c < se->c; c++) sum += (double)w1[(size_t)r * (size_t)se->c + (size_t)c] * pooled[c];
      hidden[r] = (float)sum;
    }
    for (int c = 0; c < se->c; c++) {
      double sum = cpu_at(se->b2)[c];
      for (int r = 0; r < se->r; r++)
        sum += (double)w2[(size_t)c * (size_t)se->r + (size_t)r] * cream_act_value(se->act, hidden[r]);
      size_t i = (size_t)n * (size_t)se->c + (size_t)c;
      cpu_at(se->gate_z)[i] = (float)sum;
      cpu_at(se->gate)[i] = cream_act_value(se->gate_act, (float)sum);
    }
  }
}

/* The sum number `which` of image n, channel c, in [N,5,C]. */
static double gate_sum(const cream_se *se, cream_buf gate_sums, int n, int which, int c) {
  return cpu_at(gate_sums)[((size_t)n * 5 + (size_t)which) * (size_t)se->c + (size_t)c];
}

/* Gradient of gate_z. */
static double gate_z_gradient(const cream_se *se, cream_buf gate_sums, int n, int c) {
  float z = cpu_at(se->gate_z)[(size_t)n * (size_t)se->c + (size_t)c];
  return gate_sum(se, gate_sums, n, 0, c) * cream_act_slope(se->gate_act, z);
}

/* Gradient of hidden, before its activation. */
static double hidden_gradient(const cream_se *se, cream_buf gate_sums, int n, int r) {
  double sum = 0.0;
  for (int c = 0; c < se->c; c++)
    sum += gate_z_gradient(se, gate_sums, n, c) * cpu_at(se->w2)[(size_t)c * (size_t)se->r + (size_t)r];
  return sum * cream_act_slope(se->act, cpu_at(se->hidden)[(size_t)n * (size_t)se->r + (size_t)r]);
}

/* dw2, db2 from gate_sums. */
static void backward_expand(const cream_se *se, int images, cream_buf gate_sums) {
  for (int c = 0; c < se->c; c++) {
    double bias = 0.0;
    for (int n = 0; n < images; n++) bias += gate_z_gradient(se, gate_sums, n, c);
    cpu_at(se->db2)[c] = (float)bias;
    for (int r = 0; r < se->r; r++) {
      double sum = 0.0;
      for (int n = 0; n < images; n++)
        sum += gate_z_gradient(se, gate_sums, n, c) *
               cream_act_value(se->act, cpu_at(se->hidden)[(size_t)n * (size_t)se->r + (size_t)r]);
      cpu_at(se->dw2)[(size_t)c * (size_t)se->r + (size_t)r] = (float)sum;
    }
  }
}

/* dw1, db1 and pool from dhidden [N,r]. */
static void backward_reduce(const cream_se *se, const cream_tensor *x, const double *dhidden,
                            cream_buf pool) {
  size_t images = (size_t)x->n, channels = (size_t)se->c, reduced = (size_t)se->r;
  double area = (double)plain_area(x);
  for (size_t r = 0; r < reduced; r++) {
    double bias = 0.0;
    for (size_t n = 0; n < images; n++) bias += dhidden[n * reduced + r];
    cpu_at(se->db1)[r] = (float)bias;
    for (size_t c = 0; c < channels; c++) {
      double sum = 0.0;
      for (size_t n = 0; n < images; n++)
        sum += dhidden[n * reduced + r] * cpu_at(se->pooled)[n * channels + c];
      cpu_at(se->dw1)[r * channels + c] = (float)sum;
    }
  }
  for (size_t n = 0; n < images; n++)
    for (size_t c = 0; c < channels; c++) {
      double sum = 0.0;
      for (size_t r = 0; r < reduced; r++) sum += dhidden[n * reduced + r] * cpu_at(se->w1)[r * channels + c];
      cpu_at(pool)[n * channels + c] = (float)(sum / area);
    }
}

static void se_backward(cream_backend *backend, const cream_se *se, const cream_tensor *x,
                        cream_buf gate_sums, const cream_bn *bn, cream_buf pool) {
  double *dhidden = (double *)(void *)cpu_of(backend)->shared;
  for (int n = 0; n < x->n; n++)
    for (int r = 0; r < se->r; r++)
      dhidden[(size_t)n * (size_t)se->r + (size_t)r] = hidden_gradient(se, gate_sums, n, r);
  backward_expand(se, x->n, gate_sums);
  backward_reduce(se, x, dhidden, pool);
  if (!bn) return;
  for (int c = 0; c < se->c; c++) {
    double sum = 0.0, sum_xhat = 0.0;
    for (int n = 0; n < x->n; n++) {
      size_t i = (size_t)n * (size_t)se->c + (size_t)c;
      double gate = cpu_at(se->gate)[i], squeeze = cpu_at(pool)[i];
      sum += gate * gate_sum(se, gate_sums, n, 1, c) + squeeze * gate_sum(se, gate_sums, n, 2, c);
      sum_xhat += gate * gate_sum(se, gate_sums, n, 3, c) + squeeze * gate_sum(se, gate_sums, n, 4, c);
    }
    plain_bn_complete(bn, c, sum, sum_xhat, (double)plain_pixels(x));
  }
}

void plain_se_init(cream_backend *backend) {
  CREAM_SE_OPS(CREAM_SET_OP)
}
