#include "plain.h"

#include <math.h>
#include <string.h>

static float *element(cream_buf block, size_t i) {
  return cream_buf_present(block) ? cpu_at(block) + i : NULL;
}

/* One parameter: g its gradient, the others as in cream_optim; m and ema may be NULL. */
static void step(const cream_optim *optim, bool decay, float g, float *w, float *m, float *v, float *ema) {
  double shrink = decay ? optim->weight_decay : 0.0, d = g;
  if (optim->kind == CREAM_OPTIM_ADAMW)
    *w = (float)(*w - optim->lr * shrink * *w);
  else
    d += shrink * *w;
  double momentum = m ? (double)optim->momentum : 0.0, moment = m ? *m : 0.0;
  switch (optim->kind) {
  case CREAM_OPTIM_SGD:
    moment = momentum * moment + d;
    *w = (float)(*w - optim->lr * (optim->nesterov ? d + momentum * moment : moment));
    break;
  case CREAM_OPTIM_RMSPROP_TF:
    *v = (float)(*v + (1.0 - optim->alpha) * (d * d - *v));
    moment = momentum * moment + optim->lr * d / sqrt((double)*v + optim->eps);
    *w = (float)(*w - moment);
    break;
  case CREAM_OPTIM_ADAM:
  case CREAM_OPTIM_ADAMW: {
    *v = (float)(*v + (1.0 - optim->alpha) * (d * d - *v));
    double n = (double)optim->step, square = *v / (1.0 - pow(optim->alpha, n));
    moment += (1.0 - momentum) * (d - moment);
    *w = (float)(*w - optim->lr * moment / (1.0 - pow(momentum, n)) / (sqrt(square) + optim->eps));
    break;
  }
  }
  if (m) *m = (float)moment;
  if (ema) *ema = (float)(*ema + (1.0 - optim->ema_decay) * ((double)*w - *ema));
}

static void optim_step(cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int count,
                       const cream_blocks *blocks) {
  for (const cream_slice *slice = slices; slice < slices + count; slice++) {
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static)
    for (size_t i = 0; i < slice->count; i++) {
      size_t at = slice->w + i;
      step(optim, slice->decay, *element(blocks->g, slice->g + i), element(blocks->w, at),
           element(blocks->m, at), element(blocks->v, at), element(blocks->ema, at));
    }
  }
}

static void fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  (void)backend;
  for (size_t i = 0; i < count; i++) cpu_at(dst)[i] = value;
}

static void copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  (void)backend;
  memmove(cpu_at(dst), cpu_at(src), count * sizeof(float));
}

static void axpy(cream_backend *backend, cream_buf y, float alpha, cream_buf x, size_t count) {
  (void)backend;
  for (size_t i = 0; i < count; i++) cpu_at(y)[i] += alpha * cpu_at(x)[i];
}

static void dot(cream_backend *backend, cream_buf x, cream_buf y, size_t count, cream_buf out) {
  (void)backend;
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += (double)cpu_at(x)[i] * cpu_at(y)[i];
  cpu_at(out)[0] = (float)sum;
}

void plain_flat_init(cream_backend *backend) {
  CREAM_FLAT_OPS(CREAM_SET_OP)
}
