#include "net.h"

#include <math.h>
#include <string.h>

#include "net_internal.h"
#include "core/base/rng.h"

/* ---- the parameter table ----------------------------------------------------------------------------- */

static cream_status add_param(cream_net *net, const char *prefix, const char *name, bool statistic,
                              bool decay, int n_dims, const int dims[4], size_t *offset, cream_error *err) {
  if (net->n_params == net->params_capacity) {
    int capacity = net->params_capacity ? 2 * net->params_capacity : 256;
    size_t bytes = (size_t)capacity * sizeof *net->params;
    cream_param *grown = realloc(net->params, bytes);
    if (!grown) return cream_fail_memory(err, bytes, "the parameter table");
    net->params = grown;
    net->params_capacity = capacity;
  }
  cream_param *param = &net->params[net->n_params++];
  *param = (cream_param){.n_dims = n_dims, .count = 1, .statistic = statistic, .decay = decay};
  int length = snprintf(param->name, sizeof param->name, "%s%s", prefix, name);
  CREAM_ASSERT(length > 0 && (size_t)length < sizeof param->name);
  for (int i = 0; i < n_dims; i++) {
    param->dims[i] = dims[i];
    param->count *= (size_t)dims[i];
  }
  size_t *total = statistic ? &net->statistic_count : &net->weight_count;
  param->offset = *offset = *total;
  *total += net_aligned(param->count);
  return CREAM_OK;
}

static cream_status add_vector(cream_net *net, const char *prefix, const char *layer, const char *name,
                               bool statistic, int size, size_t *offset, cream_error *err) {
  char full[64];
  snprintf(full, sizeof full, "%s.%s", layer, name);
  return add_param(net, prefix, full, statistic, false, 1, (int[4]){size}, offset, err);
}

/* Parameters with weight decay. `linear`: shape [cout, cin] as of a linear layer. */
static cream_status add_unit_weights(cream_net *net, const char *prefix, net_unit *unit, bool linear,
                                     cream_error *err) {
  const cream_unit_shape *s = &unit->shape;
  char name[64];
  snprintf(name, sizeof name, "%s.weight", s->conv);
  int dims[4] = {s->cout, s->depthwise ? 1 : s->cin, s->kernel, s->kernel};
  cream_status status = add_param(net, prefix, name, false, true, linear ? 2 : 4, dims, &unit->weight, err);
  if (!status && s->se) {
    status = add_param(net, prefix, "se.conv_reduce.weight", false, true, 4, (int[4]){s->se, s->cout, 1, 1},
                       &unit->se_w1, err);
    if (!status)
      status = add_param(net, prefix, "se.conv_expand.weight", false, true, 4, (int[4]){s->cout, s->se, 1, 1},
                         &unit->se_w2, err);
  }
  return status;
}

/* Parameters without weight decay, and running statistics. */
static cream_status add_unit_vectors(cream_net *net, const char *prefix, net_unit *unit, cream_error *err) {
  const cream_unit_shape *s = &unit->shape;
  cream_status status;
  if (unit->has_bn) {
    if ((status = add_vector(net, prefix, s->bn, "weight", false, s->cout, &unit->gamma, err))) return status;
    if ((status = add_vector(net, prefix, s->bn, "bias", false, s->cout, &unit->beta, err))) return status;
    if ((status = add_vector(net, prefix, s->bn, "running_mean", true, s->cout, &unit->running_mean, err)))
      return status;
    if ((status = add_vector(net, prefix, s->bn, "running_var", true, s->cout, &unit->running_var, err)))
      return status;
  } else if ((status = add_vector(net, prefix, s->conv, "bias", false, s->cout, &unit->bias, err))) {
    return status;
  }
  if (s->se) {
    if ((status = add_vector(net, prefix, "se.conv_reduce", "bias", false, s->se, &unit->se_b1, err)))
      return status;
    if ((status = add_vector(net, prefix, "se.conv_expand", "bias", false, s->cout, &unit->se_b2, err)))
      return status;
  }
  return CREAM_OK;
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

static size_t max_size(size_t a, size_t b) {
  return a > b ? a : b;
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
      largest = max_size(largest, block_weights(block));
    }
    net->gradient_count += largest;
  }
  return CREAM_OK;
}

static cream_status build(cream_net *net, cream_error *err) {
  const cream_space *space = &net->skeleton.space;
  int layers = net->skeleton.n_layers;
  net->blocks = calloc((size_t)layers, sizeof *net->blocks);
  if (!net->blocks)
    return cream_fail_memory(err, (size_t)layers * sizeof *net->blocks, "the network's blocks");

  net->stem = (net_block){.n_units = 1};
  net->stem.units[0] = plain_unit(3, space->stem.channels, space->stem.kernel, space->stem.stride,
                                  space->stem.act, true, "conv_stem", "bn1");
  cream_status status = add_block(net, "", &net->stem, false, net->gradient_count, err);
  if (status) return status;
  net->gradient_count += block_weights(&net->stem);

  if ((status = build_choices(net, err))) return status;

  bool features = space->head.features > 0;
  int cin = net->skeleton.layers[layers - 1].cout;
  char prefix[32] = "";
  if (features) snprintf(prefix, sizeof prefix, "blocks.%d.0.", space->n_stages);
  net->head = (net_block){.n_units = 1};
  net->head.units[0] = plain_unit(cin, space->head.channels, 1, 1, space->head.act, true,
                                  features ? "conv" : "conv_head", features ? "bn1" : "bn2");
  if ((status = add_block(net, prefix, &net->head, false, net->gradient_count, err))) return status;
  net->gradient_count += block_weights(&net->head);

  net_block *linear = &net->linear;
  cin = space->head.channels;
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

static int by_place(const void *a, const void *b) {
  const cream_param *p = a, *q = b;
  if (p->statistic != q->statistic) return p->statistic ? 1 : -1;
  return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static cream_status reserve_block(cream_net *net, const net_block *block, int side, cream_error *err) {
  for (int i = 0; i < block->n_units; i++) {
    const cream_unit_shape *s = &block->units[i].shape;
    cream_conv conv = {.cin = s->cin,
                       .cout = s->cout,
                       .kernel = s->kernel,
                       .stride = s->stride,
                       .pad = s->pad,
                       .dilation = s->dilation,
                       .depthwise = s->depthwise};
    cream_status status = net->backend->reserve(net->backend, &conv, net->options.batch, side, side, err);
    if (status) return status;
    side = cream_conv_out(&conv, side);
  }
  return CREAM_OK;
}

/* Adds one step (the largest of `options` blocks) to the plan; *side becomes its output's. */
static cream_status plan_step(cream_net *net, const net_block *blocks, int options, int *side,
                              cream_error *err) {
  size_t train = 0;
  int out = *side;
  for (int i = 0; i < options; i++) {
    net_block_size size = net_block_measure(net, &blocks[i], net->options.batch, *side);
    train = max_size(train, size.train);
    net->vectors_size = max_size(net->vectors_size, size.vectors);
    for (int u = 0; u < CREAM_MAX_UNITS; u++)
      net->regions[u].size = max_size(net->regions[u].size, size.units[u]);
    net->regions[NET_REGION_OUT].size = max_size(net->regions[NET_REGION_OUT].size, size.out);
    net->grad[0].size = max_size(net->grad[0].size, net_aligned(size.largest));
    out = size.side_out;
    cream_status status = reserve_block(net, &blocks[i], *side, err);
    if (status) return status;
  }
  net->train_size += train;
  *side = out;
  return CREAM_OK;
}

static cream_status plan(cream_net *net, cream_error *err) {
  int side = net->skeleton.resolution;
  cream_status status = plan_step(net, &net->stem, 1, &side, err);
  for (int l = 0; l < net->skeleton.n_layers && !status; l++)
    status = plan_step(net, net->blocks[l], net->skeleton.layers[l].n_options, &side, err);
  if (!status) status = plan_step(net, &net->head, 1, &side, err);
  for (int i = 0; i < net->linear.n_units && !status; i++) {
    net_block one = {.n_units = 1, .units = {net->linear.units[i]}};
    status = reserve_block(net, &one, 1, err);
  }
  net->tail_size = net_tail_size(net, net->options.batch);
  net->grad[0].size = max_size(net->grad[0].size, net_aligned(net->tail_size));
  net->grad[1].size = net->grad[2].size = net->grad[0].size;
  net->regions[NET_REGION_OTHER_OUT].size = net->regions[NET_REGION_OUT].size;
  net->train_size += net->tail_size;
  if (!net->options.train) net->train_size = 0;
  return status;
}

static cream_status allocate(cream_net *net, size_t count, cream_buf *out, cream_error *err) {
  net->bytes += count * 4;
  return net->backend->alloc(net->backend, count, out, err);
}

/* What does not outlive a call: regions of inference, over them those of gradients. */
static cream_status allocate_passing(cream_net *net, cream_error *err) {
  size_t gradients = 0, inference = 2 * net->vectors_size + net->tail_size;
  for (int i = 0; i < 3 && net->options.train; i++) gradients += net->grad[i].size;
  for (int i = 0; i < NET_REGIONS; i++) inference += net->regions[i].size;
  cream_status status = allocate(net, max_size(gradients, inference), &net->passing, err);
  if (status) return status;
  net->infer_vectors[0] = net->passing;
  net->infer_vectors[1] = cream_buf_at(net->passing, net->vectors_size);
  net->infer_tail = cream_buf_at(net->infer_vectors[1], net->vectors_size);
  cream_buf next = cream_buf_at(net->infer_tail, net->tail_size);
  for (int i = 0; i < NET_REGIONS; next = cream_buf_at(next, net->regions[i++].size))
    net->regions[i].start = next;
  next = net->passing;
  for (int i = 0; i < 3; next = cream_buf_at(next, net->grad[i++].size)) net->grad[i].start = next;
  return CREAM_OK;
}

static int widest(const cream_net *net) {
  int channels = 1;
  for (int l = 0; l < net->skeleton.n_layers; l++)
    for (int i = 0; i < net->skeleton.layers[l].n_options; i++)
      for (int u = 0; u < net->blocks[l][i].n_units; u++) {
        const cream_unit_shape *s = &net->blocks[l][i].units[u].shape;
        if ((s->se || net->options.drop_path > 0) && s->cout > channels) channels = s->cout;
      }
  return channels;
}

/* `gates`: elements of the largest [N,C]. */
static cream_status allocate_drop_path(cream_net *net, size_t gates, cream_error *err) {
  net->drop_gates = malloc(gates * sizeof *net->drop_gates);
  if (!net->drop_gates) return cream_fail_memory(err, gates * sizeof *net->drop_gates, "drop path");
  cream_status status = allocate(net, gates, &net->zeros, err);
  return status ? status : allocate(net, 4 * (size_t)widest(net), &net->discarded, err);
}

static cream_status allocate_all(cream_net *net, cream_error *err) {
  cream_backend *backend = net->backend;
  int n = net->options.batch, side = net->skeleton.resolution;
  size_t input = backend->tensor_size(backend, n, side, side, 3);
  size_t logits = net_aligned((size_t)n * (size_t)net->skeleton.classes);
  cream_status status;
  if ((status = allocate(net, net->weight_count, &net->weights, err))) return status;
  if ((status = allocate(net, net->statistic_count, &net->statistics, err))) return status;
  if ((status = allocate_passing(net, err))) return status;
  if ((status = allocate(net, input, &net->input, err))) return status;
  if (!net->options.train) return CREAM_OK;
  if ((status = allocate(net, logits, &net->dlogits, err))) return status;
  if ((status = allocate(net, net->gradient_count, &net->gradients, err))) return status;
  if ((status = allocate(net, net->train_size, &net->activations, err))) return status;
  size_t pool = (size_t)n * (size_t)max_size((size_t)widest(net), (size_t)net->skeleton.space.head.channels);
  if ((status = allocate(net, 5 * (size_t)n * (size_t)widest(net), &net->gate_sums, err))) return status;
  if (net->options.drop_path > 0 && (status = allocate_drop_path(net, pool, err))) return status;
  return allocate(net, pool, &net->pool_grad, err);
}

/* ---- initial weights --------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Section 1: convolutions normal with variance 2 / fan-out (fan-out divided by groups), linear uniform
 * +-1/sqrt(fan-out), batch norm 1 and 0, running statistics 0 and 1, biases 0. */
static void init_param(const cream_param *param, uint64_t seed, uint64_t index, float *values) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_INIT, index);
  if (param->n_dims == 4) {
    bool depthwise = param->dims[1] == 1 && ends_with(param->name, "conv_dw.weight");
    double fan_out = (double)param->dims[2] * param->dims[3] * (depthwise ? 1 : param->dims[0]);
    double deviation = sqrt(2.0 / fan_out);
    for (size_t i = 0; i < param->count; i++) values[i] = (float)(deviation * cream_rng_normal(&rng));
  } else if (param->n_dims == 2) {
    float bound = (float)(1.0 / sqrt((double)param->dims[0]));
    for (size_t i = 0; i < param->count; i++) values[i] = cream_rng_range(&rng, -bound, bound);
  } else {
    bool one =
        ends_with(param->name, "running_var") || (ends_with(param->name, ".weight") && !param->statistic);
    for (size_t i = 0; i < param->count; i++) values[i] = one ? 1.0f : 0.0f;
  }
}

static cream_status init_weights(cream_net *net, cream_error *err) {
  size_t largest = 0;
  for (int i = 0; i < net->n_params; i++) largest = max_size(largest, net->params[i].count);
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

/* ---- public ------------------------------------------------------------------------------------------ */

cream_status cream_net_create(cream_backend *backend, const cream_skeleton *skeleton,
                              const cream_net_options *options, cream_net **out, cream_error *err) {
  *out = NULL;
  if (options->batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, expected at least 1", options->batch);
  cream_net *net = calloc(1, sizeof *net);
  if (!net) return cream_fail_memory(err, sizeof *net, "a network");
  net->backend = backend;
  net->skeleton = *skeleton;
  net->options = *options;
  cream_status status = build(net, err);
  if (!status) {
    qsort(net->params, (size_t)net->n_params, sizeof *net->params, by_place);
    status = plan(net, err);
  }
  if (!status) status = allocate_all(net, err);
  if (!status && !backend->no_data) status = init_weights(net, err);
  if (status)
    cream_net_destroy(net);
  else
    *out = net;
  return status;
}

void cream_net_destroy(cream_net *net) {
  if (!net) return;
  cream_buf *buffers[] = {&net->packed,      &net->weights,   &net->statistics, &net->gradients,
                          &net->activations, &net->input,     &net->dlogits,    &net->passing,
                          &net->gate_sums,   &net->pool_grad, &net->zeros,      &net->discarded};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) net->backend->release(net->backend, *buffers[i]);
  free(net->drop_gates);
  free(net->params);
  free(net->blocks);
  free(net);
}

const cream_skeleton *cream_net_skeleton(const cream_net *net) {
  return &net->skeleton;
}
cream_backend *cream_net_backend(const cream_net *net) {
  return net->backend;
}
int cream_net_batch(const cream_net *net) {
  return net->options.batch;
}
size_t cream_net_memory(const cream_net *net) {
  return net->bytes;
}
const cream_param *cream_net_params(const cream_net *net, int *count) {
  *count = net->n_params;
  return net->params;
}
size_t cream_net_weight_count(const cream_net *net) {
  return net->weight_count;
}
size_t cream_net_statistic_count(const cream_net *net) {
  return net->statistic_count;
}
size_t cream_net_gradient_count(const cream_net *net) {
  return net->gradient_count;
}
cream_buf cream_net_weights(const cream_net *net) {
  return net->weights;
}
cream_buf cream_net_statistics(const cream_net *net) {
  return net->statistics;
}
cream_buf cream_net_gradients(const cream_net *net) {
  return net->gradients;
}
cream_buf cream_net_dlogits(cream_net *net) {
  return net->dlogits;
}

const net_block *net_block_at(const cream_net *net, const cream_path *path, int step) {
  int layer = step - 1;
  if (step == 0) return &net->stem;
  if (layer == net->skeleton.n_layers) return &net->head;
  return &net->blocks[layer][path->choice[layer]];
}

int cream_net_max_slices(const cream_net *net) {
  return 2 * (net_steps(net) + 1);
}

static int block_slices(const net_block *block, cream_slice *slices) {
  int n = 0;
  if (block->decayed) slices[n++] = (cream_slice){block->w, block->g, block->decayed, true};
  if (block->plain)
    slices[n++] = (cream_slice){block->w + block->decayed, block->g + block->decayed, block->plain, false};
  return n;
}

int cream_net_slices(const cream_net *net, const cream_path *path, cream_slice *slices) {
  int n = 0;
  for (int step = 0; step < net_steps(net); step++)
    n += block_slices(net_block_at(net, path, step), slices + n);
  return n + block_slices(&net->linear, slices + n);
}

cream_tensor cream_net_input(const cream_net *net, int n, int side) {
  CREAM_ASSERT(n <= net->options.batch && side <= net->skeleton.resolution);
  return (cream_tensor){.n = n, .h = side, .w = side, .c = 3, .raw = net->input};
}
