#include "net_detect.h"

static size_t value_elements(const cream_net *net, const net_tail_value *value, int n,
                             const cream_detect_grid *grid) {
  const int side = grid->side[value->level];
  return net->backend->tensor_size(net->backend, n, side, side, value->channels);
}

static double weights_of(const cream_unit_shape *s) {
  return (double)s->cout * (s->depthwise ? 1 : s->cin) * s->kernel * s->kernel;
}

/* ---- sizes ------------------------------------------------------------------------------------------- */

/* Whether two values are needed at the same time, in the forward as in the backward pass. */
static bool meet(const net_tail_value *a, const net_tail_value *b) {
  return a->op <= b->last && b->op <= a->last;
}

static bool is_inner(const net_tail_value *value) {
  return value->op >= 0 && value->place == NET_TAIL_INNER;
}

/* Values that are needed at the same time lie side by side: each at the lowest place that is free. */
static void place_values(net_tail *t) {
  for (int v = 0; v < t->n_values; v++) {
    net_tail_value *value = &t->values[v];
    value->at = 0;
    if (!is_inner(value)) continue;
    for (int before = 0; before < v; before++) {
      const net_tail_value *other = &t->values[before];
      const bool apart = other->at + other->size <= value->at || value->at + value->size <= other->at;
      if (!is_inner(other) || apart || !meet(value, other)) continue;
      value->at = other->at + other->size;
      before = -1; /* from the start, at the new place */
    }
    t->values_size = net_max(t->values_size, value->at + value->size);
  }
}

static void plan_features(cream_net *net) {
  net_tail *t = net->tail;
  const cream_path path = cream_skeleton_first_path(&net->skeleton);
  int side = net->skeleton.resolution, tap = 0;
  size_t out = 0;
  for (int step = 0; step < net_steps(net) && tap < CREAM_DETECT_FEATURES; step++) {
    const net_block *block = net_block_at(net, &path, step);
    const net_block_size size = net_block_measure(net, block, net->options.batch, side);
    if (block->n_units > 0) out = size.out + size.vectors;
    side = size.side_out;
    if (step != t->taps[tap]) continue;
    t->feature_at[tap] = t->features_size;
    t->features_size += out;
    t->feature_gradient_at[tap] = t->gradients_size;
    if (tap < CREAM_DETECT_FEATURES - 1)
      t->gradients_size += net_aligned((size_t)net->options.batch * (size_t)side * (size_t)side *
                                       (size_t)t->values[tap].channels);
    tap++;
  }
}

static size_t output_size(const cream_net *net) {
  return net_aligned(cream_net_output_count(net, net->options.batch, net->skeleton.resolution));
}

static void plan_activations(cream_net *net) {
  net_tail *t = net->tail;
  t->train_size = t->infer_size = output_size(net) + t->vectors_size;
  t->infer_size += t->values_size;
  for (int v = 0; v < t->n_values; v++)
    if (is_inner(&t->values[v])) t->train_size += t->values[v].size;
}

cream_status net_detect_plan(cream_net *net, cream_error *err) {
  net_tail *t = net->tail;
  const int n = net->options.batch;
  const cream_detect_grid grid = cream_detect_grid_of(&net->skeleton.detect, net->skeleton.resolution);
  for (int v = 0; v < t->n_values; v++)
    t->values[v].size = net_aligned(value_elements(net, &t->values[v], n, &grid));
  place_values(t);
  for (int b = 0; b < t->n_bns; b++) t->vectors_size += net_vectors_size(t->bns[b].channels);
  plan_activations(net);
  plan_features(net);
  for (int v = 0; v < CREAM_DETECT_FEATURES; v++) t->feature_gradient_at[v] += t->values_size;
  t->gradients_size += t->values_size;
  for (int u = 0; u < t->n_units; u++) {
    const cream_unit_shape *s = &t->units[u].shape;
    t->spare_size = net_max(t->spare_size, net_aligned((size_t)weights_of(s)) + net_aligned((size_t)s->cout));
  }
  for (int o = 0; o < t->n_ops; o++) {
    const net_tail_op *op = &t->ops[o];
    if (op->fuse) continue;
    const cream_conv conv = net_conv_of_shape(&t->units[op->unit].shape);
    const int side = grid.side[t->values[op->in[0]].level];
    cream_status status = net->backend->reserve(net->backend, &conv, n, side, side, err);
    if (status) return status;
  }
  return CREAM_OK;
}

/* ---- layout ------------------------------------------------------------------------------------------ */

static cream_buf take(cream_buf *memory, size_t count) {
  const cream_buf buf = *memory;
  *memory = cream_buf_at(*memory, net_aligned(count));
  return buf;
}

/* Where value v of [n,side,side,channels] is written. values: the region in inference; in training it moves on. */
static cream_buf raw_of(const net_tail *t, const net_tail_tape *tape, int v, int classes, bool train,
                        cream_buf outputs, cream_buf *values) {
  const net_tail_value *value = &t->values[v];
  const size_t before = (size_t)tape->n * tape->grid.first[value->level];
  const size_t entries = (size_t)tape->n * cream_detect_anchor_count(&tape->grid);
  switch (value->place) {
  case NET_TAIL_CLASSES:
    return cream_buf_at(outputs, before * (size_t)classes);
  case NET_TAIL_BOXES:
    return cream_buf_at(outputs, entries * (size_t)classes + before * 4);
  case NET_TAIL_INNER:
    break;
  }
  return train ? take(values, value->size) : cream_buf_at(*values, value->at);
}

cream_buf net_detect_layout(const cream_net *net, const net_tape *backbone, net_layout_kind kind) {
  cream_buf memory = backbone->tail;
  net_tail *t = net->tail;
  const bool train = kind == NET_LAYOUT_TRAIN;
  net_tail_tape *tape = train ? &t->train : &t->infer;
  tape->n = backbone->n;
  tape->grid = cream_detect_grid_of(&net->skeleton.detect, backbone->steps[0].in.tensor.h);
  tape->backbone = backbone;
  for (int l = 0; l < CREAM_DETECT_FEATURES; l++) tape->values[l] = backbone->steps[t->taps[l]].out.tensor;
  const cream_buf outputs = tape->outputs = take(&memory, output_size(net));
  cream_buf values = cream_buf_at(memory, t->vectors_size);
  for (int o = 0; o < t->n_ops; o++) {
    const net_tail_op *op = &t->ops[o];
    const net_tail_value *value = &t->values[op->out];
    net_record *record = &tape->records[o];
    cream_tensor *y = &tape->values[op->out];
    const int side = tape->grid.side[value->level];
    *y = (cream_tensor){.n = tape->n, .h = side, .w = side, .c = value->channels, .act = op->act};
    y->raw = raw_of(t, tape, op->out, net->skeleton.classes, train, outputs, &values);
    if (op->fuse) continue;
    *record = (net_record){.unit = &t->units[op->unit], .x = tape->values[op->in[0]]};
    record->conv = net_conv_of(net, &net->linear, record->unit);
    if (record->conv.act) y->act = CREAM_ACT_NONE;
    if (op->relu) record->x.act = CREAM_ACT_RELU;
    if (op->bn >= 0) {
      const net_tail_bn *bn = &t->bns[op->bn];
      record->bn = net_bn_of(net, &net->linear, &bn->norm, bn->channels,
                             take(&memory, net_vectors_size(bn->channels)));
      y->scale = record->bn.scale;
      y->shift = record->bn.shift;
    }
    record->y = *y;
    CREAM_ASSERT(cream_conv_out(&record->conv, record->x.h) == side);
  }
  return outputs;
}

/* ---- outputs ----------------------------------------------------------------------------------------- */

size_t cream_net_entries(const cream_net *net, int n, int side) {
  const cream_detect_grid grid = cream_detect_grid_of(&net->skeleton.detect, side);
  CREAM_ASSERT(net->tail);
  return (size_t)n * cream_detect_anchor_count(&grid);
}

size_t cream_net_output_count(const cream_net *net, int n, int side) {
  const size_t classes = (size_t)net->skeleton.classes;
  return net->tail ? cream_net_entries(net, n, side) * (classes + 4) : (size_t)n * classes;
}

cream_buf cream_net_deltas(const cream_net *net, cream_buf outputs, int n, int side) {
  return cream_buf_at(outputs, cream_net_entries(net, n, side) * (size_t)net->skeleton.classes);
}

/* ---- cost -------------------------------------------------------------------------------------------- */

cream_cost cream_net_tail_cost(const cream_net *net, int side) {
  const net_tail *t = net->tail;
  const cream_detect_grid grid = cream_detect_grid_of(&net->skeleton.detect, side);
  cream_cost cost = {0};
  for (int o = 0; o < t->n_ops; o++) {
    const net_tail_op *op = &t->ops[o];
    const double cells = grid.side[t->values[op->out].level], pixels = cells * cells;
    const double outputs = pixels * t->values[op->out].channels;
    if (op->fuse) {
      cost.macs += op->n * outputs;
      if (op->weighted) cost.params += op->n;
      continue;
    }
    cost.macs += pixels * weights_of(&t->units[op->unit].shape);
    cost.activations += outputs;
    if (op->bn >= 0) cost.bn_outputs += outputs;
  }
  for (int u = 0; u < t->n_units; u++)
    cost.params += weights_of(&t->units[u].shape) + (t->units[u].bare ? 0 : t->units[u].shape.cout);
  for (int b = 0; b < t->n_bns; b++) cost.params += 2.0 * t->bns[b].channels;
  return cost;
}
