#include "fold.h"

#include <math.h>
#include <stdlib.h>

#include "net_detect.h"

/* The host's copy of a network's parameters. */
typedef struct host {
  float *weights, *statistics;
} host;

static cream_status host_read(host *copy, const cream_net *net, cream_error *err) {
  size_t floats = net->weight_count + net->statistic_count;
  copy->weights = malloc((floats + 1) * sizeof *copy->weights);
  if (!copy->weights) return cream_fail_memory(err, floats * sizeof *copy->weights, "a copy of the weights");
  copy->statistics = copy->weights + net->weight_count;
  cream_status status =
      net->backend->download(net->backend, copy->weights, net->weights, net->weight_count, err);
  return status ? status
                : net->backend->download(net->backend, copy->statistics, net->statistics,
                                         net->statistic_count, err);
}

static void fold_values(const host *copy, const net_unit *unit, float eps) {
  const cream_unit_shape *s = &unit->shape;
  const size_t kernel = (size_t)s->kernel * (size_t)s->kernel * (size_t)(s->depthwise ? 1 : s->cin);
  for (size_t c = 0; c < (size_t)s->cout; c++) {
    float *gamma = &copy->weights[unit->norm.gamma + c], *beta = &copy->weights[unit->norm.beta + c];
    float *mean = &copy->statistics[unit->norm.running_mean + c],
          *var = &copy->statistics[unit->norm.running_var + c];
    const double scale = *gamma / sqrt((double)*var + eps);
    for (size_t i = 0; i < kernel; i++) {
      float *weight = &copy->weights[unit->weight + c * kernel + i];
      *weight = (float)(scale * *weight);
    }
    *beta = (float)(*beta - scale * *mean);
    *gamma = 1;
    *mean = 0;
    *var = 1 - eps;
  }
}

typedef void unit_visitor(cream_net *, const net_block *, net_unit *, void *self);

static void visit_block(cream_net *net, net_block *block, unit_visitor *visit, void *self) {
  for (int i = 0; i < block->n_units; i++) visit(net, block, &block->units[i], self);
}
static void visit_units(cream_net *net, unit_visitor *visit, void *self) {
  visit_block(net, &net->stem, visit, self);
  for (int l = 0; l < net->skeleton.n_layers; l++)
    for (int i = 0; i < net->skeleton.layers[l].n_options; i++)
      visit_block(net, &net->blocks[l][i], visit, self);
  visit_block(net, &net->head, visit, self);
  visit_block(net, &net->linear, visit, self);
  for (int u = 0; net->tail && u < net->tail->n_units; u++)
    visit(net, &net->linear, &net->tail->units[u], self);
}

/* copy NULL: a network without values. */
static void fold_unit(cream_net *net, const net_block *block, net_unit *unit, void *copy) {
  (void)block;
  if (!unit->has_bn) return;
  if (copy) fold_values(copy, unit, net_bn_eps(net));
  unit->has_bn = false;
  unit->bias = unit->norm.beta;
}

static void place_packed(cream_net *net, const net_block *block, net_unit *unit, void *total) {
  const cream_conv conv = net_conv_of(net, block, unit);
  unit->packed = *(size_t *)total;
  unit->packed_count = net->backend->packed_size(net->backend, &conv);
  *(size_t *)total += net_aligned(unit->packed_count);
}
static void unplace_packed(cream_net *net, const net_block *block, net_unit *unit, void *self) {
  (void)net, (void)block, (void)self;
  unit->packed_count = 0;
}
static void pack_unit(cream_net *net, const net_block *block, net_unit *unit, void *self) {
  (void)self;
  const cream_conv conv = net_conv_of(net, block, unit);
  if (unit->packed_count) net->backend->pack_weights(net->backend, &conv, conv.packed);
}

/* Allocates memory for packed weights on a backend that packs them. */
static cream_status reserve_packed(cream_net *net, cream_error *err) {
  size_t total = 0;
  if (!net->backend->pack_weights) return CREAM_OK;
  visit_units(net, place_packed, &total);
  cream_status status = total ? net->backend->alloc(net->backend, total, &net->packed, err) : CREAM_OK;
  if (status) {
    visit_units(net, unplace_packed, NULL);
    return status;
  }
  net->bytes += net->packed_bytes = total * sizeof(float);
  return CREAM_OK;
}

static void release_packed(cream_net *net) {
  visit_units(net, unplace_packed, NULL);
  if (cream_buf_present(net->packed)) net->backend->release(net->backend, net->packed);
  net->packed = (cream_buf){0};
  net->bytes -= net->packed_bytes;
  net->packed_bytes = 0;
}

static cream_status fold_all(cream_net *net, cream_error *err) {
  cream_backend *backend = net->backend;
  host copy = {0};
  cream_status status = backend->no_data ? CREAM_OK : host_read(&copy, net, err);
  if (!status) {
    visit_units(net, fold_unit, backend->no_data ? NULL : &copy);
    net->folded = true;
  }
  if (!status && !backend->no_data) {
    backend->upload(backend, net->weights, copy.weights, net->weight_count);
    backend->upload(backend, net->statistics, copy.statistics, net->statistic_count);
  }
  free(copy.weights);
  return status;
}

cream_status cream_net_fold(cream_net *net, cream_error *err) {
  CREAM_ASSERT(!net->options.train);
  if (net->folded) return CREAM_OK;
  cream_status status = reserve_packed(net, err);
  if (status) return status;
  status = fold_all(net, err);
  if (status) {
    release_packed(net);
    return status;
  }
  if (net->backend->pack_weights) visit_units(net, pack_unit, NULL);
  return net->backend->synchronise(net->backend, err);
}

/* ---- description --------------------------------------------------------------------------------- */

static int by_offset(const void *offset, const void *param) {
  const size_t a = *(const size_t *)offset, b = ((const cream_param *)param)->offset;
  return a < b ? -1 : a > b;
}

/* The parameter at this place of its block. The table is in the order of offsets, statistics last. */
static const cream_param *find_param(const cream_net *net, size_t offset, bool statistic) {
  int weights = net->n_params;
  while (weights > 0 && net->params[weights - 1].statistic) weights--;
  const cream_param *from = net->params + (statistic ? weights : 0);
  const int count = statistic ? net->n_params - weights : weights;
  const cream_param *param = bsearch(&offset, from, (size_t)count, sizeof *from, by_offset);
  CREAM_ASSERT(param);
  return param;
}
static const cream_param *param_at(const cream_net *net, size_t offset) {
  return find_param(net, offset, false);
}

static cream_net_layer describe_unit(const cream_net *net, const net_unit *unit) {
  cream_net_layer layer = {.shape = unit->shape,
                           .weight = param_at(net, unit->weight),
                           .bias = unit->has_bn ? NULL : param_at(net, unit->bias),
                           .se_act = unit->se_act,
                           .se_gate = unit->se_gate};
  if (unit->shape.se) {
    layer.se_w1 = param_at(net, unit->se_w1);
    layer.se_b1 = param_at(net, unit->se_b1);
    layer.se_w2 = param_at(net, unit->se_w2);
    layer.se_b2 = param_at(net, unit->se_b2);
  }
  return layer;
}

static cream_net_block describe_block(const cream_net *net, const net_block *block) {
  cream_net_block out = {.n_layers = block->n_units, .residual = block->residual};
  for (int i = 0; i < block->n_units; i++) out.layers[i] = describe_unit(net, &block->units[i]);
  return out;
}

int cream_net_describe(const cream_net *net, const cream_path *path,
                       cream_net_block blocks[CREAM_MAX_BLOCKS]) {
  int steps = net_steps(net);
  for (int i = 0; i < steps; i++) blocks[i] = describe_block(net, net_block_at(net, path, i));
  if (net->tail) return steps;
  blocks[steps] = describe_block(net, &net->linear);
  return steps + 1;
}

int cream_net_tail_count(const cream_net *net) {
  return net->tail ? net->tail->n_ops : 0;
}

static cream_net_tail_op describe_op(const cream_net *net, const net_tail_op *op,
                                     const cream_detect_grid *grid) {
  const net_tail *t = net->tail;
  const net_tail_value *out = &t->values[op->out];
  cream_net_tail_op to = {.n = op->n,
                          .level = out->level,
                          .side = grid->side[out->level],
                          .relu = op->relu,
                          .act = op->act,
                          .classes = out->place == NET_TAIL_CLASSES,
                          .boxes = out->place == NET_TAIL_BOXES};
  for (int i = 0; i < op->n; i++) to.in[i] = op->in[i];
  if (op->weighted) to.fusion = param_at(net, op->weights);
  if (op->fuse) return to;
  const net_unit *unit = &t->units[op->unit];
  to.shape = unit->shape;
  to.weight = param_at(net, unit->weight);
  if (!unit->bare) to.bias = param_at(net, unit->bias);
  if (op->bn < 0) return to;
  const net_tail_bn *bn = &t->bns[op->bn];
  to.gamma = param_at(net, bn->norm.gamma);
  to.beta = param_at(net, bn->norm.beta);
  to.mean = find_param(net, bn->norm.running_mean, true);
  to.var = find_param(net, bn->norm.running_var, true);
  return to;
}

void cream_net_describe_tail(const cream_net *net, cream_net_tail_op *ops, int features[3]) {
  const net_tail *t = net->tail;
  const cream_detect_grid grid = cream_detect_grid_of(&net->skeleton.detect, net->skeleton.resolution);
  for (int f = 0; f < CREAM_DETECT_FEATURES; f++) features[f] = t->taps[f];
  for (int o = 0; o < t->n_ops; o++) {
    CREAM_ASSERT(t->ops[o].out == CREAM_DETECT_FEATURES + o);
    ops[o] = describe_op(net, &t->ops[o], &grid);
  }
}
