#include "complexity.h"

double cream_cost_flops(const cream_cost *cost) {
  return cost->macs + 2 * cost->bn_outputs + cost->pooled;
}

cream_cost cream_cost_add(cream_cost a, cream_cost b) {
  return (cream_cost){a.macs + b.macs, a.bn_outputs + b.bn_outputs, a.pooled + b.pooled, a.params + b.params,
                      a.activations + b.activations};
}

/* A convolution with batch norm and the squeeze-excite after it; *side becomes the output's. */
static cream_cost unit_cost(const cream_unit_shape *u, int *side) {
  *side = cream_out_side(*side, u->stride);
  double pixels = (double)*side * *side;
  double weights = (double)u->cout * (u->depthwise ? 1 : u->cin) * u->kernel * u->kernel;
  double outputs = pixels * u->cout;
  cream_cost cost = {.macs = pixels * weights,
                     .bn_outputs = outputs,
                     .params = weights + 2.0 * u->cout,
                     .activations = outputs};
  if (u->se) {
    double squeeze = 2.0 * u->cout * u->se;
    cost.macs += squeeze;
    cost.params += squeeze + u->se + u->cout;
    cost.pooled += outputs;
  }
  return cost;
}

static cream_cost linear_cost(int in, int out) {
  double weights = (double)in * out;
  return (cream_cost){.macs = weights, .params = weights + out, .activations = out};
}

static cream_cost block_cost(const cream_skeleton *skeleton, const cream_layer *layer, int op, int side) {
  cream_unit_shape units[CREAM_MAX_UNITS];
  bool residual;
  int n = cream_block_units(&skeleton->space, layer, op, units, &residual);
  cream_cost cost = {0};
  for (int i = 0; i < n; i++) cost = cream_cost_add(cost, unit_cost(&units[i], &side));
  return cost;
}

static cream_cost stem_cost(const cream_skeleton *skeleton, int *side) {
  const cream_space *space = &skeleton->space;
  cream_unit_shape stem = {
      .cin = 3, .cout = space->stem.channels, .kernel = space->stem.kernel, .stride = space->stem.stride};
  return unit_cost(&stem, side);
}

/* That of a detector's neck and heads is cream_net_tail_cost. */
static cream_cost head_cost(const cream_skeleton *skeleton, int side) {
  if (skeleton->detect.kind) return (cream_cost){0};
  const cream_space *space = &skeleton->space;
  int channels = skeleton->layers[skeleton->n_layers - 1].cout;
  cream_unit_shape conv = {.cin = channels, .cout = space->head.channels, .kernel = 1, .stride = 1};
  cream_cost cost = unit_cost(&conv, &side);
  channels = space->head.channels;
  cost.pooled += (double)side * side * channels;
  if (space->head.features) {
    cost = cream_cost_add(cost, linear_cost(channels, space->head.features));
    channels = space->head.features;
  }
  return cream_cost_add(cost, linear_cost(channels, skeleton->classes));
}

void cream_costs_init(cream_costs *costs, const cream_skeleton *skeleton, int resolution) {
  *costs = (cream_costs){.n_layers = skeleton->n_layers};
  int side = resolution;
  costs->fixed = stem_cost(skeleton, &side);
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    costs->n_options[l] = layer->n_options;
    for (int i = 0; i < layer->n_options; i++)
      costs->layer[l][i] = block_cost(skeleton, layer, layer->options[i], side);
    side = cream_out_side(side, layer->stride);
  }
  costs->fixed = cream_cost_add(costs->fixed, head_cost(skeleton, side));
}

cream_cost cream_costs_path(const cream_costs *costs, const cream_path *path) {
  CREAM_ASSERT(path->n_layers == costs->n_layers);
  cream_cost cost = costs->fixed;
  for (int l = 0; l < costs->n_layers; l++) cost = cream_cost_add(cost, costs->layer[l][path->choice[l]]);
  return cost;
}

cream_path cream_costs_extreme(const cream_costs *costs, bool largest) {
  cream_path path = {.n_layers = costs->n_layers};
  for (int l = 0; l < costs->n_layers; l++)
    for (int i = 1; i < costs->n_options[l]; i++) {
      double more =
          cream_cost_flops(&costs->layer[l][i]) - cream_cost_flops(&costs->layer[l][path.choice[l]]);
      if (largest ? more > 0 : more < 0) path.choice[l] = (uint8_t)i;
    }
  return path;
}

int cream_costs_rows(const cream_skeleton *skeleton, const cream_path *path, int resolution,
                     cream_cost_row rows[CREAM_MAX_LAYERS + 2]) {
  const cream_space *space = &skeleton->space;
  int n = 0, side = resolution;
  cream_cost_row *row = &rows[n++];
  *row = (cream_cost_row){.name = "conv_stem", .side_in = side, .cin = 3, .cout = space->stem.channels};
  snprintf(row->op, sizeof row->op, "conv k%d", space->stem.kernel);
  row->cost = stem_cost(skeleton, &side);
  row->side_out = side;
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    int op = layer->options[path->choice[l]];
    row = &rows[n++];
    *row = (cream_cost_row){.side_in = side, .cin = layer->cin, .cout = layer->cout};
    snprintf(row->name, sizeof row->name, "blocks.%d.%d", layer->stage, layer->index);
    snprintf(row->op, sizeof row->op, "%s", space->ops[op].name);
    row->cost = block_cost(skeleton, layer, op, side);
    side = cream_out_side(side, layer->stride);
    row->side_out = side;
  }
  row = &rows[n++];
  *row = (cream_cost_row){.name = "head", .op = "head", .side_in = side, .side_out = 1};
  row->cin = skeleton->layers[skeleton->n_layers - 1].cout;
  row->cout = skeleton->classes;
  row->cost = head_cost(skeleton, side);
  return n;
}
