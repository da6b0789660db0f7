#include "observe.h"

#include <stdlib.h>

#include "net_internal.h"

typedef struct observation {
  cream_backend *backend;
  cream_observer *take;
  void *self;
  int index;     /* of the next value */
  float *values; /* [largest activation of the path] */
  float *gates;  /* [n * largest number of channels] */
  cream_error *err;
  cream_status status;
} observation;

static void take(observation *o, const float *values, size_t count) {
  if (!o->status) o->take(o->self, o->index, values, count);
  o->index++;
}

/* The tensor's raw values. */
static void take_tensor(observation *o, const cream_tensor *tensor) {
  cream_tensor raw = *tensor;
  raw.act = CREAM_ACT_NONE;
  raw.scale = raw.shift = raw.gate = CREAM_NO_BUF;
  if (!o->status) o->status = o->backend->download_tensor(o->backend, o->values, &raw, o->err);
  take(o, o->values, net_elements(tensor));
}

/* The values of act(x) for the `count` values x, which are replaced. */
static void take_act(observation *o, cream_act act, float *values, size_t count) {
  if (act == CREAM_ACT_NONE) return;
  for (size_t i = 0; i < count; i++) values[i] = cream_act_value(act, values[i]);
  take(o, values, count);
}

static void take_vector(observation *o, cream_buf buf, cream_act act, size_t count) {
  if (!o->status) o->status = o->backend->download(o->backend, o->gates, buf, count, o->err);
  take(o, o->gates, count);
  take_act(o, act, o->gates, count);
}

/* After se_forward; o->values has the value that is gated. */
static void take_squeeze_excite(observation *o, const net_record *record) {
  const cream_se *se = &record->se;
  const cream_tensor *y = &record->y;
  const size_t n = (size_t)y->n, c = (size_t)se->c, pixels = (size_t)y->h * (size_t)y->w;
  take_vector(o, se->pooled, CREAM_ACT_NONE, n * c);
  take_vector(o, se->hidden, se->act, n * (size_t)se->r);
  take_vector(o, se->gate_z, se->gate_act, n * c);
  for (size_t i = 0; i < n; i++)
    for (size_t p = 0; p < pixels; p++)
      for (size_t k = 0; k < c; k++) o->values[(i * pixels + p) * c + k] *= o->gates[i * c + k];
  take(o, o->values, n * pixels * c);
}

/* A backend that applies the activation in the convolution runs it once more, without. */
static void observe_unit(observation *o, const net_record *record) {
  cream_backend *backend = o->backend;
  cream_tensor y = record->y;
  cream_conv bare = record->conv;
  y.gate = CREAM_NO_BUF;
  bare.act = CREAM_ACT_NONE;
  backend->conv_forward(backend, &bare, &record->x, NULL, CREAM_BN_RUNNING, 0, &y);
  take_tensor(o, &y);
  take_act(o, record->unit->shape.act, o->values, net_elements(&y));
  if (record->conv.act)
    backend->conv_forward(backend, &record->conv, &record->x, NULL, CREAM_BN_RUNNING, 0, &y);
  if (!record->unit->shape.se) return;
  backend->se_forward(backend, &record->se, &y);
  take_squeeze_excite(o, record);
}

static void observe_tape(observation *o, const net_tape *tape) {
  cream_backend *backend = o->backend;
  take_tensor(o, &tape->steps[0].in.tensor);
  for (int i = 0; i < tape->n_steps; i++) {
    const net_step *step = &tape->steps[i];
    int n = step->block->n_units;
    for (int u = 0; u < n; u++) observe_unit(o, &tape->records[step->first + u]);
    if (!n || !step->block->residual) continue;
    backend->add_forward(backend, &tape->records[step->first + n - 1].y, &step->in.tensor, &step->out.tensor);
    take_tensor(o, &step->out.tensor);
  }
  backend->pool_forward(backend, &tape->steps[tape->n_steps - 1].out.tensor, tape->pooled.raw);
  take_tensor(o, &tape->pooled);
  if (tape->features >= 0) observe_unit(o, &tape->records[tape->features]);
  observe_unit(o, &tape->records[tape->classifier]);
}

cream_status cream_net_observe(cream_net *net, const cream_path *path, const cream_tensor *x,
                               cream_observer *observer, void *self, cream_error *err) {
  CREAM_ASSERT(net->folded && !net->tail && x->n <= net->options.batch);
  net_tape *tape = &net->infer_tape;
  net_layout(net, tape, path, NET_LAYOUT_INFER, 0, x, (net_drops){0});
  size_t largest = net_elements(x), channels = 0;
  for (int i = 0; i < tape->n_records; i++) {
    const cream_tensor *y = &tape->records[i].y;
    largest = net_max(largest, net_elements(y));
    channels = net_max(channels, (size_t)y->c);
  }
  size_t floats = largest + (size_t)x->n * channels;
  float *values = malloc(floats * sizeof *values);
  if (!values) return cream_fail_memory(err, floats * sizeof *values, "the values of a network");
  observation o = {.backend = net->backend,
                   .take = observer,
                   .self = self,
                   .values = values,
                   .gates = values + largest,
                   .err = err};
  observe_tape(&o, tape);
  free(values);
  return o.status;
}
