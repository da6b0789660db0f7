/* A path of a small supernet against PyTorch in double precision (path.safetensors, README.md): logits, all
 * gradients of the distilled loss, and five steps of SGD along five paths; by the plain kernels and by the
 * tuned ones of every instruction set that this machine has. An argument is a filter on test names.
 */
#include "path.h"

#include <float.h>

/* Largest |got - want| / |want|, both norms over the whole tensor. Of gradients and of what steps change,
 * |want| counts for at least FLOOR of a tensor's with as many elements of average size: some are zero up
 * to rounding, like that of a batch norm's bias before a 1x1 convolution with batch norm. The result of steps
 * may also be off by one rounding of the weights in each step. */
#define FORWARD  1e-5
#define GRADIENT 5e-5
#define CHANGE   1e-4
#define FLOOR    0.1

static const float bn_momentum = 0.1f;

/* ---- a step -------------------------------------------------------------------------------------------- */

/* Loss = (rho CE(softmax(teacher's logits), logits) + (2 - rho) CE(y, logits)) / 2 and its gradients. */
static float forward_backward(fixture *f, int step) {
  cream_backend *backend = f->backend;
  float rho = golden_get(f->g, STEPS, "rho")[step];
  const float *y = golden_get(f->g, STEPS * BATCH, "labels") + step * BATCH;
  int32_t labels[BATCH];
  for (int i = 0; i < BATCH; i++) labels[i] = (int32_t)y[i];
  backend->upload(backend, f->labels, labels, BATCH);

  cream_path path = read_path(f, "paths", step), teacher = read_path(f, "teachers", step);
  cream_buf logits = cream_net_forward_train(f->net, &path, &f->x, CREAM_BN_TRAIN, bn_momentum, 0, 0, 0);
  backend->copy(backend, f->logits, logits, (size_t)BATCH * CLASSES);
  cream_buf taught = cream_net_forward_teacher(f->net, &teacher);
  if (step == 0) golden_expect(f->g, taught, FORWARD, "logits.teacher");
  backend->softmax(backend, taught, BATCH, CLASSES, f->target);
  cream_loss loss = {.hard = 0.5f * (2 - rho),
                     .soft = 0.5f * rho,
                     .smoothing = golden_get(f->g, 4, "settings")[0],
                     .labels = f->labels,
                     .target = f->target};
  backend->loss(backend, &loss, f->logits, BATCH, CLASSES, cream_net_dlogits(f->net), f->result);
  cream_net_backward(f->net, cream_net_dlogits(f->net));
  float *result = ops_download(&f->g->ops, f->result, 4), value = result[0];
  free(result);
  return value;
}

static int path_slices(const fixture *f, int step, cream_slice slices[MAX_SLICES]) {
  assert_true(cream_net_max_slices(f->net) <= MAX_SLICES);
  cream_path path = read_path(f, "paths", step);
  return cream_net_slices(f->net, &path, slices);
}

static void optimise(fixture *f, int step) {
  const float *settings = golden_get(f->g, 4, "settings");
  cream_optim optim = {.kind = CREAM_OPTIM_SGD,
                       .lr = settings[1],
                       .momentum = settings[2],
                       .weight_decay = settings[3],
                       .nesterov = true};
  cream_blocks blocks = {.w = cream_net_weights(f->net), .g = cream_net_gradients(f->net), .m = f->momentum};
  cream_slice slices[MAX_SLICES];
  int n_slices = path_slices(f, step, slices);
  f->backend->optim_step(f->backend, &optim, slices, n_slices, &blocks);
}

/* ---- comparisons --------------------------------------------------------------------------------------- */

/* values - base, base NULL: 0; the caller frees it. */
static float *minus(const float *values, const float *base, size_t count) {
  float *difference = ops_host(count);
  for (size_t i = 0; i < count; i++) difference[i] = values[i] - (base ? base[i] : 0);
  return difference;
}

static double norm(const float *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)values[i] * values[i];
  return sqrt(sum);
}

/* Root mean square of all golden weights with a prefix, or of their change since the beginning. */
static double average(const fixture *f, const char *prefix, bool change) {
  golden_ops golden = prefixed(f, prefix);
  double sum = 0, total = 0;
  for (int i = 0; i < f->n_params; i++) {
    const cream_param *param = &f->params[i];
    if (param->statistic || !golden_has(&golden, "%s", param->name)) continue;
    float *want = minus(golden_get(&golden, param->count, "%s", param->name),
                        change ? initial(f, param) : NULL, param->count);
    sum += pow(norm(want, param->count), 2);
    total += (double)param->count;
    free(want);
  }
  return sqrt(sum / total);
}

static void expect_gradient(const fixture *f, const cream_param *param, cream_buf buf, double typical) {
  golden_ops golden = prefixed(f, "grad");
  float *got = ops_download(&f->g->ops, buf, param->count);
  const float *want = golden_get(&golden, param->count, "%s", param->name);
  golden_compare(got, want, param->count, FLOOR * typical * sqrt((double)param->count), GRADIENT,
                 param->name);
  free(got);
}

/* `typical`: root mean square of a change; `steps`: their number. */
static void expect_change(const fixture *f, const cream_param *param, const char *prefix, double typical,
                          int steps) {
  golden_ops golden = prefixed(f, prefix);
  size_t count = param->count;
  const float *base = initial(f, param);
  float *values = ops_download(&f->g->ops, param_buf(f, param), count);
  float *got = minus(values, base, count);
  float *want = minus(golden_get(&golden, count, "%s", param->name), base, count);
  double least = FLOOR * typical * sqrt((double)count);
  double rounding = steps * FLT_EPSILON * norm(values, count) / CHANGE;
  char name[128];
  snprintf(name, sizeof name, "%s.%s", prefix, param->name);
  golden_compare(got, want, count, fmax(least, rounding), CHANGE, name);
  free(values);
  free(got);
  free(want);
}

/* Every gradient of the path is as expected, and no other parameter belongs to the path. */
static void expect_gradients(const fixture *f) {
  golden_ops golden = prefixed(f, "grad");
  double typical = average(f, "grad", false);
  cream_slice slices[MAX_SLICES];
  int n_slices = path_slices(f, 0, slices);
  for (int i = 0; i < f->n_params; i++) {
    const cream_param *param = &f->params[i];
    const cream_slice *slice = NULL;
    for (int s = 0; s < n_slices && !param->statistic; s++)
      if (param->offset >= slices[s].w && param->offset < slices[s].w + slices[s].count) slice = &slices[s];
    if ((slice != NULL) != golden_has(&golden, "%s", param->name))
      fail_msg("%s: %s", param->name, slice ? "should not be in the path" : "is not in the path");
    if (!slice) continue;
    assert_int_equal(slice->decay, param->n_dims > 1);
    cream_buf gradient = cream_buf_at(cream_net_gradients(f->net), slice->g + param->offset - slice->w);
    expect_gradient(f, param, gradient, typical);
  }
}

/* Weights and running statistics have changed as expected; those that no path used are unchanged. */
static void expect_weights(const fixture *f, const char *prefix, int steps) {
  golden_ops golden = prefixed(f, prefix);
  double typical = average(f, prefix, true);
  for (int i = 0; i < f->n_params; i++) {
    const cream_param *param = &f->params[i];
    if (golden_has(&golden, "%s", param->name)) {
      expect_change(f, param, prefix, typical, steps);
    } else {
      float *got = ops_download(&f->g->ops, param_buf(f, param), param->count);
      if (memcmp(got, initial(f, param), param->count * sizeof *got))
        fail_msg("%s: changed in %s, though no path uses it", param->name, prefix);
      free(got);
    }
  }
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void test_logits(golden_ops *g) {
  fixture f = open_fixture(g);
  cream_path path = read_path(&f, "paths", 0), teacher = read_path(&f, "teachers", 0);
  golden_expect(g, cream_net_forward(f.net, &path, &f.x, CREAM_BN_RUNNING, 0), FORWARD, "logits.eval");
  golden_expect(g, cream_net_forward(f.net, &teacher, &f.x, CREAM_BN_BATCH, 0), FORWARD, "logits.teacher");
  golden_expect(g, cream_net_forward(f.net, &path, &f.x, CREAM_BN_BATCH, 0), FORWARD, "logits.train");
  cream_buf logits = cream_net_forward_train(f.net, &path, &f.x, CREAM_BN_BATCH, 0, 0, 0, 0);
  golden_expect(g, logits, FORWARD, "logits.train");
  for (int i = 0; i < f.n_params; i++) {
    float *got = ops_download(&g->ops, param_buf(&f, &f.params[i]), f.params[i].count);
    assert_memory_equal(got, initial(&f, &f.params[i]), f.params[i].count * sizeof *got);
    free(got);
  }
  cream_net_destroy(f.net);
}

static void test_gradients(golden_ops *g) {
  fixture f = open_fixture(g);
  float loss = forward_backward(&f, 0);
  golden_expect(g, f.logits, FORWARD, "logits.train");
  golden_compare(&loss, golden_get(g, STEPS, "losses"), 1, 0, FORWARD, "the loss");
  expect_gradients(&f);
  f.backend->fill(f.backend, cream_net_gradients(f.net), cream_net_gradient_count(f.net), 1);
  cream_net_backward(f.net, cream_net_dlogits(f.net));
  expect_gradients(&f);
  cream_net_destroy(f.net);
}

static void test_steps(golden_ops *g) {
  fixture f = open_fixture(g);
  for (int step = 0; step < STEPS; step++) {
    float loss = forward_backward(&f, step);
    char name[32];
    snprintf(name, sizeof name, "loss of step %d", step + 1);
    golden_compare(&loss, golden_get(g, STEPS, "losses") + step, 1, 0, FORWARD, name);
    optimise(&f, step);
    if (step == 0) expect_weights(&f, "step1", 1);
  }
  expect_weights(&f, "step5", STEPS);
  cream_net_destroy(f.net);
}

static const golden_case cases[] = {
    {"logits", "", test_logits},
    {"gradients", "", test_gradients},
    {"steps", "", test_steps},
};

int main(int argc, char **argv) {
  return golden_main("path.safetensors", cases, sizeof cases / sizeof *cases, argc > 1 ? argv[1] : NULL);
}
