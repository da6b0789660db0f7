#include "core/base/rng.h"
#include "net_detect.h"

static cream_tensor without_gate(const cream_tensor *t) {
  cream_tensor bare = *t;
  bare.gate = CREAM_NO_BUF;
  return bare;
}

void cream_net_set_identity_norms(cream_net *net, bool identity) {
  CREAM_ASSERT(!net->tail && !net->folded);
  net->identity_norms = identity;
}

/* What the forward pass of a batch norm leaves, of one that does nothing. */
static void put_identity(cream_backend *backend, const net_record *record) {
  const cream_bn *bn = &record->bn;
  const size_t channels = (size_t)record->y.c;
  backend->fill(backend, bn->mean, channels, 0);
  backend->fill(backend, bn->invstd, channels, 1);
  backend->fill(backend, bn->scale, channels, 1);
  backend->fill(backend, bn->shift, channels, 0);
}

static void forward_unit(const cream_net *net, const net_record *record, cream_bn_mode mode, float momentum) {
  cream_backend *backend = net->backend;
  cream_tensor y = without_gate(&record->y);
  const cream_bn *bn = record->unit->has_bn ? &record->bn : NULL;
  if (bn && net->identity_norms) {
    put_identity(backend, record);
    bn = NULL;
  }
  backend->conv_forward(backend, &record->conv, &record->x, bn, mode, momentum, &y);
  if (record->unit->shape.se) backend->se_forward(backend, &record->se, &y);
}

/* Steps first_step up to but not `end`. */
static void forward_blocks(cream_net *net, const net_tape *tape, int first_step, int end, cream_bn_mode mode,
                           float momentum) {
  cream_backend *backend = net->backend;
  for (int i = first_step; i < end; i++) {
    const net_step *step = &tape->steps[i];
    int n = step->block->n_units;
    if (net->mark) net->mark(net->mark_self);
    for (int u = 0; u < n; u++) forward_unit(net, &tape->records[step->first + u], mode, momentum);
    if (n && step->block->residual)
      backend->add_forward(backend, &tape->records[step->first + n - 1].y, &step->in.tensor,
                           &step->out.tensor);
  }
}

/* Everything after the backbone, or after the head convolution; the dropout gate, if any, is already filled. */
static void forward_tail(cream_net *net, const net_tape *tape, cream_bn_mode mode, float momentum) {
  cream_backend *backend = net->backend;
  if (net->tail) {
    if (net->mark) net->mark(net->mark_self);
    net_detect_forward(net, tape == &net->tape ? NET_LAYOUT_TRAIN : NET_LAYOUT_INFER, mode, momentum);
    if (net->mark) net->mark(net->mark_self);
    return;
  }
  backend->pool_forward(backend, &tape->steps[tape->n_steps - 1].out.tensor, tape->pooled.raw);
  if (tape->features >= 0) forward_unit(net, &tape->records[tape->features], CREAM_BN_RUNNING, 0);
  forward_unit(net, &tape->records[tape->classifier], CREAM_BN_RUNNING, 0);
  if (net->mark) net->mark(net->mark_self);
}

void cream_net_set_mark(cream_net *net, void (*mark)(void *self), void *self) {
  net->mark = mark;
  net->mark_self = self;
}

static void lay_out(cream_net *net, net_tape *tape, const cream_path *path, net_layout_kind kind,
                    const cream_tensor *x, net_drops drops) {
  net_layout(net, tape, path, kind, 0, x, drops);
  if (net->tail) tape->logits = net_detect_layout(net, tape, kind);
}

cream_buf cream_net_forward(cream_net *net, const cream_path *path, const cream_tensor *x, cream_bn_mode mode,
                            float momentum) {
  CREAM_ASSERT(x->n <= net->options.batch && (mode == CREAM_BN_RUNNING || !net->folded));
  lay_out(net, &net->infer_tape, path, NET_LAYOUT_INFER, x, (net_drops){0});
  forward_blocks(net, &net->infer_tape, 0, net->infer_tape.n_steps, mode, momentum);
  forward_tail(net, &net->infer_tape, mode, momentum);
  return net->infer_tape.logits;
}

/* Draws the gates of drop path: by block, then by image. */
static void draw_drop_path(cream_net *net, const net_tape *tape, uint64_t seed, uint64_t step) {
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_DROP_PATH, step);
  const int first = net_first_trained(net);
  for (int i = first > 1 ? first : 1; i <= net->skeleton.n_layers; i++) {
    const net_block *block = tape->steps[i].block;
    if (block->n_units == 0 || !block->residual) continue;
    const cream_tensor *y = &tape->records[tape->steps[i].first + block->n_units - 1].y;
    double rate = net->options.drop_path * (i - 1) / net->skeleton.n_layers;
    for (size_t n = 0; n < (size_t)y->n; n++) {
      float gate = cream_rng_double(&rng) < rate ? 0 : (float)(1 / (1 - rate));
      for (size_t c = 0; c < (size_t)y->c; c++) net->drop_gates[n * (size_t)y->c + c] = gate;
    }
    net->backend->upload(net->backend, y->gate, net->drop_gates, (size_t)y->n * (size_t)y->c);
  }
}

cream_buf cream_net_forward_train(cream_net *net, const cream_path *path, const cream_tensor *x,
                                  cream_bn_mode mode, float momentum, float dropout, uint64_t drop_seed,
                                  uint64_t drop_step) {
  CREAM_ASSERT(net->options.train && x->n <= net->options.batch);
  net_tape *tape = &net->tape;
  net_drops drops = {.dropout = dropout > 0, .path = net->options.drop_path > 0 && mode == CREAM_BN_TRAIN};
  lay_out(net, tape, path, NET_LAYOUT_TRAIN, x, drops);
  if (dropout > 0 && !net->tail) {
    const cream_tensor *dropped = &tape->records[tape->classifier].x;
    net->backend->dropout_gate(net->backend, dropped->gate, (size_t)dropped->n * (size_t)dropped->c, dropout,
                               drop_seed, drop_step);
  }
  if (drops.path) draw_drop_path(net, tape, drop_seed, drop_step);
  const int first = net_first_trained(net);
  forward_blocks(net, tape, 0, first, CREAM_BN_RUNNING, 0);
  forward_blocks(net, tape, first, tape->n_steps, mode, momentum);
  forward_tail(net, tape, mode, momentum);
  return tape->logits;
}

cream_buf cream_net_forward_teacher(cream_net *net, const cream_path *path) {
  CREAM_ASSERT(net->options.frozen == 0 && !net->tail);
  const net_tape *student = &net->tape;
  int shared = 0;
  while (shared < path->n_layers && path->choice[shared] == student->path.choice[shared]) shared++;
  net_tape *tape = &net->infer_tape;
  net_layout(net, tape, path, NET_LAYOUT_INFER, shared + 1, &student->steps[shared].out.tensor,
             (net_drops){0});
  forward_blocks(net, tape, shared + 1, tape->n_steps, CREAM_BN_BATCH, 0);
  forward_tail(net, tape, CREAM_BN_BATCH, 0);
  return tape->logits;
}

/* ---- backward ---------------------------------------------------------------------------------------- */

/* The same as put_identity for the backward pass, after the op that completes the batch norm. */
static void put_identity_gradient(cream_backend *backend, const net_record *record) {
  const size_t channels = (size_t)record->y.c;
  backend->fill(backend, record->bn.a, channels, 1);
  backend->fill(backend, record->bn.b, channels, 0);
  backend->fill(backend, record->bn.c, channels, 0);
}

static cream_grad grad_z(const cream_net *net, cream_buf g, const net_record *record) {
  cream_grad grad = {.kind = CREAM_GRAD_Z, .g = g};
  if (record->unit->has_bn) {
    if (net->identity_norms) put_identity_gradient(net->backend, record);
    grad.a = record->bn.a;
    grad.b = record->bn.b;
    grad.c = record->bn.c;
  }
  return grad;
}

/* The pending gradient of an output with batch norm; the gradient of its value is g * gate + pool. */
static cream_grad grad_value(const cream_net *net, cream_buf g, cream_buf pool, const net_record *record) {
  cream_grad grad = grad_z(net, g, record);
  grad.kind = CREAM_GRAD_VALUE;
  grad.pool = pool;
  return grad;
}

/* Buffer i of three, for the gradient of `node`. */
static cream_buf grad_of(const cream_net *net, int i, const cream_tensor *node) {
  return net_region_middle(&net->grad[i], net_gradient_size(net, node));
}

/* Linear layers; returns the gradient of the pooled features, absent where everything below is frozen. */
static cream_buf backward_linear(cream_net *net, cream_buf dlogits) {
  cream_backend *backend = net->backend;
  const net_tape *tape = &net->tape;
  const net_record *classifier = &tape->records[tape->classifier];
  const bool below = net->options.frozen < net_steps(net); /* something before pooling is trained */
  const bool has_features = tape->features >= 0, train_features = net->options.frozen <= net_steps(net);
  cream_grad grad = grad_z(net, dlogits, classifier);
  cream_sink sink = {.node = has_features ? &tape->records[tape->features].y : &tape->pooled};
  if (has_features ? train_features : below) sink.g = grad_of(net, 0, sink.node);
  backend->conv_backward(backend, &classifier->conv, &classifier->x, &classifier->y, &grad, &sink);
  if (!has_features || !train_features) return sink.g;
  const net_record *features = &tape->records[tape->features];
  grad = grad_z(net, sink.g, features);
  sink = (cream_sink){.node = &tape->pooled};
  if (below) sink.g = grad_of(net, 1, &tape->pooled);
  backend->conv_backward(backend, &features->conv, &features->x, &features->y, &grad, &sink);
  return sink.g;
}

/* Pooling; returns the pending gradient of the head convolution. */
static cream_grad backward_pooling(cream_net *net, cream_buf dpooled) {
  cream_backend *backend = net->backend;
  const net_tape *tape = &net->tape;
  const net_record *head = &tape->records[tape->steps[tape->n_steps - 1].first];
  backend->pool_backward(backend, &head->y, dpooled, &head->bn, net->pool_grad);
  return grad_value(net, CREAM_NO_BUF, net->pool_grad, head);
}

/* Gradient through one inner convolution of a block, to the pending gradient of the one before. */
static cream_grad backward_inner(cream_net *net, const net_record *record, const cream_grad *grad,
                                 int buffer) {
  cream_backend *backend = net->backend;
  const net_record *before = record - 1;
  const cream_buf g = grad_of(net, buffer, &before->y);
  bool se = before->unit->shape.se > 0;
  cream_sink sink = {.g = g, .node = &before->y, .bn = &before->bn};
  if (se) sink.gate_sums = net->gate_sums;
  backend->conv_backward(backend, &record->conv, &record->x, &record->y, grad, &sink);
  if (!se) return grad_z(net, g, before);
  cream_tensor bare = without_gate(&before->y);
  backend->se_backward(backend, &before->se, &bare, net->gate_sums, &before->bn, net->pool_grad);
  return grad_value(net, g, net->pool_grad, before);
}

/* Completes the batch norm of a residual block's last convolution under the gate of drop path, by se_backward
 * with a squeeze-excite whose weights are 0: it adds no gradient. */
static cream_grad complete_dropped(cream_net *net, const net_record *record, cream_buf g) {
  cream_backend *backend = net->backend;
  size_t c = (size_t)record->y.c;
  cream_se none = {.c = record->y.c,
                   .r = 1,
                   .w1 = net->zeros,
                   .b1 = net->zeros,
                   .w2 = net->zeros,
                   .b2 = net->zeros,
                   .dw1 = net->discarded,
                   .db1 = cream_buf_at(net->discarded, c),
                   .dw2 = cream_buf_at(net->discarded, 2 * c),
                   .db2 = cream_buf_at(net->discarded, 3 * c),
                   .pooled = net->zeros,
                   .hidden = net->zeros,
                   .gate_z = net->zeros,
                   .gate = record->y.gate};
  cream_tensor bare = without_gate(&record->y);
  backend->se_backward(backend, &none, &bare, net->gate_sums, &record->bn, net->pool_grad);
  return grad_value(net, g, CREAM_NO_BUF, record);
}

void cream_net_set_done(cream_net *net, void (*done)(void *self, cream_span), void *self) {
  net->done = done;
  net->done_self = self;
}

static void report_done(const cream_net *net, const net_block *block) {
  if (net->done && block->decayed > 0) net->done(net->done_self, net_gradient_span(block));
}

/* The gradient that a detector's neck adds to the input of step `step`; absent: the input is no feature. */
static cream_buf feature_gradient(const cream_net *net, int step) {
  for (int f = 0; net->tail && f < CREAM_DETECT_FEATURES - 1; f++)
    if (net->tail->taps[f] + 1 == step) return net_feature_gradient(net, f);
  return CREAM_NO_BUF;
}

/* The pending gradient of a convolution from what a sink with its batch norm has left. */
static cream_grad completed(cream_net *net, const net_record *producer, cream_buf g) {
  return cream_buf_present(producer->y.gate) ? complete_dropped(net, producer, g) : grad_z(net, g, producer);
}

/* Blocks from the last step down to the first trained one. `grad`: the pending gradient of the last convolution; buffer
 * 2 has that of the last step's output. */
static void backward_blocks(cream_net *net, cream_grad grad) {
  cream_backend *backend = net->backend;
  const net_tape *tape = &net->tape;
  /* held: the buffer, of three, with the gradient of the step's output. */
  int held = 2;
  for (int i = tape->n_steps - 1; i >= net_first_trained(net); i--) {
    const net_step *step = &tape->steps[i];
    int n = step->block->n_units;
    if (n == 0) continue;
    cream_buf output_grad = grad_of(net, held, &step->out.tensor);
    const net_record *records = &tape->records[step->first];
    int spare = 1;
    for (int u = n - 1; u > 0; u--, spare++)
      grad = backward_inner(net, &records[u], &grad, (held + spare) % 3);
    if (n == 1) held = (held + 1) % 3;
    cream_sink sink = {0};
    if (step->in.producer >= 0) {
      const net_record *producer = &tape->records[step->in.producer];
      sink = (cream_sink){.node = &producer->y, .bn = &producer->bn};
      sink.g = grad_of(net, held, sink.node);
      sink.add = feature_gradient(net, i); /* such a step reduces: it is not residual */
      CREAM_ASSERT(!cream_buf_present(sink.add) || !step->block->residual);
      if (step->block->residual) sink.add = output_grad;
      if (cream_buf_present(producer->y.gate)) sink.gate_sums = net->gate_sums;
      backend->conv_backward(backend, &records[0].conv, &records[0].x, &records[0].y, &grad, &sink);
      grad = completed(net, producer, sink.g);
    } else {
      sink = (cream_sink){.g = net->input_gradient, .node = &step->in.tensor};
      backend->conv_backward(backend, &records[0].conv, &records[0].x, &records[0].y, &grad, &sink);
    }
    report_done(net, step->block);
  }
}

/* Everything after the blocks of a path; returns whether *grad, their pending gradient, is set: some are trained. */
static bool backward_tail(cream_net *net, cream_buf dlogits, cream_grad *grad) {
  if (net->tail) {
    const net_step *last = &net->tape.steps[net->tape.n_steps - 1];
    const bool below = last->out.producer >= 0;
    const cream_buf g = below ? grad_of(net, 2, &last->out.tensor) : CREAM_NO_BUF;
    net_detect_backward(net, dlogits, g);
    if (below) *grad = completed(net, &net->tape.records[last->out.producer], g);
    return below;
  }
  const cream_buf dpooled = backward_linear(net, dlogits);
  if (cream_buf_present(dpooled)) *grad = backward_pooling(net, dpooled);
  return cream_buf_present(dpooled);
}

cream_tensor cream_net_input_gradient(const cream_net *net) {
  CREAM_ASSERT(cream_buf_present(net->input_gradient));
  cream_tensor images = net->tape.steps[0].in.tensor;
  return (cream_tensor){
      .n = images.n, .h = images.h, .w = images.w, .c = images.c, .raw = net->input_gradient};
}

void cream_net_backward(cream_net *net, cream_buf dlogits) {
  /* The optimiser also updates the gaps between aligned parameters: no gradients of another path may be
   * there. */
  if (!cream_path_equal(&net->gradient_path, &net->tape.path)) {
    net->backend->fill(net->backend, net->gradients, net->gradient_count, 0);
    net->gradient_path = net->tape.path;
  }
  cream_grad grad;
  const bool below = backward_tail(net, dlogits, &grad);
  report_done(net, &net->linear);
  if (below) backward_blocks(net, grad);
}
