#include "net_detect.h"

/* ---- forward ----------------------------------------------------------------------------------------- */

static cream_fuse fuse_of(const cream_net *net, const net_tail_tape *tape, const net_tail_op *op) {
  const net_block *block = &net->linear;
  cream_fuse fuse = {.n = op->n};
  for (int i = 0; i < op->n; i++) fuse.x[i] = tape->values[op->in[i]];
  if (!op->weighted) return fuse;
  fuse.weight = cream_buf_at(net->weights, op->weights);
  if (cream_buf_present(net->gradients))
    fuse.dweight = cream_buf_at(net->gradients, block->g + op->weights - block->w);
  return fuse;
}

void net_detect_forward(cream_net *net, net_layout_kind kind, cream_bn_mode mode, float momentum) {
  cream_backend *backend = net->backend;
  const net_tail *t = net->tail;
  const net_tail_tape *tape = kind == NET_LAYOUT_TRAIN ? &t->train : &t->infer;
  for (int o = 0; o < t->n_ops; o++) {
    const net_tail_op *op = &t->ops[o];
    const net_record *record = &tape->records[o];
    if (op->fuse) {
      const cream_fuse fuse = fuse_of(net, tape, op);
      backend->fuse_forward(backend, &fuse, &tape->values[op->out]);
    } else {
      backend->conv_forward(backend, &record->conv, &record->x, op->bn >= 0 ? &record->bn : NULL, mode,
                            momentum, &record->y);
    }
  }
}

/* ---- backward ---------------------------------------------------------------------------------------- */

/* A backward pass. */
typedef struct backward {
  cream_net *net;
  const net_tail *tail;
  const net_tail_tape *tape;
  cream_buf outputs; /* gradients of the outputs */
  cream_buf feature; /* gradient of the last feature */
} backward;

cream_buf net_feature_gradient(const cream_net *net, int feature) {
  return cream_buf_at(net->tail->gradients, net->tail->feature_gradient_at[feature]);
}

/* The record whose raw output a feature comes from; NULL: it is frozen. */
static const net_record *producer_of(const backward *b, int feature) {
  const net_step *step = &b->tape->backbone->steps[b->tail->taps[feature]];
  return step->out.producer < 0 ? NULL : &b->tape->backbone->records[step->out.producer];
}

/* Where the gradient of value v lies; absent: it has none. */
static cream_buf gradient_of(const backward *b, int v) {
  const net_tail_value *value = &b->tail->values[v];
  const bool last = v == CREAM_DETECT_FEATURES - 1;
  if (value->op < 0 && !producer_of(b, v)) return CREAM_NO_BUF;
  if (value->op < 0) return last ? b->feature : net_feature_gradient(b->net, v);
  if (value->place == NET_TAIL_INNER) return cream_buf_at(b->tail->gradients, value->at);
  return cream_buf_at(b->outputs, b->tape->values[v].raw.offset - b->tape->outputs.offset);
}

/* The sink of reader `o` of value v, whose input is `x`. Readers before it have left the sum of their gradients. The
 * first reader of the list comes last: it completes what the value's producer needs. A feature that the backbone reads,
 * too, stays a gradient of the value. *node: memory for the sink. */
static cream_sink sink_of(const backward *b, int v, int o, const cream_tensor *x, cream_tensor *node) {
  const net_tail_value *value = &b->tail->values[v];
  const bool begins = o == value->last, completes = o == value->first;
  cream_sink sink = {.g = gradient_of(b, v), .node = node};
  *node = *x;
  if (!cream_buf_present(sink.g)) return sink;
  if (!begins) sink.add = sink.g;
  if (completes && value->op >= 0) {
    const net_tail_op *producer = &b->tail->ops[value->op];
    if (producer->bn >= 0) sink.bn = &b->tape->records[value->op].bn;
    CREAM_ASSERT(begins || x->act == b->tape->values[v].act);
    return sink;
  }
  if (completes && v == CREAM_DETECT_FEATURES - 1) {
    const net_record *producer = producer_of(b, v);
    *node = producer->y;
    sink.bn = &producer->bn;
    if (cream_buf_present(node->gate)) sink.gate_sums = b->net->gate_sums;
    return sink;
  }
  if (begins && x->act != b->tape->values[v].act) return sink; /* through an activation of the reader's own */
  node->scale = node->shift = CREAM_NO_BUF;
  node->act = CREAM_ACT_NONE;
  return sink;
}

/* dst += src */
static void add(cream_backend *backend, cream_buf dst, cream_buf src, size_t count) {
  backend->axpy(backend, dst, 1, src, count);
}

static void backward_conv(const backward *b, int o) {
  cream_backend *backend = b->net->backend;
  const net_tail_op *op = &b->tail->ops[o];
  const net_record *record = &b->tape->records[o];
  cream_conv conv = record->conv;
  cream_tensor node;
  const cream_sink sink = sink_of(b, op->in[0], o, &record->x, &node);
  cream_grad grad = {.kind = CREAM_GRAD_Z, .g = gradient_of(b, op->out)};
  if (op->bn >= 0) grad.a = record->bn.a, grad.b = record->bn.b, grad.c = record->bn.c;
  const size_t weights =
      (size_t)conv.cout * (size_t)(conv.depthwise ? 1 : conv.cin) * (size_t)(conv.kernel * conv.kernel);
  if (op->adds) {
    conv.dweight = b->tail->spare;
    if (cream_buf_present(conv.dbias)) conv.dbias = cream_buf_at(b->tail->spare, net_aligned(weights));
  }
  backend->conv_backward(backend, &conv, &record->x, &record->y, &grad, &sink);
  if (!op->adds) return;
  add(backend, record->conv.dweight, conv.dweight, weights);
  if (cream_buf_present(conv.dbias)) add(backend, record->conv.dbias, conv.dbias, (size_t)conv.cout);
}

static void backward_fuse(const backward *b, int o) {
  cream_backend *backend = b->net->backend;
  const net_tail_op *op = &b->tail->ops[o];
  const cream_fuse fuse = fuse_of(b->net, b->tape, op);
  cream_tensor nodes[CREAM_FUSE_MAX];
  cream_sink sinks[CREAM_FUSE_MAX];
  for (int i = 0; i < op->n; i++) sinks[i] = sink_of(b, op->in[i], o, &fuse.x[i], &nodes[i]);
  backend->fuse_backward(backend, &fuse, &b->tape->values[op->out], gradient_of(b, op->out), sinks);
}

void net_detect_backward(cream_net *net, cream_buf doutputs, cream_buf g) {
  const backward b = {
      .net = net, .tail = net->tail, .tape = &net->tail->train, .outputs = doutputs, .feature = g};
  for (int o = net->tail->n_ops - 1; o >= 0; o--)
    (net->tail->ops[o].fuse ? backward_fuse : backward_conv)(&b, o);
}
