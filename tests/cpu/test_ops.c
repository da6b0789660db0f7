/* The plain backend's forward ops, losses, optimisers and memory against direct formulas. */
#include "tools/bench/parity_ops.h"

static cream_backend *backend;

static ops open_ops(uint64_t seed) {
  return ops_open(backend, seed);
}

static void close_checked(ops *o) {
  for (int i = 0; i < o->count; i++) free(ops_values(o, &o->blocks[i]));
  ops_close(o);
}

static void assert_close(double got, double expected, double tolerance, const char *what) {
  if (!(fabs(got - expected) <= tolerance * fmax(1.0, fabs(expected))))
    fail_msg("%s: %.9g, expected %.9g", what, got, expected);
}

/* ---- activations ----------------------------------------------------------------------------------- */

static double relu(double z) {
  return fmax(z, 0.0);
}
static double relu6(double z) {
  return fmin(fmax(z, 0.0), 6.0);
}
static double sigmoid(double z) {
  return 1.0 / (1.0 + exp(-z));
}
static double hard_sigmoid(double z) {
  return relu6(z + 3.0) / 6.0;
}
static double swish(double z) {
  return z * sigmoid(z);
}
static double hard_swish(double z) {
  return z * hard_sigmoid(z);
}

/* Formulas independent of core/base/activation.h. An activation without one is compared with its definition
 * there, whose slope test_activation checks. */
static double (*const formulas[CREAM_ACT_COUNT])(double) = {
    [CREAM_ACT_RELU] = relu,       [CREAM_ACT_SWISH] = swish,
    [CREAM_ACT_RELU6] = relu6,     [CREAM_ACT_HARD_SWISH] = hard_swish,
    [CREAM_ACT_SIGMOID] = sigmoid, [CREAM_ACT_HARD_SIGMOID] = hard_sigmoid,
};

static double act(cream_act kind, double z) {
  return formulas[kind] ? formulas[kind](z) : cream_act_value(kind, (float)z);
}

static double act_slope(cream_act kind, double z) {
  const double h = 1e-5;
  if (!formulas[kind]) return cream_act_slope(kind, (float)z);
  return (act(kind, z + h) - act(kind, z - h)) / (2 * h);
}

/* A 1x1 convolution by 1, so that its output is act(z) and its backward gives act'(z). */
static void test_activations(void **state) {
  (void)state;
  enum { POINTS = 97 };
  float z[POINTS], one = 1.0f, ones[POINTS];
  for (int i = 0; i < POINTS; i++) z[i] = ((float)i - 48.0f) * 0.25f + 0.1f, ones[i] = 1.0f;
  for (cream_act kind = CREAM_ACT_NONE; kind < CREAM_ACT_COUNT; kind++) {
    ops o = open_ops(0);
    cream_conv conv = {.cin = 1, .cout = 1, .kernel = 1, .stride = 1, .dilation = 1};
    conv.weight = ops_block_of(&o, NULL, &one, 1, 0);
    conv.dweight = ops_output(&o, "dweight", 1, 0);
    ops_reserve(&o, &conv, 1, 1, POINTS);
    cream_tensor x = {.n = 1, .h = 1, .w = POINTS, .c = 1, .act = kind}, y = x;
    x.raw = ops_block_of(&o, NULL, z, POINTS, 0);
    y.raw = ops_output(&o, "y", POINTS, 0);
    cream_grad dy = {.kind = CREAM_GRAD_Z, .g = ops_block_of(&o, NULL, ones, POINTS, 0)};
    cream_sink sink = {.node = &x, .g = ops_output(&o, "g", POINTS, 0)};
    backend->conv_forward(backend, &conv, &x, NULL, CREAM_BN_TRAIN, 0.1f, &y);
    backend->conv_backward(backend, &conv, &x, &y, &dy, &sink);
    float *value = ops_download(&o, y.raw, POINTS), *slope = ops_download(&o, sink.g, POINTS);
    for (int i = 0; i < POINTS; i++) {
      assert_close(value[i], act(kind, z[i]), 1e-6, "activation");
      assert_close(slope[i], act_slope(kind, z[i]), 1e-5, "slope of an activation");
    }
    free(value);
    free(slope);
    close_checked(&o);
  }
}

/* ---- convolution and batch norm -------------------------------------------------------------------- */

typedef struct host_tensor {
  int n, h, w, c;
  float *raw, *scale, *shift, *gate;
} host_tensor;

/* The value, with swish and gate, at a place that may be padding. */
static double value_at(const host_tensor *t, int n, int y, int x, int c) {
  if (y < 0 || y >= t->h || x < 0 || x >= t->w) return 0.0;
  double z = t->raw[((n * t->h + y) * t->w + x) * t->c + c] * (double)t->scale[c] + t->shift[c];
  return t->gate[n * t->c + c] * act(CREAM_ACT_SWISH, z);
}

static void check_conv(const cream_conv *shape, int n, int h, int w) {
  ops o = open_ops(4);
  cream_conv conv = *shape;
  host_tensor x = {n, h, w, conv.cin, NULL, NULL, NULL, NULL};
  size_t size = (size_t)(n * h * w * conv.cin), channels = (size_t)conv.cin;
  x.raw = ops_random(&o, size, -2.0f, 2.0f);
  x.scale = ops_random(&o, channels, 0.5f, 1.5f);
  x.shift = ops_random(&o, channels, -0.5f, 0.5f);
  x.gate = ops_random(&o, (size_t)n * channels, 0.0f, 1.0f);
  int k = conv.kernel, group = conv.depthwise ? 1 : conv.cin;
  size_t weights = (size_t)(conv.cout * group * k * k);
  float *weight = ops_random(&o, weights, -1.0f, 1.0f), *bias = ops_random(&o, (size_t)conv.cout, -1, 1);
  conv.weight = ops_block_of(&o, NULL, weight, weights, 0);
  conv.bias = ops_block_of(&o, NULL, bias, (size_t)conv.cout, 0);
  cream_tensor in = {.n = n, .h = h, .w = w, .c = conv.cin, .act = CREAM_ACT_SWISH};
  in.raw = ops_block_of(&o, NULL, x.raw, size, 0);
  in.scale = ops_block_of(&o, NULL, x.scale, channels, 0);
  in.shift = ops_block_of(&o, NULL, x.shift, channels, 0);
  in.gate = ops_block_of(&o, NULL, x.gate, (size_t)n * channels, 0);
  cream_tensor out = {.n = n, .h = cream_conv_out(&conv, h), .w = cream_conv_out(&conv, w), .c = conv.cout};
  out.raw = ops_output(&o, "y", ops_size(&out), 0);
  ops_reserve(&o, &conv, n, h, w);
  backend->conv_forward(backend, &conv, &in, NULL, CREAM_BN_TRAIN, 0.1f, &out);

  float *got = ops_download(&o, out.raw, ops_size(&out));
  size_t i = 0;
  for (int b = 0; b < n; b++)
    for (int oy = 0; oy < out.h; oy++)
      for (int ox = 0; ox < out.w; ox++)
        for (int co = 0; co < conv.cout; co++, i++) {
          double sum = bias[co];
          for (int ci = 0; ci < group; ci++)
            for (int ky = 0; ky < k; ky++)
              for (int kx = 0; kx < k; kx++)
                sum += weight[((co * group + ci) * k + ky) * k + kx] *
                       value_at(&x, b, oy * conv.stride - conv.pad + ky * conv.dilation,
                                ox * conv.stride - conv.pad + kx * conv.dilation, conv.depthwise ? co : ci);
          assert_close(got[i], sum, 1e-5, "convolution");
        }
  float *owned[] = {x.raw, x.scale, x.shift, x.gate, weight, bias, got};
  for (size_t j = 0; j < sizeof owned / sizeof *owned; j++) free(owned[j]);
  close_checked(&o);
}

static void test_convolution(void **state) {
  (void)state;
  for (int kernel = 1; kernel <= 7; kernel += 2)
    for (int stride = 1; stride <= 2; stride++)
      for (int dilation = 1; dilation <= 2; dilation++) {
        cream_conv conv = {.cin = 3, .cout = 5, .kernel = kernel, .stride = stride, .dilation = dilation};
        conv.pad = dilation * (kernel / 2);
        check_conv(&conv, 2, 7, 10);
        conv.cout = 3;
        conv.depthwise = true;
        check_conv(&conv, 2, 9, 6);
        conv.pad++;
        check_conv(&conv, 1, 8, 7);
      }
}

/* A batch norm of two channels after an identity convolution of x [pixels, 2]. */
static void check_bn(cream_bn_mode mode, int pixels) {
  enum { C = 2 };
  const float identity[C * C] = {1, 0, 0, 1}, gamma[C] = {1.5f, -0.5f}, beta[C] = {0.25f, 2.0f};
  const float running_mean[C] = {0.5f, -1.0f}, running_var[C] = {2.0f, 0.25f};
  const float momentum = 0.1f, eps = 1e-3f;
  ops o = open_ops(5);
  cream_conv conv = {.cin = C, .cout = C, .kernel = 1, .stride = 1, .dilation = 1};
  conv.weight = ops_block_of(&o, NULL, identity, C * C, 0);
  cream_tensor x = {.n = 1, .h = 1, .w = pixels, .c = C}, y = x;
  float *host = ops_random(&o, ops_size(&x), -1.0f, 3.0f);
  x.raw = ops_block_of(&o, NULL, host, ops_size(&x), 0);
  y.raw = ops_output(&o, "y", ops_size(&x), 0);
  cream_bn bn = {.eps = eps};
  bn.gamma = ops_block_of(&o, NULL, gamma, C, 0);
  bn.beta = ops_block_of(&o, NULL, beta, C, 0);
  bn.running_mean = ops_block_of(&o, "running_mean", running_mean, C, 0);
  bn.running_var = ops_block_of(&o, "running_var", running_var, C, 0);
  bn.mean = ops_output(&o, "mean", C, 0);
  bn.invstd = ops_output(&o, "invstd", C, 0);
  bn.scale = ops_output(&o, "scale", C, 0);
  bn.shift = ops_output(&o, "shift", C, 0);
  ops_reserve(&o, &conv, 1, 1, pixels);
  backend->conv_forward(backend, &conv, &x, &bn, mode, momentum, &y);
  cream_buf bufs[] = {bn.mean, bn.invstd, bn.scale, bn.shift, bn.running_mean, bn.running_var};
  float *got[6];
  for (int i = 0; i < 6; i++) got[i] = ops_download(&o, bufs[i], C);
  for (int c = 0; c < C; c++) {
    double mean = 0.0, squares = 0.0;
    for (int p = 0; p < pixels; p++) mean += host[p * C + c] / (double)pixels;
    for (int p = 0; p < pixels; p++) squares += (host[p * C + c] - mean) * (host[p * C + c] - mean);
    bool measured = mode != CREAM_BN_RUNNING;
    double used_mean = measured ? mean : running_mean[c], var = measured ? squares / pixels : running_var[c];
    double invstd = 1.0 / sqrt(var + eps), moved = mode == CREAM_BN_TRAIN ? momentum : 0.0;
    double unbiased = squares / (pixels > 1 ? pixels - 1 : 1);
    assert_true(isnan(got[0][c]) == !measured && isnan(got[1][c]) == !measured);
    if (measured) assert_close(got[0][c], mean, 1e-6, "mean");
    if (measured) assert_close(got[1][c], invstd, 1e-6, "invstd");
    assert_close(got[2][c], gamma[c] * invstd, 1e-6, "scale");
    assert_close(got[3][c], beta[c] - used_mean * gamma[c] * invstd, 1e-6, "shift");
    assert_close(got[4][c], running_mean[c] + moved * (mean - running_mean[c]), 1e-6, "running mean");
    assert_close(got[5][c], running_var[c] + moved * (unbiased - running_var[c]), 1e-6, "running variance");
  }
  for (int i = 0; i < 6; i++) free(got[i]);
  free(host);
  close_checked(&o);
}

static void test_batch_norm(void **state) {
  (void)state;
  for (cream_bn_mode mode = CREAM_BN_TRAIN; mode <= CREAM_BN_RUNNING; mode++) {
    check_bn(mode, 11);
    check_bn(mode, 1);
  }
}

/* ---- squeeze-excite, pooling, residual, dropout ----------------------------------------------------- */

static void test_se_pool_add(void **state) {
  (void)state;
  enum { N = 2, H = 3, W = 5, C = 4, R = 2, AREA = H * W };
  ops o = open_ops(6);
  cream_tensor x = {.n = N, .h = H, .w = W, .c = C, .act = CREAM_ACT_SWISH}, sum = x;
  float *raw = ops_random(&o, N * AREA * C, -2.0f, 2.0f);
  x.raw = ops_block_of(&o, NULL, raw, N * AREA * C, 0);
  float *w1 = ops_random(&o, R * C, -1, 1), *b1 = ops_random(&o, R, -1, 1);
  float *w2 = ops_random(&o, C * R, -2, 2), *b2 = ops_random(&o, C, -1, 1);
  cream_se se = {.c = C, .r = R, .act = CREAM_ACT_RELU, .gate_act = CREAM_ACT_HARD_SIGMOID};
  se.w1 = ops_block_of(&o, NULL, w1, R * C, 0);
  se.b1 = ops_block_of(&o, NULL, b1, R, 0);
  se.w2 = ops_block_of(&o, NULL, w2, C * R, 0);
  se.b2 = ops_block_of(&o, NULL, b2, C, 0);
  se.pooled = ops_output(&o, "pooled", N * C, 0);
  se.hidden = ops_output(&o, "hidden", N * R, 0);
  se.gate_z = ops_output(&o, "gate_z", N * C, 0);
  se.gate = ops_output(&o, "gate", N * C, 0);
  cream_conv conv = {.cin = C, .cout = C, .kernel = 1, .stride = 1, .dilation = 1};
  ops_reserve(&o, &conv, N, H, W);
  backend->se_forward(backend, &se, &x);
  cream_tensor gated = x;
  gated.gate = se.gate;
  cream_buf pooled = ops_output(&o, "pool", N * C, 0);
  backend->pool_forward(backend, &gated, pooled);
  sum.act = CREAM_ACT_NONE;
  sum.raw = ops_output(&o, "sum", N * AREA * C, 0);
  backend->add_forward(backend, &gated, &x, &sum);

  float *gates = ops_download(&o, se.gate, N * C), *pools = ops_download(&o, pooled, N * C);
  float *sums = ops_download(&o, sum.raw, N * AREA * C);
  for (int n = 0; n < N; n++) {
    double mean[C] = {0}, hidden[R];
    for (int p = 0; p < AREA; p++)
      for (int c = 0; c < C; c++) mean[c] += act(CREAM_ACT_SWISH, raw[(n * AREA + p) * C + c]) / AREA;
    for (int r = 0; r < R; r++) {
      hidden[r] = b1[r];
      for (int c = 0; c < C; c++) hidden[r] += w1[r * C + c] * mean[c];
    }
    for (int c = 0; c < C; c++) {
      double z = b2[c];
      for (int r = 0; r < R; r++) z += w2[c * R + r] * act(CREAM_ACT_RELU, hidden[r]);
      double gate = act(CREAM_ACT_HARD_SIGMOID, z);
      assert_close(gates[n * C + c], gate, 1e-5, "gate");
      assert_close(pools[n * C + c], gate * mean[c], 1e-5, "pool");
      for (int p = 0; p < AREA; p++) {
        int i = (n * AREA + p) * C + c;
        assert_close(sums[i], (1.0 + gate) * act(CREAM_ACT_SWISH, raw[i]), 1e-5, "sum");
      }
    }
  }
  float *owned[] = {raw, w1, b1, w2, b2, gates, pools, sums};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  close_checked(&o);
}

static void test_dropout_gate(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  ops o = open_ops(7);
  cream_buf gate = ops_output(&o, "gate", COUNT, 0);
  const float rates[] = {0.0f, 0.2f};
  for (int r = 0; r < 2; r++) {
    backend->dropout_gate(backend, gate, COUNT, rates[r], 8, 9);
    float *got = ops_download(&o, gate, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
      bool dropped = cream_rng_dropout(8, 9, i) < rates[r];
      assert_true(got[i] == (dropped ? 0.0f : r ? 1.25f : 1.0f));
    }
    free(got);
  }
  close_checked(&o);
}

/* ---- losses and the meta network -------------------------------------------------------------------- */

static void test_loss(void **state) {
  (void)state;
  enum { N = 3, K = 4 };
  /* In the second row label and top are equal but not first; the third is large enough to overflow exp. */
  const float logits[N * K] = {0.5f, 2.0f, -1.0f, 0.0f, 1.0f, 0.0f, 1.0f, -2.0f, 200.0f, 0.0f, 199.0f, 1.0f};
  const float target[N * K] = {0.1f, 0.2f, 0.3f, 0.4f, 0.7f, 0.1f, 0.1f, 0.1f, 0.25f, 0.25f, 0.25f, 0.25f};
  const int32_t labels[N] = {1, 2, 0};
  const double s = 0.1, hard_weight = 0.75, soft_weight = 0.5;
  ops o = open_ops(8);
  cream_loss loss = {.hard = 0.75f, .soft = 0.5f, .smoothing = 0.1f};
  cream_buf in = ops_block_of(&o, NULL, logits, N * K, 0);
  loss.target = ops_block_of(&o, NULL, target, N * K, 0);
  loss.labels = ops_output(&o, "labels", N, 0);
  backend->upload(backend, loss.labels, labels, N);
  cream_buf result = ops_output(&o, "result", 4, 0), dlogits = ops_output(&o, "dlogits", N * K, 0);
  cream_buf soft = ops_output(&o, "softmax", N * K, 0);
  backend->loss(backend, &loss, in, N, K, dlogits, result);
  backend->softmax(backend, in, N, K, soft);
  float *p = ops_download(&o, soft, N * K), *d = ops_download(&o, dlogits, N * K);
  float *got = ops_download(&o, result, 4);
  double hard = 0.0, kd = 0.0;
  for (int n = 0; n < N; n++) {
    double top = fmax(fmax(logits[n * K], logits[n * K + 1]), fmax(logits[n * K + 2], logits[n * K + 3]));
    double total = 0.0, all = 0.0;
    for (int k = 0; k < K; k++) total += exp(logits[n * K + k] - top);
    for (int k = 0; k < K; k++) {
      int i = n * K + k;
      double log_p = logits[i] - top - log(total);
      all -= log_p;
      kd -= target[i] * log_p / N;
      assert_close(p[i], exp(log_p), 1e-6, "softmax");
      double smoothed = (k == labels[n] ? 1.0 - s : 0.0) + s / K;
      double slope = (hard_weight * (exp(log_p) - smoothed) + soft_weight * (exp(log_p) - target[i])) / N;
      assert_close(d[i], slope, 1e-6, "dlogits");
    }
    hard += ((1.0 - s) * -(logits[n * K + labels[n]] - top - log(total)) + s / K * all) / N;
  }
  assert_close(got[0], hard_weight * hard + soft_weight * kd, 1e-6, "loss");
  assert_close(got[1], hard, 1e-6, "hard");
  assert_close(got[2], kd, 1e-6, "soft");
  assert_true(got[3] == 2.0f);

  loss.soft = 0.0f;
  loss.target = CREAM_NO_BUF;
  backend->loss(backend, &loss, in, N, K, CREAM_NO_BUF, result);
  float *alone = ops_download(&o, result, 4);
  assert_close(alone[0], hard_weight * hard, 1e-6, "loss without target");
  assert_true(alone[2] == 0.0f);
  float *owned[] = {p, d, got, alone};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  close_checked(&o);
}

static void test_match(void **state) {
  (void)state;
  const float p[6] = {1, 2, 3, 4, 5, 6}, phi[6] = {0, 4, 3, 1, 1, 1}, theta[4] = {2, 3, 5, 0.5f};
  ops o = open_ops(9);
  cream_buf diff = ops_output(&o, "diff", 6, 0), scores = ops_output(&o, "scores", 2, 0);
  backend->match(backend, ops_block_of(&o, NULL, p, 6, 0), ops_block_of(&o, NULL, phi, 6, 0),
                 ops_block_of(&o, NULL, theta, 4, 0), 2, 3, diff, scores);
  float *got = ops_download(&o, diff, 6), *score = ops_download(&o, scores, 2);
  for (int i = 0; i < 6; i++) assert_true(got[i] == p[i] - phi[i]);
  assert_true(score[0] == 2 * 1 - 3 * 2 + 0 + 0.5f && score[1] == 2 * 3 + 3 * 4 + 5 * 5 + 0.5f);
  free(got);
  free(score);
  close_checked(&o);
}

/* ---- optimisers and flat blocks ---------------------------------------------------------------------- */

/* Three steps on two slices, one with decay, against the formulas of cream_optim. */
static void check_optim(cream_optim optim) {
  enum { COUNT = 7, FIRST = 3, GAP = 2, TOTAL = COUNT + GAP, STEPS = 3 };
  ops o = open_ops(10);
  float *w = ops_random(&o, TOTAL, -1, 1), *ema = ops_random(&o, TOTAL, -1, 1);
  float *g = ops_random(&o, COUNT, -1, 1), m[TOTAL] = {0}, v[TOTAL] = {0};
  bool adam = optim.kind == CREAM_OPTIM_ADAM || optim.kind == CREAM_OPTIM_ADAMW;
  for (int i = 0; i < TOTAL && !adam; i++) v[i] = 1.0f;
  cream_blocks blocks = {ops_block_of(&o, "w", w, TOTAL, 0), ops_block_of(&o, NULL, g, COUNT, 0),
                         ops_block_of(&o, "m", m, TOTAL, 0), ops_block_of(&o, "v", v, TOTAL, 0),
                         ops_block_of(&o, "ema", ema, TOTAL, 0)};
  cream_slice slices[] = {{0, COUNT - FIRST, FIRST, true}, {FIRST + GAP, 0, COUNT - FIRST, false}};
  for (optim.step = 1; optim.step <= STEPS; optim.step++)
    backend->optim_step(backend, &optim, slices, 2, &blocks);
  float *new_w = ops_download(&o, blocks.w, TOTAL), *new_ema = ops_download(&o, blocks.ema, TOTAL);
  for (int i = 0; i < TOTAL; i++) {
    bool gap = i >= FIRST && i < FIRST + GAP, decay = i < FIRST;
    double weight = w[i], moment = 0.0, square = adam ? 0.0 : 1.0, average = ema[i];
    double slope = gap ? 0.0 : g[decay ? COUNT - FIRST + i : i - FIRST - GAP];
    for (int step = 0; step < STEPS && !gap; step++) {
      bool decoupled = optim.kind == CREAM_OPTIM_ADAMW;
      double d = slope + (decay && !decoupled ? optim.weight_decay * weight : 0.0);
      if (decay && decoupled) weight *= 1.0 - optim.lr * optim.weight_decay;
      if (optim.kind == CREAM_OPTIM_SGD) {
        moment = optim.momentum * moment + d;
        weight -= optim.lr * (optim.nesterov ? d + optim.momentum * moment : moment);
      } else {
        square = optim.alpha * square + (1.0 - optim.alpha) * d * d;
        if (adam) {
          moment = optim.momentum * moment + (1.0 - optim.momentum) * d;
          double mean = moment / (1.0 - pow(optim.momentum, step + 1));
          weight -= optim.lr * mean / (sqrt(square / (1.0 - pow(optim.alpha, step + 1))) + optim.eps);
        } else {
          moment = optim.momentum * moment + optim.lr * d / sqrt(square + optim.eps);
          weight -= moment;
        }
      }
      average = optim.ema_decay * average + (1.0 - optim.ema_decay) * weight;
    }
    assert_close(new_w[i], weight, 1e-6, "weight");
    assert_close(new_ema[i], average, 1e-6, "average");
  }
  float *owned[] = {w, ema, g, new_w, new_ema};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  close_checked(&o);
}

static void test_optimisers(void **state) {
  (void)state;
  cream_optim optim = {.kind = CREAM_OPTIM_SGD, .lr = 0.3f, .momentum = 0.9f, .weight_decay = 0.1f};
  optim.ema_decay = 0.7f;
  check_optim(optim);
  optim.nesterov = true;
  check_optim(optim);
  optim.kind = CREAM_OPTIM_RMSPROP_TF;
  optim.alpha = 0.9f;
  optim.eps = 1e-3f;
  check_optim(optim);
  optim.kind = CREAM_OPTIM_ADAM;
  check_optim(optim);
  optim.kind = CREAM_OPTIM_ADAMW;
  check_optim(optim);
}

static void test_plain_sgd(void **state) {
  (void)state;
  const float w[2] = {1.0f, -2.0f}, g[2] = {0.5f, 4.0f};
  ops o = open_ops(11);
  cream_blocks blocks = {.w = ops_block_of(&o, "w", w, 2, 0), .g = ops_block_of(&o, NULL, g, 2, 0)};
  cream_optim optim = {.kind = CREAM_OPTIM_SGD, .lr = 0.25f};
  cream_slice slice = {0, 0, 2, false};
  backend->optim_step(backend, &optim, &slice, 1, &blocks);
  float *got = ops_download(&o, blocks.w, 2);
  assert_true(got[0] == 0.875f && got[1] == -3.0f);
  free(got);
  close_checked(&o);
}

static void test_flat(void **state) {
  (void)state;
  const float x[3] = {1, 2, 3}, y[3] = {4, -5, 6};
  ops o = open_ops(12);
  cream_buf a = ops_block_of(&o, NULL, x, 3, 0), b = ops_block_of(&o, NULL, y, 3, 0);
  cream_buf sum = ops_output(&o, "sum", 3, 0), product = ops_output(&o, "product", 1, 0);
  backend->dot(backend, a, b, 3, product);
  backend->copy(backend, sum, a, 3);
  backend->axpy(backend, sum, -2.0f, b, 3);
  backend->fill(backend, b, 2, 9.0f);
  float *got = ops_download(&o, sum, 3), *filled = ops_download(&o, b, 3);
  float *dot = ops_download(&o, product, 1);
  assert_true(*dot == 12.0f && got[0] == -7.0f && got[1] == 12.0f && got[2] == -9.0f);
  assert_true(filled[0] == 9.0f && filled[1] == 9.0f && filled[2] == 6.0f);
  float *owned[] = {got, filled, dot};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  close_checked(&o);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static void test_memory(void **state) {
  (void)state;
  cream_buf buf;
  cream_error err;
  assert_int_equal(backend->alloc(backend, 37, &buf, &err), CREAM_OK);
  assert_int_equal((uintptr_t)buf.mem % 64, 0);
  float got[37];
  assert_int_equal(backend->download(backend, got, buf, 37, &err), CREAM_OK);
  for (int i = 0; i < 37; i++) assert_true(got[i] == 0.0f);
  backend->release(backend, buf);
  const size_t impossible[] = {SIZE_MAX, SIZE_MAX / 4};
  for (int i = 0; i < 2; i++) {
    cream_buf untouched = {&err, 3};
    assert_int_equal(backend->alloc(backend, impossible[i], &untouched, &err), CREAM_FAILED);
    assert_non_null(strstr(err.text, "out of memory"));
    assert_true(untouched.mem == &err && untouched.offset == 3);
  }
  cream_conv conv = {.cin = 1 << 30, .cout = 1 << 30, .kernel = 1 << 14, .stride = 1, .dilation = 1};
  assert_int_equal(backend->reserve(backend, &conv, 1, 1, 1, &err), CREAM_FAILED);
  assert_int_equal(backend->synchronise(backend, &err), CREAM_OK);
}

static void test_pixels(void **state) {
  (void)state;
  const uint8_t pixels[6] = {0, 255, 51, 102, 204, 153};
  const float mean[3] = {0.5f, 0.25f, 0.0f}, std[3] = {0.5f, 0.25f, 2.0f};
  const float expected[6] = {-1.0f, 3.0f, 0.1f, -0.2f, 2.2f, 0.3f};
  ops o = open_ops(13);
  cream_tensor x = {.n = 2, .h = 1, .w = 1, .c = 3};
  x.raw = ops_output(&o, "x", 6, 0);
  backend->upload_pixels(backend, &x, pixels, mean, std);
  float got[6];
  cream_error err;
  assert_int_equal(backend->download_tensor(backend, got, &x, &err), CREAM_OK);
  for (int i = 0; i < 6; i++) assert_close(got[i], expected[i], 1e-6, "pixel");
  backend->upload_tensor(backend, &x, expected);
  x.act = CREAM_ACT_RELU;
  backend->download_tensor(backend, got, &x, &err);
  for (int i = 0; i < 6; i++) assert_true(got[i] == fmaxf(expected[i], 0.0f));
  assert_int_equal(backend->tensor_size(backend, 2, 3, 5, 7), 210);
  close_checked(&o);
}

static void test_options(void **state) {
  (void)state;
  cream_backend *made = NULL;
  cream_error err;
  cream_cpu_options options = {.threads = -1};
  assert_int_equal(cream_cpu_create(&options, &made, &err), CREAM_BAD_CONFIG);
  assert_null(made);
  assert_non_null(strstr(err.text, "threads is -1"));
  options.threads = 0;
  assert_int_equal(cream_cpu_create(&options, &made, &err), CREAM_OK);
  assert_string_equal(made->name, "cpu");
  made->destroy(made);
  assert_string_equal(backend->name, "cpu-plain");
}

static int open_backend(void **state) {
  (void)state;
  backend = ops_backend(true, CREAM_ISA_AUTO, 2);
  return backend ? 0 : -1;
}

static int close_backend(void **state) {
  (void)state;
  backend->destroy(backend);
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_activations),  cmocka_unit_test(test_convolution),
      cmocka_unit_test(test_batch_norm),   cmocka_unit_test(test_se_pool_add),
      cmocka_unit_test(test_dropout_gate), cmocka_unit_test(test_loss),
      cmocka_unit_test(test_match),        cmocka_unit_test(test_optimisers),
      cmocka_unit_test(test_plain_sgd),    cmocka_unit_test(test_flat),
      cmocka_unit_test(test_memory),       cmocka_unit_test(test_pixels),
      cmocka_unit_test(test_options),
  };
  return cmocka_run_group_tests(tests, open_backend, close_backend);
}
