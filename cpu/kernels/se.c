#include <omp.h>

#include "conv.h"
#include "gemm.h"
#include "math.h"

/* Columns of a product's task. */
enum { TASK_COLUMNS = 2 * CPU_PANEL, TASK_OUTPUTS = 32 };

CPU_INLINE void biased_step(cream_act act, const float *bias, float *z, float *value, int c, int lanes) {
  vf v = vf_load_n(z + c, lanes) + vf_load_n(bias + c, lanes);
  vf_store_n(z + c, v, lanes);
  vf_store_n(value + c, vf_act(act, v), lanes);
}
CPU_INLINE void slope_step(cream_act act, const float *z, float *gradient, int c, int lanes) {
  vf slope = vf_act_slope(act, vf_load_n(z + c, lanes));
  vf_store_n(gradient + c, vf_load_n(gradient + c, lanes) * slope, lanes);
}
CPU_INLINE void act_step(cream_act act, const float *z, float *value, int c, int lanes) {
  vf_store_n(value + c, vf_act(act, vf_load_n(z + c, lanes)), lanes);
}
CPU_INLINE void scale_step(float *x, float factor, int c, int lanes) {
  vf_store_n(x + c, vf_load_n(x + c, lanes) * factor, lanes);
}

/* z[n][out] = x[n][in] W^T + b, value = act(z); a task for every panel of outputs. */
static void layer_forward(cpu_backend *cpu, int n, int in, int out, const float *x, const float *weight,
                          const float *bias, cream_act act, float *z, float *value) {
  cpu_tasks_begin(cpu, ((size_t)out + CPU_PANEL - 1) / CPU_PANEL);
#pragma omp parallel num_threads(cpu->threads)
  {
    const int thread = omp_get_thread_num();
    cpu_pieces own = cpu_pieces_scratch(cpu, thread);
    float *packed = cpu_piece(&own, cpu_packed_size(1, in));
    for (size_t task; cpu_tasks_next(cpu, thread, &task);) {
      const int o = (int)task * CPU_PANEL, width = cpu_min(CPU_PANEL, out - o);
      const float *rows = weight + (size_t)o * (size_t)in;
      if (n <= CPU_FEW_ROWS) {
        CPU_NAME(cpu_gemm_few)(n, width, in, x, (size_t)in, rows, (size_t)in, z + o, (size_t)out);
      } else {
        CPU_NAME(cpu_gemm_pack)(width, in, rows, (size_t)in, packed);
        CPU_NAME(cpu_gemm_packed)
        (n, width, in, (cpu_matrix){x, (size_t)in, 1}, packed, z + o, (size_t)out, false);
      }
      for (size_t i = (size_t)o; i < (size_t)n * (size_t)out; i += (size_t)out)
        CPU_FOR_LANES(width, biased_step, act, bias + o, z + i, value + i);
    }
  }
}

/* dz [n][out], x [n][in], W [out][in]: dW = dz^T x, db = sum dz, dx = dz W * factor. */
static void layer_backward(cpu_backend *cpu, int n, int in, int out, const float *dz, const float *x,
                           const float *weight, float factor, float *dweight, float *dbias, float *dx) {
  const size_t ld_in = (size_t)in, ld_out = (size_t)out;
  const int outputs = (out + TASK_OUTPUTS - 1) / TASK_OUTPUTS,
            inputs = (in + TASK_COLUMNS - 1) / TASK_COLUMNS;
  cpu_tasks_begin(cpu, (size_t)(outputs + inputs));
#pragma omp parallel num_threads(cpu->threads)
  for (size_t task; cpu_tasks_next(cpu, omp_get_thread_num(), &task);) {
    const int input = (int)task - outputs;
    if (input < 0) {
      const int o = (int)task * TASK_OUTPUTS, width = cpu_min(TASK_OUTPUTS, out - o);
      CPU_NAME(cpu_gemm)
      (cpu_exact(cpu), width, in, n, (cpu_matrix){dz + o, 1, ld_out}, x, ld_in, dweight + (size_t)o * ld_in,
       ld_in, false);
      CPU_NAME(cpu_column_sums)(dz + o, ld_out, (size_t)n, width, dbias + o);
    } else {
      const int c = input * TASK_COLUMNS, width = cpu_min(TASK_COLUMNS, in - c);
      CPU_NAME(cpu_gemm)
      (cpu_exact(cpu), n, width, out, (cpu_matrix){dz, ld_out, 1}, weight + c, ld_in, dx + c, ld_in, false);
      for (size_t i = (size_t)c; i < (size_t)n * ld_in; i += ld_in)
        CPU_FOR_LANES(width, scale_step, dx + i, factor);
    }
  }
}

static void se_forward(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  cpu_backend *cpu = cpu_of(backend);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *active = cpu_piece(&pieces, (size_t)x->n * (size_t)se->r);
  backend->pool_forward(backend, x, se->pooled);
  layer_forward(cpu, x->n, se->c, se->r, cpu_at(se->pooled), cpu_at(se->w1), cpu_at(se->b1), se->act,
                cpu_at(se->hidden), active);
  layer_forward(cpu, x->n, se->r, se->c, active, cpu_at(se->w2), cpu_at(se->b2), se->gate_act,
                cpu_at(se->gate_z), cpu_at(se->gate));
}

/* bn of channel c: dz = (g*gate + pool) * act', summed from the gate's sums. */
static void complete_channel(const cream_se *se, const float *sums, const float *pool, const cream_bn *bn,
                             int n, double rows, int c) {
  const size_t channels = (size_t)se->c;
  double sum = 0, sum_xhat = 0;
  for (size_t image = 0; image < (size_t)n; image++) {
    const float *at = sums + image * 5 * channels + (size_t)c;
    const double gate = cpu_at(se->gate)[image * channels + (size_t)c];
    const double squeeze = pool[image * channels + (size_t)c];
    sum += gate * (double)at[channels] + squeeze * (double)at[2 * channels];
    sum_xhat += gate * (double)at[3 * channels] + squeeze * (double)at[4 * channels];
  }
  cpu_bn_complete(bn, c, rows, sum, sum_xhat);
}

static void se_backward(cream_backend *backend, const cream_se *se, const cream_tensor *x,
                        cream_buf gate_sums, const cream_bn *bn, cream_buf pool) {
  cpu_backend *cpu = cpu_of(backend);
  const size_t n = (size_t)x->n, c = (size_t)se->c, r = (size_t)se->r;
  const double pixels = (double)x->h * (double)x->w;
  const float *sums = cpu_at(gate_sums);
  cpu_pieces pieces = cpu_pieces_shared(cpu);
  float *dgate = cpu_piece(&pieces, n * c);
  float *active = cpu_piece(&pieces, n * r), *dhidden = cpu_piece(&pieces, n * r);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t i = 0; i < n; i++) {
    memcpy(dgate + i * c, sums + i * 5 * c, c * sizeof *dgate);
    CPU_FOR_LANES(se->c, slope_step, se->gate_act, cpu_at(se->gate_z) + i * c, dgate + i * c);
    CPU_FOR_LANES(se->r, act_step, se->act, cpu_at(se->hidden) + i * r, active + i * r);
  }
  layer_backward(cpu, x->n, se->r, se->c, dgate, active, cpu_at(se->w2), 1.0f, cpu_at(se->dw2),
                 cpu_at(se->db2), dhidden);
  for (size_t i = 0; i < n; i++)
    CPU_FOR_LANES(se->r, slope_step, se->act, cpu_at(se->hidden) + i * r, dhidden + i * r);
  layer_backward(cpu, x->n, se->c, se->r, dhidden, cpu_at(se->pooled), cpu_at(se->w1), (float)(1 / pixels),
                 cpu_at(se->dw1), cpu_at(se->db1), cpu_at(pool));
  if (!bn) return;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int channel = 0; channel < se->c; channel++)
    complete_channel(se, sums, cpu_at(pool), bn, x->n, (double)n * pixels, channel);
}

void CPU_NAME(cpu_tuned_se_init)(cream_backend *backend) {
  CREAM_SE_OPS(CREAM_SET_OP)
}
