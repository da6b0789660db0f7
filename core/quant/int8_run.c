#include <stdlib.h>
#include <string.h>

#include "int8_internal.h"

enum { ALIGN = 64 };

/* Memory of one run: the values one after another, then a patch of a convolution's input, then 32-bit sums. */
typedef struct layout {
  size_t patch, sums, end;
} layout;

static size_t aligned(size_t bytes) {
  return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static layout lay_out(const cream_int8 *net) {
  layout l = {0};
  size_t patch = 0, channels = 0;
  for (int i = 0; i <= net->n_ops; i++) l.patch += aligned(int8_elements(&net->values[i]));
  for (int i = 0; i < net->n_ops; i++) {
    const cream_int8_op *op = &net->ops[i];
    if (op->kind == CREAM_INT8_CONV && op->weights.per_channel > patch) patch = op->weights.per_channel;
    if ((size_t)net->values[op->a].c > channels) channels = (size_t)net->values[op->a].c;
  }
  l.sums = l.patch + aligned(patch);
  l.end = l.sums + aligned(channels * sizeof(int32_t)) + ALIGN;
  return l;
}

size_t cream_int8_workspace(const cream_int8 *net) {
  return lay_out(net).end;
}

typedef struct run {
  const cream_int8 *net;
  const cream_int8_op *op;
  const cream_int8_value *in, *out;
  const uint8_t *x;
  uint8_t *y;
  uint8_t *patch;
  int32_t *sums;
  float *logits;
} run;

/* ---- convolutions ------------------------------------------------------------------------------------------- */

static int32_t dot(const uint8_t *x, const int8_t *w, size_t n) {
  int32_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * w[i];
  return sum;
}

static const uint8_t *pixel(const run *r, int y, int x) {
  const int side = r->in->side;
  if (y < 0 || x < 0 || y >= side || x >= side) return NULL;
  return r->x + ((size_t)y * (size_t)side + (size_t)x) * (size_t)r->in->c;
}

/* The pixels under the kernel at an output pixel: [kernel][kernel][cin], padded with the zero point. */
static const uint8_t *gather(const run *r, int oy, int ox) {
  const cream_unit_shape *s = &r->op->shape;
  const size_t cin = (size_t)s->cin;
  const int top = oy * s->stride - r->op->pad_before, left = ox * s->stride - r->op->pad_before;
  if (s->kernel == 1) return pixel(r, top, left);
  uint8_t *at = r->patch;
  for (int ky = 0; ky < s->kernel; ky++)
    for (int kx = 0; kx < s->kernel; kx++, at += cin) {
      const uint8_t *from = pixel(r, top + ky * s->dilation, left + kx * s->dilation);
      if (from)
        memcpy(at, from, cin);
      else
        memset(at, r->in->quant.zero, cin);
    }
  return r->patch;
}

/* What becomes of the sum of channel c. */
static void finish(const run *r, size_t at, size_t c, int32_t sum) {
  const float scale = r->in->quant.scale * r->op->weights.scales[c];
  if (r->logits)
    r->logits[c] = (float)sum * scale;
  else
    r->y[at + c] = cream_requantise(sum, scale / r->out->quant.scale, r->out->quant.zero);
}

static void run_dense(const run *r) {
  const cream_int8_weights *w = &r->op->weights;
  const size_t channels = (size_t)r->out->c;
  size_t at = 0;
  for (int oy = 0; oy < r->out->side; oy++)
    for (int ox = 0; ox < r->out->side; ox++, at += channels) {
      const uint8_t *patch = gather(r, oy, ox);
      for (size_t c = 0; c < channels; c++)
        finish(r, at, c, w->offsets[c] + dot(patch, w->packed + c * w->per_channel, w->per_channel));
    }
}

static void run_depthwise(const run *r) {
  const cream_unit_shape *s = &r->op->shape;
  const cream_int8_weights *w = &r->op->weights;
  const size_t channels = (size_t)r->out->c;
  const int zero = r->in->quant.zero;
  size_t at = 0;
  for (int oy = 0; oy < r->out->side; oy++)
    for (int ox = 0; ox < r->out->side; ox++, at += channels) {
      const int top = oy * s->stride - r->op->pad_before, left = ox * s->stride - r->op->pad_before;
      memcpy(r->sums, w->biases, channels * sizeof *r->sums);
      for (int tap = 0; tap < s->kernel * s->kernel; tap++) {
        const uint8_t *x =
            pixel(r, top + tap / s->kernel * s->dilation, left + tap % s->kernel * s->dilation);
        const int8_t *weights = w->packed + (size_t)tap * channels;
        for (size_t c = 0; x && c < channels; c++) r->sums[c] += (x[c] - zero) * weights[c];
      }
      for (size_t c = 0; c < channels; c++) finish(r, at, c, r->sums[c]);
    }
}

/* ---- the other ops ------------------------------------------------------------------------------------------ */

static void run_conv(const run *r) {
  if (r->op->shape.depthwise)
    run_depthwise(r);
  else
    run_dense(r);
}

static void run_act(const run *r) {
  const size_t count = int8_elements(r->out);
  for (size_t i = 0; i < count; i++) r->y[i] = r->op->table[r->x[i]];
}

static void run_pool(const run *r) {
  const size_t channels = (size_t)r->in->c, pixels = (size_t)r->in->side * (size_t)r->in->side;
  const cream_quant x = r->in->quant, y = r->out->quant;
  for (size_t c = 0; c < channels; c++) {
    int32_t sum = 0;
    for (size_t p = 0; p < pixels; p++) sum += r->x[p * channels + c] - x.zero;
    r->y[c] = cream_requantise(sum, x.scale / (y.scale * (float)pixels), y.zero);
  }
}

static void run_gate(const run *r, const uint8_t *gate, cream_quant g) {
  const size_t channels = (size_t)r->in->c, count = int8_elements(r->out);
  const cream_quant x = r->in->quant, y = r->out->quant;
  const float ratio = x.scale * g.scale / y.scale;
  for (size_t i = 0; i < count; i++)
    r->y[i] = cream_requantise((r->x[i] - x.zero) * (gate[i % channels] - g.zero), ratio, y.zero);
}

static void run_add(const run *r, const uint8_t *other, cream_quant b) {
  const cream_quant a = r->in->quant, y = r->out->quant;
  const float ratio_a = a.scale / y.scale, ratio_b = b.scale / y.scale;
  const size_t count = int8_elements(r->out);
  for (size_t i = 0; i < count; i++)
    r->y[i] =
        cream_saturate(ratio_a * (float)(r->x[i] - a.zero) + ratio_b * (float)(other[i] - b.zero), y.zero);
}

/* ---- the network -------------------------------------------------------------------------------------------- */

static void run_op(const run *r, const uint8_t *second, cream_quant quant) {
  switch (r->op->kind) {
  case CREAM_INT8_CONV:
    run_conv(r);
    return;
  case CREAM_INT8_ACT:
    run_act(r);
    return;
  case CREAM_INT8_POOL:
    run_pool(r);
    return;
  case CREAM_INT8_GATE:
    run_gate(r, second, quant);
    return;
  case CREAM_INT8_ADD:
    run_add(r, second, quant);
    return;
  case CREAM_INT8_OP_COUNT:
    break;
  }
  abort();
}

static void quantise_pixels(const cream_int8_value *v, const uint8_t *pixels, const float *mean,
                            const float *std, uint8_t *out) {
  uint8_t table[3][256];
  for (int c = 0; c < 3; c++)
    for (int p = 0; p < 256; p++)
      table[c][p] = cream_quantise(v->quant, ((float)p / 255.0f - mean[c]) / std[c]);
  const size_t count = int8_elements(v);
  for (size_t i = 0; i < count; i++) out[i] = table[i % 3][pixels[i]];
}

static uint8_t *value_at(const cream_int8 *net, uint8_t *memory, int value) {
  for (int i = 0; i < value; i++) memory += aligned(int8_elements(&net->values[i]));
  return memory;
}

void cream_int8_run(const cream_int8 *net, const uint8_t *pixels, const float *mean, const float *std,
                    void *workspace, float *logits) {
  const layout l = lay_out(net);
  uint8_t *memory = workspace;
  CREAM_ASSERT(memory);
  memory += (ALIGN - (uintptr_t)memory % ALIGN) % ALIGN;
  quantise_pixels(&net->values[0], pixels, mean, std, memory);
  for (int i = 0; i < net->n_ops; i++) {
    const cream_int8_op *op = &net->ops[i];
    run r = {.net = net,
             .op = op,
             .in = &net->values[op->a],
             .out = &net->values[i + 1],
             .x = value_at(net, memory, op->a),
             .y = value_at(net, memory, i + 1),
             .patch = memory + l.patch,
             .sums = (int32_t *)(void *)(memory + l.sums)};
    if (i == net->n_ops - 1) r.logits = logits;
    const bool pair = op->b >= 0;
    run_op(&r, pair ? value_at(net, memory, op->b) : NULL,
           pair ? net->values[op->b].quant : (cream_quant){.scale = 1});
  }
}
