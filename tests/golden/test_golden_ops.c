/* The ops of core/backend.h against PyTorch's autograd in double precision (ops.safetensors, README.md), by
 * the plain kernels and by the tuned ones of every instruction set that this machine has. An argument is a
 * filter on test names, as in `test_golden_ops '*dw_k5*'`.
 */
#include "golden.h"

/* Largest |got - want| / |want|, both norms over the whole tensor. */
#define FORWARD  2e-6
#define GRADIENT 5e-5

/* The gradient of a convolution's output with batch norm. */
static cream_grad bn_grad(const cream_bn *bn, cream_grad_kind kind, cream_buf g, cream_buf pool) {
  return (cream_grad){.kind = kind, .g = g, .pool = pool, .a = bn->a, .b = bn->b, .c = bn->c};
}

/* ---- convolutions, batch norm, activations, squeeze-excite, pooling ------------------------------------ */

/* One convolution of a chain with its batch norm and their outputs. */
typedef struct layer {
  const char *name;
  cream_conv conv;
  cream_bn bn;
  cream_tensor y;
} layer;

static cream_bn golden_bn(golden_ops *g, const char *name, size_t c, bool statistics) {
  cream_bn bn = {
      .gamma = golden_input(g, "%s.gamma", name), .beta = golden_input(g, "%s.beta", name), .eps = 1e-5f};
  cream_buf *made[] = {&bn.dgamma, &bn.dbeta, &bn.mean, &bn.invstd, &bn.scale,
                       &bn.shift,  &bn.a,     &bn.b,    &bn.c};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) *made[i] = golden_output(g, c);
  bn.running_mean = statistics ? golden_input(g, "%s.running_mean", name) : golden_output(g, c);
  bn.running_var = statistics ? golden_input(g, "%s.running_var", name) : golden_output(g, c);
  return bn;
}

static layer golden_layer(golden_ops *g, const char *name, const cream_conv *conv, cream_act act,
                          const cream_tensor *x, bool statistics) {
  layer l = {.name = name, .conv = *conv};
  size_t cout = (size_t)conv->cout;
  size_t weights = cout * (size_t)(conv->depthwise ? 1 : conv->cin) * (size_t)(conv->kernel * conv->kernel);
  l.conv.weight = golden_input(g, "%s.weight", name);
  l.conv.dweight = golden_output(g, weights);
  l.bn = golden_bn(g, name, cout, statistics);
  l.y = golden_tensor(g, x->n, cream_conv_out(conv, x->h), cream_conv_out(conv, x->w), conv->cout);
  l.y.scale = l.bn.scale;
  l.y.shift = l.bn.shift;
  l.y.act = act;
  ops_reserve(&g->ops, conv, x->n, x->h, x->w);
  return l;
}

static layer read_layer(golden_ops *g, const char *name, cream_act act, const cream_tensor *x) {
  const float *s = golden_get(g, 7, "%s.shape", name);
  cream_conv conv = {.cin = (int)s[0],
                     .cout = (int)s[1],
                     .kernel = (int)s[2],
                     .stride = (int)s[3],
                     .pad = (int)s[4],
                     .dilation = (int)s[5],
                     .depthwise = s[6] != 0};
  return golden_layer(g, name, &conv, act, x, true);
}

static void expect_layer_gradients(golden_ops *g, const layer *l) {
  golden_expect(g, l->conv.dweight, GRADIENT, "grad.%s.weight", l->name);
  golden_expect(g, l->bn.dgamma, GRADIENT, "grad.%s.gamma", l->name);
  golden_expect(g, l->bn.dbeta, GRADIENT, "grad.%s.beta", l->name);
}

static void expect_statistics(golden_ops *g, const layer *l, const char *prefix) {
  golden_expect(g, l->bn.running_mean, FORWARD, "%s%s.running_mean", prefix, l->name);
  golden_expect(g, l->bn.running_var, FORWARD, "%s%s.running_var", prefix, l->name);
}

static cream_se read_se(golden_ops *g, const cream_tensor *x) {
  const float *s = golden_get(g, 3, "se.shape");
  size_t n = (size_t)x->n, c = (size_t)x->c, r = (size_t)s[0];
  return (cream_se){.c = x->c,
                    .r = (int)r,
                    .act = (cream_act)s[1],
                    .gate_act = (cream_act)s[2],
                    .w1 = golden_input(g, "se.w1"),
                    .b1 = golden_input(g, "se.b1"),
                    .w2 = golden_input(g, "se.w2"),
                    .b2 = golden_input(g, "se.b2"),
                    .dw1 = golden_output(g, r * c),
                    .db1 = golden_output(g, r),
                    .dw2 = golden_output(g, r * c),
                    .db2 = golden_output(g, c),
                    .pooled = golden_output(g, n * c),
                    .hidden = golden_output(g, n * r),
                    .gate_z = golden_output(g, n * c),
                    .gate = golden_output(g, n * c)};
}

typedef struct chain {
  cream_tensor x;
  layer first, second;
  cream_se se;
  bool has_se;
  cream_buf pooled;
} chain;

static void chain_forward(golden_ops *g, chain *c, cream_bn_mode mode) {
  cream_backend *backend = g->ops.backend;
  backend->conv_forward(backend, &c->first.conv, &c->x, &c->first.bn, mode, 0.1f, &c->first.y);
  c->first.y.gate = CREAM_NO_BUF;
  if (c->has_se) {
    backend->se_forward(backend, &c->se, &c->first.y);
    c->first.y.gate = c->se.gate;
  }
  backend->conv_forward(backend, &c->second.conv, &c->first.y, &c->second.bn, mode, 0.1f, &c->second.y);
  backend->pool_forward(backend, &c->second.y, c->pooled);
}

static void chain_backward(golden_ops *g, chain *c) {
  cream_backend *backend = g->ops.backend;
  const cream_tensor *y0 = &c->first.y, *y1 = &c->second.y;
  size_t n = (size_t)c->x.n, c0 = (size_t)y0->c;
  cream_buf pool1 = golden_output(g, n * (size_t)y1->c);
  backend->pool_backward(backend, y1, golden_input(g, "dout"), &c->second.bn, pool1);
  cream_grad dy1 = bn_grad(&c->second.bn, CREAM_GRAD_VALUE, CREAM_NO_BUF, pool1);

  cream_sink to_first = {
      .g = golden_tensor(g, y0->n, y0->h, y0->w, y0->c).raw, .node = y0, .bn = &c->first.bn};
  if (c->has_se) to_first.gate_sums = golden_output(g, n * 5 * c0);
  backend->conv_backward(backend, &c->second.conv, y0, y1, &dy1, &to_first);
  cream_grad dy0 = bn_grad(&c->first.bn, CREAM_GRAD_Z, to_first.g, CREAM_NO_BUF);
  if (c->has_se) {
    cream_tensor before_gate = *y0;
    before_gate.gate = CREAM_NO_BUF;
    cream_buf pool0 = golden_output(g, n * c0);
    backend->se_backward(backend, &c->se, &before_gate, to_first.gate_sums, &c->first.bn, pool0);
    dy0 = bn_grad(&c->first.bn, CREAM_GRAD_VALUE, to_first.g, pool0);
  }

  cream_tensor dx = golden_tensor(g, c->x.n, c->x.h, c->x.w, c->x.c);
  backend->conv_backward(backend, &c->first.conv, &c->x, y0, &dy0, &(cream_sink){.g = dx.raw, .node = &c->x});
  golden_expect_tensor(g, &dx, GRADIENT, "grad.x");
  expect_layer_gradients(g, &c->first);
  expect_layer_gradients(g, &c->second);
  if (c->has_se) {
    golden_expect(g, c->se.dw1, GRADIENT, "grad.se.w1");
    golden_expect(g, c->se.db1, GRADIENT, "grad.se.b1");
    golden_expect(g, c->se.dw2, GRADIENT, "grad.se.w2");
    golden_expect(g, c->se.db2, GRADIENT, "grad.se.b2");
  }

  c->first.conv.dweight = golden_output(g, golden_count(g, "grad.conv0.weight"));
  backend->conv_backward(backend, &c->first.conv, &c->x, y0, &dy0, &(cream_sink){.node = &c->x});
  golden_expect(g, c->first.conv.dweight, GRADIENT, "grad.conv0.weight");
}

static void test_chain(golden_ops *g) {
  const float *size = golden_get(g, 3, "size"), *acts = golden_get(g, 2, "acts");
  chain c = {.x = golden_tensor_input(g, (int)size[0], (int)size[1], (int)size[2], "x")};
  c.first = read_layer(g, "conv0", (cream_act)acts[0], &c.x);
  c.has_se = golden_has(g, "se.shape");
  if (c.has_se) c.se = read_se(g, &c.first.y);
  c.second = read_layer(g, "conv1", (cream_act)acts[1], &c.first.y);
  c.pooled = golden_output(g, (size_t)c.x.n * (size_t)c.second.y.c);

  chain_forward(g, &c, CREAM_BN_RUNNING);
  golden_expect(g, c.pooled, FORWARD, "eval.pooled");
  chain_forward(g, &c, CREAM_BN_BATCH);
  golden_expect(g, c.pooled, FORWARD, "train.pooled");
  expect_statistics(g, &c.first, "");
  expect_statistics(g, &c.second, "");
  chain_forward(g, &c, CREAM_BN_TRAIN);
  golden_expect_tensor(g, &c.second.y, FORWARD, "train.value");
  golden_expect(g, c.pooled, FORWARD, "train.pooled");
  if (c.has_se) golden_expect(g, c.se.gate, FORWARD, "train.se.gate");
  expect_statistics(g, &c.first, "train.");
  expect_statistics(g, &c.second, "train.");
  chain_backward(g, &c);
}

/* u = swish(bn(conv0 x));  sum = u + bn(conv1 u);  mean of swish(bn(conv2 sum)) over pixels. */
static void test_residual(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  cream_tensor x = golden_tensor_input(g, 2, 5, 7, "x");
  cream_conv conv0 = {.cin = 6, .cout = 11, .kernel = 1, .stride = 1, .dilation = 1};
  cream_conv conv1 = {
      .cin = 11, .cout = 11, .kernel = 3, .stride = 1, .pad = 1, .dilation = 1, .depthwise = true};
  cream_conv conv2 = {.cin = 11, .cout = 7, .kernel = 3, .stride = 1, .pad = 1, .dilation = 1};
  layer l0 = golden_layer(g, "conv0", &conv0, CREAM_ACT_SWISH, &x, false);
  layer l1 = golden_layer(g, "conv1", &conv1, CREAM_ACT_NONE, &l0.y, false);
  layer l2 = golden_layer(g, "conv2", &conv2, CREAM_ACT_SWISH, &l1.y, false);
  cream_tensor sum = golden_tensor(g, 2, 5, 7, 11), dx = golden_tensor(g, 2, 5, 7, 6);
  cream_buf pooled = golden_output(g, 14), pool = golden_output(g, 14);

  backend->conv_forward(backend, &l0.conv, &x, &l0.bn, CREAM_BN_BATCH, 0, &l0.y);
  backend->conv_forward(backend, &l1.conv, &l0.y, &l1.bn, CREAM_BN_BATCH, 0, &l1.y);
  backend->add_forward(backend, &l0.y, &l1.y, &sum);
  backend->conv_forward(backend, &l2.conv, &sum, &l2.bn, CREAM_BN_BATCH, 0, &l2.y);
  backend->pool_forward(backend, &l2.y, pooled);
  golden_expect_tensor(g, &sum, FORWARD, "sum");
  golden_expect(g, pooled, FORWARD, "pooled");

  backend->pool_backward(backend, &l2.y, golden_input(g, "dout"), &l2.bn, pool);
  cream_grad dy2 = bn_grad(&l2.bn, CREAM_GRAD_VALUE, CREAM_NO_BUF, pool);
  cream_sink to_sum = {.g = golden_tensor(g, 2, 5, 7, 11).raw, .node = &l1.y, .bn = &l1.bn};
  backend->conv_backward(backend, &l2.conv, &sum, &l2.y, &dy2, &to_sum);
  cream_grad dy1 = bn_grad(&l1.bn, CREAM_GRAD_Z, to_sum.g, CREAM_NO_BUF);
  cream_sink to_first = {
      .g = golden_tensor(g, 2, 5, 7, 11).raw, .add = to_sum.g, .node = &l0.y, .bn = &l0.bn};
  backend->conv_backward(backend, &l1.conv, &l0.y, &l1.y, &dy1, &to_first);
  cream_grad dy0 = bn_grad(&l0.bn, CREAM_GRAD_Z, to_first.g, CREAM_NO_BUF);
  backend->conv_backward(backend, &l0.conv, &x, &l0.y, &dy0, &(cream_sink){.g = dx.raw, .node = &x});
  golden_expect_tensor(g, &dx, GRADIENT, "grad.x");
  expect_layer_gradients(g, &l0);
  expect_layer_gradients(g, &l1);
  expect_layer_gradients(g, &l2);
}

/* ---- linear layers, losses, the meta network ----------------------------------------------------------- */

static cream_conv read_linear(golden_ops *g, const char *name, int cin, int cout) {
  cream_conv conv = {.cin = cin, .cout = cout, .kernel = 1, .stride = 1, .dilation = 1};
  conv.weight = golden_input(g, "%s.weight", name);
  conv.bias = golden_input(g, "%s.bias", name);
  conv.dweight = golden_output(g, (size_t)cin * (size_t)cout);
  conv.dbias = golden_output(g, (size_t)cout);
  return conv;
}

static void test_head(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  enum { N = 6, C = 19, FEATURES = 37, K = 11 };
  cream_tensor x = golden_tensor_input(g, N, 1, 1, "x");
  cream_conv fc0 = read_linear(g, "fc0", C, FEATURES), fc1 = read_linear(g, "fc1", FEATURES, K);
  cream_tensor y0 = golden_tensor(g, N, 1, 1, FEATURES), logits = golden_tensor(g, N, 1, 1, K);
  y0.act = CREAM_ACT_SWISH;
  ops_reserve(&g->ops, &fc0, N, 1, 1);
  ops_reserve(&g->ops, &fc1, N, 1, 1);
  backend->conv_forward(backend, &fc0, &x, NULL, CREAM_BN_TRAIN, 0, &y0);
  backend->conv_forward(backend, &fc1, &y0, NULL, CREAM_BN_TRAIN, 0, &logits);
  golden_expect_tensor(g, &logits, FORWARD, "logits");

  const float *weights = golden_get(g, 3, "weights"), *y = golden_get(g, N, "labels");
  int32_t labels[N];
  for (int i = 0; i < N; i++) labels[i] = (int32_t)y[i];
  cream_loss loss = {.hard = weights[0], .soft = weights[1], .smoothing = weights[2]};
  loss.labels = golden_output(g, N);
  backend->upload(backend, loss.labels, labels, N);
  loss.target = golden_output(g, (size_t)N * K);
  backend->softmax(backend, golden_input(g, "teacher"), N, K, loss.target);
  golden_expect(g, loss.target, FORWARD, "target");
  cream_buf dlogits = golden_output(g, (size_t)N * K), result = golden_output(g, 4);
  backend->loss(backend, &loss, logits.raw, N, K, dlogits, result);
  golden_expect(g, result, FORWARD, "result");
  golden_expect(g, dlogits, GRADIENT, "grad.logits");

  cream_tensor dx = golden_tensor(g, N, 1, 1, C);
  cream_grad dy1 = {.kind = CREAM_GRAD_Z, .g = dlogits};
  cream_sink to_first = {.g = golden_tensor(g, N, 1, 1, FEATURES).raw, .node = &y0};
  backend->conv_backward(backend, &fc1, &y0, &logits, &dy1, &to_first);
  cream_grad dy0 = {.kind = CREAM_GRAD_Z, .g = to_first.g};
  backend->conv_backward(backend, &fc0, &x, &y0, &dy0, &(cream_sink){.g = dx.raw, .node = &x});
  golden_expect_tensor(g, &dx, GRADIENT, "grad.x");
  golden_expect(g, fc0.dweight, GRADIENT, "grad.fc0.weight");
  golden_expect(g, fc0.dbias, GRADIENT, "grad.fc0.bias");
  golden_expect(g, fc1.dweight, GRADIENT, "grad.fc1.weight");
  golden_expect(g, fc1.dbias, GRADIENT, "grad.fc1.bias");

  loss.soft = 0;
  loss.target = CREAM_NO_BUF;
  backend->loss(backend, &loss, logits.raw, N, K, CREAM_NO_BUF, result);
  const float *want = golden_get(g, 4, "result");
  float *got = ops_download(&g->ops, result, 4);
  assert_float_equal(got[0], weights[0] * want[1], 1e-5f);
  assert_float_equal(got[1], want[1], 1e-5f);
  free(got);
}

static void test_match(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  size_t len = golden_count(g, "theta") - 1, entries = golden_count(g, "scores");
  cream_buf diff = golden_output(g, entries * len), scores = golden_output(g, entries);
  backend->match(backend, golden_input(g, "p"), golden_input(g, "phi"), golden_input(g, "theta"),
                 (int)entries, (int)len, diff, scores);
  golden_expect(g, diff, FORWARD, "diff");
  golden_expect(g, scores, FORWARD, "scores");
}

static void test_pixels(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  enum { N = 2, H = 5, W = 3, COUNT = N * H * W * 3 };
  const float *image = golden_get(g, COUNT, "pixels");
  uint8_t pixels[COUNT];
  for (int i = 0; i < COUNT; i++) pixels[i] = (uint8_t)image[i];
  cream_tensor x = golden_tensor(g, N, H, W, 3);
  backend->upload_pixels(backend, &x, pixels, golden_get(g, 3, "mean"), golden_get(g, 3, "std"));
  golden_expect_tensor(g, &x, FORWARD, "value");
}

/* ---- optimisers ---------------------------------------------------------------------------------------- */

static cream_optim_kind optimiser_of(const golden_ops *g) {
  if (strcmp(g->part, "rmsprop_tf") == 0) return CREAM_OPTIM_RMSPROP_TF;
  if (strcmp(g->part, "adam") == 0) return CREAM_OPTIM_ADAM;
  return strcmp(g->part, "adamw") == 0 ? CREAM_OPTIM_ADAMW : CREAM_OPTIM_SGD;
}

static void test_optimiser(golden_ops *g) {
  cream_backend *backend = g->ops.backend;
  const float *counts = golden_get(g, 2, "counts"), *s = golden_get(g, 5, "settings");
  bool squares = golden_has(g, "v");
  size_t first = (size_t)counts[0], total = first + (size_t)counts[1];
  cream_optim optim = {.kind = optimiser_of(g),
                       .lr = s[0],
                       .momentum = s[1],
                       .weight_decay = s[2],
                       .alpha = s[3],
                       .eps = s[4],
                       .ema_decay = golden_get(g, 1, "ema_decay")[0],
                       .nesterov = strcmp(g->part, "nesterov") == 0};
  cream_slice slices[] = {{0, 0, first, true}, {first, first, total - first, false}};
  cream_blocks blocks = {
      .w = golden_input(g, "w"), .m = golden_output(g, total), .ema = golden_input(g, "w")};
  backend->fill(backend, blocks.m, total, 0);
  if (squares) {
    blocks.v = golden_output(g, total);
    backend->fill(backend, blocks.v, total, optim.kind == CREAM_OPTIM_RMSPROP_TF);
  }
  for (int i = 0; i < 3; i++) {
    blocks.g = golden_input(g, "g%d", i);
    optim.step++;
    backend->optim_step(backend, &optim, slices, 2, &blocks);
    golden_expect(g, blocks.w, FORWARD, "w%d", i);
  }
  golden_expect(g, blocks.m, FORWARD, "m");
  if (squares) golden_expect(g, blocks.v, FORWARD, "v");
  golden_expect(g, blocks.ema, FORWARD, "ema");
}

static const golden_case cases[] = {
    {"stem", "stem", test_chain},
    {"dense_k3", "dense_k3", test_chain},
    {"dense_k3_s2_d2", "dense_k3_s2_d2", test_chain},
    {"pointwise", "pointwise", test_chain},
    {"pointwise_s2", "pointwise_s2", test_chain},
    {"se", "se", test_chain},
    {"se_smooth", "se_smooth", test_chain},
    {"se_depthwise", "se_depthwise", test_chain},
    {"dw_k3_s1_d1", "dw_k3_s1_d1", test_chain},
    {"dw_k3_s1_d2", "dw_k3_s1_d2", test_chain},
    {"dw_k3_s2_d1", "dw_k3_s2_d1", test_chain},
    {"dw_k3_s2_d2", "dw_k3_s2_d2", test_chain},
    {"dw_k5_s1_d1", "dw_k5_s1_d1", test_chain},
    {"dw_k5_s1_d2", "dw_k5_s1_d2", test_chain},
    {"dw_k5_s2_d1", "dw_k5_s2_d1", test_chain},
    {"dw_k5_s2_d2", "dw_k5_s2_d2", test_chain},
    {"dw_k7_s1_d1", "dw_k7_s1_d1", test_chain},
    {"dw_k7_s1_d2", "dw_k7_s1_d2", test_chain},
    {"dw_k7_s2_d1", "dw_k7_s2_d1", test_chain},
    {"dw_k7_s2_d2", "dw_k7_s2_d2", test_chain},
    {"act_none", "act_none", test_chain},
    {"act_relu", "act_relu", test_chain},
    {"act_swish", "act_swish", test_chain},
    {"act_hard_swish", "act_hard_swish", test_chain},
    {"act_sigmoid", "act_sigmoid", test_chain},
    {"act_hard_sigmoid", "act_hard_sigmoid", test_chain},
    {"residual", "residual", test_residual},
    {"head", "head", test_head},
    {"match", "match", test_match},
    {"pixels", "pixels", test_pixels},
    {"sgd", "sgd", test_optimiser},
    {"nesterov", "nesterov", test_optimiser},
    {"rmsprop_tf", "rmsprop_tf", test_optimiser},
    {"adam", "adam", test_optimiser},
    {"adamw", "adamw", test_optimiser},
};

int main(int argc, char **argv) {
  return golden_main("ops.safetensors", cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : NULL);
}
