#include <math.h>
#include <string.h>

#include "core/base/elementary.h"
#include "core/base/rng.h"
#include "net_internal.h"

/* ---- table ------------------------------------------------------------------------------------------- */

static bool is_statistic(cream_param_role role) {
  switch (role) {
  case CREAM_PARAM_CONV:
  case CREAM_PARAM_DEPTHWISE:
  case CREAM_PARAM_LINEAR:
  case CREAM_PARAM_PYRAMID:
  case CREAM_PARAM_HEAD:
  case CREAM_PARAM_BIAS:
  case CREAM_PARAM_PRIOR:
  case CREAM_PARAM_FUSION:
  case CREAM_PARAM_BN_GAMMA:
  case CREAM_PARAM_BN_BETA:
    return false;
  case CREAM_PARAM_BN_MEAN:
  case CREAM_PARAM_BN_VAR:
    return true;
  }
  abort();
}

static cream_status grow_table(cream_net *net, cream_error *err) {
  if (net->n_params < net->params_capacity) return CREAM_OK;
  int capacity = net->params_capacity ? 2 * net->params_capacity : 256;
  size_t bytes = (size_t)capacity * sizeof *net->params;
  cream_param *grown = realloc(net->params, bytes);
  if (!grown) return cream_fail_memory(err, bytes, "the parameter table");
  net->params = grown;
  net->params_capacity = capacity;
  return CREAM_OK;
}

cream_status net_add_param(cream_net *net, const char *prefix, net_param_spec spec, size_t *offset,
                           cream_error *err) {
  cream_status status = grow_table(net, err);
  if (status) return status;
  cream_param *param = &net->params[net->n_params++];
  *param = (cream_param){
      .role = spec.role, .n_dims = spec.n_dims, .count = 1, .statistic = is_statistic(spec.role)};
  int length = snprintf(param->name, sizeof param->name, "%s%s.%s", prefix, spec.layer, spec.name);
  CREAM_ASSERT(length > 0 && (size_t)length < sizeof param->name);
  for (int i = 0; i < spec.n_dims; i++) {
    param->dims[i] = spec.dims[i];
    param->count *= (size_t)spec.dims[i];
  }
  size_t *total = param->statistic ? &net->statistic_count : &net->weight_count;
  param->offset = *offset = *total;
  *total += net_aligned(param->count);
  return CREAM_OK;
}

static cream_status add_vector(cream_net *net, const char *prefix, const char *layer, const char *name,
                               cream_param_role role, int size, size_t *offset, cream_error *err) {
  return net_add_param(net, prefix, (net_param_spec){layer, name, role, 1, {size}}, offset, err);
}

/* Parameters with weight decay. `linear`: shape [cout, cin] as of a linear layer. */
static cream_status add_unit_weights(cream_net *net, const char *prefix, net_unit *unit, bool linear,
                                     cream_error *err) {
  const cream_unit_shape *s = &unit->shape;
  net_param_spec spec = {s->conv, "weight", CREAM_PARAM_CONV, 4, {s->cout, s->cin, s->kernel, s->kernel}};
  if (s->depthwise) spec.role = CREAM_PARAM_DEPTHWISE, spec.dims[1] = 1;
  if (linear) spec.role = CREAM_PARAM_LINEAR, spec.n_dims = 2;
  cream_status status = net_add_param(net, prefix, spec, &unit->weight, err);
  if (status || !s->se) return status;
  spec = (net_param_spec){"se.conv_reduce", "weight", CREAM_PARAM_CONV, 4, {s->se, s->cout, 1, 1}};
  if ((status = net_add_param(net, prefix, spec, &unit->se_w1, err))) return status;
  spec = (net_param_spec){"se.conv_expand", "weight", CREAM_PARAM_CONV, 4, {s->cout, s->se, 1, 1}};
  return net_add_param(net, prefix, spec, &unit->se_w2, err);
}

/* Parameters without weight decay, and running statistics. */
static cream_status add_unit_vectors(cream_net *net, const char *prefix, net_unit *unit, cream_error *err) {
  const cream_unit_shape *s = &unit->shape;
  const struct {
    bool present;
    const char *layer, *name;
    cream_param_role role;
    int size;
    size_t *offset;
  } vectors[] = {
      {unit->has_bn, s->bn, "weight", CREAM_PARAM_BN_GAMMA, s->cout, &unit->norm.gamma},
      {unit->has_bn, s->bn, "bias", CREAM_PARAM_BN_BETA, s->cout, &unit->norm.beta},
      {unit->has_bn, s->bn, "running_mean", CREAM_PARAM_BN_MEAN, s->cout, &unit->norm.running_mean},
      {unit->has_bn, s->bn, "running_var", CREAM_PARAM_BN_VAR, s->cout, &unit->norm.running_var},
      {!unit->has_bn && !unit->bare, s->conv, "bias", CREAM_PARAM_BIAS, s->cout, &unit->bias},
      {s->se > 0, "se.conv_reduce", "bias", CREAM_PARAM_BIAS, s->se, &unit->se_b1},
      {s->se > 0, "se.conv_expand", "bias", CREAM_PARAM_BIAS, s->cout, &unit->se_b2},
  };
  cream_status status = CREAM_OK;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors && !status; i++)
    if (vectors[i].present)
      status = add_vector(net, prefix, vectors[i].layer, vectors[i].name, vectors[i].role, vectors[i].size,
                          vectors[i].offset, err);
  return status;
}

/* Gives a block its run of the weight block; `g` is where its gradients go. */
static cream_status add_block(cream_net *net, const char *prefix, net_block *block, bool last_is_linear,
                              size_t g, cream_error *err) {
  block->w = net->weight_count;
  block->g = g;
  for (int i = 0; i < block->n_units; i++) {
    cream_status status =
        add_unit_weights(net, prefix, &block->units[i], last_is_linear && i == block->n_units - 1, err);
    if (status) return status;
  }
  block->decayed = net->weight_count - block->w;
  for (int i = 0; i < block->n_units; i++) {
    cream_status status = add_unit_vectors(net, prefix, &block->units[i], err);
    if (status) return status;
  }
  block->plain = net->weight_count - block->w - block->decayed;
  return CREAM_OK;
}

static net_unit plain_unit(int cin, int cout, int kernel, int stride, cream_act act, bool has_bn,
                           const char *conv, const char *bn) {
  return (net_unit){.shape = {.cin = cin,
                              .cout = cout,
                              .kernel = kernel,
                              .stride = stride,
                              .pad = (kernel - 1) / 2,
                              .dilation = 1,
                              .act = act,
                              .conv = conv,
                              .bn = bn},
                    .has_bn = has_bn};
}

static size_t block_weights(const net_block *block) {
  return block->decayed + block->plain;
}

static cream_status build_choices(cream_net *net, cream_error *err) {
  const cream_skeleton *skeleton = &net->skeleton;
  for (int l = 0; l < skeleton->n_layers; l++) {
    const cream_layer *layer = &skeleton->layers[l];
    size_t largest = 0;
    for (int i = 0; i < layer->n_options; i++) {
      net_block *block = &net->blocks[l][i];
      const cream_op *op = &skeleton->space.ops[layer->options[i]];
      cream_unit_shape shapes[CREAM_MAX_UNITS];
      block->n_units =
          cream_block_units(&skeleton->space, layer, layer->options[i], shapes, &block->residual);
      for (int u = 0; u < block->n_units; u++)
        block->units[u] =
            (net_unit){.shape = shapes[u], .has_bn = true, .se_act = op->se_act, .se_gate = op->se_gate};
      char prefix[48];
      if (layer->n_options > 1)
        snprintf(prefix, sizeof prefix, "blocks.%d.%d.%d.", layer->stage, layer->index, i);
      else
        snprintf(prefix, sizeof prefix, "blocks.%d.%d.", layer->stage, layer->index);
      cream_status status = add_block(net, prefix, block, false, net->gradient_count, err);
      if (status) return status;
      largest = net_max(largest, block_weights(block));
    }
    net->gradient_count += largest;
  }
  return CREAM_OK;
}

/* The head convolution, and the linear layers after pooling. */
static cream_status build_head(cream_net *net, cream_error *err) {
  const cream_space *space = &net->skeleton.space;
  const bool features = space->head.features > 0;
  char prefix[32] = "";
  if (features) snprintf(prefix, sizeof prefix, "blocks.%d.0.", space->n_stages);
  net->head = (net_block){.n_units = 1};
  net->head.units[0] =
      plain_unit(net->skeleton.layers[net->skeleton.n_layers - 1].cout, space->head.channels, 1, 1,
                 space->head.act, true, features ? "conv" : "conv_head", features ? "bn1" : "bn2");
  cream_status status = add_block(net, prefix, &net->head, false, net->gradient_count, err);
  if (status) return status;
  net->gradient_count += block_weights(&net->head);

  net_block *linear = &net->linear;
  int cin = space->head.channels;
  if (features) {
    linear->units[linear->n_units++] =
        plain_unit(cin, space->head.features, 1, 1, space->head.act, false, "conv_head", NULL);
    cin = space->head.features;
  }
  linear->units[linear->n_units++] =
      plain_unit(cin, net->skeleton.classes, 1, 1, CREAM_ACT_NONE, false, "classifier", NULL);
  if ((status = add_block(net, "", linear, true, net->gradient_count, err))) return status;
  net->gradient_count += block_weights(linear);
  return CREAM_OK;
}

static cream_status build_stem(cream_net *net, cream_error *err) {
  const cream_space *space = &net->skeleton.space;
  net->stem = (net_block){.n_units = 1};
  net->stem.units[0] = plain_unit(3, space->stem.channels, space->stem.kernel, space->stem.stride,
                                  space->stem.act, true, "conv_stem", "bn1");
  net->stem.units[0].shape.padding = space->padding; /* the head's convolutions need none */
  cream_status status = add_block(net, "", &net->stem, false, net->gradient_count, err);
  net->gradient_count += block_weights(&net->stem);
  return status;
}

static int by_place(const void *a, const void *b) {
  const cream_param *p = a, *q = b;
  if (p->statistic != q->statistic) return p->statistic ? 1 : -1;
  return p->offset < q->offset ? -1 : p->offset > q->offset;
}

void net_sort_params(cream_net *net) {
  qsort(net->params, (size_t)net->n_params, sizeof *net->params, by_place);
}

cream_status net_build(cream_net *net, cream_error *err) {
  size_t layers = (size_t)net->skeleton.n_layers;
  net->blocks = calloc(layers, sizeof *net->blocks);
  if (!net->blocks) return cream_fail_memory(err, layers * sizeof *net->blocks, "the network's blocks");
  cream_status status = build_stem(net, err);
  if (!status) status = build_choices(net, err);
  if (!status && !net->skeleton.detect.kind) status = build_head(net, err);
  if (!status) net_sort_params(net);
  return status;
}

/* ---- initial weights --------------------------------------------------------------------------------- */

static void init_deviation(cream_rng *rng, double deviation, float *values, size_t count) {
  enum { MOST = 512 };
  double normals[MOST];
  for (size_t first = 0; first < count; first += MOST) {
    const size_t n = count - first < MOST ? count - first : MOST;
    cream_rng_normals(rng, normals, n);
    for (size_t i = 0; i < n; i++) values[first + i] = (float)(deviation * normals[i]);
  }
}
static void init_normal(cream_rng *rng, double fan_out, float *values, size_t count) {
  init_deviation(rng, sqrt(2.0 / fan_out), values, count);
}
static void init_uniform(cream_rng *rng, float bound, float *values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = cream_rng_range(rng, -bound, bound);
}
static void init_constant(float value, float *values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = value;
}

/* The first values of a parameter; its index in the table keys the random numbers. */
static void init_param(const cream_param *param, uint64_t seed, uint64_t index, float *values) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_INIT, index);
  const double taps = param->n_dims == 4 ? (double)param->dims[2] * param->dims[3] : 1;
  switch (param->role) {
  case CREAM_PARAM_CONV:
    init_normal(&rng, taps * param->dims[0], values, param->count);
    return;
  case CREAM_PARAM_DEPTHWISE:
    init_normal(&rng, taps, values, param->count);
    return;
  case CREAM_PARAM_LINEAR:
    init_uniform(&rng, (float)(1.0 / sqrt((double)param->dims[0])), values, param->count);
    return;
  case CREAM_PARAM_PYRAMID:
    init_uniform(&rng, (float)sqrt(3.0 / (taps * param->dims[1])), values, param->count);
    return;
  case CREAM_PARAM_HEAD:
    init_deviation(&rng, 0.01, values, param->count);
    return;
  case CREAM_PARAM_PRIOR:
    init_constant((float)-cream_log(99), values, param->count);
    return;
  case CREAM_PARAM_FUSION:
  case CREAM_PARAM_BN_GAMMA:
  case CREAM_PARAM_BN_VAR:
    init_constant(1, values, param->count);
    return;
  case CREAM_PARAM_BIAS:
  case CREAM_PARAM_BN_BETA:
  case CREAM_PARAM_BN_MEAN:
    init_constant(0, values, param->count);
    return;
  }
  abort();
}

cream_status net_init_weights(cream_net *net, cream_error *err) {
  size_t largest = 0;
  for (int i = 0; i < net->n_params; i++) largest = net_max(largest, net->params[i].count);
  float *values = malloc(largest * sizeof *values);
  if (!values) return cream_fail_memory(err, largest * sizeof *values, "initial weights");
  for (int i = 0; i < net->n_params; i++) {
    const cream_param *param = &net->params[i];
    init_param(param, net->options.seed, (uint64_t)i, values);
    cream_buf block = param->statistic ? net->statistics : net->weights;
    net->backend->upload(net->backend, cream_buf_at(block, param->offset), values, param->count);
  }
  free(values);
  return net->backend->synchronise(net->backend, err);
}
