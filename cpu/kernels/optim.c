#include <math.h>
#include <omp.h>

#include "conv.h"
#include "core/base/elementary.h"
#include "flat.h"

/* Elements of a task of an elementwise op. */
enum { CHUNK = 16384 };

/* ---- optimiser ---------------------------------------------------------------------------------------- */
typedef struct step_factors {
  float lr, momentum, decay, grow, eps, ema; /* grow = 1 - alpha, ema = 1 - ema_decay */
  float rate, root;                          /* ADAM, ADAMW: lr and 1/sqrt with their bias corrections */
} step_factors;

/* Pointers at a chunk's first element; m, v, ema may be NULL. */
typedef struct step_chunk {
  const float *g;
  float *w, *m, *v, *ema;
} step_chunk;

/* v += (1-alpha) * (d^2 - v); returns the new v. */
CPU_INLINE vf optim_squares(step_factors f, float *at, vf d, int lanes) {
  vf v = vf_load_n(at, lanes);
  v = vf_fma(vf_set(f.grow), vf_fma(d, d, -v), v);
  vf_store_n(at, v, lanes);
  return v;
}

CPU_INLINE void optim_lanes(cream_optim_kind kind, bool nesterov, step_factors f, step_chunk at, int i,
                            int lanes) {
  vf w = vf_load_n(at.w + i, lanes), m = {0};
  vf d = vf_load_n(at.g + i, lanes);
  if (kind == CREAM_OPTIM_ADAMW)
    w = vf_fma(vf_set(-(f.lr * f.decay)), w, w);
  else
    d = vf_fma(vf_set(f.decay), w, d);
  if (at.m) m = vf_load_n(at.m + i, lanes);
  switch (kind) {
  case CREAM_OPTIM_SGD:
    m = vf_fma(vf_set(f.momentum), m, d);
    if (nesterov)
      w = vf_fma(vf_set(-f.lr), vf_fma(vf_set(f.momentum), m, d), w);
    else
      w = vf_fma(vf_set(-f.lr), m, w);
    break;
  case CREAM_OPTIM_RMSPROP_TF:
    m = vf_fma(vf_set(f.momentum), m, f.lr * d / vf_sqrt(optim_squares(f, at.v + i, d, lanes) + f.eps));
    w = w - m;
    break;
  case CREAM_OPTIM_ADAM:
  case CREAM_OPTIM_ADAMW: {
    vf v = optim_squares(f, at.v + i, d, lanes);
    m = vf_fma(vf_set(1.0f - f.momentum), d - m, m);
    w = w - f.rate * m / vf_fma(vf_set(f.root), vf_sqrt(v), vf_set(f.eps));
    break;
  }
  }
  if (at.m) vf_store_n(at.m + i, m, lanes);
  vf_store_n(at.w + i, w, lanes);
  if (at.ema) {
    vf ema = vf_load_n(at.ema + i, lanes);
    vf_store_n(at.ema + i, vf_fma(vf_set(f.ema), w - ema, ema), lanes);
  }
}

static void optim_chunk(const cream_optim *optim, step_factors f, step_chunk at, int count) {
  switch (optim->kind) {
  case CREAM_OPTIM_SGD:
    if (optim->nesterov)
      CPU_FOR_LANES(count, optim_lanes, CREAM_OPTIM_SGD, true, f, at);
    else
      CPU_FOR_LANES(count, optim_lanes, CREAM_OPTIM_SGD, false, f, at);
    break;
  case CREAM_OPTIM_RMSPROP_TF:
    CPU_FOR_LANES(count, optim_lanes, CREAM_OPTIM_RMSPROP_TF, false, f, at);
    break;
  case CREAM_OPTIM_ADAM:
    CPU_FOR_LANES(count, optim_lanes, CREAM_OPTIM_ADAM, false, f, at);
    break;
  case CREAM_OPTIM_ADAMW:
    CPU_FOR_LANES(count, optim_lanes, CREAM_OPTIM_ADAMW, false, f, at);
    break;
  }
}

static float *block_at(cream_buf block, size_t i) {
  return cream_buf_present(block) ? cpu_at(block) + i : NULL;
}

static void optim_step(cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int count,
                       const cream_blocks *blocks) {
  const bool moments = cream_buf_present(blocks->m);
  const double n = (double)optim->step;
  const float rate = (float)(optim->lr / (1.0 - cream_pow(optim->momentum, n)));
  const float root = (float)(1.0 / sqrt(1.0 - cream_pow(optim->alpha, n)));
#pragma omp parallel num_threads(cpu_of(backend)->threads)
  {
    const size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
    size_t turn = 0; /* chunks of all slices go to threads in turn: most slices are shorter than a chunk */
    for (const cream_slice *slice = slices; slice < slices + count; slice++) {
      const step_factors f = {.lr = optim->lr,
                              .momentum = moments ? optim->momentum : 0.0f,
                              .decay = slice->decay ? optim->weight_decay : 0.0f,
                              .grow = (float)(1.0 - (double)optim->alpha),
                              .eps = optim->eps,
                              .ema = (float)(1.0 - (double)optim->ema_decay),
                              .rate = rate,
                              .root = root};
      for (size_t i = 0; i < slice->count; i += CHUNK, turn++) {
        if (turn % threads != thread) continue;
        const size_t w = slice->w + i;
        const step_chunk at = {cpu_at(blocks->g) + slice->g + i, cpu_at(blocks->w) + w,
                               block_at(blocks->m, w), block_at(blocks->v, w), block_at(blocks->ema, w)};
        optim_chunk(optim, f, at, (int)cpu_min_size(CHUNK, slice->count - i));
      }
    }
  }
}

/* ---- flat ops ----------------------------------------------------------------------------------------- */
/* Shorter vectors run without a parallel region. */
enum { PARALLEL = 4 * CHUNK };

CPU_INLINE void fill_step(float *dst, vf value, int i, int lanes) {
  vf_store_n(dst + i, value, lanes);
}

static void fill(cream_backend *backend, cream_buf dst, size_t count, float value) {
  float *out = cpu_at(dst);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static) if (count > PARALLEL)
  for (size_t i = 0; i < count; i += CHUNK) {
    CPU_FOR_LANES((int)cpu_min_size(CHUNK, count - i), fill_step, out + i, vf_set(value));
  }
}

static void copy(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  float *out = cpu_at(dst);
  const float *in = cpu_at(src);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static) if (count > PARALLEL)
  for (size_t i = 0; i < count; i += CHUNK)
    memcpy(out + i, in + i, cpu_min_size(CHUNK, count - i) * sizeof *out);
}

CPU_INLINE void axpy_step(float *y, float alpha, const float *x, int i, int lanes) {
  vf_store_n(y + i, vf_fma(vf_set(alpha), vf_load_n(x + i, lanes), vf_load_n(y + i, lanes)), lanes);
}

static void axpy(cream_backend *backend, cream_buf y, float alpha, cream_buf x, size_t count) {
  float *out = cpu_at(y);
  const float *in = cpu_at(x);
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static) if (count > PARALLEL)
  for (size_t i = 0; i < count; i += CHUNK) {
    CPU_FOR_LANES((int)cpu_min_size(CHUNK, count - i), axpy_step, out + i, alpha, in + i);
  }
}

/* Partial sums of a dot product: a fixed number, so that their lengths follow from `count` alone. */
enum { DOT_PARTS = 64 };

static void dot(cream_backend *backend, cream_buf x, cream_buf y, size_t count, cream_buf out) {
  const float *a = cpu_at(x), *b = cpu_at(y);
  double part[DOT_PARTS], sum = 0;
#pragma omp parallel for num_threads(cpu_of(backend)->threads) schedule(static) if (count > CHUNK)
  for (size_t p = 0; p < DOT_PARTS; p++) {
    const size_t first = count * p / DOT_PARTS, end = count * (p + 1) / DOT_PARTS;
    part[p] = cpu_flat_dot(a + first, b + first, end - first);
  }
  for (int p = 0; p < DOT_PARTS; p++) sum += part[p];
  cpu_at(out)[0] = (float)sum;
}

void CPU_NAME(cpu_tuned_flat_init)(cream_backend *backend) {
  CREAM_FLAT_OPS(CREAM_SET_OP)
}
