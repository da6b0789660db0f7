/* Every backward op of the plain backend against central differences of its forward ops, through the
 * chains that a network makes of them.
 */
#include "tools/bench/parity_ops.h"

enum { PARAMS = 32, SAMPLES = 40 };
#define TOLERANCE 3e-3

/* A parameter to differentiate by. */
typedef struct param {
  const char *name;
  cream_buf value, gradient;
  size_t count;
} param;

typedef struct layer {
  cream_conv conv;
  cream_bn bn;
  bool has_bn;
  cream_tensor y;
  cream_grad dy;
} layer;

typedef struct chain {
  ops o;
  param params[PARAMS];
  int param_count;
  float *functional; /* the scalar is <functional, last raw output> */
  cream_tensor x;
  cream_buf dx;
  float bn_eps;
  layer expand, depthwise, project, last;
  cream_se se;
  cream_buf gate_sums, pool, dpooled;
  cream_tensor sum, pooled;
  bool residual;
  cream_loss loss;
  cream_buf result;
} chain;

/* ---- building -------------------------------------------------------------------------------------- */

static cream_buf add_param(chain *c, const char *name, size_t count, float low, float high,
                           cream_buf *gradient) {
  cream_buf value = ops_input(&c->o, count, low, high);
  *gradient = ops_output(&c->o, name, count, 0.0f);
  assert_true(c->param_count < PARAMS);
  c->params[c->param_count++] = (param){name, value, *gradient, count};
  return value;
}

static void open_chain(chain *c, uint64_t seed, int n, int h, int w, int channels) {
  *c = (chain){.o = ops_open(ops_backend(true, CREAM_ISA_AUTO, 1), seed), .bn_eps = 1e-5f};
  assert_non_null(c->o.backend);
  c->x = (cream_tensor){.n = n, .h = h, .w = w, .c = channels};
  c->x.raw = add_param(c, "x", ops_size(&c->x), -1.0f, 1.0f, &c->dx);
}

static void close_chain(chain *c) {
  for (int i = 0; i < c->o.count; i++) free(ops_values(&c->o, &c->o.blocks[i]));
  ops_close(&c->o);
  c->o.backend->destroy(c->o.backend);
  free(c->functional);
}

static void add_layer(chain *c, layer *l, cream_conv conv, const cream_tensor *x, bool with_bn,
                      cream_act act) {
  size_t taps = (size_t)(conv.kernel * conv.kernel), out = (size_t)conv.cout;
  conv.cin = x->c;
  if (conv.dilation == 0) conv.dilation = 1;
  *l = (layer){.conv = conv, .has_bn = with_bn};
  size_t fan = conv.depthwise ? taps : taps * (size_t)conv.cin;
  float bound = sqrtf(3.0f / (float)fan);
  l->conv.weight = add_param(c, "weight", out * fan, -bound, bound, &l->conv.dweight);
  l->y = (cream_tensor){.n = x->n,
                        .h = cream_conv_out(&conv, x->h),
                        .w = cream_conv_out(&conv, x->w),
                        .c = conv.cout,
                        .act = act};
  l->y.raw = ops_output(&c->o, "y", ops_size(&l->y), 0.0f);
  l->dy.g = ops_output(&c->o, "g", ops_size(&l->y), 0.0f);
  ops_reserve(&c->o, &l->conv, x->n, x->h, x->w);
  if (!with_bn) {
    l->conv.bias = add_param(c, "bias", out, -0.5f, 0.5f, &l->conv.dbias);
    return;
  }
  cream_bn *bn = &l->bn;
  bn->eps = c->bn_eps;
  bn->gamma = add_param(c, "gamma", out, 0.5f, 1.5f, &bn->dgamma);
  bn->beta = add_param(c, "beta", out, -0.5f, 0.5f, &bn->dbeta);
  cream_buf *written[] = {&bn->mean, &bn->invstd, &bn->scale, &bn->shift, &bn->a, &bn->b, &bn->c};
  for (size_t i = 0; i < sizeof written / sizeof *written; i++) *written[i] = ops_output(&c->o, "bn", out, 0);
  l->y.scale = bn->scale;
  l->y.shift = bn->shift;
  l->dy.a = bn->a;
  l->dy.b = bn->b;
  l->dy.c = bn->c;
}

static void add_se(chain *c, layer *gated, int reduced) {
  size_t n = (size_t)gated->y.n, full = (size_t)gated->y.c, r = (size_t)reduced;
  cream_se *se = &c->se;
  *se = (cream_se){.c = gated->y.c, .r = reduced, .act = CREAM_ACT_SWISH, .gate_act = CREAM_ACT_SIGMOID};
  se->w1 = add_param(c, "se w1", r * full, -1.0f, 1.0f, &se->dw1);
  se->b1 = add_param(c, "se b1", r, -0.5f, 0.5f, &se->db1);
  se->w2 = add_param(c, "se w2", full * r, -1.5f, 1.5f, &se->dw2);
  se->b2 = add_param(c, "se b2", full, -0.5f, 0.5f, &se->db2);
  se->pooled = ops_output(&c->o, "pooled", n * full, 0.0f);
  se->hidden = ops_output(&c->o, "hidden", n * r, 0.0f);
  se->gate_z = ops_output(&c->o, "gate_z", n * full, 0.0f);
  se->gate = ops_output(&c->o, "gate", n * full, 0.0f);
  c->gate_sums = ops_output(&c->o, "gate_sums", n * 5 * full, 0.0f);
  c->pool = ops_output(&c->o, "pool", n * full, 0.0f);
  gated->y.gate = se->gate;
  gated->dy.kind = CREAM_GRAD_VALUE;
  gated->dy.pool = c->pool;
}

static void forward(chain *c, const layer *l, const cream_tensor *x) {
  c->o.backend->conv_forward(c->o.backend, &l->conv, x, l->has_bn ? &l->bn : NULL, CREAM_BN_BATCH, 0.1f,
                             &l->y);
}

static void backward(chain *c, const layer *l, const cream_tensor *x, cream_sink sink) {
  c->o.backend->conv_backward(c->o.backend, &l->conv, x, &l->y, &l->dy, &sink);
}

/* The sink of a layer whose output has no gate. */
static cream_sink sink_of(const layer *l) {
  return (cream_sink){.g = l->dy.g, .node = &l->y, .bn = l->has_bn ? &l->bn : NULL};
}

static double functional_of(chain *c, const cream_tensor *t) {
  float *values = ops_download(&c->o, t->raw, ops_size(t));
  double sum = 0.0;
  for (size_t i = 0; i < ops_size(t); i++) sum += (double)values[i] * c->functional[i];
  free(values);
  return sum;
}

/* The scalar becomes a random functional of l's output. */
static void end_chain(chain *c, layer *l) {
  c->functional = ops_random(&c->o, ops_size(&l->y), -1.0f, 1.0f);
  c->o.backend->upload(c->o.backend, l->dy.g, c->functional, ops_size(&l->y));
}

/* ---- comparison ------------------------------------------------------------------------------------ */

static double at_offset(chain *c, double (*scalar)(chain *), const param *p, size_t i, float value) {
  c->o.backend->upload(c->o.backend, cream_buf_at(p->value, i), &value, 1);
  return scalar(c);
}

/* Fails where a gradient is off by more than a part of its norm, over up to SAMPLES elements. */
static void check_gradients(chain *c, double (*scalar)(chain *), float eps) {
  for (const param *p = c->params; p < c->params + c->param_count; p++) {
    float *value = ops_download(&c->o, p->value, p->count);
    float *gradient = ops_download(&c->o, p->gradient, p->count);
    double error = 0.0, norm = 0.0;
    size_t step = p->count > SAMPLES ? p->count / SAMPLES : 1;
    for (size_t i = 0; i < p->count; i += step) {
      float low = value[i] - eps, high = value[i] + eps;
      double slope = at_offset(c, scalar, p, i, high) - at_offset(c, scalar, p, i, low);
      slope /= (double)high - low;
      at_offset(c, scalar, p, i, value[i]);
      error += (slope - gradient[i]) * (slope - gradient[i]);
      norm += slope * slope;
    }
    free(value);
    free(gradient);
    if (!(sqrt(error) <= TOLERANCE * sqrt(norm)))
      fail_msg("%s, parameter %d of the chain: gradient off by %.3g of %.3g", p->name, (int)(p - c->params),
               sqrt(error), sqrt(norm));
  }
}

/* ---- conv -> bn -> swish -> conv -------------------------------------------------------------------- */

static double two_convs(chain *c) {
  forward(c, &c->expand, &c->x);
  forward(c, &c->last, &c->expand.y);
  return functional_of(c, &c->last.y);
}

static void check_two_convs(cream_conv first, cream_conv second, float bn_eps) {
  chain c;
  open_chain(&c, 1, 2, 7, 6, 3);
  c.bn_eps = bn_eps;
  add_layer(&c, &c.expand, first, &c.x, true, CREAM_ACT_SWISH);
  add_layer(&c, &c.last, second, &c.expand.y, false, CREAM_ACT_NONE);
  end_chain(&c, &c.last);
  two_convs(&c);
  backward(&c, &c.last, &c.expand.y, sink_of(&c.expand));
  backward(&c, &c.expand, &c.x, (cream_sink){.g = c.dx, .node = &c.x});
  check_gradients(&c, two_convs, 1e-2f);
  close_chain(&c);
}

static void test_two_convs(void **state) {
  (void)state;
  check_two_convs((cream_conv){.cout = 5, .kernel = 3, .stride = 2, .pad = 1}, //
                  (cream_conv){.cout = 4, .kernel = 1, .stride = 1}, 1e-5f);
  check_two_convs((cream_conv){.cout = 4, .kernel = 1, .stride = 1},
                  (cream_conv){.cout = 3, .kernel = 3, .stride = 1, .pad = 2, .dilation = 2}, 1e-5f);
  check_two_convs((cream_conv){.cout = 4, .kernel = 3, .stride = 1, .pad = 0},
                  (cream_conv){.cout = 3, .kernel = 5, .stride = 2, .pad = 2}, 1e-5f);
}

/* TensorFlow's padding of even and odd sides, and an epsilon that the variance feels. */
static void test_tensorflow(void **state) {
  (void)state;
  const cream_conv pointwise = {.cout = 4, .kernel = 1, .stride = 1};
  const cream_conv dense = {.cout = 5, .kernel = 3, .stride = 2, .padding = CREAM_PADDING_SAME};
  const cream_conv depthwise = {
      .cout = 4, .kernel = 5, .stride = 2, .padding = CREAM_PADDING_SAME, .depthwise = true};
  check_two_convs(dense, pointwise, 0.1f);
  check_two_convs(pointwise, depthwise, 0.1f);
}

/* ---- MBConv ---------------------------------------------------------------------------------------- */

static double mbconv(chain *c) {
  cream_backend *be = c->o.backend;
  cream_tensor ungated = c->depthwise.y;
  ungated.gate = CREAM_NO_BUF;
  forward(c, &c->expand, &c->x);
  forward(c, &c->depthwise, &c->expand.y);
  be->se_forward(be, &c->se, &ungated);
  forward(c, &c->project, &c->depthwise.y);
  if (c->residual) be->add_forward(be, &c->project.y, &c->x, &c->sum);
  forward(c, &c->last, c->residual ? &c->sum : &c->project.y);
  return functional_of(c, &c->last.y);
}

static void mbconv_backward(chain *c) {
  cream_backend *be = c->o.backend;
  cream_tensor ungated = c->depthwise.y;
  ungated.gate = CREAM_NO_BUF;
  backward(c, &c->last, c->residual ? &c->sum : &c->project.y, sink_of(&c->project));
  cream_sink gated = sink_of(&c->depthwise);
  gated.gate_sums = c->gate_sums;
  backward(c, &c->project, &c->depthwise.y, gated);
  be->se_backward(be, &c->se, &ungated, c->gate_sums, &c->depthwise.bn, c->pool);
  backward(c, &c->depthwise, &c->expand.y, sink_of(&c->expand));
  cream_sink input = {.g = c->dx, .node = &c->x};
  if (c->residual) {
    be->copy(be, c->dx, c->project.dy.g, ops_size(&c->x));
    input.add = c->dx;
  }
  backward(c, &c->expand, &c->x, input);
}

static void check_mbconv(int kernel, int stride, int dilation) {
  chain c;
  open_chain(&c, 2, 2, 7, 6, 3);
  c.residual = stride == 1;
  cream_conv pointwise = {.cout = 8, .kernel = 1, .stride = 1};
  add_layer(&c, &c.expand, pointwise, &c.x, true, CREAM_ACT_SWISH);
  cream_conv depthwise = {.cout = 8,
                          .kernel = kernel,
                          .stride = stride,
                          .dilation = dilation,
                          .pad = dilation * (kernel / 2),
                          .depthwise = true};
  add_layer(&c, &c.depthwise, depthwise, &c.expand.y, true, CREAM_ACT_SWISH);
  add_se(&c, &c.depthwise, 2);
  pointwise.cout = 3;
  add_layer(&c, &c.project, pointwise, &c.depthwise.y, true, CREAM_ACT_NONE);
  c.sum = c.x;
  c.sum.raw = ops_output(&c.o, "sum", ops_size(&c.x), 0.0f);
  pointwise.cout = 4;
  add_layer(&c, &c.last, pointwise, &c.project.y, false, CREAM_ACT_NONE);
  end_chain(&c, &c.last);
  mbconv(&c);
  mbconv_backward(&c);
  check_gradients(&c, mbconv, 1e-2f);
  close_chain(&c);
}

static void test_mbconv(void **state) {
  (void)state;
  for (int kernel = 3; kernel <= 7; kernel += 2)
    for (int stride = 1; stride <= 2; stride++)
      for (int dilation = 1; dilation <= 2; dilation++) check_mbconv(kernel, stride, dilation);
}

/* ---- the head: conv -> bn -> swish -> pool -> linear -> swish -> dropout -> linear -> loss ------------ */

static double head(chain *c) {
  cream_backend *be = c->o.backend;
  forward(c, &c->expand, &c->x);
  be->pool_forward(be, &c->expand.y, c->pooled.raw);
  forward(c, &c->project, &c->pooled);
  forward(c, &c->last, &c->project.y);
  be->loss(be, &c->loss, c->last.y.raw, c->x.n, c->last.y.c, c->last.dy.g, c->result);
  float result[4];
  cream_error err;
  be->download(be, result, c->result, 4, &err);
  return result[0];
}

static void check_head(float hard, float soft) {
  chain c;
  enum { IMAGES = 4, CLASSES = 5, HIDDEN = 9 };
  open_chain(&c, 3, IMAGES, 5, 3, 3);
  cream_backend *be = c.o.backend;
  cream_conv pointwise = {.cout = 6, .kernel = 1, .stride = 1};
  add_layer(&c, &c.expand, pointwise, &c.x, true, CREAM_ACT_SWISH);
  c.expand.dy.kind = CREAM_GRAD_VALUE;
  c.expand.dy.g = CREAM_NO_BUF;
  c.expand.dy.pool = ops_output(&c.o, "pool", IMAGES * 6, 0.0f);
  c.pooled = (cream_tensor){.n = IMAGES, .h = 1, .w = 1, .c = 6};
  c.pooled.raw = ops_output(&c.o, "pooled", IMAGES * 6, 0.0f);
  c.dpooled = ops_output(&c.o, "dpooled", IMAGES * 6, 0.0f);
  pointwise.cout = HIDDEN;
  add_layer(&c, &c.project, pointwise, &c.pooled, false, CREAM_ACT_SWISH);
  c.project.y.gate = ops_output(&c.o, "dropout", IMAGES * HIDDEN, 0.0f);
  be->dropout_gate(be, c.project.y.gate, IMAGES * HIDDEN, 0.4f, 1, 2);
  pointwise.cout = CLASSES;
  add_layer(&c, &c.last, pointwise, &c.project.y, false, CREAM_ACT_NONE);
  static const int32_t labels[IMAGES] = {3, 0, 4, 3};
  c.loss = (cream_loss){.hard = hard, .soft = soft, .smoothing = 0.1f};
  c.loss.labels = ops_output(&c.o, "labels", IMAGES, 0.0f);
  be->upload(be, c.loss.labels, labels, IMAGES);
  if (soft != 0.0f) {
    c.loss.target = ops_output(&c.o, "target", IMAGES * CLASSES, 0.0f);
    be->softmax(be, ops_input(&c.o, IMAGES * CLASSES, -2.0f, 2.0f), IMAGES, CLASSES, c.loss.target);
  }
  c.result = ops_output(&c.o, "result", 4, 0.0f);

  head(&c);
  backward(&c, &c.last, &c.project.y, sink_of(&c.project));
  backward(&c, &c.project, &c.pooled, (cream_sink){.g = c.dpooled, .node = &c.pooled});
  be->pool_backward(be, &c.expand.y, c.dpooled, &c.expand.bn, c.expand.dy.pool);
  backward(&c, &c.expand, &c.x, (cream_sink){.g = c.dx, .node = &c.x});
  check_gradients(&c, head, 2e-2f);
  close_chain(&c);
}

static void test_head(void **state) {
  (void)state;
  check_head(1.0f, 0.0f);
  check_head(0.0f, 1.0f);
  check_head(0.6f, 0.4f);
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_two_convs),
      cmocka_unit_test(test_tensorflow),
      cmocka_unit_test(test_mbconv),
      cmocka_unit_test(test_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
