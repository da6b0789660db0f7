#include <stdlib.h>
#include <string.h>

#include "int8_internal.h"

enum { LAYER_OPS = 8 }; /* convolution, activation; squeeze-excite: pooling, two of each, the product */

typedef struct builder {
  cream_int8 *net;
  int observed; /* the number of the next value of core/net/observe.h */
} builder;

/* Adds an op and its value; the caller completes both. */
static cream_int8_op *add_op(builder *b, cream_int8_kind kind, int a, const cream_param *weight, int side,
                             int c) {
  cream_int8 *net = b->net;
  cream_int8_op *op = &net->ops[net->n_ops++];
  *op = (cream_int8_op){.kind = kind, .a = a, .b = -1, .weight = weight};
  net->values[net->n_ops] = (cream_int8_value){.side = side, .c = c, .observed = b->observed++};
  return op;
}

/* A convolution and its activation; returns the value. */
static int add_conv(builder *b, const cream_unit_shape *shape, const cream_param *weight,
                    const cream_param *bias, int x) {
  cream_int8 *net = b->net;
  CREAM_ASSERT(bias); /* folded */
  cream_int8_op *op = add_op(b, CREAM_INT8_CONV, x, weight, 0, shape->cout);
  op->bias = bias;
  op->shape = *shape;
  op->linear = weight->n_dims == 2;
  const int in = net->values[x].side;
  const cream_pads pads =
      cream_padding_of(shape->padding, shape->pad, shape->kernel, shape->stride, shape->dilation, in);
  op->pad_before = pads.before;
  op->pad_after = pads.after;
  const int side = cream_out_side(in, shape->stride);
  cream_int8_value *value = &net->values[net->n_ops];
  value->side = side;
  if (shape->act == CREAM_ACT_NONE) return net->n_ops;
  if (int8_saturates(shape->act)) {
    op->act = shape->act;
    value->observed = b->observed++;
    return net->n_ops;
  }
  cream_int8_op *act = add_op(b, CREAM_INT8_ACT, net->n_ops, weight, side, shape->cout);
  act->act = shape->act;
  return net->n_ops;
}

static int add_pool(builder *b, const cream_param *weight, int x) {
  add_op(b, CREAM_INT8_POOL, x, weight, 1, b->net->values[x].c);
  return b->net->n_ops;
}

static int add_pair(builder *b, cream_int8_kind kind, const cream_param *weight, int x, int y) {
  const cream_int8_value value = b->net->values[x];
  add_op(b, kind, x, weight, value.side, value.c)->b = y;
  return b->net->n_ops;
}

static int add_squeeze_excite(builder *b, const cream_net_layer *layer, int x) {
  cream_unit_shape shape = {
      .cin = layer->shape.cout, .cout = layer->shape.se, .kernel = 1, .stride = 1, .dilation = 1};
  int gate = add_pool(b, layer->se_w1, x);
  shape.act = layer->se_act;
  gate = add_conv(b, &shape, layer->se_w1, layer->se_b1, gate);
  shape.cin = layer->shape.se;
  shape.cout = layer->shape.cout;
  shape.act = layer->se_gate;
  gate = add_conv(b, &shape, layer->se_w2, layer->se_b2, gate);
  return add_pair(b, CREAM_INT8_GATE, layer->se_w2, x, gate);
}

static int add_block(builder *b, const cream_net_block *block, int in) {
  int x = in;
  for (int i = 0; i < block->n_layers; i++) {
    const cream_net_layer *layer = &block->layers[i];
    x = add_conv(b, &layer->shape, layer->weight, layer->bias, x);
    if (layer->shape.se) x = add_squeeze_excite(b, layer, x);
  }
  if (!block->residual) return x;
  return add_pair(b, CREAM_INT8_ADD, block->layers[block->n_layers - 1].weight, x, in);
}

cream_status int8_build(cream_int8 *net, const cream_net *from, const cream_path *path, cream_error *err) {
  cream_net_block blocks[CREAM_MAX_BLOCKS];
  const int n_blocks = cream_net_describe(from, path, blocks);
  size_t most = 1; /* the last pooling */
  for (int i = 0; i < n_blocks; i++) most += (size_t)(LAYER_OPS * blocks[i].n_layers + 1);
  net->ops = calloc(most, sizeof *net->ops);
  net->values = calloc(most + 1, sizeof *net->values);
  if (!net->ops || !net->values)
    return cream_fail_memory(err, most * sizeof *net->ops, "the network in 8 bits");
  const cream_skeleton *skeleton = cream_net_skeleton(from);
  net->classes = skeleton->classes;
  net->values[0] = (cream_int8_value){.side = skeleton->resolution, .c = 3};
  builder b = {net, 1};
  int x = 0;
  for (int i = 0; i < n_blocks - 1; i++) x = add_block(&b, &blocks[i], x);
  x = add_pool(&b, blocks[n_blocks - 2].layers[0].weight, x);
  add_block(&b, &blocks[n_blocks - 1], x);
  return CREAM_OK;
}
