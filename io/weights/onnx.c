#include "onnx.h"

#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "core/net/fold.h"
#include "io/base/file.h"
#include "onnx.pb-c.h"

enum {
  NAME = 128,
  MAX_INPUTS = 3,
  MAX_ATTRIBUTES = 5,
  LAYER_NODES = 15,       /* flatten, convolution, activation (3), squeeze-excite (10) */
  LAYER_INITIALIZERS = 6, /* weight and bias, those of a squeeze-excite */
  OTHER_NODES = 1,        /* global average pool */
};

typedef Onnx__AttributeProto attribute;

typedef struct node {
  Onnx__NodeProto proto;
  char name[NAME], *inputs[MAX_INPUTS], *output;
  attribute attributes[MAX_ATTRIBUTES], *attribute_list[MAX_ATTRIBUTES];
  int64_t ints[MAX_ATTRIBUTES][4];
} node;

typedef struct initializer {
  Onnx__TensorProto proto;
  int64_t dims[4];
} initializer;

/* A model under construction. Its messages point into each other, so it must not be moved or copied. */
typedef struct model {
  float *weights; /* a copy of the net's weight block in host memory */
  node *nodes;
  Onnx__NodeProto **node_list;
  initializer *initializers;
  Onnx__TensorProto **initializer_list;
  Onnx__StringStringEntryProto *entries, **entry_list;
  int max_nodes, max_initializers;
  int side; /* of the images that the next layer takes */
  Onnx__GraphProto graph;
} model;

/* A value has the name of the node that computes it. The strings of messages are not const. */
static char input_name[] = "input", output_name[] = "logits", batch_name[] = "batch";

/* ---- nodes --------------------------------------------------------------------------------------- */

/* Adds a node "BASE/LABEL", where BASE is the parameter's name without ".weight". */
static node *add_node(model *m, const char *op, const cream_param *base, const char *label) {
  CREAM_ASSERT((int)m->graph.n_node < m->max_nodes);
  node *n = &m->nodes[m->graph.n_node];
  onnx__node_proto__init(&n->proto);
  int length = (int)(strrchr(base->name, '.') - base->name);
  snprintf(n->name, sizeof n->name, "%.*s/%s", length, base->name, label);
  n->output = n->name;
  n->proto.name = n->name;
  n->proto.op_type = (char *)op;
  n->proto.input = n->inputs;
  n->proto.n_output = 1;
  n->proto.output = &n->output;
  n->proto.attribute = n->attribute_list;
  m->node_list[m->graph.n_node++] = &n->proto;
  return n;
}

static void add_input(node *n, char *value) {
  CREAM_ASSERT(n->proto.n_input < MAX_INPUTS);
  n->inputs[n->proto.n_input++] = value;
}

static attribute *add_attribute(node *n, const char *name, Onnx__AttributeProto__AttributeType type) {
  CREAM_ASSERT(n->proto.n_attribute < MAX_ATTRIBUTES);
  size_t i = n->proto.n_attribute++;
  attribute *a = n->attribute_list[i] = &n->attributes[i];
  onnx__attribute_proto__init(a);
  a->name = (char *)name;
  a->has_type = true;
  a->type = type;
  return a;
}

static void add_int(node *n, const char *name, int value) {
  attribute *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  a->has_i = true;
  a->i = value;
}

static void add_float(node *n, const char *name, float value) {
  attribute *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  a->has_f = true;
  a->f = value;
}

/* Adds a list of `count` equal values. */
static void add_ints(node *n, const char *name, int count, int value) {
  attribute *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  a->n_ints = (size_t)count;
  a->ints = n->ints[n->proto.n_attribute - 1];
  for (int i = 0; i < count; i++) a->ints[i] = value;
}

/* Adds the zeros above, to the left, below and to the right of a square image. */
static void add_pads(node *n, const cream_unit_shape *s, int side) {
  cream_pads pads = cream_padding_of(s->padding, s->pad, s->kernel, s->stride, s->dilation, side);
  add_ints(n, "pads", 4, pads.before);
  int64_t *last = n->ints[n->proto.n_attribute - 1];
  last[2] = last[3] = pads.after;
}

/* Adds the values of a parameter as an initializer. Returns its name. */
static char *add_param(model *m, const cream_param *param) {
  CREAM_ASSERT((int)m->graph.n_initializer < m->max_initializers);
  initializer *in = &m->initializers[m->graph.n_initializer];
  Onnx__TensorProto *tensor = &in->proto;
  onnx__tensor_proto__init(tensor);
  tensor->name = (char *)param->name;
  tensor->has_data_type = true;
  tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
  tensor->n_dims = (size_t)param->n_dims;
  tensor->dims = in->dims;
  for (int i = 0; i < param->n_dims; i++) in->dims[i] = param->dims[i];
  tensor->has_raw_data = true;
  tensor->raw_data.len = param->count * sizeof(float);
  tensor->raw_data.data = (uint8_t *)(m->weights + param->offset);
  m->initializer_list[m->graph.n_initializer++] = tensor;
  return tensor->name;
}

/* ---- layers: each takes the name of its input and returns that of its output ----------------------- */

static char *add_unary(model *m, const char *op, const cream_param *base, char *x) {
  node *n = add_node(m, op, base, op);
  add_input(n, x);
  return n->output;
}

static char *add_binary(model *m, const char *op, const cream_param *base, const char *label, char *a,
                        char *b) {
  node *n = add_node(m, op, base, label);
  add_input(n, a);
  add_input(n, b);
  return n->output;
}

static char *add_hard_sigmoid(model *m, const cream_param *base, char *x) {
  node *n = add_node(m, "HardSigmoid", base, "HardSigmoid");
  add_input(n, x);
  add_float(n, "alpha", 1.0f / 6);
  add_float(n, "beta", 0.5f);
  return n->output;
}

static char *add_constant(model *m, const cream_param *base, const char *label, float value) {
  node *n = add_node(m, "Constant", base, label);
  add_float(n, "value_float", value);
  return n->output;
}

/* x clipped to [low, high]; `Clip` takes its bounds as inputs. */
static char *add_clip(model *m, const cream_param *base, char *x, float low, float high) {
  char *min = add_constant(m, base, "Clip.min", low), *max = add_constant(m, base, "Clip.max", high);
  node *n = add_node(m, "Clip", base, "Clip");
  add_input(n, x);
  add_input(n, min);
  add_input(n, max);
  return n->output;
}

static char *add_act(model *m, cream_act act, const cream_param *base, char *x) {
  switch (act) {
  case CREAM_ACT_NONE:
    return x;
  case CREAM_ACT_RELU:
    return add_unary(m, "Relu", base, x);
  case CREAM_ACT_SWISH:
    return add_binary(m, "Mul", base, "Mul", x, add_unary(m, "Sigmoid", base, x));
  case CREAM_ACT_HARD_SWISH:
    return add_unary(m, "HardSwish", base, x);
  case CREAM_ACT_SIGMOID:
    return add_unary(m, "Sigmoid", base, x);
  case CREAM_ACT_HARD_SIGMOID:
    return add_hard_sigmoid(m, base, x);
  case CREAM_ACT_RELU6:
    return add_clip(m, base, x, 0, 6);
  }
  CREAM_ASSERT(!"an activation of the list");
  return x;
}

static char *add_weights(model *m, node *n, char *x, const cream_param *weight, const cream_param *bias) {
  add_input(n, x);
  add_input(n, add_param(m, weight));
  add_input(n, add_param(m, bias));
  return n->output;
}

static char *add_conv(model *m, const cream_unit_shape *s, const cream_param *weight, const cream_param *bias,
                      char *x) {
  node *n = add_node(m, "Conv", weight, "Conv");
  add_ints(n, "dilations", 2, s->dilation);
  add_int(n, "group", s->depthwise ? s->cin : 1);
  add_ints(n, "kernel_shape", 2, s->kernel);
  add_pads(n, s, m->side);
  add_ints(n, "strides", 2, s->stride);
  return add_weights(m, n, x, weight, bias);
}

static char *add_linear(model *m, const cream_net_layer *layer, char *x) {
  char *flat = add_unary(m, "Flatten", layer->weight, x);
  node *n = add_node(m, "Gemm", layer->weight, "Gemm");
  add_int(n, "transB", 1);
  return add_weights(m, n, flat, layer->weight, layer->bias);
}

static char *add_squeeze_excite(model *m, const cream_net_layer *layer, char *x) {
  static const cream_unit_shape pointwise = {.kernel = 1, .stride = 1, .dilation = 1};
  char *gate = add_unary(m, "GlobalAveragePool", layer->se_w1, x);
  gate = add_conv(m, &pointwise, layer->se_w1, layer->se_b1, gate);
  gate = add_act(m, layer->se_act, layer->se_w1, gate);
  gate = add_conv(m, &pointwise, layer->se_w2, layer->se_b2, gate);
  gate = add_act(m, layer->se_gate, layer->se_w2, gate);
  return add_binary(m, "Mul", layer->se_w2, "Gate", x, gate);
}

static char *add_layer(model *m, const cream_net_layer *layer, char *x) {
  CREAM_ASSERT(layer->bias); /* folded */
  bool linear = layer->weight->n_dims == 2;
  x = linear ? add_linear(m, layer, x) : add_conv(m, &layer->shape, layer->weight, layer->bias, x);
  m->side = cream_out_side(m->side, layer->shape.stride);
  x = add_act(m, layer->shape.act, layer->weight, x);
  return layer->shape.se ? add_squeeze_excite(m, layer, x) : x;
}

static char *add_block(model *m, const cream_net_block *block, char *in) {
  char *x = in;
  for (int i = 0; i < block->n_layers; i++) x = add_layer(m, &block->layers[i], x);
  if (!block->residual) return x;
  return add_binary(m, "Add", block->layers[block->n_layers - 1].weight, "Add", x, in);
}

static void add_blocks(model *m, const cream_net_block *blocks, int count) {
  char *x = input_name;
  for (int i = 0; i < count - 1; i++) x = add_block(m, &blocks[i], x);
  x = add_unary(m, "GlobalAveragePool", blocks[count - 2].layers[0].weight, x);
  add_block(m, &blocks[count - 1], x);
  m->nodes[m->graph.n_node - 1].output = output_name;
}

/* ---- the model ----------------------------------------------------------------------------------- */

static void model_free(model *m) {
  free(m->weights);
  free(m->nodes);
  free(m->node_list);
  free(m->initializers);
  free(m->initializer_list);
  free(m->entries);
  free(m->entry_list);
}

static cream_status model_alloc(model *m, const cream_net *net, const cream_net_block *blocks, int n_blocks,
                                int n_metadata, cream_error *err) {
  int layers = 0;
  for (int i = 0; i < n_blocks; i++) layers += blocks[i].n_layers;
  m->max_nodes = LAYER_NODES * layers + n_blocks + OTHER_NODES;
  m->max_initializers = LAYER_INITIALIZERS * layers + 1;
  size_t nodes = (size_t)m->max_nodes, initializers = (size_t)m->max_initializers;
  size_t floats = cream_net_weight_count(net), entries = (size_t)n_metadata + 1;
  m->weights = malloc((floats + 1) * sizeof *m->weights);
  m->nodes = calloc(nodes, sizeof *m->nodes);
  m->node_list = calloc(nodes, sizeof(void *));
  m->initializers = calloc(initializers, sizeof *m->initializers);
  m->initializer_list = calloc(initializers, sizeof(void *));
  m->entries = calloc(entries, sizeof *m->entries);
  m->entry_list = calloc(entries, sizeof(void *));
  if (!m->weights || !m->nodes || !m->node_list || !m->initializers || !m->initializer_list || !m->entries ||
      !m->entry_list)
    return cream_fail_memory(err, floats * sizeof *m->weights + nodes * sizeof *m->nodes, "the ONNX model");
  cream_backend *backend = cream_net_backend(net);
  return backend->download(backend, m->weights, cream_net_weights(net), floats, err);
}

typedef struct stream_sink {
  ProtobufCBuffer base;
  FILE *stream;
} stream_sink;

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data) {
  fwrite(data, 1, size, ((stream_sink *)buffer)->stream);
}

static cream_status write_model(const char *path, const Onnx__ModelProto *proto, cream_error *err) {
  size_t size = onnx__model_proto__get_packed_size(proto);
  if (size > INT32_MAX)
    return cream_fail(err, CREAM_FAILED,
                      "%s: the model needs %zu MB, expected less than 2 GB, the limit of ONNX files", path,
                      size >> 20);
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  stream_sink sink = {{append}, file.stream};
  onnx__model_proto__pack_to_buffer(proto, &sink.base);
  return cream_file_commit(&file, err);
}

/* A tensor of floats [batch, dims...]. */
typedef struct value {
  Onnx__ValueInfoProto info, *list;
  Onnx__TypeProto type;
  Onnx__TypeProto__Tensor tensor;
  Onnx__TensorShapeProto shape;
  Onnx__TensorShapeProto__Dimension dims[4], *dim_list[4];
} value;

static void value_init(value *v, char *name, int n_dims, const int *dims) {
  onnx__value_info_proto__init(&v->info);
  onnx__type_proto__init(&v->type);
  onnx__type_proto__tensor__init(&v->tensor);
  onnx__tensor_shape_proto__init(&v->shape);
  v->list = &v->info;
  v->info.name = name;
  v->info.type = &v->type;
  v->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  v->type.tensor_type = &v->tensor;
  v->tensor.has_elem_type = true;
  v->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
  v->tensor.shape = &v->shape;
  v->shape.n_dim = (size_t)n_dims + 1;
  v->shape.dim = v->dim_list;
  for (int i = 0; i <= n_dims; i++) {
    Onnx__TensorShapeProto__Dimension *dim = v->dim_list[i] = &v->dims[i];
    onnx__tensor_shape_proto__dimension__init(dim);
    if (i == 0) {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
      dim->dim_param = batch_name;
    } else {
      dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
      dim->dim_value = dims[i - 1];
    }
  }
}

static void add_metadata(model *m, Onnx__ModelProto *proto, const cream_pair *metadata, int count) {
  for (int i = 0; i < count; i++) {
    m->entry_list[i] = &m->entries[i];
    onnx__string_string_entry_proto__init(&m->entries[i]);
    m->entries[i].key = (char *)metadata[i].key;
    m->entries[i].value = (char *)metadata[i].value;
  }
  proto->n_metadata_props = (size_t)count;
  proto->metadata_props = m->entry_list;
}

cream_status cream_onnx_save(const char *path, const cream_net *net, const cream_path *of,
                             const cream_pair *metadata, int n_metadata, cream_error *err) {
  cream_net_block blocks[CREAM_MAX_BLOCKS];
  int n_blocks = cream_net_describe(net, of, blocks);
  model m = {0};
  cream_status status = model_alloc(&m, net, blocks, n_blocks, n_metadata, err);
  if (status) goto done;
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  const int side = skeleton->resolution;
  value input, output;
  value_init(&input, input_name, 3, (int[]){3, side, side});
  value_init(&output, output_name, 1, (int[]){skeleton->classes});
  onnx__graph_proto__init(&m.graph);
  m.graph.name = (char *)skeleton->space.name;
  m.graph.node = m.node_list;
  m.graph.initializer = m.initializer_list;
  m.graph.n_input = m.graph.n_output = 1;
  m.graph.input = &input.list;
  m.graph.output = &output.list;
  m.side = side;
  add_blocks(&m, blocks, n_blocks);

  Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
  opset.domain = (char *)"";
  opset.has_version = true;
  opset.version = CREAM_ONNX_OPSET;
  Onnx__ModelProto proto = ONNX__MODEL_PROTO__INIT;
  proto.has_ir_version = true;
  proto.ir_version = CREAM_ONNX_IR;
  proto.n_opset_import = 1;
  proto.opset_import = &opsets;
  proto.producer_name = (char *)"cream";
  proto.producer_version = (char *)CREAM_VERSION;
  proto.graph = &m.graph;
  add_metadata(&m, &proto, metadata, n_metadata);
  status = write_model(path, &proto, err);
done:
  model_free(&m);
  return status;
}
