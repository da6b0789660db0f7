#include "plain.h"

#include <omp.h>
#include <string.h>

/* Output channels whose weight gradients are summed together. */
enum { BLOCK = 16 };

static int tap_count(const cream_conv *conv) {
  return conv->kernel * conv->kernel;
}

/* Length of one output channel's weights. */
static size_t row_length(const cream_conv *conv) {
  return (size_t)conv->cin * (size_t)tap_count(conv);
}

/* Floats that a thread's patch takes, whole lines of 16. */
static size_t patch_size(const cream_conv *conv) {
  size_t channels = (size_t)(conv->cin > conv->cout ? conv->cin : conv->cout);
  return (channels * (size_t)tap_count(conv) + 15) / 16 * 16;
}

void cpu_plain_workspace(const cpu_backend *cpu, const cream_conv *conv, int n, int h, int w,
                         cpu_workspace *workspace) {
  (void)cpu, (void)h, (void)w;
  size_t doubles = sizeof(double) / sizeof(float);
  size_t channels = (size_t)(conv->cin > conv->cout ? conv->cin : conv->cout);
  size_t se_hidden = (size_t)n * channels * doubles;
  if (workspace->shared < se_hidden) workspace->shared = se_hidden;
  if (conv->depthwise) return;
  size_t scratch = patch_size(conv) + BLOCK * row_length(conv) * doubles;
  if (workspace->scratch < scratch) workspace->scratch = scratch;
}

/* Values of x under output pixel p's kernel, [cin][taps]; 0 in the padding. */
static void gather_values(const cream_conv *conv, const cream_tensor *x, const cream_tensor *y, size_t p,
                          float *patch) {
  int taps = tap_count(conv);
  for (int tap = 0; tap < taps; tap++) {
    size_t input = 0;
    bool inside = plain_input_pixel(conv, x, y, p, tap, &input);
    for (int c = 0; c < conv->cin; c++) patch[c * taps + tap] = inside ? plain_value(x, input, c) : 0.0f;
  }
}

/* Gradients of the outputs that read input pixel p, [cout][taps]; 0 where there is none. */
static void gather_draws(const cream_conv *conv, const cream_tensor *x, const cream_tensor *y,
                         const cream_grad *dy, size_t p, float *patch) {
  int taps = tap_count(conv);
  for (int tap = 0; tap < taps; tap++) {
    size_t output = 0;
    bool inside = plain_output_pixel(conv, x, y, p, tap, &output);
    for (int c = 0; c < conv->cout; c++) patch[c * taps + tap] = inside ? plain_draw(y, dy, output, c) : 0.0f;
  }
}

static void dense_forward(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y) {
  size_t length = row_length(conv);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(y); p++) {
    float *patch = cpu_scratch(cpu, omp_get_thread_num());
    gather_values(conv, x, y, p, patch);
    for (int co = 0; co < conv->cout; co++) {
      const float *weight = cpu_at(conv->weight) + (size_t)co * length;
      double sum = cream_buf_present(conv->bias) ? cpu_at(conv->bias)[co] : 0.0;
      for (size_t i = 0; i < length; i++) sum += (double)weight[i] * patch[i];
      cpu_at(y->raw)[plain_index(y, p, co)] = cream_act_value(conv->act, (float)sum);
    }
  }
}

static void dense_backward_weight(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                  const cream_tensor *y, const cream_grad *dy) {
  size_t length = row_length(conv);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int first = 0; first < conv->cout; first += BLOCK) {
    int end = first + BLOCK < conv->cout ? first + BLOCK : conv->cout;
    float *patch = cpu_scratch(cpu, omp_get_thread_num());
    double *sums = (double *)(void *)(patch + patch_size(conv));
    memset(sums, 0, BLOCK * length * sizeof *sums);
    for (size_t p = 0; p < plain_pixels(y); p++) {
      gather_values(conv, x, y, p, patch);
      for (int co = first; co < end; co++) {
        double draw = plain_draw(y, dy, p, co);
        double *row = sums + (size_t)(co - first) * length;
        for (size_t i = 0; i < length; i++) row[i] += draw * patch[i];
      }
    }
    float *dweight = cpu_at(conv->dweight) + (size_t)first * length;
    for (size_t i = 0; i < (size_t)(end - first) * length; i++) dweight[i] = (float)sums[i];
  }
}

static void dense_backward_input(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                 const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  size_t length = row_length(conv), taps = (size_t)tap_count(conv);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(x); p++) {
    float *patch = cpu_scratch(cpu, omp_get_thread_num());
    gather_draws(conv, x, y, dy, p, patch);
    for (int ci = 0; ci < conv->cin; ci++) {
      double sum = 0.0;
      for (size_t co = 0; co < (size_t)conv->cout; co++) {
        const float *weight = cpu_at(conv->weight) + co * length + (size_t)ci * taps;
        for (size_t tap = 0; tap < taps; tap++) sum += (double)weight[tap] * patch[co * taps + tap];
      }
      plain_sink_store(sink, p, ci, sum);
    }
  }
}

static void backward_bias(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *y,
                          const cream_grad *dy) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int c = 0; c < y->c; c++) {
    double sum = 0.0;
    for (size_t p = 0; p < plain_pixels(y); p++) sum += plain_draw(y, dy, p, c);
    cpu_at(conv->dbias)[c] = (float)sum;
  }
}

static void conv_forward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                         const cream_bn *bn, cream_bn_mode mode, float momentum, const cream_tensor *y) {
  cpu_backend *cpu = cpu_of(backend);
  (conv->depthwise ? plain_dwconv_forward : dense_forward)(cpu, conv, x, y);
  if (bn) plain_bn_forward(cpu, bn, mode, momentum, y);
}

static void conv_backward(cream_backend *backend, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
  cpu_backend *cpu = cpu_of(backend);
  (conv->depthwise ? plain_dwconv_backward_weight : dense_backward_weight)(cpu, conv, x, y, dy);
  if (cream_buf_present(conv->dbias)) backward_bias(cpu, conv, y, dy);
  if (!cream_buf_present(sink->g)) return;
  (conv->depthwise ? plain_dwconv_backward_input : dense_backward_input)(cpu, conv, x, y, dy, sink);
  plain_sink_complete(cpu, sink);
}

static size_t packed_size(cream_backend *backend, const cream_conv *conv) {
  (void)backend, (void)conv;
  return 0;
}
static void pack_weights(cream_backend *backend, const cream_conv *conv, cream_buf packed) {
  (void)backend, (void)conv, (void)packed;
}

void plain_conv_init(cream_backend *backend) {
  CREAM_CONV_OPS(CREAM_SET_OP)
  backend->packed_size = packed_size;
  backend->pack_weights = pack_weights;
}
