#include <string.h>

#include "net_detect.h"

/* ---- features ---------------------------------------------------------------------------------------- */

/* The steps of the last blocks at strides 8, 16 and 32. */
static cream_status find_taps(const cream_net *net, int taps[CREAM_DETECT_FEATURES], cream_error *err) {
  const cream_skeleton *skeleton = &net->skeleton;
  int stride = skeleton->space.stem.stride;
  for (int t = 0; t < CREAM_DETECT_FEATURES; t++) taps[t] = -1;
  for (int l = 0; l < skeleton->n_layers; l++) {
    stride *= skeleton->layers[l].stride;
    for (int t = 0; t < CREAM_DETECT_FEATURES; t++)
      if (stride == 8 << t) taps[t] = l + 1;
  }
  for (int t = 0; t < CREAM_DETECT_FEATURES; t++)
    if (taps[t] < 0)
      return cream_fail(err, CREAM_BAD_CONFIG, "the backbone has no layer at stride %d; a detector needs %s",
                        8 << t, "8, 16 and 32");
  if (stride != 32)
    return cream_fail(err, CREAM_BAD_CONFIG, "the backbone ends at stride %d; a detector's ends at 32",
                      stride);
  return CREAM_OK;
}

/* ---- the list ---------------------------------------------------------------------------------------- */

/* A convolution to be added. */
typedef struct unit_spec {
  int cin, cout, kernel, stride;
  bool depthwise, bare; /* bare: no bias */
  cream_param_role role, bias;
  cream_act act; /* where no batch norm follows */
} unit_spec;

#define NAME(to, ...)                                                                                        \
  do {                                                                                                       \
    int length_ = snprintf(to, NET_TAIL_NAME, __VA_ARGS__);                                                  \
    CREAM_ASSERT(length_ > 0 && length_ < NET_TAIL_NAME);                                                    \
  } while (0)

/* The index of a new unit; its name is yet to be set. */
static int add_unit(net_tail *t, unit_spec spec) {
  CREAM_ASSERT(t->n_units < NET_TAIL_OPS);
  const int u = t->n_units++;
  t->roles[u] = spec.role;
  t->bias_roles[u] = spec.bias;
  t->units[u] = (net_unit){.shape = {.cin = spec.cin,
                                     .cout = spec.cout,
                                     .kernel = spec.kernel,
                                     .stride = spec.stride,
                                     .pad = spec.kernel / 2,
                                     .dilation = 1,
                                     .depthwise = spec.depthwise,
                                     .act = spec.act,
                                     .conv = t->names[u]},
                           .bare = spec.bare};
  return u;
}

static int add_bn(net_tail *t, int channels) {
  CREAM_ASSERT(t->n_bns < NET_TAIL_OPS);
  t->bns[t->n_bns] = (net_tail_bn){.channels = channels};
  return t->n_bns++;
}

static int add_value(net_tail *t, int level, int channels, int op) {
  CREAM_ASSERT(t->n_values < NET_TAIL_OPS);
  t->values[t->n_values] =
      (net_tail_value){.level = level, .channels = channels, .op = op, .first = -1, .last = -1};
  return t->n_values++;
}

/* Appends an op that reads in[0..n-1]. */
static net_tail_op *add_op(net_tail *t, int n, const int *in, int level, int channels) {
  CREAM_ASSERT(t->n_ops < NET_TAIL_OPS);
  const int o = t->n_ops++;
  net_tail_op *op = &t->ops[o];
  *op = (net_tail_op){.n = n, .unit = -1, .bn = -1};
  for (int i = 0; i < n; i++) {
    net_tail_value *value = &t->values[in[i]];
    op->in[i] = in[i];
    if (value->first < 0) value->first = o;
    value->last = o;
  }
  op->out = add_value(t, level, channels, o);
  return op;
}

/* bn -1: none. Returns the output. */
static int add_conv(net_tail *t, int in, int unit, int bn, cream_act act) {
  const cream_unit_shape *shape = &t->units[unit].shape;
  net_tail_op *op = add_op(t, 1, &in, t->values[in].level + (shape->stride == 2), shape->cout);
  op->unit = unit;
  op->bn = bn;
  op->act = act;
  for (int o = 0; o + 1 < t->n_ops; o++)
    if (t->ops[o].unit == unit) t->ops[o].adds = true;
  return op->out;
}

static int add_fuse(net_tail *t, int n, const int *in, int level, cream_act act) {
  net_tail_op *op = add_op(t, n, in, level, t->values[in[0]].channels);
  op->fuse = true;
  op->act = act;
  return op->out;
}

/* ---- RetinaNet --------------------------------------------------------------------------------------- */

static int add_pyramid_unit(net_tail *t, int cin, int cout, int kernel, int stride) {
  return add_unit(t, (unit_spec){.cin = cin,
                                 .cout = cout,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .role = CREAM_PARAM_PYRAMID,
                                 .bias = CREAM_PARAM_BIAS});
}

/* P3, P4 and P5 in levels[]. */
static void add_pyramid(net_tail *t, const cream_detect_spec *spec, int *levels) {
  int above = -1, merged[CREAM_DETECT_FEATURES];
  for (int l = CREAM_DETECT_FEATURES - 1; l >= 0; l--) {
    const int unit = add_pyramid_unit(t, t->values[l].channels, spec->channels, 1, 1);
    NAME(t->names[unit], "fpn.inner_blocks.%d.0", l);
    merged[l] = add_conv(t, l, unit, -1, CREAM_ACT_NONE);
    const int both[] = {merged[l], above};
    if (above >= 0) merged[l] = add_fuse(t, 2, both, l, CREAM_ACT_NONE);
    above = merged[l];
  }
  for (int l = 0; l < CREAM_DETECT_FEATURES; l++) {
    const int unit = add_pyramid_unit(t, spec->channels, spec->channels, 3, 1);
    NAME(t->names[unit], "fpn.layer_blocks.%d.0", l);
    levels[l] = add_conv(t, merged[l], unit, -1, CREAM_ACT_NONE);
  }
}

/* P6 of P5, P7 of relu(P6). */
static int add_extra(net_tail *t, const cream_detect_spec *spec, int level, int below) {
  const int unit = add_pyramid_unit(t, spec->channels, spec->channels, 3, 2);
  NAME(t->names[unit], "fpn.extra_blocks.p%d", level + 3);
  const int out = add_conv(t, below, unit, -1, CREAM_ACT_NONE);
  t->ops[t->n_ops - 1].relu = level > CREAM_DETECT_FEATURES;
  return out;
}

/* The units of a head, which all levels share: `convs` of them, then the last one. */
typedef struct head {
  int units[2 * CREAM_DETECT_CELLS + 2];
  net_tail_place place;
} head;

static head add_retina_head(net_tail *t, const cream_detect_spec *spec, net_tail_place place, int outputs) {
  const bool classes = place == NET_TAIL_CLASSES;
  const char *name = classes ? "head.classification_head" : "head.regression_head";
  head h = {.place = place};
  unit_spec unit = {.cin = spec->channels,
                    .cout = spec->channels,
                    .kernel = 3,
                    .stride = 1,
                    .role = CREAM_PARAM_HEAD,
                    .bias = CREAM_PARAM_BIAS,
                    .act = CREAM_ACT_RELU};
  for (int i = 0; i < spec->convs; i++) {
    h.units[i] = add_unit(t, unit);
    NAME(t->names[h.units[i]], "%s.conv.%d.0", name, i);
  }
  unit.cout = outputs;
  unit.act = CREAM_ACT_NONE;
  unit.bias = classes ? CREAM_PARAM_PRIOR : CREAM_PARAM_BIAS;
  h.units[spec->convs] = add_unit(t, unit);
  NAME(t->names[h.units[spec->convs]], "%s.%s", name, classes ? "cls_logits" : "bbox_reg");
  return h;
}

static void run_retina_head(net_tail *t, const cream_detect_spec *spec, const head *h, int in) {
  for (int i = 0; i <= spec->convs; i++)
    in = add_conv(t, in, h->units[i], -1, i < spec->convs ? CREAM_ACT_RELU : CREAM_ACT_NONE);
  t->values[in].place = h->place;
}

static void add_retina(net_tail *t, const cream_detect_spec *spec, int classes) {
  const int anchors = cream_detect_per_cell(spec);
  int levels[CREAM_DETECT_LEVELS];
  add_pyramid(t, spec, levels);
  const head by_class = add_retina_head(t, spec, NET_TAIL_CLASSES, anchors * classes);
  const head by_box = add_retina_head(t, spec, NET_TAIL_BOXES, anchors * 4);
  for (int l = 0; l < spec->levels; l++) {
    /* After the heads of the level below: the gradient through the ReLU is the first of P6's. */
    if (l >= CREAM_DETECT_FEATURES) levels[l] = add_extra(t, spec, l, levels[l - 1]);
    run_retina_head(t, spec, &by_class, levels[l]);
    run_retina_head(t, spec, &by_box, levels[l]);
  }
}

/* ---- after EfficientDet ------------------------------------------------------------------------------ */

/* A 1x1 convolution with batch norm, where `value` has other channels than the neck. */
static int add_resample(net_tail *t, const cream_detect_spec *spec, int value, const char *name) {
  if (t->values[value].channels == spec->channels && t->values[value].op >= 0) return value;
  const int unit = add_unit(t, (unit_spec){.cin = t->values[value].channels,
                                           .cout = spec->channels,
                                           .kernel = 1,
                                           .stride = 1,
                                           .bare = true,
                                           .role = CREAM_PARAM_PYRAMID});
  const int bn = add_bn(t, spec->channels);
  NAME(t->names[unit], "%s.conv.conv", name);
  NAME(t->bns[bn].name, "%s.conv.bn", name);
  return add_conv(t, value, unit, bn, CREAM_ACT_NONE);
}

/* Depthwise 3x3, then 1x1: units[0] and [1]. bias: of the second one. */
static void add_separable(net_tail *t, const cream_detect_spec *spec, int cout, bool bare,
                          cream_param_role role, cream_param_role bias, const char *name, int units[2]) {
  units[0] = add_unit(t, (unit_spec){.cin = spec->channels,
                                     .cout = spec->channels,
                                     .kernel = 3,
                                     .stride = 1,
                                     .depthwise = true,
                                     .bare = true,
                                     .role = CREAM_PARAM_DEPTHWISE});
  units[1] = add_unit(t, (unit_spec){.cin = spec->channels,
                                     .cout = cout,
                                     .kernel = 1,
                                     .stride = 1,
                                     .bare = bare,
                                     .role = role,
                                     .bias = bias});
  NAME(t->names[units[0]], "%s.conv_dw", name);
  NAME(t->names[units[1]], "%s.conv_pw", name);
}

/* Node `node` of a BiFPN cell: weighted fusion, activation, separable convolution, batch norm. */
static int add_node(net_tail *t, const cream_detect_spec *spec, int cell, int node, int n, const int *from,
                    int level) {
  int in[CREAM_FUSE_MAX], units[2];
  char name[NET_TAIL_NAME];
  for (int i = 0; i < n; i++) {
    NAME(name, "fpn.cell.%d.fnode.%d.combine.resample.%d", cell, node, i);
    in[i] = add_resample(t, spec, from[i], name);
  }
  int value = add_fuse(t, n, in, level, spec->act);
  net_tail_op *fuse = &t->ops[t->n_ops - 1];
  fuse->weighted = true;
  NAME(fuse->name, "fpn.cell.%d.fnode.%d.combine", cell, node);
  NAME(name, "fpn.cell.%d.fnode.%d.after_combine.conv", cell, node);
  add_separable(t, spec, spec->channels, true, CREAM_PARAM_PYRAMID, CREAM_PARAM_BIAS, name, units);
  const int bn = add_bn(t, spec->channels);
  NAME(t->bns[bn].name, "fpn.cell.%d.fnode.%d.after_combine.bn", cell, node);
  value = add_conv(t, value, units[0], -1, CREAM_ACT_NONE);
  return add_conv(t, value, units[1], bn, CREAM_ACT_NONE);
}

/* From the top down, then from the bottom up; levels[] becomes the cell's outputs. */
static void add_cell(net_tail *t, const cream_detect_spec *spec, int cell, int *levels) {
  const int top = spec->levels - 1;
  int down[CREAM_DETECT_LEVELS], node = 0;
  down[top] = levels[top];
  for (int l = top - 1; l >= 0; l--)
    down[l] = add_node(t, spec, cell, node++, 2, (int[]){levels[l], down[l + 1]}, l);
  int below = down[0];
  for (int l = 1; l <= top; l++) {
    const int from[] = {levels[l], l < top ? down[l] : below, below};
    below = add_node(t, spec, cell, node++, l < top ? 3 : 2, from, l);
    levels[l] = below;
  }
  levels[0] = down[0];
}

static head add_lite_head(net_tail *t, const cream_detect_spec *spec, net_tail_place place, int outputs) {
  const bool classes = place == NET_TAIL_CLASSES;
  const char *head_name = classes ? "class_net" : "box_net";
  char name[NET_TAIL_NAME];
  head h = {.place = place};
  for (int i = 0; i < spec->convs; i++) {
    NAME(name, "%s.conv_rep.%d", head_name, i);
    add_separable(t, spec, spec->channels, true, CREAM_PARAM_PYRAMID, CREAM_PARAM_BIAS, name,
                  &h.units[2 * i]);
  }
  NAME(name, "%s.predict", head_name);
  add_separable(t, spec, outputs, false, CREAM_PARAM_HEAD, classes ? CREAM_PARAM_PRIOR : CREAM_PARAM_BIAS,
                name, &h.units[2 * spec->convs]);
  return h;
}

static void run_lite_head(net_tail *t, const cream_detect_spec *spec, const head *h, int level, int in) {
  for (int i = 0; i <= spec->convs; i++) {
    const bool last = i == spec->convs;
    in = add_conv(t, in, h->units[2 * i], -1, CREAM_ACT_NONE);
    int bn = -1;
    if (!last) {
      bn = add_bn(t, spec->channels);
      NAME(t->bns[bn].name, "%s.bn_rep.%d.%d.bn", h->place == NET_TAIL_CLASSES ? "class_net" : "box_net", i,
           level);
    }
    in = add_conv(t, in, h->units[2 * i + 1], bn, last ? CREAM_ACT_NONE : spec->act);
  }
  t->values[in].place = h->place;
}

static void add_lite(net_tail *t, const cream_detect_spec *spec, int classes) {
  const int anchors = cream_detect_per_cell(spec);
  int levels[CREAM_DETECT_LEVELS] = {0, 1, 2};
  for (int l = CREAM_DETECT_FEATURES; l < spec->levels; l++) {
    char name[NET_TAIL_NAME];
    NAME(name, "fpn.resample.%d", l);
    const int from = add_resample(t, spec, levels[l - 1], name);
    levels[l] = add_fuse(t, 1, &from, l, CREAM_ACT_NONE); /* the maximum of 3x3 */
  }
  for (int c = 0; c < spec->cells; c++) add_cell(t, spec, c, levels);
  const head by_class = add_lite_head(t, spec, NET_TAIL_CLASSES, anchors * classes);
  const head by_box = add_lite_head(t, spec, NET_TAIL_BOXES, anchors * 4);
  for (int l = 0; l < spec->levels; l++) {
    run_lite_head(t, spec, &by_class, l, levels[l]);
    run_lite_head(t, spec, &by_box, l, levels[l]);
  }
}

/* ---- parameters -------------------------------------------------------------------------------------- */

/* Those with weight decay. */
static cream_status add_weights(cream_net *net, cream_error *err) {
  net_tail *t = net->tail;
  for (int u = 0; u < t->n_units; u++) {
    const cream_unit_shape *s = &t->units[u].shape;
    const net_param_spec spec = {
        s->conv, "weight", t->roles[u], 4, {s->cout, s->depthwise ? 1 : s->cin, s->kernel, s->kernel}};
    cream_status status = net_add_param(net, "", spec, &t->units[u].weight, err);
    if (status) return status;
  }
  return CREAM_OK;
}

/* Those without, and running statistics. */
static cream_status add_vectors(cream_net *net, cream_error *err) {
  net_tail *t = net->tail;
  cream_status status = CREAM_OK;
  for (int u = 0; u < t->n_units && !status; u++) {
    const net_param_spec bias = {
        t->units[u].shape.conv, "bias", t->bias_roles[u], 1, {t->units[u].shape.cout}};
    if (!t->units[u].bare) status = net_add_param(net, "", bias, &t->units[u].bias, err);
  }
  for (int b = 0; b < t->n_bns && !status; b++) {
    net_tail_bn *bn = &t->bns[b];
    const struct {
      const char *name;
      cream_param_role role;
      size_t *offset;
    } vectors[] = {{"weight", CREAM_PARAM_BN_GAMMA, &bn->norm.gamma},
                   {"bias", CREAM_PARAM_BN_BETA, &bn->norm.beta},
                   {"running_mean", CREAM_PARAM_BN_MEAN, &bn->norm.running_mean},
                   {"running_var", CREAM_PARAM_BN_VAR, &bn->norm.running_var}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors && !status; i++) {
      const net_param_spec spec = {bn->name, vectors[i].name, vectors[i].role, 1, {bn->channels}};
      status = net_add_param(net, "", spec, vectors[i].offset, err);
    }
  }
  for (int o = 0; o < t->n_ops && !status; o++) {
    net_tail_op *op = &t->ops[o];
    const net_param_spec spec = {op->name, "edge_weights", CREAM_PARAM_FUSION, 1, {op->n}};
    if (op->weighted) status = net_add_param(net, "", spec, &op->weights, err);
  }
  return status;
}

static cream_status add_params(cream_net *net, cream_error *err) {
  net_block *block = &net->linear;
  net_tail *t = net->tail;
  t->statistics.at = net->statistic_count;
  *block = (net_block){.w = net->weight_count, .g = net->gradient_count};
  cream_status status = add_weights(net, err);
  if (status) return status;
  block->decayed = net->weight_count - block->w;
  if ((status = add_vectors(net, err))) return status;
  block->plain = net->weight_count - block->w - block->decayed;
  net->gradient_count += block->decayed + block->plain;
  t->statistics.count = net->statistic_count - t->statistics.at;
  return CREAM_OK;
}

/* ---- building ---------------------------------------------------------------------------------------- */

static cream_status allocate_lists(net_tail *t, cream_error *err) {
  struct {
    void *list;
    size_t size;
  } lists[] = {{&t->ops, sizeof *t->ops},
               {&t->values, sizeof *t->values},
               {&t->units, sizeof *t->units},
               {&t->roles, sizeof *t->roles},
               {&t->bias_roles, sizeof *t->bias_roles},
               {&t->names, sizeof *t->names},
               {&t->bns, sizeof *t->bns},
               {&t->train.values, sizeof *t->train.values},
               {&t->train.records, sizeof *t->train.records},
               {&t->infer.values, sizeof *t->infer.values},
               {&t->infer.records, sizeof *t->infer.records}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    void *list = calloc(NET_TAIL_OPS, lists[i].size);
    if (!list) return cream_fail_memory(err, NET_TAIL_OPS * lists[i].size, "a detector's neck and heads");
    memcpy(lists[i].list, &list, sizeof list);
  }
  return CREAM_OK;
}

cream_status net_detect_build(cream_net *net, cream_error *err) {
  const cream_skeleton *skeleton = &net->skeleton;
  CREAM_ASSERT(skeleton->fixed);
  cream_status status = cream_detect_check(&skeleton->detect, "detect", err);
  if (status) return status;
  if (net->backend->tensor_size(net->backend, 1, 2, 2, 16) != 64)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "detectors need single precision; run with precision float, and without --half");
  net_tail *t = net->tail = calloc(1, sizeof *t);
  if (!t) return cream_fail_memory(err, sizeof *t, "a detector's neck and heads");
  if ((status = allocate_lists(t, err))) return status;
  if ((status = find_taps(net, t->taps, err))) return status;
  for (int l = 0; l < CREAM_DETECT_FEATURES; l++) add_value(t, l, skeleton->layers[t->taps[l] - 1].cout, -1);
  switch (skeleton->detect.kind) {
  case CREAM_DETECT_RETINA:
    add_retina(t, &skeleton->detect, skeleton->classes);
    break;
  case CREAM_DETECT_LITE:
    add_lite(t, &skeleton->detect, skeleton->classes);
    break;
  case CREAM_DETECT_NONE:
  case CREAM_DETECT_KIND_COUNT:
    abort();
  }
  status = add_params(net, err);
  if (!status) net_sort_params(net);
  return status;
}

void net_detect_free(cream_net *net) {
  net_tail *t = net->tail;
  if (!t) return;
  void *lists[] = {t->ops, t->values,       t->units,         t->roles,        t->bias_roles,   t->names,
                   t->bns, t->train.values, t->train.records, t->infer.values, t->infer.records};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]);
  cream_buf *buffers[] = {&t->features, &t->spare};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) net->backend->release(net->backend, *buffers[i]);
  free(t);
}
