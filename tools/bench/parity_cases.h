/* A case of every op, run on the plain kernels and on other backends. The shapes are in parity_tables.h. */
#ifndef CREAM_TOOLS_PARITY_CASES_H
#define CREAM_TOOLS_PARITY_CASES_H

#include "core/base/hash.h"
#include "parity_ops.h"

#define EXACT 1e-5f /* elementwise */
#define SUM   1e-4f /* reductions */

/* What a case has; all else is absent. */
enum {
  MAP = 1 << 0,      /* scale, shift and an activation on x */
  GATE = 1 << 1,     /* gate on x; with RESIDUAL: on the sink's node */
  BIAS = 1 << 2,     /* on the convolution */
  BN = 1 << 3,       /* after the convolution; backward: of the sink's node */
  ADD = 1 << 4,      /* sink.add */
  IN_PLACE = 1 << 5, /* sink.add is sink.g */
  RESIDUAL = 1 << 6, /* sink.node is not x */
  VALUE = 1 << 7,    /* dy is CREAM_GRAD_VALUE, y has a map */
  POOL = 1 << 8,     /* dy has pool and y a gate */
  NO_G = 1 << 9,     /* dy is pool alone */
  AFFINE = 1 << 10,  /* dy has a, b, c */
  NO_SINK = 1 << 11, /* the input's gradient is not computed */
  SAME = 1 << 12,    /* TensorFlow's padding */
};

typedef struct shape {
  int n, h, w, cin, cout, kernel, stride, dilation;
} shape;

typedef struct variant {
  unsigned flags;
  cream_act act;
  cream_bn_mode mode;
} variant;

typedef struct op_case {
  shape shape;
  bool depthwise;
  variant variant;
} op_case;

typedef void run_case(ops *, const op_case *);

/* ---- inputs ---------------------------------------------------------------------------------------- */

/* A batch norm whose forward has run. */
static cream_bn random_bn(ops *o, int channels) {
  size_t c = (size_t)channels;
  float *gamma = ops_random(o, c, 0.5f, 1.5f), *beta = ops_random(o, c, -0.5f, 0.5f);
  float *mean = ops_random(o, c, -0.5f, 0.5f), *invstd = ops_random(o, c, 0.5f, 2.0f);
  float *scale = ops_host(c), *shift = ops_host(c);
  for (size_t i = 0; i < c; i++) {
    scale[i] = gamma[i] * invstd[i];
    shift[i] = beta[i] - mean[i] * scale[i];
  }
  cream_bn bn = {
      .gamma = ops_block_of(o, NULL, gamma, c, 0),
      .beta = ops_block_of(o, NULL, beta, c, 0),
      .mean = ops_block_of(o, NULL, mean, c, 0),
      .invstd = ops_block_of(o, NULL, invstd, c, 0),
      .scale = ops_block_of(o, NULL, scale, c, 0),
      .shift = ops_block_of(o, NULL, shift, c, 0),
      .eps = 1e-5f,
  };
  float *owned[] = {gamma, beta, mean, invstd, scale, shift};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  return bn;
}

/* What the op that completes the sums of dz writes. */
static void expect_bn_gradients(ops *o, cream_bn *bn, int channels) {
  size_t c = (size_t)channels;
  bn->dgamma = ops_output(o, "dgamma", c, SUM);
  bn->dbeta = ops_output(o, "dbeta", c, SUM);
  bn->a = ops_output(o, "a", c, SUM);
  bn->b = ops_output(o, "b", c, SUM);
  bn->c = ops_output(o, "c", c, SUM);
}

static cream_tensor random_tensor(ops *o, int n, int h, int w, int c) {
  cream_tensor t = {.n = n, .h = h, .w = w, .c = c};
  t.raw = ops_activation(o, NULL, &t, -2.0f, 2.0f, 0.0f);
  return t;
}

static void add_map(cream_tensor *t, const cream_bn *bn, cream_act act) {
  t->scale = bn->scale;
  t->shift = bn->shift;
  t->act = act;
}

static cream_buf random_image(ops *o, const cream_tensor *t, float low, float high) {
  return ops_input(o, (size_t)t->n * (size_t)t->c, low, high);
}

static size_t weight_count(const cream_conv *conv) {
  return (size_t)conv->cout * (size_t)(conv->depthwise ? 1 : conv->cin) *
         (size_t)(conv->kernel * conv->kernel);
}

static cream_conv random_conv(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  cream_conv conv = {
      .cin = s->cin,
      .cout = in->depthwise ? s->cin : s->cout,
      .kernel = s->kernel,
      .stride = s->stride,
      .dilation = s->dilation,
      .pad = s->dilation * (s->kernel / 2),
      .padding = in->variant.flags & SAME ? CREAM_PADDING_SAME : CREAM_PADDING_SYMMETRIC,
      .depthwise = in->depthwise,
  };
  conv.weight = ops_weights(o, weight_count(&conv));
  if (in->variant.flags & BIAS) conv.bias = ops_input(o, (size_t)conv.cout, -1.0f, 1.0f);
  ops_reserve(o, &conv, s->n, s->h, s->w);
  return conv;
}

/* ---- cases ----------------------------------------------------------------------------------------- */

static void run_conv_forward(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  unsigned flags = in->variant.flags;
  cream_conv conv = random_conv(o, in);
  cream_tensor x = random_tensor(o, s->n, s->h, s->w, s->cin);
  if (flags & MAP) {
    cream_bn before = random_bn(o, s->cin);
    add_map(&x, &before, in->variant.act);
  }
  if (flags & GATE) x.gate = random_image(o, &x, 0.0f, 1.0f);
  cream_tensor y = {.n = s->n, .h = cream_conv_out(&conv, s->h), .w = cream_conv_out(&conv, s->w)};
  y.c = conv.cout;
  y.raw = ops_activation(o, "y", &y, 0.0f, 0.0f, SUM);
  size_t c = (size_t)conv.cout;
  cream_bn bn = {.eps = 1e-3f};
  if (flags & BN) {
    bn.gamma = ops_input(o, c, 0.5f, 1.5f);
    bn.beta = ops_input(o, c, -0.5f, 0.5f);
    bn.running_mean = ops_inout(o, "running_mean", c, -0.5f, 0.5f, SUM);
    bn.running_var = ops_inout(o, "running_var", c, 0.5f, 1.5f, SUM);
    bn.scale = ops_output(o, "scale", c, SUM);
    bn.shift = ops_output(o, "shift", c, SUM);
    if (in->variant.mode != CREAM_BN_RUNNING) {
      bn.mean = ops_output(o, "mean", c, SUM);
      bn.invstd = ops_output(o, "invstd", c, SUM);
    }
  }
  o->backend->conv_forward(o->backend, &conv, &x, flags & BN ? &bn : NULL, in->variant.mode, 0.1f, &y);
}

static void run_conv_backward(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  unsigned flags = in->variant.flags;
  cream_conv conv = random_conv(o, in);
  conv.dweight = ops_output(o, "dweight", weight_count(&conv), SUM);
  if (flags & BIAS) conv.dbias = ops_output(o, "dbias", (size_t)conv.cout, SUM);

  cream_tensor x = random_tensor(o, s->n, s->h, s->w, s->cin);
  cream_bn before = random_bn(o, s->cin);
  if (flags & MAP) add_map(&x, &before, in->variant.act);
  if ((flags & GATE) && !(flags & RESIDUAL)) x.gate = random_image(o, &x, 0.0f, 1.0f);

  cream_tensor y =
      random_tensor(o, s->n, cream_conv_out(&conv, s->h), cream_conv_out(&conv, s->w), conv.cout);
  cream_grad dy = {.kind = flags & VALUE ? CREAM_GRAD_VALUE : CREAM_GRAD_Z};
  if (flags & VALUE) {
    cream_bn after = random_bn(o, conv.cout);
    add_map(&y, &after, in->variant.act);
  }
  if (flags & POOL) {
    dy.pool = random_image(o, &y, -0.5f, 0.5f);
    y.gate = random_image(o, &y, 0.0f, 1.0f);
  }
  if (!(flags & NO_G)) dy.g = ops_activation(o, NULL, &y, -1.0f, 1.0f, 0.0f);
  if (flags & AFFINE) {
    dy.a = ops_input(o, (size_t)y.c, 0.5f, 1.5f);
    dy.b = ops_input(o, (size_t)y.c, -0.1f, 0.1f);
    dy.c = ops_input(o, (size_t)y.c, -0.1f, 0.1f);
  }

  cream_sink sink = {.node = &x};
  cream_tensor last = x;
  if (flags & RESIDUAL) {
    last = random_tensor(o, x.n, x.h, x.w, x.c);
    if (flags & BN) add_map(&last, &before, CREAM_ACT_NONE);
    if (flags & GATE) last.gate = random_image(o, &last, 0.0f, 1.0f);
    sink.node = &last;
  }
  if (!(flags & NO_SINK)) {
    if (flags & IN_PLACE) {
      sink.add = sink.g = ops_activation(o, "g", &x, -1.0f, 1.0f, SUM);
    } else {
      sink.g = ops_activation(o, "g", &x, 0.0f, 0.0f, SUM);
      if (flags & ADD) sink.add = ops_activation(o, NULL, &x, -1.0f, 1.0f, 0.0f);
    }
    if (flags & BN) {
      sink.bn = &before;
      if (flags & GATE)
        sink.gate_sums = ops_output(o, "gate_sums", (size_t)x.n * 5 * (size_t)x.c, SUM);
      else
        expect_bn_gradients(o, &before, x.c);
    }
  }
  o->backend->conv_backward(o->backend, &conv, &x, &y, &dy, &sink);
}

/* An activation and its derivative where both change: raw values between -9 and 9, without batch norm. */
static void run_act(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  cream_conv conv = random_conv(o, in);
  conv.dweight = ops_output(o, "dweight", weight_count(&conv), SUM);
  cream_tensor x = {.n = s->n, .h = s->h, .w = s->w, .c = s->cin, .act = in->variant.act}, y = x;
  y.c = conv.cout;
  y.act = CREAM_ACT_NONE;
  x.raw = ops_activation(o, NULL, &x, -9.0f, 9.0f, 0.0f);
  y.raw = ops_activation(o, "y", &y, 0.0f, 0.0f, SUM);
  cream_grad dy = {.kind = CREAM_GRAD_Z, .g = ops_activation(o, NULL, &y, -1.0f, 1.0f, 0.0f)};
  cream_sink sink = {.node = &x, .g = ops_activation(o, "g", &x, 0.0f, 0.0f, SUM)};
  o->backend->conv_forward(o->backend, &conv, &x, NULL, CREAM_BN_TRAIN, 0.1f, &y);
  o->backend->conv_backward(o->backend, &conv, &x, &y, &dy, &sink);
}

/* x of `in` with batch norm and activation, workspace as for the convolution that made it. */
static cream_tensor random_stage(ops *o, const op_case *in, cream_bn *bn) {
  const shape *s = &in->shape;
  random_conv(o, in);
  cream_tensor x = random_tensor(o, s->n, s->h, s->w, s->cin);
  *bn = random_bn(o, s->cin);
  if (in->variant.flags & MAP) add_map(&x, bn, in->variant.act);
  return x;
}

static cream_se random_se(ops *o, const op_case *in) {
  size_t c = (size_t)in->shape.cin, r = (c + 3) / 4;
  return (cream_se){
      .c = (int)c,
      .r = (int)r,
      .act = in->variant.act,
      .gate_act = in->variant.act == CREAM_ACT_SWISH ? CREAM_ACT_SIGMOID : CREAM_ACT_HARD_SIGMOID,
      .w1 = ops_input(o, r * c, -0.3f, 0.3f),
      .b1 = ops_input(o, r, -0.5f, 0.5f),
      .w2 = ops_input(o, c * r, -0.3f, 0.3f),
      .b2 = ops_input(o, c, -0.5f, 0.5f),
  };
}

static void run_se_forward(ops *o, const op_case *in) {
  cream_bn bn;
  cream_tensor x = random_stage(o, in, &bn);
  cream_se se = random_se(o, in);
  size_t n = (size_t)x.n;
  se.pooled = ops_output(o, "pooled", n * (size_t)se.c, SUM);
  se.hidden = ops_output(o, "hidden", n * (size_t)se.r, SUM);
  se.gate_z = ops_output(o, "gate_z", n * (size_t)se.c, SUM);
  se.gate = ops_output(o, "gate", n * (size_t)se.c, SUM);
  o->backend->se_forward(o->backend, &se, &x);
}

static void run_se_backward(ops *o, const op_case *in) {
  cream_bn bn;
  cream_tensor x = random_stage(o, in, &bn);
  expect_bn_gradients(o, &bn, x.c);
  cream_se se = random_se(o, in);
  size_t n = (size_t)x.n, c = (size_t)se.c, r = (size_t)se.r;
  se.pooled = ops_input(o, n * c, -1.0f, 1.0f);
  se.hidden = ops_input(o, n * r, -2.0f, 2.0f);
  se.gate_z = ops_input(o, n * c, -4.0f, 4.0f);
  se.gate = ops_input(o, n * c, 0.0f, 1.0f);
  se.dw1 = ops_output(o, "dw1", r * c, SUM);
  se.db1 = ops_output(o, "db1", r, SUM);
  se.dw2 = ops_output(o, "dw2", c * r, SUM);
  se.db2 = ops_output(o, "db2", c, SUM);
  cream_buf sums = ops_input(o, n * 5 * c, -3.0f, 3.0f);
  o->backend->se_backward(o->backend, &se, &x, sums, &bn, ops_output(o, "pool", n * c, SUM));
}

static void run_pool_forward(ops *o, const op_case *in) {
  cream_bn bn;
  cream_tensor x = random_stage(o, in, &bn);
  o->backend->pool_forward(o->backend, &x, ops_output(o, "out", (size_t)x.n * (size_t)x.c, SUM));
}

static void run_pool_backward(ops *o, const op_case *in) {
  cream_bn bn;
  cream_tensor x = random_stage(o, in, &bn);
  expect_bn_gradients(o, &bn, x.c);
  size_t count = (size_t)x.n * (size_t)x.c;
  cream_buf pool, dout;
  if (in->variant.flags & IN_PLACE) {
    pool = dout = ops_inout(o, "pool", count, -1.0f, 1.0f, EXACT);
  } else {
    pool = ops_output(o, "pool", count, EXACT);
    dout = ops_input(o, count, -1.0f, 1.0f);
  }
  o->backend->pool_backward(o->backend, &x, dout, &bn, pool);
}

static void run_add(ops *o, const op_case *in) {
  cream_bn bn, other;
  cream_tensor a = random_stage(o, in, &bn);
  cream_tensor b = random_stage(o, in, &other);
  if (in->variant.flags & RESIDUAL) b.scale = b.shift = CREAM_NO_BUF, b.act = CREAM_ACT_NONE;
  if (in->variant.flags & GATE) a.gate = random_image(o, &a, 0.0f, 1.0f);
  cream_tensor out = {.n = a.n, .h = a.h, .w = a.w, .c = a.c};
  out.raw = ops_activation(o, "out", &out, 0.0f, 0.0f, EXACT);
  o->backend->add_forward(o->backend, &a, &b, &out);
}

/* n*h*w images, cin + 1 classes. */
static void run_loss(ops *o, const op_case *in) {
  int n = in->shape.n * in->shape.h * in->shape.w, k = in->shape.cin + 1;
  op_case linear = {.shape = {n, 1, 1, k, k, 1, 1, 1}};
  random_conv(o, &linear);
  size_t count = (size_t)n * (size_t)k;
  cream_buf logits = ops_input(o, count, -6.0f, 6.0f), target = ops_input(o, count, -3.0f, 3.0f);
  cream_buf soft = ops_output(o, "softmax", count, EXACT);
  o->backend->softmax(o->backend, target, n, k, soft);
  int32_t *labels = malloc((size_t)n * sizeof *labels);
  assert_non_null(labels);
  for (int i = 0; i < n; i++) labels[i] = (int32_t)cream_rng_below(&o->rng, (uint32_t)k);
  cream_loss loss = {.hard = 0.7f, .smoothing = in->variant.flags & BIAS ? 0.1f : 0.0f};
  loss.labels = ops_input(o, (size_t)n, 0.0f, 1.0f);
  o->backend->upload(o->backend, loss.labels, labels, (size_t)n);
  free(labels);
  if (in->variant.flags & GATE) {
    loss.soft = 0.6f;
    loss.target = soft;
  }
  cream_buf dlogits = in->variant.flags & NO_SINK ? CREAM_NO_BUF : ops_output(o, "dlogits", count, EXACT);
  cream_buf result = ops_output(o, "result", 4, EXACT);
  o->backend->loss(o->backend, &loss, logits, n, k, dlogits, result);
}

/* x[i] of a fusion: of the result's size, half of it, about twice it. */
static cream_tensor random_fused(ops *o, const op_case *in, int i, cream_bn *bn) {
  const shape *s = &in->shape;
  const int h[] = {s->h, (s->h + 1) / 2, 2 * s->h - s->h % 2}, w[] = {s->w, (s->w + 1) / 2, 2 * s->w - 1};
  op_case one = *in;
  one.shape.h = h[i];
  one.shape.w = w[i];
  return random_stage(o, &one, bn);
}

/* BIAS: weights, the second of them negative; then x[1] has no gradient. */
static void run_fuse(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  const unsigned flags = in->variant.flags;
  cream_fuse fuse = {.n = flags & GATE ? 1 : CREAM_FUSE_MAX};
  cream_bn bn[CREAM_FUSE_MAX];
  cream_sink sinks[CREAM_FUSE_MAX] = {{.g = CREAM_NO_BUF}};
  cream_tensor nodes[CREAM_FUSE_MAX], out = {.n = s->n, .h = s->h, .w = s->w, .c = s->cin};
  for (int i = 0; i < fuse.n; i++) {
    const int kind = flags & GATE ? 2 : i;
    fuse.x[i] = random_fused(o, in, kind, &bn[i]);
    nodes[i] = fuse.x[i];
    sinks[i].node = &nodes[i];
    if ((flags & BIAS) && i == 1) continue;
    if (flags & IN_PLACE)
      sinks[i].add = sinks[i].g = ops_inout(o, "g", ops_size(&nodes[i]), -1.0f, 1.0f, SUM);
    else
      sinks[i].g = ops_output(o, "g", ops_size(&nodes[i]), SUM);
    if (flags & ADD) sinks[i].add = ops_input(o, ops_size(&nodes[i]), -1.0f, 1.0f);
    if (flags & RESIDUAL) nodes[i].scale = nodes[i].shift = CREAM_NO_BUF, nodes[i].act = CREAM_ACT_NONE;
    if (!(flags & BN)) continue;
    sinks[i].bn = &bn[i];
    expect_bn_gradients(o, &bn[i], s->cin);
  }
  if (flags & BIAS) {
    float weights[CREAM_FUSE_MAX] = {0.8f, -0.3f, 1.7f};
    fuse.weight = ops_block_of(o, NULL, weights, (size_t)fuse.n, 0);
    fuse.dweight = ops_output(o, "dweight", (size_t)fuse.n, SUM);
  }
  out.raw = ops_output(o, "out", ops_size(&out), SUM);
  o->backend->fuse_forward(o->backend, &fuse, &out);
  o->backend->fuse_backward(o->backend, &fuse, &out, ops_input(o, ops_size(&out), -1.0f, 1.0f), sinks);
}

/* 9 anchors a pixel, cin classes; about one in 8 is foreground, one in 8 ignored. MAP: gamma 1.5; BIAS: smooth L1. */
static void run_box_loss(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  const size_t entries = 9 * (size_t)s->n * (size_t)s->h * (size_t)s->w;
  const int classes = s->cin;
  random_conv(o, in);
  int32_t *labels = malloc(entries * sizeof *labels);
  assert_non_null(labels);
  float *targets = ops_random(o, entries * 5, -2.0f, 2.0f);
  for (size_t e = 0; e < entries; e++) {
    const uint32_t draw = cream_rng_below(&o->rng, 8);
    labels[e] = draw == 0 ? (int32_t)cream_rng_below(&o->rng, (uint32_t)classes) : -1;
    targets[e * 5 + 4] = draw == 1 ? 0 : 0.1f;
  }
  cream_box_loss terms = {.alpha = 0.25f,
                          .gamma = in->variant.flags & MAP ? 1.5f : 2.0f,
                          .beta = in->variant.flags & BIAS ? 0.4f : 0.0f,
                          .box = 1.3f,
                          .labels = ops_input(o, entries, 0.0f, 1.0f),
                          .targets = ops_block_of(o, NULL, targets, entries * 5, 0)};
  o->backend->upload(o->backend, terms.labels, labels, entries);
  free(labels);
  free(targets);
  cream_buf logits = ops_input(o, entries * (size_t)classes, -8.0f, 8.0f),
            deltas = ops_input(o, entries * 4, -2.0f, 2.0f), dlogits = CREAM_NO_BUF, ddeltas = CREAM_NO_BUF;
  if (!(in->variant.flags & NO_SINK)) {
    dlogits = ops_output(o, "dlogits", entries * (size_t)classes, EXACT);
    ddeltas = ops_output(o, "ddeltas", entries * 4, EXACT);
  }
  o->backend->box_loss(o->backend, &terms, logits, deltas, entries, classes, dlogits, ddeltas,
                       ops_output(o, "result", 4, EXACT));
}

static void run_flat(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  random_conv(o, in);
  size_t count = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->cin;
  cream_buf x = ops_input(o, count, -1.0f, 1.0f), y = ops_input(o, count, -1.0f, 1.0f);
  cream_backend *be = o->backend;
  be->fill(be, ops_output(o, "fill", count, 0.0f), count, 0.3f);
  be->copy(be, ops_output(o, "copy", count, 0.0f), x, count);
  be->axpy(be, ops_inout(o, "axpy", count, -1.0f, 1.0f, EXACT), 0.37f, x, count);
  be->dot(be, x, x, count, ops_output(o, "square", 1, SUM));
  cream_buf pair = ops_output(o, "dot", 2, SUM);
  be->dot(be, x, y, count, pair);
  be->dot(be, y, y, count, cream_buf_at(pair, 1));
  be->dropout_gate(be, ops_output(o, "gate", count, 0.0f), count, 0.3f, 11, 5);
  int entries = s->n, len = (int)(count / (size_t)entries);
  be->match(be, x, y, ops_input(o, (size_t)len + 1, -1.0f, 1.0f), entries, len,
            ops_output(o, "diff", count, EXACT), ops_output(o, "scores", (size_t)entries, SUM));
}

static void run_optim(ops *o, const op_case *in) {
  const shape *s = &in->shape;
  random_conv(o, in);
  size_t count = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->cin, half = count / 2;
  unsigned flags = in->variant.flags;
  cream_optim_kind square =
      flags & BIAS ? (flags & MAP ? CREAM_OPTIM_ADAMW : CREAM_OPTIM_ADAM) : CREAM_OPTIM_RMSPROP_TF;
  cream_optim optim = {.kind = flags & VALUE ? square : CREAM_OPTIM_SGD,
                       .lr = 0.1f,
                       .momentum = 0.9f,
                       .weight_decay = 0.01f,
                       .alpha = 0.9f,
                       .eps = 1e-3f,
                       .ema_decay = 0.99f,
                       .nesterov = flags & MAP,
                       .step = 3};
  /* Slices in another order than the gradients, with a gap between them. */
  size_t gap = 5;
  cream_slice slices[2] = {{half + gap, 0, count - half, true}, {0, count - half, half, false}};
  size_t total = count + gap;
  cream_blocks blocks = {.w = ops_inout(o, "w", total, -1.0f, 1.0f, EXACT),
                         .g = ops_input(o, count, -1.0f, 1.0f)};
  if (!(flags & NO_G)) blocks.m = ops_inout(o, "m", total, -1.0f, 1.0f, EXACT);
  if (flags & VALUE) blocks.v = ops_inout(o, "v", total, 0.1f, 1.0f, EXACT);
  if (flags & ADD) blocks.ema = ops_inout(o, "ema", total, -1.0f, 1.0f, EXACT);
  o->backend->optim_step(o->backend, &optim, slices, 2, &blocks);
}

/* ---- comparison ------------------------------------------------------------------------------------ */

typedef struct machine {
  char name[32];
  cream_backend *backend;
  bool leads;  /* false: its results equal those of the machine before, bit for bit */
  int repeats; /* runs of a case, all the same bit for bit */
} machine;

enum { MACHINES = 16, WHAT = 768 };
static machine machines[MACHINES];
static int machine_count;
static int machine_step = 1; /* a test may take every other machine */
static cream_backend *oracle;
static bool parity_rounded;                      /* activations have values of bfloat16 */
static uint64_t parity_hash = CREAM_FNV1A_START; /* of all that the first machine wrote */

static void add_machine(const char *name, cream_backend *backend, bool leads, int repeats) {
  assert_true(machine_count < MACHINES);
  machine *m = &machines[machine_count++];
  *m = (machine){.backend = backend, .leads = leads, .repeats = repeats};
  snprintf(m->name, sizeof m->name, "%.30s:", name);
}

#ifndef PARITY_IN_PROGRAM /* where the machines are the caller's */
static int close_machines(void **state) {
  (void)state;
  oracle->destroy(oracle);
  for (int m = 0; m < machine_count; m++) machines[m].backend->destroy(machines[m].backend);
  return 0;
}
#endif

static void describe(char text[WHAT], const op_case *in, const char *where) {
  const shape *s = &in->shape;
  snprintf(text, WHAT, "%.31s %dx%dx%dx%d -> %d%s k%d s%d d%d flags %#x act %d mode %d", where, s->n, s->h,
           s->w, s->cin, s->cout, in->depthwise ? " (depthwise)" : "", s->kernel, s->stride, s->dilation,
           in->variant.flags, (int)in->variant.act, (int)in->variant.mode);
}

/* The error, relative to the largest value, that operands of products may cause: a backend that stores bfloat16 rounds those of 1x1
 * convolutions to it, and the oracle does not; without maps and pending gradients they are bfloat16's already. */
static float rounding_of(run_case *run, const op_case *in) {
  enum { MAPPED = MAP | GATE | VALUE | POOL | AFFINE };
  const shape *s = &in->shape;
  const bool conv = run == run_conv_forward || run == run_conv_backward || run == run_act;
  const bool narrow = parity_rounded && s->cin > 4 && s->h * s->w > 1;
  if (!narrow || !conv || in->depthwise || s->kernel != 1 || s->stride != 1) return 0;
  return run == run_act || in->variant.flags & MAPPED ? 6e-3f : 0;
}

static void compare(const char *what, const ops_block *block, float rounding, const float *expected,
                    const float *got) {
  double top = 0.0, worst = 0.0;
  size_t at = 0;
  for (size_t i = 0; i < block->count; i++) {
    double error = fabs((double)got[i] - expected[i]);
    if (block->rounded)
      error = fmax(error - fabs(expected[i]) / 256, 0); /* half a unit in the last place of 8 bits */
    if (isnan(expected[i])) fail_msg("%s: %s[%zu] was not written by the oracle", what, block->name, i);
    if (isnan(got[i]))
      fail_msg("%s: %s[%zu] is not a number, expected %g", what, block->name, i, expected[i]);
    if (error > worst) worst = error, at = i;
    top = fmax(top, fabs(expected[i]));
  }
  if (worst > fmax(block->tolerance, rounding) * top)
    fail_msg("%s: %s[%zu of %zu] = %.9g, expected %.9g; error %.2e of the largest", what, block->name, at,
             block->count, got[at], expected[at], worst / top);
}

/* Runs one case on the oracle, then on every machine. */
static void check_case(run_case *run, const op_case *in, uint64_t seed) {
  ops expected = ops_open(oracle, seed);
  expected.rounded = parity_rounded;
  run(&expected, in);
  float *wanted[OPS_BLOCKS], *first[OPS_BLOCKS] = {NULL};
  for (int i = 0; i < expected.count; i++) wanted[i] = ops_values(&expected, &expected.blocks[i]);
  for (int m = 0; m < machine_count; m += machine_step) {
    char what[WHAT];
    describe(what, in, machines[m].name);
    for (int repeat = 0; repeat < machines[m].repeats; repeat++) {
      ops got = ops_open(machines[m].backend, seed);
      got.rounded = parity_rounded;
      run(&got, in);
      assert_int_equal(got.count, expected.count);
      for (int i = 0; i < got.count; i++) {
        float *values = ops_values(&got, &got.blocks[i]);
        const ops_block *block = &expected.blocks[i];
        if (block->name)
          compare(what, block, rounding_of(run, in), wanted[i], values);
        else if (memcmp(values, wanted[i], block->count * sizeof *values) != 0)
          fail_msg("%s: input %d was changed", what, i);
        if (m == 0 && repeat == 0)
          parity_hash = cream_fnv1a(parity_hash, values, block->count * sizeof *values);
        if (machines[m].leads && repeat == 0) {
          free(first[i]);
          first[i] = values;
          continue;
        }
        if (memcmp(first[i], values, block->count * sizeof *values) != 0)
          fail_msg("%s: %s differs from the run before", what, block->name);
        free(values);
      }
      ops_close(&got);
    }
  }
  for (int i = 0; i < expected.count; i++) {
    free(wanted[i]);
    free(first[i]);
  }
  ops_close(&expected);
}

#endif
