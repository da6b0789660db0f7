#include "plain.h"

#include <math.h>

static int argmax(const float *row, int k) {
  int best = 0;
  for (int i = 1; i < k; i++)
    if (row[i] > row[best]) best = i;
  return best;
}

/* log(sum exp), so that log softmax = logit - this. */
static double log_sum_exp(const float *logits, int k) {
  double top = logits[argmax(logits, k)], sum = 0.0;
  for (int i = 0; i < k; i++) sum += exp(logits[i] - top);
  return top + log(sum);
}

static void softmax(cream_backend *backend, cream_buf logits, int n, int k, cream_buf out) {
  (void)backend;
  for (size_t row = 0; row < (size_t)n; row++) {
    const float *in = cpu_at(logits) + row * (size_t)k;
    double norm = log_sum_exp(in, k);
    for (int i = 0; i < k; i++) cpu_at(out)[row * (size_t)k + (size_t)i] = (float)exp(in[i] - norm);
  }
}

static void loss(cream_backend *backend, const cream_loss *spec, cream_buf logits, int n, int k,
                 cream_buf dlogits, cream_buf result) {
  (void)backend;
  double hard = 0.0, soft = 0.0;
  int correct = 0;
  for (size_t row = 0; row < (size_t)n; row++) {
    const float *in = cpu_at(logits) + row * (size_t)k;
    int label = ((const int32_t *)cpu_at(spec->labels))[row];
    CREAM_ASSERT(label >= 0 && label < k);
    const float *target = cream_buf_present(spec->target) ? cpu_at(spec->target) + row * (size_t)k : NULL;
    double norm = log_sum_exp(in, k), mass = 0.0;
    for (int i = 0; target && i < k; i++) mass += target[i];
    for (int i = 0; i < k; i++) {
      double log_p = in[i] - norm, p = exp(log_p);
      double y = (i == label ? 1.0 - spec->smoothing : 0.0) + (double)spec->smoothing / k;
      double t = target ? target[i] : 0.0;
      hard -= y * log_p;
      soft -= t * log_p;
      if (cream_buf_present(dlogits))
        cpu_at(dlogits)[row * (size_t)k + (size_t)i] =
            (float)((spec->hard * (p - y) + spec->soft * (mass * p - t)) / n);
    }
    correct += argmax(in, k) == label;
  }
  float *out = cpu_at(result);
  out[0] = (float)((spec->hard * hard + spec->soft * soft) / n);
  out[1] = (float)(hard / n);
  out[2] = (float)(soft / n);
  out[3] = (float)correct;
}

static void match(cream_backend *backend, cream_buf p, cream_buf phi, cream_buf theta, int entries, int len,
                  cream_buf diff, cream_buf scores) {
  (void)backend;
  for (int k = 0; k < entries; k++) {
    double score = cpu_at(theta)[len];
    for (int i = 0; i < len; i++) {
      size_t at = (size_t)k * (size_t)len + (size_t)i;
      cpu_at(diff)[at] = cpu_at(p)[at] - cpu_at(phi)[at];
      score += (double)cpu_at(theta)[i] * cpu_at(diff)[at];
    }
    cpu_at(scores)[k] = (float)score;
  }
}

void plain_loss_init(cream_backend *backend) {
  CREAM_LOSS_OPS(CREAM_SET_OP)
}
