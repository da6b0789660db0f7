#include <string.h>

#include "core/base/hash.h"
#include "net_detect.h"

/* ---- memory ------------------------------------------------------------------------------------------ */

static cream_status reserve_block(cream_net *net, const net_block *block, int side, cream_error *err) {
  for (int i = 0; i < block->n_units; i++) {
    cream_conv conv = net_conv_of_shape(&block->units[i].shape);
    cream_status status = net->backend->reserve(net->backend, &conv, net->options.batch, side, side, err);
    if (status) return status;
    side = cream_conv_out(&conv, side);
  }
  return CREAM_OK;
}

/* What a step takes of the activations. Of a frozen one, that is at most the output that a trained step reads. */
static size_t kept_of(const net_block_size *size, bool frozen) {
  return frozen ? size->out + size->vectors : size->train;
}

/* Elements that a buffer may have. */
static size_t most_elements(const cream_net *net) {
  return net->backend->largest ? net->backend->largest / 4 : SIZE_MAX;
}

/* Adds the activations of one step to the last part, or to a new one where they would make it larger than a buffer
 * may be. Those of frozen steps overwrite each other. */
static void plan_part(cream_net *net, int step, size_t size, bool frozen) {
  const size_t most = most_elements(net);
  if (!net->options.train) return;
  net_part *last = net->n_parts ? &net->parts[net->n_parts - 1] : NULL;
  if (last && frozen) {
    last->size = net_max(last->size, size);
  } else if (last && (last->size == 0 || last->size + size <= most)) {
    last->size += size;
  } else {
    CREAM_ASSERT(net->n_parts < NET_MAX_PARTS);
    net->parts[net->n_parts++] = (net_part){.size = size, .first_step = step};
  }
}

/* Adds one step (the largest of `options` blocks) to the plan; *side becomes its output's. */
static cream_status plan_step(cream_net *net, int step, const net_block *blocks, int options, int *side,
                              cream_error *err) {
  const bool frozen = step < net_first_trained(net);
  size_t train = 0;
  int out = *side;
  for (int i = 0; i < options; i++) {
    net_block_size size = net_block_measure(net, &blocks[i], net->options.batch, *side);
    train = net_max(train, kept_of(&size, frozen));
    net->vectors_size = net_max(net->vectors_size, size.vectors);
    for (int u = 0; u < CREAM_MAX_UNITS; u++)
      net->regions[u].size = net_max(net->regions[u].size, size.units[u]);
    net->regions[NET_REGION_OUT].size = net_max(net->regions[NET_REGION_OUT].size, size.out);
    if (!frozen) net->grad[0].size = net_max(net->grad[0].size, net_aligned(size.largest));
    out = size.side_out;
    cream_status status = reserve_block(net, &blocks[i], *side, err);
    if (status) return status;
  }
  plan_part(net, step, train, frozen);
  *side = out;
  return CREAM_OK;
}

static cream_status plan(cream_net *net, cream_error *err) {
  int side = net->skeleton.resolution, first = net_first_trained(net), n_layers = net->skeleton.n_layers;
  cream_status status = plan_step(net, 0, &net->stem, 1, &side, err);
  for (int l = 0; l < n_layers && !status; l++)
    status = plan_step(net, l + 1, net->blocks[l], net->skeleton.layers[l].n_options, &side, err);
  if (!status && !net->tail) status = plan_step(net, n_layers + 1, &net->head, 1, &side, err);
  if (!status && net->tail) status = net_detect_plan(net, err);
  for (int i = 0; i < net->linear.n_units && !status; i++) {
    net_block one = {.n_units = 1, .units = {net->linear.units[i]}};
    status = reserve_block(net, &one, 1, err);
  }
  if (status) return status;
  if (first >= net_steps(net)) net->n_parts = 0; /* nothing reads the last step later but a detector's tail */
  net->tail_size = net->tail ? net->tail->infer_size : net_tail_size(net, net->options.batch);
  if (!net->tail) net->grad[0].size = net_max(net->grad[0].size, net_aligned(net->tail_size));
  net->grad[1].size = net->grad[2].size = net->grad[0].size;
  net->regions[NET_REGION_OTHER_OUT].size = net->regions[NET_REGION_OUT].size;
  plan_part(net, net_steps(net), net->tail ? net->tail->train_size : net->tail_size, false);
  return status;
}

static cream_status allocate(cream_net *net, size_t count, cream_buf *out, cream_error *err) {
  net->bytes += count * 4;
  return net->backend->alloc(net->backend, count, out, err);
}

/* The next `size` elements of the first buffer of `passing` that may have them; absent before it is allocated. */
static cream_buf take_passing(cream_net *net, size_t size) {
  const size_t most = most_elements(net);
  int i = 0;
  while (net->passing[i].used > 0 && net->passing[i].used + size > most) {
    i++;
    CREAM_ASSERT(i < NET_MAX_PIECES);
  }
  net_piece *piece = &net->passing[i];
  const size_t at = piece->used;
  piece->used += size;
  piece->size = net_max(piece->size, piece->used);
  return cream_buf_present(piece->start) ? cream_buf_at(piece->start, at) : CREAM_NO_BUF;
}

static void empty_passing(cream_net *net) {
  for (int i = 0; i < NET_MAX_PIECES; i++) net->passing[i].used = 0;
}

/* Regions of inference and those of gradients are in the same memory. */
static void place_passing(cream_net *net) {
  empty_passing(net);
  for (int i = 0; i < 2; i++) net->infer_vectors[i] = take_passing(net, net->vectors_size);
  net->infer_tail = take_passing(net, net->tail_size);
  for (int i = 0; i < NET_REGIONS; i++) net->regions[i].start = take_passing(net, net->regions[i].size);
  empty_passing(net);
  if (!net->options.train) return;
  for (int i = 0; i < 3; i++) net->grad[i].start = take_passing(net, net->grad[i].size);
  if (net->tail) net->tail->gradients = take_passing(net, net->tail->gradients_size);
}

static cream_status allocate_passing(cream_net *net, cream_error *err) {
  cream_status status = CREAM_OK;
  place_passing(net); /* for the sizes */
  for (int i = 0; i < NET_MAX_PIECES && !status; i++)
    if (net->passing[i].size > 0) status = allocate(net, net->passing[i].size, &net->passing[i].start, err);
  if (!status) place_passing(net);
  return status;
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

/* `gates`: elements of the largest tensor [N,C]. */
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
  size_t logits = net_aligned(cream_net_output_count(net, n, side));
  cream_status status;
  if ((status = allocate(net, net->weight_count, &net->weights, err))) return status;
  if ((status = allocate(net, net->statistic_count, &net->statistics, err))) return status;
  if ((status = allocate_passing(net, err))) return status;
  if ((status = allocate(net, input, &net->input, err))) return status;
  if (net->tail && (status = allocate(net, net->tail->features_size, &net->tail->features, err)))
    return status;
  if (!net->options.train) return CREAM_OK;
  if (net->tail && (status = allocate(net, net->tail->spare_size, &net->tail->spare, err))) return status;
  if ((status = allocate(net, logits, &net->dlogits, err))) return status;
  if (net->options.input_gradient && (status = allocate(net, input, &net->input_gradient, err)))
    return status;
  if ((status = allocate(net, net->gradient_count, &net->gradients, err))) return status;
  for (int i = 0; i < net->n_parts; i++)
    if ((status = allocate(net, net->parts[i].size, &net->parts[i].start, err))) return status;
  size_t pool = (size_t)n * (size_t)net_max((size_t)widest(net), (size_t)net->skeleton.space.head.channels);
  if ((status = allocate(net, 5 * (size_t)n * (size_t)widest(net), &net->gate_sums, err))) return status;
  if (net->options.drop_path > 0 && (status = allocate_drop_path(net, pool, err))) return status;
  return allocate(net, pool, &net->pool_grad, err);
}

/* ---- public ------------------------------------------------------------------------------------------ */

cream_status cream_net_create(cream_backend *backend, const cream_skeleton *skeleton,
                              const cream_net_options *options, cream_net **out, cream_error *err) {
  *out = NULL;
  if (options->batch < 1)
    return cream_fail(err, CREAM_BAD_CONFIG, "batch: got %d, expected at least 1", options->batch);
  CREAM_ASSERT(!options->frozen || (options->frozen > 0 && options->train && skeleton->fixed));
  CREAM_ASSERT(!options->input_gradient || (options->train && !options->frozen));
  cream_net *net = calloc(1, sizeof *net);
  if (!net) return cream_fail_memory(err, sizeof *net, "a network");
  net->backend = backend;
  net->skeleton = *skeleton;
  net->options = *options;
  cream_status status = net_build(net, err);
  if (!status && skeleton->detect.kind) status = net_detect_build(net, err);
  if (!status) status = plan(net, err);
  if (!status) status = allocate_all(net, err);
  if (!status && !backend->no_data) status = net_init_weights(net, err);
  if (status)
    cream_net_destroy(net);
  else
    *out = net;
  return status;
}

void cream_net_destroy(cream_net *net) {
  if (!net) return;
  cream_buf *buffers[] = {&net->packed,    &net->weights, &net->statistics,     &net->gradients,
                          &net->input,     &net->dlogits, &net->input_gradient, &net->gate_sums,
                          &net->pool_grad, &net->zeros,   &net->discarded};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
    if (cream_buf_present(*buffers[i])) net->backend->release(net->backend, *buffers[i]);
  for (int i = 0; i < net->n_parts; i++)
    if (cream_buf_present(net->parts[i].start)) net->backend->release(net->backend, net->parts[i].start);
  for (int i = 0; i < NET_MAX_PIECES; i++)
    if (cream_buf_present(net->passing[i].start)) net->backend->release(net->backend, net->passing[i].start);
  net_detect_free(net);
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

/* A linear layer. */
static int linear_slices(const cream_net *net, const net_unit *unit, cream_slice *slices) {
  const net_block *block = &net->linear;
  const size_t cin = (size_t)unit->shape.cin, cout = (size_t)unit->shape.cout, to_g = block->g - block->w;
  slices[0] = (cream_slice){unit->weight, unit->weight + to_g, cin * cout, true};
  slices[1] = (cream_slice){unit->bias, unit->bias + to_g, cout, false};
  return 2;
}

static int step_slices(const cream_net *net, const cream_path *path, cream_slice *slices) {
  int n = 0;
  for (int step = net_first_trained(net); step < net_steps(net); step++)
    n += block_slices(net_block_at(net, path, step), slices + n);
  return n;
}

int cream_net_slices(const cream_net *net, const cream_path *path, cream_slice *slices) {
  if (!net->tail && net->options.frozen > net_steps(net)) return cream_net_classifier_slices(net, slices);
  int n = step_slices(net, path, slices);
  return n + block_slices(&net->linear, slices + n);
}
int cream_net_backbone_slices(const cream_net *net, const cream_path *path, cream_slice *slices) {
  int n = step_slices(net, path, slices);
  bool features = net->linear.n_units == 2 && net->options.frozen <= net_steps(net);
  return features ? n + linear_slices(net, &net->linear.units[0], slices + n) : n;
}
int cream_net_classifier_slices(const cream_net *net, cream_slice *slices) {
  if (net->tail) return block_slices(&net->linear, slices);
  return linear_slices(net, &net->linear.units[net->linear.n_units - 1], slices);
}

bool cream_net_in_backbone(const cream_net *net, const cream_param *param) {
  return !net->tail || param->offset < (param->statistic ? net->tail->statistics.at : net->linear.w);
}

size_t cream_net_frozen_statistics(const cream_net *net) {
  const cream_path path = cream_skeleton_first_path(&net->skeleton);
  if (net->options.frozen == 0) return 0;
  for (int step = net_first_trained(net); step < net_steps(net); step++) {
    const net_block *block = net_block_at(net, &path, step);
    if (block->n_units) return block->units[0].norm.running_mean;
  }
  return net->tail ? net->tail->statistics.at : net->statistic_count;
}

cream_tensor cream_net_input(const cream_net *net, int n, int side) {
  CREAM_ASSERT(n <= net->options.batch && side <= net->skeleton.resolution);
  return (cream_tensor){.n = n, .h = side, .w = side, .c = 3, .raw = net->input};
}

/* ---- fingerprint --------------------------------------------------------------------------------------- */

uint64_t cream_net_fingerprint(const cream_net *net) {
  int count;
  const cream_param *params = cream_net_params(net, &count);
  const cream_skeleton *skeleton = cream_net_skeleton(net);
  uint64_t hash = cream_fnv1a(CREAM_FNV1A_START, &skeleton->resolution, sizeof(int));
  const int padding = (int)skeleton->space.padding;
  const double bn_eps = skeleton->space.bn_eps;
  if (padding != CREAM_PADDING_SYMMETRIC) hash = cream_fnv1a(hash, &padding, sizeof padding);
  if (bn_eps != CREAM_BN_EPS) hash = cream_fnv1a(hash, &bn_eps, sizeof bn_eps);
  const cream_detect_spec *detect = &skeleton->detect;
  if (detect->kind) {
    const double anchors[] = {detect->levels, detect->scale, detect->octaves};
    hash = cream_fnv1a(hash, anchors, sizeof anchors);
    hash = cream_fnv1a(hash, detect->ratios, (size_t)detect->n_ratios * sizeof *detect->ratios);
  }
  for (int i = 0; i < count; i++) {
    hash = cream_fnv1a(hash, params[i].name, strlen(params[i].name));
    hash = cream_fnv1a(hash, params[i].dims, (size_t)params[i].n_dims * sizeof(int));
  }
  return hash;
}
