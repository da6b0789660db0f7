#include "plain.h"

#include <math.h>

void plain_bn_forward(cpu_backend *cpu, const cream_bn *bn, cream_bn_mode mode, float momentum,
                      const cream_tensor *y) {
  size_t count = plain_pixels(y);
  double inverse = 1.0 / (double)count;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int c = 0; c < y->c; c++) {
    float *running_mean = cpu_at(bn->running_mean) + c, *running_var = cpu_at(bn->running_var) + c;
    double mean = 0.0, squares = 0.0;
    if (mode == CREAM_BN_RUNNING) {
      mean = *running_mean;
      squares = *running_var * (double)count;
    } else {
      for (size_t p = 0; p < count; p++) mean += plain_raw(y, p, c);
      mean *= inverse;
      for (size_t p = 0; p < count; p++) {
        double centred = plain_raw(y, p, c) - mean;
        squares += centred * centred;
      }
    }
    double invstd = 1.0 / sqrt(squares * inverse + bn->eps);
    double scale = cpu_at(bn->gamma)[c] * invstd;
    cpu_at(bn->scale)[c] = (float)scale;
    cpu_at(bn->shift)[c] = (float)(cpu_at(bn->beta)[c] - mean * scale);
    if (mode == CREAM_BN_RUNNING) continue;
    cpu_at(bn->mean)[c] = (float)mean;
    cpu_at(bn->invstd)[c] = (float)invstd;
    if (mode == CREAM_BN_BATCH) continue;
    double unbiased = squares / (count > 1 ? (double)(count - 1) : 1.0);
    *running_mean = (float)((1.0 - momentum) * *running_mean + momentum * mean);
    *running_var = (float)((1.0 - momentum) * *running_var + momentum * unbiased);
  }
}

void plain_bn_complete(const cream_bn *bn, int c, double sum_dz, double sum_dz_xhat, double count) {
  double invstd = cpu_at(bn->invstd)[c], mean = cpu_at(bn->mean)[c], scale = cpu_at(bn->gamma)[c] * invstd;
  double m1 = sum_dz / count, m2 = sum_dz_xhat / count;
  cpu_at(bn->a)[c] = (float)scale;
  cpu_at(bn->b)[c] = (float)(-scale * invstd * m2);
  cpu_at(bn->c)[c] = (float)(-scale * (m1 - mean * invstd * m2));
  if (cream_buf_present(bn->dgamma)) cpu_at(bn->dgamma)[c] = (float)sum_dz_xhat;
  if (cream_buf_present(bn->dbeta)) cpu_at(bn->dbeta)[c] = (float)sum_dz;
}

/* bn present, node without gate. */
static void complete_bn(cpu_backend *cpu, const cream_sink *sink) {
  const cream_tensor *node = sink->node;
  const float *dz = cpu_at(sink->g);
  size_t count = plain_pixels(node);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int c = 0; c < node->c; c++) {
    double sum = 0.0, sum_xhat = 0.0;
    for (size_t p = 0; p < count; p++) {
      sum += dz[plain_index(node, p, c)];
      sum_xhat += dz[plain_index(node, p, c)] * plain_normalised(sink->bn, node, p, c);
    }
    plain_bn_complete(sink->bn, c, sum, sum_xhat, (double)count);
  }
}

/* bn present, node with gate. */
static void take_gate_sums(cpu_backend *cpu, const cream_sink *sink) {
  const cream_tensor *node = sink->node;
  size_t area = plain_area(node), channels = (size_t)node->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static) collapse(2)
  for (int n = 0; n < node->n; n++) {
    for (int c = 0; c < node->c; c++) {
      double sums[5] = {0};
      for (size_t p = (size_t)n * area; p < (size_t)(n + 1) * area; p++) {
        double d = cpu_at(sink->g)[plain_index(node, p, c)];
        float z = plain_z(node, p, c);
        double q = cream_act_slope(node->act, z), xhat = plain_normalised(sink->bn, node, p, c);
        sums[0] += d * cream_act_value(node->act, z);
        sums[1] += d * q;
        sums[2] += q;
        sums[3] += d * q * xhat;
        sums[4] += q * xhat;
      }
      float *out = cpu_at(sink->gate_sums) + (size_t)n * 5 * channels + c;
      for (size_t i = 0; i < 5; i++) out[i * channels] = (float)sums[i];
    }
  }
}

void plain_sink_complete(cpu_backend *cpu, const cream_sink *sink) {
  if (plain_sink_keeps_value(sink))
    take_gate_sums(cpu, sink);
  else if (sink->bn)
    complete_bn(cpu, sink);
}
