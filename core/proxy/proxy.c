#include "proxy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cream_proxy_words[CREAM_PROXY_COUNT + 1] = {
#define WORD(name, word, title) [CREAM_PROXY_##name] = #word,
    CREAM_PROXIES(WORD)
#undef WORD
};

static cream_proxy_function *const functions[CREAM_PROXY_COUNT] = {
#define FUNCTION(name, word, title) [CREAM_PROXY_##name] = cream_proxy_##word,
    CREAM_PROXIES(FUNCTION)
#undef FUNCTION
};

/* ---- lists ------------------------------------------------------------------------------------------------ */

static int find(const char *word, size_t length) {
  for (int i = 0; i < CREAM_PROXY_COUNT; i++)
    if (strlen(cream_proxy_words[i]) == length && !strncmp(cream_proxy_words[i], word, length)) return i;
  return -1;
}

cream_status cream_proxies_parse(const char *key, const char *list, bool wanted[CREAM_PROXY_COUNT],
                                 cream_error *err) {
  const bool all = !strcmp(list, "all");
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) wanted[i] = all;
  if (all || !strcmp(list, "none") || !*list) return CREAM_OK;
  for (const char *word = list;; word++) {
    size_t length = strcspn(word, ",");
    int found = find(word, length);
    if (found < 0)
      return cream_fail(err, CREAM_BAD_CONFIG,
                        "%s: got `%.*s`, expected all, none" CREAM_PROXY_WORDS ", or several with commas",
                        key, (int)length, word);
    wanted[found] = true;
    word += length;
    if (!*word) return CREAM_OK;
  }
}

bool cream_proxies_cover(const cream_proxy_values *values, const bool wanted[CREAM_PROXY_COUNT]) {
  for (int i = 0; i < CREAM_PROXY_COUNT; i++)
    if (wanted[i] && !values->known[i]) return false;
  return true;
}

/* ---- measuring -------------------------------------------------------------------------------------------- */

cream_status cream_proxies_measure(const cream_proxy_inputs *inputs, const bool wanted[CREAM_PROXY_COUNT],
                                   cream_proxy_values *values, cream_error *err) {
  *values = (cream_proxy_values){0};
  for (int i = 0; i < CREAM_PROXY_COUNT; i++) {
    if (!wanted[i]) continue;
    cream_status status = functions[i](inputs, &values->value[i], err);
    if (status) return status;
    if (!isfinite(values->value[i])) values->value[i] = NAN;
    values->known[i] = true;
  }
  return CREAM_OK;
}

/* Uploads the first images of the batch, and measures. */
static cream_status measure_batch(cream_net *net, const cream_batch *batch, const float *mean,
                                  const float *std, const bool *wanted, cream_proxy_values *values,
                                  cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  const int n = cream_net_batch(net);
  const cream_path path = cream_skeleton_first_path(cream_net_skeleton(net));
  cream_proxy_inputs inputs = {.net = net, .path = &path, .x = cream_net_input(net, n, batch->side)};
  cream_status status = backend->alloc(backend, (size_t)n, &inputs.labels, err);
  if (status) return status;
  backend->upload_pixels(backend, &inputs.x, batch->pixels, mean, std);
  backend->upload(backend, inputs.labels, batch->labels, (size_t)n);
  status = cream_proxies_measure(&inputs, wanted, values, err);
  backend->release(backend, inputs.labels);
  return status;
}

cream_status cream_proxies_initial(cream_backend *backend, const cream_skeleton *fixed, uint64_t seed,
                                   const cream_batch *batch, const float *mean, const float *std,
                                   const bool wanted[CREAM_PROXY_COUNT], cream_proxy_values *values,
                                   cream_error *err) {
  const cream_net_options options = {.batch = batch->n < CREAM_PROXY_IMAGES ? batch->n : CREAM_PROXY_IMAGES,
                                     .train = true,
                                     .seed = seed,
                                     .input_gradient = true};
  cream_net *net;
  cream_status status = cream_net_create(backend, fixed, &options, &net, err);
  if (status) return status;
  status = measure_batch(net, batch, mean, std, wanted, values, err);
  cream_net_destroy(net);
  return status;
}

/* ---- for proxies ------------------------------------------------------------------------------------------ */

void cream_proxy_pass(const cream_proxy_inputs *inputs, const cream_tensor *x) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const cream_buf dlogits = cream_net_dlogits(net);
  cream_net_forward_train(net, inputs->path, x, CREAM_BN_BATCH, 0, 0, 0, 0);
  backend->fill(backend, dlogits, (size_t)x->n * (size_t)cream_net_skeleton(net)->classes, 1);
  cream_net_backward(net, dlogits);
}

static bool is_weight(const cream_param *param) {
  switch (param->role) {
  case CREAM_PARAM_CONV:
  case CREAM_PARAM_DEPTHWISE:
  case CREAM_PARAM_LINEAR:
  case CREAM_PARAM_PYRAMID:
  case CREAM_PARAM_HEAD:
    return true;
  case CREAM_PARAM_BIAS:
  case CREAM_PARAM_PRIOR:
  case CREAM_PARAM_FUSION:
  case CREAM_PARAM_BN_GAMMA:
  case CREAM_PARAM_BN_BETA:
  case CREAM_PARAM_BN_MEAN:
  case CREAM_PARAM_BN_VAR:
    break;
  }
  return false;
}

/* Where the gradient of a parameter is in the gradient block; NULL: the path does not use it. */
static const float *gradient_of(const cream_param *param, const cream_slice *slices, int n,
                                const float *gradients) {
  for (int i = 0; i < n; i++)
    if (param->offset >= slices[i].w && param->offset < slices[i].w + slices[i].count)
      return gradients + slices[i].g + (param->offset - slices[i].w);
  return NULL;
}

cream_status cream_proxy_visit(const cream_proxy_inputs *inputs, cream_proxy_visitor *visit, void *self,
                               cream_error *err) {
  cream_net *net = inputs->net;
  cream_backend *backend = cream_net_backend(net);
  const size_t weights = cream_net_weight_count(net), gradients = cream_net_gradient_count(net);
  const size_t most = (size_t)cream_net_max_slices(net);
  int count;
  const cream_param *params = cream_net_params(net, &count);
  float *w = malloc((weights + gradients) * sizeof *w);
  cream_slice *slices = malloc(most * sizeof *slices);
  cream_status status = CREAM_OK;
  if (!w || !slices)
    status = cream_fail_memory(err, (weights + gradients) * sizeof *w, "a network's gradients");
  if (!status) status = backend->download(backend, w, cream_net_weights(net), weights, err);
  if (!status) status = backend->download(backend, w + weights, cream_net_gradients(net), gradients, err);
  const int n = status ? 0 : cream_net_slices(net, inputs->path, slices);
  for (int i = 0; i < count && !status; i++) {
    const float *g = is_weight(&params[i]) ? gradient_of(&params[i], slices, n, w + weights) : NULL;
    if (g) visit(self, w + params[i].offset, g, params[i].count);
  }
  free(slices);
  free(w);
  return status;
}
