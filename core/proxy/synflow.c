/* Synaptic flow (Tanaka et al., arXiv:2006.05467, as Abdelfattah et al. use it): with the absolute values of all weights
 * and biases, an image of ones and no batch norms, the sum over all weights of |w * d(sum of the logits) / dw|.
 *
 * In a deep network these values leave the range of float. Where the path's value would be large, the last convolution
 * before it is therefore scaled down by a power of two. All that follows is then in proportion: the activations do nothing
 * to a large number but pass it on, and gates are 1. The sum is scaled up again at the end. */
#include <math.h>
#include <stdlib.h>

#include "core/net/fold.h"
#include "proxy.h"

enum { LARGE = 24, SMALL = 20 }; /* exponents of two: a value above one is scaled to the other */

/* What a layer's output is for an input of ones, roughly: the mean over the output channels. */
static double growth(const cream_net_layer *layer, const float *weights) {
  double sum = 0;
  for (size_t i = 0; i < layer->weight->count; i++) sum += weights[layer->weight->offset + i];
  return sum / layer->shape.cout;
}

/* Scales the convolutions at the ends of blocks without residual sums. Returns the exponent of the factor by which the
 * logits are too small. */
static int scale_blocks(const cream_net *net, const cream_path *path, float *weights) {
  cream_net_block blocks[CREAM_MAX_BLOCKS];
  const int n = cream_net_describe(net, path, blocks) - 1; /* without the linear layers */
  double value = 1;
  int total = 0;
  for (int b = 0; b < n; b++) {
    const double before = value;
    for (int l = 0; l < blocks[b].n_layers; l++) {
      const cream_net_layer *layer = &blocks[b].layers[l];
      value = cream_act_value(layer->shape.act, (float)(value * growth(layer, weights)));
    }
    if (blocks[b].residual) value += before;
    if (blocks[b].n_layers == 0 || blocks[b].residual || !(value > ldexp(1, LARGE))) continue;
    int exponent;
    frexp(value, &exponent);
    exponent -= SMALL;
    const cream_param *last = blocks[b].layers[blocks[b].n_layers - 1].weight;
    for (size_t i = 0; i < last->count; i++)
      weights[last->offset + i] = (float)ldexp(weights[last->offset + i], -exponent);
    value = ldexp(value, -exponent);
    total += exponent;
  }
  return total;
}

static void add_flow(void *self, const float *weights, const float *gradients, size_t count) {
  double *sum = self;
  for (size_t i = 0; i < count; i++) *sum += fabs((double)weights[i] * gradients[i]);
}

/* Adds the flow of the weights that are in the net now. */
static cream_status flow(const cream_proxy_inputs *inputs, double *value, cream_error *err) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const int side = inputs->x.h;
  const size_t count = (size_t)side * (size_t)side * 3;
  cream_tensor x = {.n = 1, .h = side, .w = side, .c = 3};
  float *ones = malloc(count * sizeof *ones);
  if (!ones) return cream_fail_memory(err, count * sizeof *ones, "an image");
  for (size_t i = 0; i < count; i++) ones[i] = 1;
  cream_status status = backend->alloc(backend, backend->tensor_size(backend, 1, side, side, 3), &x.raw, err);
  if (!status) {
    backend->upload_tensor(backend, &x, ones);
    cream_net_set_identity_norms(net, true);
    cream_proxy_pass(inputs, &x);
    cream_net_set_identity_norms(net, false);
    status = cream_proxy_visit(inputs, add_flow, value, err);
    backend->release(backend, x.raw);
  }
  free(ones);
  return status;
}

cream_status cream_proxy_synflow(const cream_proxy_inputs *inputs, double *value, cream_error *err) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const size_t count = cream_net_weight_count(net);
  float *weights = malloc(2 * count * sizeof *weights);
  if (!weights) return cream_fail_memory(err, 2 * count * sizeof *weights, "the weights of a network");
  float *positive = weights + count;
  cream_status status = backend->download(backend, weights, cream_net_weights(net), count, err);
  *value = 0;
  if (!status) {
    for (size_t i = 0; i < count; i++) positive[i] = fabsf(weights[i]);
    int exponent = scale_blocks(net, inputs->path, positive);
    backend->upload(backend, cream_net_weights(net), positive, count);
    status = flow(inputs, value, err);
    *value = ldexp(*value, exponent);
    backend->upload(backend, cream_net_weights(net), weights, count);
    cream_error late;
    cream_status waited = backend->synchronise(backend, status ? &late : err); /* before `weights` is freed */
    if (!status) status = waited;
  }
  free(weights);
  return status;
}
