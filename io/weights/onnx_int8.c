#include "onnx_int8.h"

#include <stdlib.h>

#include "onnx_build.h"

enum {
  OP_NODES = 6,        /* dequantised weights and bias; flatten, quantised and dequantised; the op itself */
  VALUE_NODES = 2,     /* quantised and dequantised */
  OP_INITIALIZERS = 6, /* weights, scales, zero points, of the bias too */
  VALUE_INITIALIZERS = 2,
};
_Static_assert(OP_NODES >= (int)ONNX_ACT_NODES, "an activation has fewer nodes than a convolution");

/* What the messages point to, beside the network. */
typedef struct model {
  onnx_model onnx;
  const cream_int8 *net;
  char **values;               /* [n_ops + 1]: the name of each value after DequantizeLinear */
  char **scales, **zero_names; /* [n_ops + 1] */
  uint8_t *zeros;              /* [n_ops + 1]: zero points of the values */
  float *bias_scales;          /* [channels of all convolutions] */
  int32_t *no_zeros;           /* [most channels of one]: zero points of weights and biases */
  size_t used;                 /* of bias_scales */
} model;

static const int scalar[1] = {0}; /* dimensions of a tensor without dimensions */

/* ---- values ---------------------------------------------------------------------------------------- */

static char *add_pair(model *m, int i, char *x) {
  onnx_node *quantised = onnx_add_after(&m->onnx, "QuantizeLinear", x);
  onnx_add_input(quantised, m->scales[i]);
  onnx_add_input(quantised, m->zero_names[i]);
  onnx_node *n = onnx_add_after(&m->onnx, "DequantizeLinear", x);
  n->inputs[0] = quantised->output;
  onnx_add_input(n, m->scales[i]);
  onnx_add_input(n, m->zero_names[i]);
  return n->output;
}

/* Value i, computed as `x` in float, in 8 bits and back. */
static void add_value(model *m, int i, char *x) {
  const cream_quant *quant = &m->net->values[i].quant;
  m->zeros[i] = (uint8_t)quant->zero;
  m->scales[i] = onnx_add_tensor(&m->onnx, x, "/scale", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 0, scalar,
                                 &quant->scale, sizeof quant->scale);
  m->zero_names[i] = onnx_add_tensor(&m->onnx, x, "/zero_point", ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, 0,
                                     scalar, &m->zeros[i], 1);
  m->values[i] = add_pair(m, i, x);
}

/* ---- ops: each returns the name of its float output ------------------------------------------------ */

/* Adds `tensor`, dequantised by channel, as an input. */
static char *add_dequantised(model *m, char *tensor, Onnx__TensorProto__DataType type, int channels,
                             const float *scales) {
  const size_t bytes = type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8 ? 1 : sizeof(int32_t);
  char *scale = onnx_add_tensor(&m->onnx, tensor, "/scale", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 1,
                                &channels, scales, (size_t)channels * sizeof *scales);
  char *zero = onnx_add_tensor(&m->onnx, tensor, "/zero_point", type, 1, &channels, m->no_zeros,
                               (size_t)channels * bytes);
  onnx_node *n = onnx_add_after(&m->onnx, "DequantizeLinear", tensor);
  onnx_add_input(n, scale);
  onnx_add_input(n, zero);
  onnx_add_int(n, "axis", 0);
  return n->output;
}

static char *add_weight(model *m, const cream_int8_op *op) {
  char *tensor = onnx_add_tensor(&m->onnx, op->weight->name, "", ONNX__TENSOR_PROTO__DATA_TYPE__INT8,
                                 op->weight->n_dims, op->weight->dims, op->weights.values, op->weight->count);
  return add_dequantised(m, tensor, ONNX__TENSOR_PROTO__DATA_TYPE__INT8, op->shape.cout, op->weights.scales);
}

/* The bias has the scale of the integer sums. */
static char *add_bias(model *m, const cream_int8_op *op) {
  const int channels = op->shape.cout;
  float *scales = m->bias_scales + m->used;
  m->used += (size_t)channels;
  for (int c = 0; c < channels; c++) scales[c] = m->net->values[op->a].quant.scale * op->weights.scales[c];
  char *tensor = onnx_add_tensor(&m->onnx, op->bias->name, "", ONNX__TENSOR_PROTO__DATA_TYPE__INT32, 1,
                                 &channels, op->weights.biases, (size_t)channels * sizeof(int32_t));
  return add_dequantised(m, tensor, ONNX__TENSOR_PROTO__DATA_TYPE__INT32, channels, scales);
}

static char *add_conv(model *m, const cream_int8_op *op) {
  const cream_unit_shape *s = &op->shape;
  char *x = m->values[op->a], *weight = add_weight(m, op), *bias = add_bias(m, op);
  if (op->linear) x = add_pair(m, op->a, onnx_add_unary(&m->onnx, "Flatten", op->weight, x));
  onnx_node *n =
      onnx_add_node(&m->onnx, op->linear ? "Gemm" : "Conv", op->weight, op->linear ? "Gemm" : "Conv");
  onnx_add_input(n, x);
  onnx_add_input(n, weight);
  onnx_add_input(n, bias);
  if (op->linear) {
    onnx_add_int(n, "transB", 1);
    return n->output;
  }
  onnx_add_ints(n, "dilations", 2, s->dilation);
  onnx_add_int(n, "group", s->depthwise ? s->cin : 1);
  onnx_add_ints(n, "kernel_shape", 2, s->kernel);
  onnx_add_pads(n, op->pad_before, op->pad_after);
  onnx_add_ints(n, "strides", 2, s->stride);
  return n->output;
}

static char *add_op(model *m, const cream_int8_op *op) {
  char *x = m->values[op->a];
  switch (op->kind) {
  case CREAM_INT8_CONV:
    return add_conv(m, op);
  case CREAM_INT8_ACT:
    return onnx_add_act(&m->onnx, op->act, op->weight, x);
  case CREAM_INT8_POOL:
    return onnx_add_unary(&m->onnx, "GlobalAveragePool", op->weight, x);
  case CREAM_INT8_GATE:
    return onnx_add_binary(&m->onnx, "Mul", op->weight, "Gate", x, m->values[op->b]);
  case CREAM_INT8_ADD:
    return onnx_add_binary(&m->onnx, "Add", op->weight, "Add", x, m->values[op->b]);
  case CREAM_INT8_OP_COUNT:
    break;
  }
  abort();
}

/* ---- the model ----------------------------------------------------------------------------------- */

static void add_ops(model *m) {
  const int n = m->net->n_ops;
  add_value(m, 0, onnx_input_name);
  for (int i = 0; i < n; i++) {
    char *y = add_op(m, &m->net->ops[i]);
    if (i < n - 1) add_value(m, i + 1, y); /* the last ones are the logits */
  }
}

static void model_free(model *m) {
  onnx_model_free(&m->onnx);
  free(m->values);
  free(m->scales);
  free(m->zero_names);
  free(m->zeros);
  free(m->bias_scales);
  free(m->no_zeros);
}

static cream_status model_alloc(model *m, const cream_int8 *net, cream_error *err) {
  const int n = net->n_ops + 1;
  size_t channels = 0, most = 0, values = (size_t)n;
  for (int i = 0; i < net->n_ops; i++) {
    size_t of_op = (size_t)net->values[i + 1].c;
    channels += of_op;
    if (of_op > most) most = of_op;
  }
  *m = (model){.net = net,
               .values = calloc(values, sizeof *m->values),
               .scales = calloc(values, sizeof *m->scales),
               .zero_names = calloc(values, sizeof *m->zero_names),
               .zeros = calloc(values, sizeof *m->zeros),
               .bias_scales = calloc(channels + 1, sizeof *m->bias_scales),
               .no_zeros = calloc(most + 1, sizeof *m->no_zeros)};
  if (!m->values || !m->scales || !m->zero_names || !m->zeros || !m->bias_scales || !m->no_zeros)
    return cream_fail_memory(err, channels * sizeof(float) + values * sizeof *m->values, "the ONNX model");
  return onnx_model_alloc(&m->onnx, (OP_NODES + VALUE_NODES) * n, (OP_INITIALIZERS + VALUE_INITIALIZERS) * n,
                          err);
}

cream_status cream_onnx_save_int8(const char *path, const cream_int8 *int8, const cream_net *net,
                                  const cream_pair *metadata, int n_metadata, cream_error *err) {
  model m;
  cream_status status = model_alloc(&m, int8, err);
  if (!status) {
    add_ops(&m);
    status = onnx_model_write(&m.onnx, path, cream_net_skeleton(net), metadata, n_metadata, err);
  }
  model_free(&m);
  return status;
}
