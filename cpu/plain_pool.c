#include "plain.h"

#include "core/base/rng.h"

static void pool_forward(cream_backend *backend, const cream_tensor *x, cream_buf out) {
  size_t area = plain_area(x);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static) collapse(2)
  for (int n = 0; n < x->n; n++) {
    for (int c = 0; c < x->c; c++) {
      double sum = 0.0;
      for (size_t p = (size_t)n * area; p < (size_t)(n + 1) * area; p++) sum += plain_value(x, p, c);
      cpu_at(out)[(size_t)n * (size_t)x->c + (size_t)c] = (float)(sum / (double)area);
    }
  }
}

static void pool_backward(cream_backend *backend, const cream_tensor *x, cream_buf dout, const cream_bn *bn,
                          cream_buf pool) {
  size_t area = plain_area(x), pixels = plain_pixels(x);
  for (size_t i = 0; i < (size_t)x->n * (size_t)x->c; i++)
    cpu_at(pool)[i] = (float)(cpu_at(dout)[i] / (double)area);
  if (!bn) return;
  cream_grad grad = {.kind = CREAM_GRAD_VALUE, .pool = pool};
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (int c = 0; c < x->c; c++) {
    double sum = 0.0, sum_xhat = 0.0;
    for (size_t p = 0; p < pixels; p++) {
      double dz = plain_draw(x, &grad, p, c);
      sum += dz;
      sum_xhat += dz * plain_normalised(bn, x, p, c);
    }
    plain_bn_complete(bn, c, sum, sum_xhat, (double)pixels);
  }
}

static void add_forward(cream_backend *backend, const cream_tensor *a, const cream_tensor *b,
                        const cream_tensor *out) {
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(out); p++)
    for (int c = 0; c < out->c; c++)
      cpu_at(out->raw)[plain_index(out, p, c)] = plain_value(a, p, c) + plain_value(b, p, c);
}

static void dropout_gate(cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed,
                         uint64_t step) {
  float keep = (float)(1.0 / (1.0 - p));
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
  for (size_t i = 0; i < count; i++) cpu_at(gate)[i] = cream_rng_dropout(seed, step, i) < p ? 0.0f : keep;
}

void plain_pool_init(cream_backend *backend) {
  CREAM_POOL_OPS(CREAM_SET_OP)
}
