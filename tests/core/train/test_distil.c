/* The distillation loss: against its definition in double precision, and its gradient against finite differences, with
 * plain and tuned kernels; the outputs of a teacher in a cache. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/train/distil.h"

enum { N = 5, K = 7 };

typedef struct problem {
  double weight, temperature, hard, soft, smoothing;
  float z[N][K], t[N][K], target[N][K]; /* target: of the soft part of the labels */
  int32_t labels[N];
} problem;

static problem draw(double weight, double temperature, bool mixed) {
  problem p = {weight, temperature, mixed ? 0 : 1, mixed ? 1 : 0, 0.1, .labels = {0, 6, 3, 3, 1}};
  cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, 1);
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < K; k++) {
      p.z[i][k] = cream_rng_range(&rng, -3, 3);
      p.t[i][k] = cream_rng_range(&rng, -4, 4);
    }
    p.target[i][p.labels[i]] = 0.75f;
    p.target[i][2] += 0.25f;
  }
  return p;
}

static void softmax(const double *z, double temperature, double *p) {
  double sum = 0;
  for (int k = 0; k < K; k++) sum += p[k] = exp(z[k] / temperature);
  for (int k = 0; k < K; k++) p[k] /= sum;
}

/* The loss by its definition, with logit [at / K][at % K] of the student changed by `change`. *kl: T^2 * KL. */
static double loss_of(const problem *p, int at, double change, double *kl) {
  double loss = 0;
  *kl = 0;
  for (int i = 0; i < N; i++) {
    double z[K], t[K], q[K], student[K], teacher[K], labels = 0, divergence = 0;
    for (int k = 0; k < K; k++) {
      z[k] = p->z[i][k] + (i * K + k == at ? change : 0);
      t[k] = p->t[i][k];
    }
    softmax(z, 1, q);
    softmax(z, p->temperature, student);
    softmax(t, p->temperature, teacher);
    for (int k = 0; k < K; k++) {
      double y = (k == p->labels[i] ? 1 - p->smoothing : 0) + p->smoothing / K;
      labels -= (p->hard * y + p->soft * p->target[i][k]) * log(q[k]);
      divergence += teacher[k] * log(teacher[k] / student[k]);
    }
    divergence *= p->temperature * p->temperature;
    *kl += divergence / N;
    loss += ((1 - p->weight) * labels + p->weight * divergence) / N;
  }
  return loss;
}

static cream_buf upload(cream_backend *backend, const void *values, size_t count) {
  cream_buf buf;
  cream_error err;
  if (backend->alloc(backend, count, &buf, &err)) fail_msg("%s", err.text);
  if (values) backend->upload(backend, buf, values, count);
  return buf;
}

static void measure(const problem *p, bool plain, float result[4], float gradient[N * K]) {
  cream_backend *backend = synthetic_backend(plain, 2);
  cream_error err;
  const cream_conv room = {.cin = 16, .cout = 16, .kernel = 1, .stride = 1, .dilation = 1};
  assert_int_equal(backend->reserve(backend, &room, N, 4, 4, &err), CREAM_OK); /* as a net does */
  cream_distil distil;
  assert_int_equal(cream_distil_init(&distil, backend, N, K, p->weight, p->temperature, &err), CREAM_OK);
  cream_buf z = upload(backend, p->z, N * K), t = upload(backend, p->t, N * K);
  cream_buf labels = upload(backend, p->labels, N), target = upload(backend, p->target, N * K);
  cream_buf dz = upload(backend, NULL, N * K), out = upload(backend, NULL, 4);
  const cream_loss terms = {(float)p->hard, (float)p->soft, (float)p->smoothing, labels,
                            p->soft > 0 ? target : CREAM_NO_BUF};
  cream_distil_loss(&distil, &terms, z, t, N, dz, out);
  assert_int_equal(backend->download(backend, result, out, 4, &err), CREAM_OK);
  assert_int_equal(backend->download(backend, gradient, dz, N * K, &err), CREAM_OK);
  const cream_buf buffers[] = {z, t, labels, target, dz, out};
  for (int i = 0; i < 6; i++) backend->release(backend, buffers[i]);
  cream_distil_destroy(&distil);
  backend->destroy(backend);
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance)) fail_msg("got %.9g, expected %.9g", value, expected);
}

static void test_loss(void **state) {
  (void)state;
  const double weights[] = {0, 0.3, 1}, temperatures[] = {0.5, 1, 4};
  for (int c = 0; c < 36; c++) {
    const problem p = draw(weights[c % 3], temperatures[c / 3 % 3], c / 9 % 2);
    float result[4], gradient[N * K];
    double kl, expected = loss_of(&p, -1, 0, &kl);
    measure(&p, c / 18, result, gradient);
    near(result[0], expected, 1e-5 * fmax(1, expected));
    near(result[2], kl, 1e-5 * fmax(1, kl));
    for (int at = 0; at < N * K; at++) {
      const double step = 1e-5;
      double up = loss_of(&p, at, step, &kl), down = loss_of(&p, at, -step, &kl);
      near(gradient[at], (up - down) / (2 * step), 1e-6);
    }
  }
}

/* numpy: z = [1, 2, 0], t = [0, 3, 1], label 2, no smoothing, T = 2, w = 0.25. */
static void test_numbers(void **state) {
  (void)state;
  problem p = {0.25, 2, 1, 0, 0, .labels = {2, 2, 2, 2, 2}};
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < K; k++) p.z[i][k] = p.t[i][k] = -200; /* no probability */
    const float z[] = {1, 2, 0}, t[] = {0, 3, 1};
    memcpy(p.z[i], z, sizeof z);
    memcpy(p.t[i], t, sizeof t);
  }
  float result[4], gradient[N * K];
  measure(&p, false, result, gradient);
  near(result[0], 1.881360977, 2e-6);
  near(result[1], 2.407605964, 2e-6);
  near(result[2], 0.302626013, 2e-6);
  near(result[3], 0, 0);
  const double expected[] = {0.267022105, 0.437905053, -0.704927157};
  for (int k = 0; k < 3; k++) near(gradient[k], expected[k] / N, 1e-7);
}

/* A student that has the teacher's outputs has nothing to learn from it. */
static void test_same(void **state) {
  (void)state;
  problem p = draw(1, 3, false);
  memcpy(p.t, p.z, sizeof p.t);
  float result[4], gradient[N * K];
  measure(&p, false, result, gradient);
  near(result[0], 0, 1e-5);
  near(result[2], 0, 1e-5);
  for (int at = 0; at < N * K; at++) near(gradient[at], 0, 1e-7);
}

static void test_cached_outputs(void **state) {
  (void)state;
  const float logits[] = {1, 3, -2, 3, 0, 2};
  uint32_t classes[6];
  float probabilities[6], again[6];
  double sum = 0, p[6];
  for (int k = 0; k < 6; k++) sum += p[k] = exp(logits[k]);
  cream_external_pick(logits, 6, 3, classes, probabilities);
  assert_true(classes[0] == 1 && classes[1] == 3 && classes[2] == 5); /* the first of equals first */
  for (int i = 0; i < 3; i++) near(probabilities[i], p[classes[i]] / sum, 1e-7);
  cream_external_spread(classes, probabilities, 6, 3, again);
  double rest = (p[0] + p[2] + p[4]) / sum / 3;
  const double expected[] = {rest, p[1] / sum, rest, p[3] / sum, rest, p[5] / sum};
  for (int k = 0; k < 6; k++) near(exp(again[k]), expected[k], 1e-7);
  cream_external_pick(logits, 6, 6, classes, probabilities); /* all classes: nothing is lost */
  cream_external_spread(classes, probabilities, 6, 6, again);
  for (int k = 0; k < 6; k++) near(again[k], log(p[k] / sum), 1e-6);
  const float sure[] = {0, 300};
  cream_external_pick(sure, 2, 1, classes, probabilities);
  cream_external_spread(classes, probabilities, 2, 1, again);
  assert_true(isfinite(again[0]) && again[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_loss),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_same),
      cmocka_unit_test(test_cached_outputs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
