#include "plain.h"

static int tap_count(const cream_conv *conv) {
  return conv->kernel * conv->kernel;
}

static const float *channel_weight(const cream_conv *conv, int c) {
  return cpu_at(conv->weight) + (size_t)c * (size_t)tap_count(conv);
}

void plain_dwconv_forward(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                          const cream_tensor *y) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(y); p++) {
    for (int c = 0; c < y->c; c++) {
      double sum = cream_buf_present(conv->bias) ? cpu_at(conv->bias)[c] : 0.0;
      size_t input;
      for (int tap = 0; tap < tap_count(conv); tap++)
        if (plain_input_pixel(conv, x, y, p, tap, &input))
          sum += (double)channel_weight(conv, c)[tap] * plain_value(x, input, c);
      cpu_at(y->raw)[plain_index(y, p, c)] = cream_act_value(conv->act, (float)sum);
    }
  }
}

void plain_dwconv_backward_weight(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                  const cream_tensor *y, const cream_grad *dy) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int c = 0; c < y->c; c++) {
    for (int tap = 0; tap < tap_count(conv); tap++) {
      double sum = 0.0;
      size_t input;
      for (size_t p = 0; p < plain_pixels(y); p++)
        if (plain_input_pixel(conv, x, y, p, tap, &input))
          sum += (double)plain_draw(y, dy, p, c) * plain_value(x, input, c);
      cpu_at(conv->dweight)[(size_t)c * (size_t)tap_count(conv) + (size_t)tap] = (float)sum;
    }
  }
}

void plain_dwconv_backward_input(cpu_backend *cpu, const cream_conv *conv, const cream_tensor *x,
                                 const cream_tensor *y, const cream_grad *dy, const cream_sink *sink) {
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (size_t p = 0; p < plain_pixels(x); p++) {
    for (int c = 0; c < x->c; c++) {
      double sum = 0.0;
      size_t output;
      for (int tap = 0; tap < tap_count(conv); tap++)
        if (plain_output_pixel(conv, x, y, p, tap, &output))
          sum += (double)channel_weight(conv, c)[tap] * plain_draw(y, dy, output, c);
      plain_sink_store(sink, p, c, sum);
    }
  }
}
