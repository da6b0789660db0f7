#include "onnx_build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/cream.h"
#include "io/base/file.h"

/* The strings of messages are not const. */
char onnx_input_name[] = "input", onnx_output_name[] = "logits";
static char batch_name[] = "batch";

/* ---- nodes --------------------------------------------------------------------------------------- */

/* A node without a name and inputs. */
static onnx_node *add_bare(onnx_model *m, const char *op) {
  CREAM_ASSERT((int)m->graph.n_node < m->max_nodes);
  onnx_node *n = &m->nodes[m->graph.n_node];
  onnx__node_proto__init(&n->proto);
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

onnx_node *onnx_add_node(onnx_model *m, const char *op, const cream_param *base, const char *label) {
  onnx_node *n = add_bare(m, op);
  int length = (int)(strrchr(base->name, '.') - base->name);
  snprintf(n->name, sizeof n->name, "%.*s/%s", length, base->name, label);
  return n;
}

onnx_node *onnx_add_named(onnx_model *m, const char *op, const char *format, ...) {
  onnx_node *n = add_bare(m, op);
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(n->name, sizeof n->name, format, arguments);
  va_end(arguments);
  CREAM_ASSERT(length > 0 && (size_t)length < sizeof n->name);
  return n;
}

onnx_node *onnx_add_after(onnx_model *m, const char *op, char *input) {
  onnx_node *n = add_bare(m, op);
  snprintf(n->name, sizeof n->name, "%s/%s", input, op);
  onnx_add_input(n, input);
  return n;
}

void onnx_add_input(onnx_node *n, char *value) {
  CREAM_ASSERT(n->proto.n_input < ONNX_MAX_INPUTS);
  n->inputs[n->proto.n_input++] = value;
}

char *onnx_add_output(onnx_node *n, const char *label) {
  snprintf(n->second, sizeof n->second, "%.100s:%s", n->name, label);
  n->outputs[0] = n->output;
  n->outputs[1] = n->second;
  n->proto.output = n->outputs;
  n->proto.n_output = 2;
  return n->second;
}

static Onnx__AttributeProto *add_attribute(onnx_node *n, const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
  CREAM_ASSERT(n->proto.n_attribute < ONNX_MAX_ATTRIBUTES);
  size_t i = n->proto.n_attribute++;
  Onnx__AttributeProto *a = n->attribute_list[i] = &n->attributes[i];
  onnx__attribute_proto__init(a);
  a->name = (char *)name;
  a->has_type = true;
  a->type = type;
  return a;
}

void onnx_add_int(onnx_node *n, const char *name, int value) {
  Onnx__AttributeProto *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  a->has_i = true;
  a->i = value;
}

void onnx_add_float(onnx_node *n, const char *name, float value) {
  Onnx__AttributeProto *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  a->has_f = true;
  a->f = value;
}

void onnx_add_ints(onnx_node *n, const char *name, int count, int value) {
  Onnx__AttributeProto *a = add_attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  a->n_ints = (size_t)count;
  a->ints = n->ints[n->proto.n_attribute - 1];
  for (int i = 0; i < count; i++) a->ints[i] = value;
}

void onnx_add_pads(onnx_node *n, int before, int after) {
  onnx_add_ints(n, "pads", 4, before);
  int64_t *ends = n->ints[n->proto.n_attribute - 1] + 2;
  ends[0] = ends[1] = after;
}

char *onnx_add_tensor(onnx_model *m, const char *name, const char *suffix, Onnx__TensorProto__DataType type,
                      int n_dims, const int *dims, const void *data, size_t bytes) {
  CREAM_ASSERT((int)m->graph.n_initializer < m->max_initializers);
  onnx_initializer *in = &m->initializers[m->graph.n_initializer];
  Onnx__TensorProto *tensor = &in->proto;
  onnx__tensor_proto__init(tensor);
  snprintf(in->name, sizeof in->name, "%s%s", name, suffix);
  tensor->name = in->name;
  tensor->has_data_type = true;
  tensor->data_type = (int32_t)type;
  tensor->n_dims = (size_t)n_dims;
  tensor->dims = in->dims;
  for (int i = 0; i < n_dims; i++) in->dims[i] = dims[i];
  tensor->has_raw_data = true;
  tensor->raw_data.len = bytes;
  tensor->raw_data.data = (uint8_t *)data;
  m->initializer_list[m->graph.n_initializer++] = tensor;
  return tensor->name;
}

char *onnx_find_initializer(onnx_model *m, const char *name) {
  for (size_t i = 0; i < m->graph.n_initializer; i++)
    if (strcmp(m->initializers[i].name, name) == 0) return m->initializers[i].name;
  return NULL;
}

/* ---- activations and simple nodes ---------------------------------------------------------------- */

char *onnx_add_unary(onnx_model *m, const char *op, const cream_param *base, char *x) {
  onnx_node *n = onnx_add_node(m, op, base, op);
  onnx_add_input(n, x);
  return n->output;
}

char *onnx_add_binary(onnx_model *m, const char *op, const cream_param *base, const char *label, char *a,
                      char *b) {
  onnx_node *n = onnx_add_node(m, op, base, label);
  onnx_add_input(n, a);
  onnx_add_input(n, b);
  return n->output;
}

static char *add_hard_sigmoid(onnx_model *m, const cream_param *base, char *x) {
  onnx_node *n = onnx_add_node(m, "HardSigmoid", base, "HardSigmoid");
  onnx_add_input(n, x);
  onnx_add_float(n, "alpha", 1.0f / 6);
  onnx_add_float(n, "beta", 0.5f);
  return n->output;
}

static char *add_constant(onnx_model *m, const cream_param *base, const char *label, float value) {
  onnx_node *n = onnx_add_node(m, "Constant", base, label);
  onnx_add_float(n, "value_float", value);
  return n->output;
}

/* x clipped to [low, high]; `Clip` takes its bounds as inputs. */
static char *add_clip(onnx_model *m, const cream_param *base, char *x, float low, float high) {
  char *min = add_constant(m, base, "Clip.min", low), *max = add_constant(m, base, "Clip.max", high);
  onnx_node *n = onnx_add_node(m, "Clip", base, "Clip");
  onnx_add_input(n, x);
  onnx_add_input(n, min);
  onnx_add_input(n, max);
  return n->output;
}

char *onnx_add_act(onnx_model *m, cream_act act, const cream_param *base, char *x) {
  switch (act) {
  case CREAM_ACT_NONE:
    return x;
  case CREAM_ACT_RELU:
    return onnx_add_unary(m, "Relu", base, x);
  case CREAM_ACT_SWISH:
    return onnx_add_binary(m, "Mul", base, "Mul", x, onnx_add_unary(m, "Sigmoid", base, x));
  case CREAM_ACT_HARD_SWISH:
    return onnx_add_unary(m, "HardSwish", base, x);
  case CREAM_ACT_SIGMOID:
    return onnx_add_unary(m, "Sigmoid", base, x);
  case CREAM_ACT_HARD_SIGMOID:
    return add_hard_sigmoid(m, base, x);
  case CREAM_ACT_RELU6:
    return add_clip(m, base, x, 0, 6);
  }
  CREAM_ASSERT(!"an activation of the list");
  return x;
}

/* ---- the model ----------------------------------------------------------------------------------- */

void onnx_model_free(onnx_model *m) {
  free(m->nodes);
  free(m->node_list);
  free(m->initializers);
  free(m->initializer_list);
  free(m->entries);
  free(m->entry_list);
}

cream_status onnx_model_alloc(onnx_model *m, int max_nodes, int max_initializers, cream_error *err) {
  *m = (onnx_model){.max_nodes = max_nodes, .max_initializers = max_initializers};
  size_t nodes = (size_t)max_nodes, initializers = (size_t)max_initializers;
  m->nodes = calloc(nodes, sizeof *m->nodes);
  m->node_list = calloc(nodes, sizeof(void *));
  m->initializers = calloc(initializers, sizeof *m->initializers);
  m->initializer_list = calloc(initializers, sizeof(void *));
  if (!m->nodes || !m->node_list || !m->initializers || !m->initializer_list)
    return cream_fail_memory(err, nodes * sizeof *m->nodes + initializers * sizeof *m->initializers,
                             "the ONNX model");
  onnx__graph_proto__init(&m->graph);
  m->graph.node = m->node_list;
  m->graph.initializer = m->initializer_list;
  return CREAM_OK;
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

/* A tensor [batch, dims...]. */
typedef struct value {
  Onnx__ValueInfoProto info, *list;
  Onnx__TypeProto type;
  Onnx__TypeProto__Tensor tensor;
  Onnx__TensorShapeProto shape;
  Onnx__TensorShapeProto__Dimension dims[4], *dim_list[4];
} value;

static void value_init(value *v, char *name, bool integers, int n_dims, const int *dims) {
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
  v->tensor.elem_type =
      integers ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64 : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
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

static cream_status add_metadata(onnx_model *m, Onnx__ModelProto *proto, const cream_pair *metadata,
                                 int count, cream_error *err) {
  size_t entries = (size_t)count + 1;
  m->entries = calloc(entries, sizeof *m->entries);
  m->entry_list = calloc(entries, sizeof(void *));
  if (!m->entries || !m->entry_list)
    return cream_fail_memory(err, entries * sizeof *m->entries, "the metadata");
  for (int i = 0; i < count; i++) {
    m->entry_list[i] = &m->entries[i];
    onnx__string_string_entry_proto__init(&m->entries[i]);
    m->entries[i].key = (char *)metadata[i].key;
    m->entries[i].value = (char *)metadata[i].value;
  }
  proto->n_metadata_props = (size_t)count;
  proto->metadata_props = m->entry_list;
  return CREAM_OK;
}

cream_status onnx_model_write(onnx_model *m, const char *path, const cream_skeleton *skeleton,
                              const cream_pair *metadata, int n_metadata, cream_error *err) {
  const onnx_output logits = {onnx_output_name, 1, {skeleton->classes}, false};
  m->nodes[m->graph.n_node - 1].output = onnx_output_name;
  return onnx_model_write_outputs(m, path, skeleton, &logits, 1, metadata, n_metadata, err);
}

cream_status onnx_model_write_outputs(onnx_model *m, const char *path, const cream_skeleton *skeleton,
                                      const onnx_output *outputs, int n_outputs, const cream_pair *metadata,
                                      int n_metadata, cream_error *err) {
  const int side = skeleton->resolution;
  value inputs[2], values[ONNX_MAX_OUTPUTS];
  Onnx__ValueInfoProto *list[ONNX_MAX_OUTPUTS], *input_list[2] = {&inputs[0].info, &inputs[1].info};
  CREAM_ASSERT(n_outputs <= ONNX_MAX_OUTPUTS);
  value_init(&inputs[0], onnx_input_name, false, 3, (int[]){3, side, side});
  if (m->second_input) value_init(&inputs[1], m->second_input, false, 1, (int[]){2});
  for (int i = 0; i < n_outputs; i++) {
    value_init(&values[i], outputs[i].name, outputs[i].integers, outputs[i].n_dims, outputs[i].dims);
    list[i] = values[i].list;
  }
  m->graph.name = (char *)skeleton->space.name;
  m->graph.n_input = m->second_input ? 2 : 1;
  m->graph.n_output = (size_t)n_outputs;
  m->graph.input = input_list;
  m->graph.output = list;

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
  proto.graph = &m->graph;
  cream_status status = add_metadata(m, &proto, metadata, n_metadata, err);
  return status ? status : write_model(path, &proto, err);
}
