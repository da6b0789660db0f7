#include "onnx_detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is to write -------------------------------------------------------------------------- */

static void split_anchors(onnx_detect *d, float (*boxes)[4]) {
  for (size_t a = 0; a < cream_detect_anchor_count(&d->grid); a++)
    for (int k = 0; k < 2; k++) {
      d->sizes[2 * a + (size_t)k] = boxes[a][k + 2] - boxes[a][k];
      d->centres[2 * a + (size_t)k] = boxes[a][k] + 0.5f * (boxes[a][k + 2] - boxes[a][k]);
    }
}

cream_status onnx_detect_open(onnx_detect *d, onnx_model *onnx, const cream_net *net, const float *weights,
                              const cream_detect_limits *limits, cream_error *err) {
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  *d = (onnx_detect){.onnx = onnx,
                     .net = net,
                     .weights = weights,
                     .n_ops = cream_net_tail_count(net),
                     .suppresses = limits != NULL,
                     .grid = cream_detect_grid_of(&skeleton->detect, skeleton->resolution)};
  const size_t ops = (size_t)d->n_ops, statistics = cream_net_statistic_count(net);
  const size_t anchors = cream_detect_anchor_count(&d->grid);
  if (limits) onnx_suppress_init(&d->suppress, onnx, limits, anchors, skeleton->classes);
  float(*boxes)[4] = malloc(anchors * sizeof *boxes);
  d->statistics = malloc((statistics + 1) * sizeof *d->statistics);
  d->ops = calloc(ops, sizeof *d->ops);
  d->values = calloc(ops + CREAM_DETECT_FEATURES, sizeof *d->values);
  d->centres = malloc(2 * anchors * sizeof *d->centres);
  d->sizes = malloc(2 * anchors * sizeof *d->sizes);
  d->indices = malloc(ops * (size_t)d->grid.side[0] * sizeof *d->indices);
  d->fusions = calloc(ops, sizeof *d->fusions);
  cream_status status = CREAM_OK;
  if (!boxes || !d->statistics || !d->ops || !d->values || !d->centres || !d->sizes || !d->indices ||
      !d->fusions)
    status = cream_fail_memory(err, anchors * 8 * sizeof(float), "the ONNX model");
  if (!status) {
    cream_detect_anchors(&skeleton->detect, skeleton->resolution, boxes);
    split_anchors(d, boxes);
    cream_net_describe_tail(net, d->ops, d->features);
    cream_backend *backend = cream_net_backend(net);
    status = backend->download(backend, d->statistics, cream_net_statistics(net), statistics, err);
  }
  free(boxes);
  return status;
}

void onnx_detect_close(onnx_detect *d) {
  free(d->statistics);
  free(d->ops);
  free(d->values);
  free(d->centres);
  free(d->sizes);
  free(d->indices);
  free(d->fusions);
}

/* ---- values that do not change ----------------------------------------------------------------------- */

static char *add_floats(onnx_detect *d, const char *name, int n_dims, const int *dims, const float *values) {
  size_t count = 1;
  for (int i = 0; i < n_dims; i++) count *= (size_t)dims[i];
  return onnx_add_tensor(d->onnx, name, "", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, n_dims, dims, values,
                         count * sizeof *values);
}

static char *add_ints(onnx_detect *d, const char *name, int count, const int64_t *values) {
  return onnx_add_tensor(d->onnx, name, "", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &count, values,
                         (size_t)count * sizeof *values);
}

/* A constant of the decoding or of ReLU6, added where it is first needed. */
static char *add_limit(onnx_detect *d, const char *name, int i, float value) {
  char *known = onnx_find_initializer(d->onnx, name);
  if (known) return known;
  d->limits[i] = value;
  return add_floats(d, name, 0, NULL, &d->limits[i]);
}

/* A parameter, which levels may share. */
static char *add_param(onnx_detect *d, const cream_param *param) {
  char *known = onnx_find_initializer(d->onnx, param->name);
  if (known) return known;
  return add_floats(d, param->name, param->n_dims, param->dims,
                    (param->statistic ? d->statistics : d->weights) + param->offset);
}

/* ---- ops: each returns the name of its output -------------------------------------------------------- */

static char *add_product(onnx_detect *d, const char *op, char *a, char *b) {
  onnx_node *n = onnx_add_after(d->onnx, op, a);
  onnx_add_input(n, b);
  return n->output;
}

static char *add_clip(onnx_detect *d, char *x, char *low, char *high) {
  onnx_node *n = onnx_add_after(d->onnx, "Clip", x);
  onnx_add_input(n, low);
  onnx_add_input(n, high);
  return n->output;
}

static char *add_act(onnx_detect *d, cream_act act, char *x) {
  switch (act) {
  case CREAM_ACT_NONE:
    return x;
  case CREAM_ACT_RELU:
    return onnx_add_after(d->onnx, "Relu", x)->output;
  case CREAM_ACT_SWISH:
    return add_product(d, "Mul", x, onnx_add_after(d->onnx, "Sigmoid", x)->output);
  case CREAM_ACT_HARD_SWISH:
    return onnx_add_after(d->onnx, "HardSwish", x)->output;
  case CREAM_ACT_SIGMOID:
    return onnx_add_after(d->onnx, "Sigmoid", x)->output;
  case CREAM_ACT_HARD_SIGMOID: {
    onnx_node *n = onnx_add_after(d->onnx, "HardSigmoid", x);
    onnx_add_float(n, "alpha", 1.0f / 6);
    onnx_add_float(n, "beta", 0.5f);
    return n->output;
  }
  case CREAM_ACT_RELU6:
    return add_clip(d, x, add_limit(d, "zero", 0, 0), add_limit(d, "six", 1, 6));
  }
  abort();
}

static char *add_conv(onnx_detect *d, const cream_net_tail_op *op, char *x) {
  const cream_unit_shape *s = &op->shape;
  if (op->relu) x = onnx_add_after(d->onnx, "Relu", x)->output;
  onnx_node *n = onnx_add_named(d->onnx, "Conv", "%s/P%d", s->conv, op->level + 3);
  onnx_add_input(n, x);
  onnx_add_input(n, add_param(d, op->weight));
  if (op->bias) onnx_add_input(n, add_param(d, op->bias));
  onnx_add_int(n, "group", s->depthwise ? s->cin : 1);
  onnx_add_ints(n, "kernel_shape", 2, s->kernel);
  onnx_add_pads(n, s->pad, s->pad);
  onnx_add_ints(n, "strides", 2, s->stride);
  if (!op->gamma) return n->output;
  onnx_node *norm = onnx_add_after(d->onnx, "BatchNormalization", n->output);
  onnx_add_input(norm, add_param(d, op->gamma));
  onnx_add_input(norm, add_param(d, op->beta));
  onnx_add_input(norm, add_param(d, op->mean));
  onnx_add_input(norm, add_param(d, op->var));
  onnx_add_float(norm, "epsilon", (float)cream_net_skeleton(d->net)->space.bn_eps);
  return norm->output;
}

/* Value v at the size of op o. */
static char *add_resample(onnx_detect *d, int o, int v) {
  const int side = d->ops[o].side;
  const int from = v < CREAM_DETECT_FEATURES ? d->grid.side[v] : d->ops[v - CREAM_DETECT_FEATURES].side;
  if (from == side) return d->values[v];
  if (from > side) {
    onnx_node *n = onnx_add_named(d->onnx, "MaxPool", "neck.%d/MaxPool", o);
    onnx_add_input(n, d->values[v]);
    onnx_add_ints(n, "kernel_shape", 2, 3);
    onnx_add_pads(n, 1, 1);
    onnx_add_ints(n, "strides", 2, 2);
    return n->output;
  }
  char name[ONNX_NAME], *x = d->values[v];
  int64_t *rows = d->indices + (size_t)o * (size_t)d->grid.side[0];
  for (int i = 0; i < side; i++) rows[i] = cream_fuse_sources(from, side, i).first;
  snprintf(name, sizeof name, "neck.%d/rows", o);
  char *indices = add_ints(d, name, side, rows);
  for (int axis = 2; axis < 4; axis++) {
    onnx_node *n = onnx_add_named(d->onnx, "Gather", "neck.%d/%s", o, axis == 2 ? "Rows" : "Columns");
    onnx_add_input(n, x);
    onnx_add_input(n, indices);
    onnx_add_int(n, "axis", axis);
    x = n->output;
  }
  return x;
}

static void fusion_weights(const onnx_detect *d, const cream_net_tail_op *op, float *w) {
  const float *v = d->weights + op->fusion->offset;
  float sum = 1e-4f;
  for (int i = 0; i < op->n; i++) sum += w[i] = fmaxf(v[i], 0);
  for (int i = 0; i < op->n; i++) w[i] /= sum;
}

static char *add_fusion(onnx_detect *d, int o) {
  const cream_net_tail_op *op = &d->ops[o];
  char *inputs[CREAM_FUSE_MAX];
  if (op->fusion) fusion_weights(d, op, d->fusions[o]);
  for (int i = 0; i < op->n; i++) {
    char name[ONNX_NAME];
    inputs[i] = add_resample(d, o, op->in[i]);
    if (!op->fusion) continue;
    snprintf(name, sizeof name, "neck.%d/w%d", o, i);
    onnx_node *n = onnx_add_named(d->onnx, "Mul", "neck.%d/Mul.%d", o, i);
    onnx_add_input(n, inputs[i]);
    onnx_add_input(n, add_floats(d, name, 0, NULL, &d->fusions[o][i]));
    inputs[i] = n->output;
  }
  if (op->n == 1) return inputs[0];
  onnx_node *sum = onnx_add_named(d->onnx, "Sum", "neck.%d/Sum", o);
  for (int i = 0; i < op->n; i++) onnx_add_input(sum, inputs[i]);
  return sum->output;
}

/* ---- outputs ----------------------------------------------------------------------------------------- */

/* [n, numbers of all anchors of a cell, side, side] as [n, anchors, numbers]. */
static char *add_rows(onnx_detect *d, char *x, char *shape) {
  onnx_node *n = onnx_add_after(d->onnx, "Transpose", x);
  onnx_add_ints(n, "perm", 4, 0);
  for (int k = 1; k < 4; k++) n->ints[0][k] = k % 3 + 1;
  return add_product(d, "Reshape", n->output, shape);
}

/* The outputs of a head, levels one after another. */
static char *add_head(onnx_detect *d, bool classes, int numbers) {
  const char *name = classes ? "logits" : "deltas";
  char text[ONNX_NAME];
  snprintf(text, sizeof text, "%s/shape", name);
  int64_t *values = d->shapes[classes];
  values[0] = 0;
  values[1] = -1;
  values[2] = numbers;
  char *shape = add_ints(d, text, 3, values);
  char *levels[CREAM_DETECT_LEVELS];
  for (int o = 0; o < d->n_ops; o++)
    if (classes ? d->ops[o].classes : d->ops[o].boxes)
      levels[d->ops[o].level] = add_rows(d, d->values[CREAM_DETECT_FEATURES + o], shape);
  for (int l = 0; l < d->grid.levels && classes && d->suppresses; l++)
    if ((d->grid.first[l + 1] - d->grid.first[l]) * (size_t)numbers > (size_t)d->suppress.limits.candidates)
      levels[l] = onnx_suppress_level(&d->suppress, l, levels[l]);
  onnx_node *n = onnx_add_named(d->onnx, "Concat", "%s", name);
  for (int l = 0; l < d->grid.levels; l++) onnx_add_input(n, levels[l]);
  onnx_add_int(n, "axis", 1);
  return n->output;
}

/* Two columns of the deltas. */
static char *add_columns(onnx_detect *d, char *deltas, int first, const char *name) {
  char text[ONNX_NAME];
  snprintf(text, sizeof text, "%s/columns", name);
  int64_t *columns = d->halves[first / 2];
  columns[0] = first;
  columns[1] = first + 1;
  onnx_node *n = onnx_add_named(d->onnx, "Gather", "%s", name);
  onnx_add_input(n, deltas);
  onnx_add_input(n, add_ints(d, text, 2, columns));
  onnx_add_int(n, "axis", 2);
  return n->output;
}

/* The far edges of the images [batch, 1, 4], from the second input. */
static char *add_bounds(onnx_detect *d) {
  static char size[] = "size";
  d->onnx->second_input = size;
  d->row = 1;
  onnx_node *both = onnx_add_named(d->onnx, "Concat", "boxes/bounds");
  onnx_add_input(both, size);
  onnx_add_input(both, size);
  onnx_add_int(both, "axis", 1);
  return add_product(d, "Unsqueeze", both->output, add_ints(d, "boxes/row", 1, &d->row));
}

/* As cream_detect_decode, cut to the input, or before suppression to the image. */
static char *add_boxes(onnx_detect *d, char *deltas) {
  const int dims[] = {1, (int)cream_detect_anchor_count(&d->grid), 2};
  char *sizes = add_floats(d, "anchors/sizes", 3, dims, d->sizes);
  char *centres = add_floats(d, "anchors/centres", 3, dims, d->centres);
  char *shift = add_product(d, "Mul", add_columns(d, deltas, 0, "boxes/shift"), sizes);
  char *centre = add_product(d, "Add", shift, centres);
  char *growth = add_columns(d, deltas, 2, "boxes/growth");
  growth = add_product(d, "Min", growth, add_limit(d, "boxes/most", 2, CREAM_DETECT_MOST_GROWTH));
  char *half = add_product(d, "Mul", onnx_add_after(d->onnx, "Exp", growth)->output, sizes);
  half = add_product(d, "Mul", half, add_limit(d, "boxes/half", 3, 0.5f));
  char *near = add_product(d, "Sub", centre, half), *far = add_product(d, "Add", half, centre);
  onnx_node *n = onnx_add_named(d->onnx, "Concat", "boxes/edges");
  onnx_add_input(n, near);
  onnx_add_input(n, far);
  onnx_add_int(n, "axis", 2);
  if (d->suppresses) {
    char *bounds = add_bounds(d);
    char *edges = add_product(d, "Max", n->output, add_limit(d, "zero", 0, 0));
    return add_product(d, "Min", edges, bounds);
  }
  const float side = (float)cream_net_skeleton(d->net)->resolution;
  return add_clip(d, n->output, add_limit(d, "zero", 0, 0), add_limit(d, "boxes/side", 4, side));
}

/* The outputs of all anchors. */
static int name_outputs(onnx_detect *d, onnx_node *boxes, onnx_node *scores, onnx_output *outputs) {
  static char boxes_name[] = "boxes", scores_name[] = "scores";
  const int anchors = (int)cream_detect_anchor_count(&d->grid);
  boxes->output = boxes_name;
  scores->output = scores_name;
  outputs[0] = (onnx_output){boxes_name, 2, {anchors, 4}, false};
  outputs[1] = (onnx_output){scores_name, 2, {anchors, cream_net_skeleton(d->net)->classes}, false};
  return 2;
}

cream_status onnx_detect_save(onnx_detect *d, char *const *features, const char *path,
                              const cream_pair *metadata, int n_metadata, cream_error *err) {
  onnx_output outputs[ONNX_MAX_OUTPUTS];
  const cream_skeleton *skeleton = cream_net_skeleton(d->net);
  for (int f = 0; f < CREAM_DETECT_FEATURES; f++) d->values[f] = features[f];
  for (int o = 0; o < d->n_ops; o++) {
    const cream_net_tail_op *op = &d->ops[o];
    char *x = op->weight ? add_conv(d, op, d->values[op->in[0]]) : add_fusion(d, o);
    d->values[CREAM_DETECT_FEATURES + o] = add_act(d, op->act, x);
  }
  char *logits = add_head(d, true, skeleton->classes), *deltas = add_head(d, false, 4);
  onnx_node *scores = onnx_add_after(d->onnx, "Sigmoid", logits);
  add_boxes(d, deltas);
  onnx_node *boxes = &d->onnx->nodes[d->onnx->graph.n_node - 1];
  int n = ONNX_SUPPRESS_OUTPUTS;
  if (d->suppresses)
    onnx_suppress_add(&d->suppress, boxes->output, scores->output, outputs);
  else
    n = name_outputs(d, boxes, scores, outputs);
  return onnx_model_write_outputs(d->onnx, path, skeleton, outputs, n, metadata, n_metadata, err);
}
