#include "onnx.h"

#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "core/net/fold.h"
#include "onnx_build.h"
#include "onnx_detect.h"

enum {
  LAYER_NODES = 15,       /* flatten, convolution, activation (3), squeeze-excite (10) */
  LAYER_INITIALIZERS = 6, /* weight and bias, those of a squeeze-excite */
  OTHER_NODES = 1,        /* global average pool */
};

typedef struct model {
  onnx_model onnx;
  float *weights; /* a copy of the net's weight block in host memory */
  int side;       /* of the images that the next layer takes */
} model;

/* Adds the values of a parameter as an initializer. Returns its name. */
static char *add_param(model *m, const cream_param *param) {
  return onnx_add_tensor(&m->onnx, param->name, "", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, param->n_dims,
                         param->dims, m->weights + param->offset, param->count * sizeof(float));
}

/* ---- layers: each takes the name of its input and returns that of its output ----------------------- */

static char *add_weights(model *m, onnx_node *n, char *x, const cream_param *weight,
                         const cream_param *bias) {
  onnx_add_input(n, x);
  onnx_add_input(n, add_param(m, weight));
  onnx_add_input(n, add_param(m, bias));
  return n->output;
}

static char *add_conv(model *m, const cream_unit_shape *s, const cream_param *weight, const cream_param *bias,
                      char *x) {
  onnx_node *n = onnx_add_node(&m->onnx, "Conv", weight, "Conv");
  onnx_add_ints(n, "dilations", 2, s->dilation);
  onnx_add_int(n, "group", s->depthwise ? s->cin : 1);
  onnx_add_ints(n, "kernel_shape", 2, s->kernel);
  cream_pads pads = cream_padding_of(s->padding, s->pad, s->kernel, s->stride, s->dilation, m->side);
  onnx_add_pads(n, pads.before, pads.after);
  onnx_add_ints(n, "strides", 2, s->stride);
  return add_weights(m, n, x, weight, bias);
}

static char *add_linear(model *m, const cream_net_layer *layer, char *x) {
  char *flat = onnx_add_unary(&m->onnx, "Flatten", layer->weight, x);
  onnx_node *n = onnx_add_node(&m->onnx, "Gemm", layer->weight, "Gemm");
  onnx_add_int(n, "transB", 1);
  return add_weights(m, n, flat, layer->weight, layer->bias);
}

static char *add_squeeze_excite(model *m, const cream_net_layer *layer, char *x) {
  static const cream_unit_shape pointwise = {.kernel = 1, .stride = 1, .dilation = 1};
  char *gate = onnx_add_unary(&m->onnx, "GlobalAveragePool", layer->se_w1, x);
  gate = add_conv(m, &pointwise, layer->se_w1, layer->se_b1, gate);
  gate = onnx_add_act(&m->onnx, layer->se_act, layer->se_w1, gate);
  gate = add_conv(m, &pointwise, layer->se_w2, layer->se_b2, gate);
  gate = onnx_add_act(&m->onnx, layer->se_gate, layer->se_w2, gate);
  return onnx_add_binary(&m->onnx, "Mul", layer->se_w2, "Gate", x, gate);
}

static char *add_layer(model *m, const cream_net_layer *layer, char *x) {
  CREAM_ASSERT(layer->bias); /* folded */
  bool linear = layer->weight->n_dims == 2;
  x = linear ? add_linear(m, layer, x) : add_conv(m, &layer->shape, layer->weight, layer->bias, x);
  m->side = cream_out_side(m->side, layer->shape.stride);
  x = onnx_add_act(&m->onnx, layer->shape.act, layer->weight, x);
  return layer->shape.se ? add_squeeze_excite(m, layer, x) : x;
}

static char *add_block(model *m, const cream_net_block *block, char *in) {
  char *x = in;
  for (int i = 0; i < block->n_layers; i++) x = add_layer(m, &block->layers[i], x);
  if (!block->residual) return x;
  return onnx_add_binary(&m->onnx, "Add", block->layers[block->n_layers - 1].weight, "Add", x, in);
}

static void add_blocks(model *m, const cream_net_block *blocks, int count) {
  char *x = onnx_input_name;
  for (int i = 0; i < count - 1; i++) x = add_block(m, &blocks[i], x);
  x = onnx_add_unary(&m->onnx, "GlobalAveragePool", blocks[count - 2].layers[0].weight, x);
  add_block(m, &blocks[count - 1], x);
}

/* The backbone of a detector; features[i] becomes the output of block blocks_of[i]. */
static void add_backbone(model *m, const cream_net_block *blocks, int count, const int *blocks_of,
                         char *features[CREAM_DETECT_FEATURES]) {
  char *x = onnx_input_name;
  for (int i = 0; i < count; i++) {
    x = add_block(m, &blocks[i], x);
    for (int f = 0; f < CREAM_DETECT_FEATURES; f++)
      if (blocks_of[f] == i) features[f] = x;
  }
}

/* ---- the model ----------------------------------------------------------------------------------- */

static cream_status model_alloc(model *m, const cream_net *net, const cream_net_block *blocks, int n_blocks,
                                cream_error *err) {
  int layers = 0;
  for (int i = 0; i < n_blocks; i++) layers += blocks[i].n_layers;
  const int ops = cream_net_tail_count(net);
  const int tail_nodes = ops ? ONNX_TAIL_NODES * (ops + 1) + ONNX_SUPPRESS_NODES : 0;
  const int tail_initializers = ops ? ONNX_TAIL_INITIALIZERS * (ops + 1) + ONNX_SUPPRESS_INITIALIZERS : 0;
  cream_status status = onnx_model_alloc(&m->onnx, LAYER_NODES * layers + n_blocks + OTHER_NODES + tail_nodes,
                                         LAYER_INITIALIZERS * layers + 1 + tail_initializers, err);
  if (status) return status;
  size_t floats = cream_net_weight_count(net);
  m->weights = malloc((floats + 1) * sizeof *m->weights);
  if (!m->weights) return cream_fail_memory(err, floats * sizeof *m->weights, "the ONNX model");
  cream_backend *backend = cream_net_backend(net);
  return backend->download(backend, m->weights, cream_net_weights(net), floats, err);
}

/* Neck, heads and decoding after the backbone. */
static cream_status save_detector(model *m, const char *path, const cream_net *net,
                                  const cream_net_block *blocks, int n_blocks,
                                  const cream_detect_limits *suppress, const cream_pair *metadata,
                                  int n_metadata, cream_error *err) {
  onnx_detect detect;
  char *features[CREAM_DETECT_FEATURES];
  cream_status status = onnx_detect_open(&detect, &m->onnx, net, m->weights, suppress, err);
  if (!status) {
    add_backbone(m, blocks, n_blocks, detect.features, features);
    status = onnx_detect_save(&detect, features, path, metadata, n_metadata, err);
  }
  onnx_detect_close(&detect);
  return status;
}

cream_status cream_onnx_save(const char *path, const cream_net *net, const cream_path *of,
                             const cream_detect_limits *suppress, const cream_pair *metadata, int n_metadata,
                             cream_error *err) {
  cream_net_block blocks[CREAM_MAX_BLOCKS];
  int n_blocks = cream_net_describe(net, of, blocks);
  model m = {.side = cream_net_skeleton(net)->resolution};
  cream_status status = model_alloc(&m, net, blocks, n_blocks, err);
  if (!status && cream_net_tail_count(net)) {
    status = save_detector(&m, path, net, blocks, n_blocks, suppress, metadata, n_metadata, err);
    onnx_model_free(&m.onnx);
    free(m.weights);
    return status;
  }
  if (!status) add_blocks(&m, blocks, n_blocks);
  if (!status) status = onnx_model_write(&m.onnx, path, cream_net_skeleton(net), metadata, n_metadata, err);
  onnx_model_free(&m.onnx);
  free(m.weights);
  return status;
}
