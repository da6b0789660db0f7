#include <math.h>
#include <stdlib.h>

#include "int8_internal.h"

enum { MOST = 127 }; /* of a weight */

#define LEAST 1e-12f /* of a weight's scale, as in quantise.c */

/* The scale of a channel's weights. On x86 processors without VNNI, ONNX Runtime adds two products in 16 bits, which
 * saturates beyond 128 * 255: so two weights of one sign may add up to 128 at most, after both were rounded up. A
 * depthwise convolution is not computed that way. The scale is also large enough for the bias to fit in 32 bits. */
static float weight_scale(const float *w, size_t n, float bias, float x_scale, bool depthwise) {
  float most[2][2] = {{0}}; /* of both signs: the largest magnitude and the one after it */
  for (size_t i = 0; i < n; i++) {
    float *of_sign = most[w[i] < 0], size = fabsf(w[i]);
    if (size > of_sign[0]) {
      of_sign[1] = of_sign[0];
      of_sign[0] = size;
    } else if (size > of_sign[1]) {
      of_sign[1] = size;
    }
  }
  float largest = fmaxf(most[0][0], most[1][0]);
  if (!depthwise) largest = fmaxf(most[0][0] + most[0][1], most[1][0] + most[1][1]);
  return fmaxf(fmaxf(largest / MOST, fabsf(bias) / x_scale * 0x1p-30f), LEAST);
}

static int8_t round_weight(float w, float scale) {
  float q = cream_round_even(w / scale);
  return (int8_t)(q > MOST ? MOST : q < -MOST ? -MOST : q);
}

/* Where a weight is in `packed`. */
static size_t packed_at(const cream_unit_shape *s, size_t channel, size_t i) {
  const size_t taps = (size_t)s->kernel * (size_t)s->kernel, tap = i % taps, from = i / taps;
  if (s->depthwise) return tap * (size_t)s->cout + channel;
  return (channel * taps + tap) * (size_t)s->cin + from;
}

static void quantise_channel(cream_int8_op *op, size_t c, const float *w, float bias, cream_quant x) {
  cream_int8_weights *out = &op->weights;
  const size_t n = out->per_channel;
  const float scale = weight_scale(w, n, bias, x.scale, op->shape.depthwise);
  int32_t sum = 0;
  for (size_t i = 0; i < n; i++) {
    int8_t q = round_weight(w[i], scale);
    out->values[c * n + i] = out->packed[packed_at(&op->shape, c, i)] = q;
    sum += q;
  }
  out->scales[c] = scale;
  out->biases[c] = (int32_t)nearbyint((double)bias / ((double)x.scale * scale));
  out->offsets[c] = out->biases[c] - x.zero * sum;
}

static bool all_finite(const float *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i])) return false;
  return true;
}

static cream_status quantise_conv(cream_int8_op *op, const float *weights, cream_quant x, cream_error *err) {
  const size_t channels = (size_t)op->shape.cout, count = op->weight->count;
  const float *w = weights + op->weight->offset, *bias = weights + op->bias->offset;
  cream_int8_weights *out = &op->weights;
  out->per_channel = count / channels;
  out->values = malloc(count);
  out->packed = malloc(count);
  out->scales = malloc(channels * sizeof *out->scales);
  out->biases = malloc(channels * sizeof *out->biases);
  out->offsets = malloc(channels * sizeof *out->offsets);
  if (!out->values || !out->packed || !out->scales || !out->biases || !out->offsets)
    return cream_fail_memory(err, 2 * count, "the weights in 8 bits");
  if (!all_finite(w, count) || !all_finite(bias, channels))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: a weight or bias is not finite; expected weights of a network that was trained",
                      op->weight->name);
  for (size_t c = 0; c < channels; c++) quantise_channel(op, c, w + c * out->per_channel, bias[c], x);
  return CREAM_OK;
}

static void fill_table(cream_int8_op *op, cream_quant x, cream_quant y) {
  for (int i = 0; i < 256; i++)
    op->table[i] = cream_quantise(y, cream_act_value(op->act, cream_dequantise(x, i)));
}

cream_status int8_quantise(cream_int8 *net, const cream_net *from, cream_error *err) {
  cream_backend *backend = cream_net_backend(from);
  const size_t floats = cream_net_weight_count(from);
  float *weights = malloc((floats + 1) * sizeof *weights);
  if (!weights) return cream_fail_memory(err, floats * sizeof *weights, "a copy of the weights");
  cream_status status = backend->download(backend, weights, cream_net_weights(from), floats, err);
  for (int i = 0; i < net->n_ops && !status; i++) {
    cream_int8_op *op = &net->ops[i];
    const cream_quant x = net->values[op->a].quant;
    if (op->kind == CREAM_INT8_CONV) status = quantise_conv(op, weights, x, err);
    if (op->kind == CREAM_INT8_ACT) fill_table(op, x, net->values[i + 1].quant);
  }
  free(weights);
  return status;
}
