#include "int8.h"

#include <math.h>
#include <stdlib.h>

#include "core/net/observe.h"
#include "int8_internal.h"

/* A sweep over the images of a calibration. */
typedef struct sweep {
  cream_int8 *net;
  cream_histogram *histograms; /* [n_ops + 1], of the values */
  void (*add)(cream_histogram *, const float *values, size_t count);
  int next; /* the value that is observed next */
} sweep;

/* Values are observed in their order; those that are not stored in 8 bits have no value here. */
static void take(void *self, int index, const float *values, size_t count) {
  sweep *s = self;
  if (s->next > s->net->n_ops || s->net->values[s->next].observed != index) return;
  s->add(&s->histograms[s->next++], values, count);
}

static cream_status sweep_images(sweep *s, cream_net *net, const cream_path *path, cream_source *source,
                                 cream_error *err) {
  cream_backend *backend = cream_net_backend(net);
  const size_t steps = cream_source_steps(source, false);
  cream_status status = CREAM_OK;
  for (size_t step = 0; step < steps && !status; step++) {
    cream_batch batch;
    if ((status = source->read(source, 0, step, &batch, err))) break;
    cream_tensor x = cream_net_input(net, batch.n, batch.side);
    backend->upload_pixels(backend, &x, batch.pixels, source->mean, source->std);
    s->next = 0;
    status = cream_net_observe(net, path, &x, take, s, err);
    CREAM_ASSERT(status || s->next == s->net->n_ops + 1);
  }
  return status;
}

static cream_status check_finite(const cream_int8 *net, const cream_histogram *histograms, cream_error *err) {
  for (int i = 0; i <= net->n_ops; i++)
    if (!isfinite(histograms[i].high - histograms[i].low))
      return cream_fail(
          err, CREAM_BAD_DATA,
          "calibration: a value of %s is not finite; expected weights of a network that was trained",
          i ? net->ops[i - 1].weight->name : "the images");
  return CREAM_OK;
}

static void set_scales(cream_int8 *net, const cream_histogram *histograms, cream_calibration kind) {
  for (int i = 0; i <= net->n_ops; i++) {
    cream_interval range = cream_calibrate(kind, &histograms[i]);
    if (i && net->ops[i - 1].kind == CREAM_INT8_CONV && int8_saturates(net->ops[i - 1].act)) range.low = 0;
    net->values[i].quant = cream_quant_of_range(range.low, range.high);
  }
}

static cream_status calibrate(cream_int8 *net, cream_net *from, const cream_path *path, cream_source *source,
                              cream_calibration kind, cream_error *err) {
  const size_t values = (size_t)net->n_ops + 1;
  sweep s = {.net = net, .histograms = calloc(values, sizeof *s.histograms)};
  if (!s.histograms) return cream_fail_memory(err, values * sizeof *s.histograms, "histograms of values");
  s.add = cream_histogram_extend;
  cream_status status = sweep_images(&s, from, path, source, err);
  if (!status) status = check_finite(net, s.histograms, err);
  s.add = cream_histogram_count;
  if (!status) status = sweep_images(&s, from, path, source, err);
  if (!status) set_scales(net, s.histograms, kind);
  free(s.histograms);
  return status;
}

cream_status cream_int8_create(cream_net *from, const cream_path *path, cream_source *source,
                               cream_calibration kind, cream_int8 **out, cream_error *err) {
  cream_int8 *net = calloc(1, sizeof *net);
  if (!net) return cream_fail_memory(err, sizeof *net, "the network in 8 bits");
  net->images = source->count;
  cream_status status = int8_build(net, from, path, err);
  if (!status) status = calibrate(net, from, path, source, kind, err);
  if (!status) status = int8_quantise(net, from, err);
  if (status) {
    cream_int8_destroy(net);
    return status;
  }
  *out = net;
  return CREAM_OK;
}

void cream_int8_destroy(cream_int8 *net) {
  if (!net) return;
  for (int i = 0; i < net->n_ops; i++) {
    cream_int8_weights *weights = &net->ops[i].weights;
    free(weights->values);
    free(weights->packed);
    free(weights->scales);
    free(weights->biases);
    free(weights->offsets);
  }
  free(net->ops);
  free(net->values);
  free(net);
}
