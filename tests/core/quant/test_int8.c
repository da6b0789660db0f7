/* Networks in 8 bits: the integer ops against a naive reference of the same formulas, exactly, and against the network in
 * float. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/fold.h"
#include "core/quant/int8.h"

enum { BATCH = 4, SIDE = 16, CLASSES = SYNTHETIC_CLASSES, IMAGES = 12, PIXELS = SIDE * SIDE * 3 };

typedef struct fixture {
  cream_backend *backend;
  cream_skeleton skeleton;
  cream_net *net;
  synthetic data;
} fixture;

static int setup_padded(void **state, cream_padding padding) {
  static fixture f;
  cream_error err;
  f.skeleton = synthetic_skeleton();
  cream_space *space = &f.skeleton.space;
  space->ops[2].act = CREAM_ACT_RELU; /* one of the activations that saturation computes, and more by table */
  space->ops[1].se_act = CREAM_ACT_RELU6;
  space->ops[0].se_gate = CREAM_ACT_SIGMOID;
  space->head.act = CREAM_ACT_HARD_SWISH;
  space->padding = padding;
  f.backend = synthetic_backend(false, 1);
  cream_net_options options = {.batch = BATCH, .seed = 3};
  assert_int_equal(cream_net_create(f.backend, &f.skeleton, &options, &f.net, &err), CREAM_OK);
  assert_int_equal(cream_net_fold(f.net, &err), CREAM_OK);
  synthetic_open(&f.data, IMAGES, BATCH, SIDE, 9);
  *state = &f;
  return 0;
}

static int setup(void **state) {
  return setup_padded(state, CREAM_PADDING_SYMMETRIC);
}
static int setup_same(void **state) {
  return setup_padded(state, CREAM_PADDING_SAME);
}

static int teardown(void **state) {
  fixture *f = *state;
  synthetic_close(&f->data);
  cream_net_destroy(f->net);
  f->backend->destroy(f->backend);
  return 0;
}

static cream_path path_of(const fixture *f, int i) {
  cream_path path = cream_skeleton_first_path(&f->skeleton);
  for (int l = 1; l < path.n_layers; l++)
    path.choice[l] = (uint8_t)((l + i) % f->skeleton.layers[l].n_options);
  return path;
}

/* ---- the reference -------------------------------------------------------------------------------------- */

static uint8_t reference_round(double x, int zero) {
  double q = nearbyint(x) + zero;
  return (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
}

/* The value at (y, x) without its zero point; 0 in the padding. */
static double at(const cream_int8_value *v, const uint8_t *q, int y, int x, int c) {
  if (y < 0 || x < 0 || y >= v->side || x >= v->side) return 0;
  return (double)q[(y * v->side + x) * v->c + c] - v->quant.zero;
}

static double conv_sum(const cream_int8_op *op, const cream_int8_value *in, const uint8_t *x, int oy, int ox,
                       int c) {
  const cream_unit_shape *s = &op->shape;
  const int8_t *w = op->weights.values + (size_t)c * op->weights.per_channel;
  double sum = op->weights.biases[c];
  for (int i = 0; i < (s->depthwise ? 1 : s->cin); i++)
    for (int ky = 0; ky < s->kernel; ky++)
      for (int kx = 0; kx < s->kernel; kx++)
        sum += *w++ * at(in, x, oy * s->stride - op->pad_before + ky * s->dilation,
                         ox * s->stride - op->pad_before + kx * s->dilation, s->depthwise ? c : i);
  return sum;
}

static double pooled_sum(const cream_int8_value *in, const uint8_t *x, int c) {
  double sum = 0;
  for (int y = 0; y < in->side; y++)
    for (int k = 0; k < in->side; k++) sum += at(in, x, y, k, c);
  return sum;
}

/* One number of the result of an op, by the formulas of docs/export.md; ratios are rounded to float as there. */
static uint8_t reference_at(const cream_int8 *net, int i, uint8_t *const *q, int y, int x, int c,
                            float *logit) {
  const cream_int8_op *op = &net->ops[i];
  const cream_int8_value *in = &net->values[op->a], *out = &net->values[i + 1];
  const float sx = in->quant.scale, sy = out->quant.scale;
  const cream_int8_value *second = op->b < 0 ? NULL : &net->values[op->b];
  switch (op->kind) {
  case CREAM_INT8_CONV: {
    const float sum = (float)conv_sum(op, in, q[op->a], y, x, c);
    const float scale = sx * op->weights.scales[c];
    *logit = sum * scale;
    return reference_round(sum * (scale / sy), out->quant.zero);
  }
  case CREAM_INT8_ACT:
    return reference_round(cream_act_value(op->act, sx * (float)at(in, q[op->a], y, x, c)) / sy,
                           out->quant.zero);
  case CREAM_INT8_POOL:
    return reference_round((float)pooled_sum(in, q[op->a], c) * (sx / (sy * (float)(in->side * in->side))),
                           out->quant.zero);
  case CREAM_INT8_GATE:
    return reference_round((float)(at(in, q[op->a], y, x, c) * at(second, q[op->b], 0, 0, c)) *
                               (sx * second->quant.scale / sy),
                           out->quant.zero);
  case CREAM_INT8_ADD:
    return reference_round(sx / sy * (float)at(in, q[op->a], y, x, c) +
                               second->quant.scale / sy * (float)at(second, q[op->b], y, x, c),
                           out->quant.zero);
  case CREAM_INT8_OP_COUNT:
    break;
  }
  abort();
}

static void reference(const cream_int8 *net, const uint8_t *pixels, const cream_source *source,
                      float logits[CLASSES]) {
  uint8_t **q = calloc((size_t)net->n_ops + 1, sizeof *q);
  assert_non_null(q);
  for (int i = 0; i <= net->n_ops; i++) {
    const cream_int8_value *v = &net->values[i];
    uint8_t *out = q[i] = malloc((size_t)(v->side * v->side * v->c));
    assert_non_null(out);
    for (int p = 0; i == 0 && p < PIXELS; p++)
      out[p] =
          cream_quantise(v->quant, ((float)pixels[p] / 255.0f - source->mean[p % 3]) / source->std[p % 3]);
    float logit = 0;
    for (int p = 0; i && p < v->side * v->side * v->c; p++) {
      out[p] = reference_at(net, i - 1, q, p / v->c / v->side, p / v->c % v->side, p % v->c, &logit);
      if (i == net->n_ops) logits[p] = logit;
    }
  }
  for (int i = 0; i <= net->n_ops; i++) free(q[i]);
  free(q);
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static cream_int8 *quantise(fixture *f, const cream_path *path, cream_calibration kind) {
  cream_int8 *net;
  cream_error err;
  if (cream_int8_create(f->net, path, &f->data.source, kind, &net, &err)) fail_msg("%s", err.text);
  assert_int_equal(net->images, IMAGES);
  return net;
}

static void test_arithmetic_is_exact(void **state) {
  fixture *f = *state;
  cream_error err;
  bool seen[CREAM_INT8_OP_COUNT] = {false};
  for (int i = 0; i < 4; i++) {
    cream_path path = path_of(f, i);
    cream_int8 *net = quantise(f, &path, i % 2 ? CREAM_CALIBRATION_ENTROPY : CREAM_CALIBRATION_PERCENTILE);
    void *workspace = malloc(cream_int8_workspace(net));
    assert_non_null(workspace);
    cream_batch batch;
    assert_int_equal(f->data.source.read(&f->data.source, 0, 1, &batch, &err), CREAM_OK);
    for (int n = 0; n < 2; n++) {
      float ours[CLASSES], expected[CLASSES];
      cream_int8_run(net, batch.pixels + n * PIXELS, f->data.source.mean, f->data.source.std, workspace,
                     ours);
      reference(net, batch.pixels + n * PIXELS, &f->data.source, expected);
      assert_memory_equal(ours, expected, sizeof ours);
    }
    for (int o = 0; o < net->n_ops; o++) seen[net->ops[o].kind] = true;
    free(workspace);
    cream_int8_destroy(net);
  }
  for (int kind = 0; kind < CREAM_INT8_OP_COUNT; kind++) assert_true(seen[kind]);
}

static void test_logits_are_near_the_floats(void **state) {
  fixture *f = *state;
  cream_error err;
  for (int i = 0; i < 4; i++) {
    cream_path path = path_of(f, i);
    cream_int8 *net = quantise(f, &path, CREAM_CALIBRATION_PERCENTILE);
    void *workspace = malloc(cream_int8_workspace(net));
    assert_non_null(workspace);
    cream_batch batch;
    assert_int_equal(f->data.source.read(&f->data.source, 0, 2, &batch, &err), CREAM_OK);
    cream_tensor x = cream_net_input(f->net, batch.n, batch.side);
    f->backend->upload_pixels(f->backend, &x, batch.pixels, f->data.source.mean, f->data.source.std);
    float floats[BATCH * CLASSES], ours[CLASSES], most = 0;
    cream_buf out = cream_net_forward(f->net, &path, &x, CREAM_BN_RUNNING, 0);
    assert_int_equal(f->backend->download(f->backend, floats, out, BATCH * CLASSES, &err), CREAM_OK);
    for (int k = 0; k < BATCH * CLASSES; k++) most = fmaxf(most, fabsf(floats[k]));
    for (int n = 0; n < BATCH; n++) {
      cream_int8_run(net, batch.pixels + n * PIXELS, f->data.source.mean, f->data.source.std, workspace,
                     ours);
      for (int k = 0; k < CLASSES; k++) assert_float_equal(ours[k], floats[n * CLASSES + k], 0.1f * most);
    }
    free(workspace);
    cream_int8_destroy(net);
  }
}

/* Two products of one sign fit in 16 bits, except in depthwise convolutions. */
static void test_weights(void **state) {
  fixture *f = *state;
  cream_path path = path_of(f, 1);
  cream_int8 *net = quantise(f, &path, CREAM_CALIBRATION_ENTROPY);
  for (int o = 0; o < net->n_ops; o++) {
    const cream_int8_op *op = &net->ops[o];
    if (op->kind != CREAM_INT8_CONV) continue;
    for (int c = 0; c < op->shape.cout; c++) {
      int most[2][2] = {{0}};
      for (size_t i = 0; i < op->weights.per_channel; i++) {
        int w = op->weights.values[(size_t)c * op->weights.per_channel + i], *sign = most[w < 0];
        w = abs(w);
        if (w > sign[0])
          sign[1] = sign[0], sign[0] = w;
        else if (w > sign[1])
          sign[1] = w;
      }
      assert_true(most[0][0] <= 127 && most[1][0] <= 127);
      if (op->shape.depthwise)
        assert_true(most[0][0] == 127 || most[1][0] == 127);
      else
        assert_true(most[0][0] + most[0][1] <= 128 && most[1][0] + most[1][1] <= 128);
    }
  }
  cream_int8_destroy(net);
}

static void test_not_finite(void **state) {
  fixture *f = *state;
  cream_error err;
  cream_path path = path_of(f, 0);
  cream_int8 *net;
  int count;
  const cream_param *stem = cream_net_params(f->net, &count);
  const float bad = NAN;
  f->backend->upload(f->backend, cream_buf_at(cream_net_weights(f->net), stem->offset), &bad, 1);
  assert_int_equal(cream_net_fold(f->net, &err), CREAM_OK);
  assert_int_equal(cream_int8_create(f->net, &path, &f->data.source, CREAM_CALIBRATION_ENTROPY, &net, &err),
                   CREAM_BAD_DATA);
  assert_non_null(strstr(err.text, "not finite"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_arithmetic_is_exact, setup, teardown),
      cmocka_unit_test_setup_teardown(test_logits_are_near_the_floats, setup, teardown),
      cmocka_unit_test_setup_teardown(test_arithmetic_is_exact, setup_same, teardown),
      cmocka_unit_test_setup_teardown(test_logits_are_near_the_floats, setup_same, teardown),
      cmocka_unit_test_setup_teardown(test_weights, setup, teardown),
      cmocka_unit_test_setup_teardown(test_not_finite, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
