/* The comparison of a device's training with the CPU's, on a CPU backend in which something is wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/cpu.h"
#include "tools/run/train_check.h"

static cream_backend right; /* the functions of the backend below */
static int calls;

static cream_backend *open_backend(void) {
  const cream_cpu_options options = {.threads = 1};
  cream_backend *backend;
  cream_error err;
  assert_int_equal(cream_cpu_create(&options, &backend, &err), CREAM_OK);
  right = *backend;
  calls = 0;
  return backend;
}

/* What a device does that overwrites memory from which earlier uploads are still being read: labels become others. */
static void upload_overwritten(cream_backend *backend, cream_buf dst, const void *src, size_t count) {
  static const int32_t labels[4] = {0, 0, 0, 0};
  right.upload(backend, dst, count == 4 ? labels : src, count);
}

/* Rounds otherwise now and then. */
static void optim_unsteady(cream_backend *backend, const cream_optim *optim, const cream_slice *slices, int n,
                           const cream_blocks *blocks) {
  float weight;
  cream_error err;
  right.optim_step(backend, optim, slices, n, blocks);
  if (calls++ != 5) return;
  assert_int_equal(right.download(backend, &weight, blocks->w, 1, &err), CREAM_OK);
  weight = weight * 1.000001f + 1e-9f;
  right.upload(backend, blocks->w, &weight, 1);
}

static void dropout_wrong(cream_backend *backend, cream_buf gate, size_t count, float p, uint64_t seed,
                          uint64_t step) {
  right.dropout_gate(backend, gate, count, p, seed + 1, step);
}

static void check(cream_backend *backend, const char *expected) {
  train_check result;
  cream_error err = {0};
  cream_status status = train_check_run(backend, 2, false, &result, &err);
  backend->destroy(backend);
  if (!expected) {
    if (status) fail_msg("%s", err.text);
    assert_true(result.runs == 2 && result.repeats && result.loss_error < 1e-5 && result.weight_error < 1e-3);
    return;
  }
  assert_int_equal(status, CREAM_FAILED);
  if (!strstr(err.text, expected)) fail_msg("%s", err.text);
}

static void test_right(void **state) {
  (void)state;
  check(open_backend(), NULL);
}

static void test_overwritten_uploads(void **state) {
  (void)state;
  cream_backend *backend = open_backend();
  backend->upload = upload_overwritten;
  check(backend, "training differs from the CPU's: a loss is");
}

static void test_unsteady(void **state) {
  (void)state;
  cream_backend *backend = open_backend();
  backend->optim_step = optim_unsteady;
  check(backend, "gave different weights when it was repeated");
}

static void test_dropout(void **state) {
  (void)state;
  cream_backend *backend = open_backend();
  backend->dropout_gate = dropout_wrong;
  check(backend, "random numbers of dropout differ");
}

/* How near the values of squeeze-excites are to where the slope of their activations jumps. */
static double nearest;

static void near(cream_backend *backend, cream_buf values, size_t count, double jump) {
  float *host = malloc(count * sizeof *host);
  cream_error err;
  assert_non_null(host);
  assert_int_equal(right.download(backend, host, values, count, &err), CREAM_OK);
  for (size_t i = 0; i < count; i++) nearest = fmin(nearest, fabs(fabs((double)host[i]) - jump));
  free(host);
}

static void se_watched(cream_backend *backend, const cream_se *se, const cream_tensor *x) {
  right.se_forward(backend, se, x);
  assert_true(se->act == CREAM_ACT_RELU && se->gate_act == CREAM_ACT_HARD_SIGMOID);
  near(backend, se->hidden, (size_t)x->n * (size_t)se->r, 0);
  near(backend, se->gate_z, (size_t)x->n * (size_t)se->c, 3);
}

/* Where the slope jumps, a rounding decides the gradient of a whole step: a device whose sums run in another order, and
 * are as right, would differ. No value of this training is near. */
static void test_jumps(void **state) {
  (void)state;
  cream_backend *backend = open_backend();
  backend->se_forward = se_watched;
  nearest = INFINITY;
  check(backend, NULL);
  assert_true(nearest > 1e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_right), cmocka_unit_test(test_overwritten_uploads),
                                     cmocka_unit_test(test_unsteady), cmocka_unit_test(test_dropout),
                                     cmocka_unit_test(test_jumps)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
