/* The values of a network that are observed, against its own outputs and between backends. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/net/fold.h"
#include "core/net/observe.h"

enum { BATCH = 3, SIDE = 16, CLASSES = SYNTHETIC_CLASSES, MAX_VALUES = 200 };

/* What was observed: of each value the number of floats, their sum, and the first and last of them. */
typedef struct seen {
  int n;
  size_t count[MAX_VALUES];
  double sum[MAX_VALUES];
  float first[MAX_VALUES];
  float logits[BATCH * CLASSES]; /* of the value that came last */
} seen;

static void take(void *self, int index, const float *values, size_t count) {
  seen *s = self;
  assert_int_equal(index, s->n);
  assert_true(index < MAX_VALUES);
  s->count[index] = count;
  s->first[index] = values[0];
  s->sum[index] = 0;
  for (size_t i = 0; i < count; i++) s->sum[index] += fabs(values[i]);
  if (count == BATCH * CLASSES) memcpy(s->logits, values, sizeof s->logits);
  s->n++;
}

static void observe(bool plain, const cream_path *path, seen *s, float logits[BATCH * CLASSES]) {
  cream_skeleton skeleton = synthetic_skeleton();
  cream_backend *backend = synthetic_backend(plain, 1);
  cream_net *net;
  cream_error err;
  cream_net_options options = {.batch = BATCH, .seed = 4};
  assert_int_equal(cream_net_create(backend, &skeleton, &options, &net, &err), CREAM_OK);
  assert_int_equal(cream_net_fold(net, &err), CREAM_OK);
  synthetic data;
  synthetic_open(&data, BATCH, BATCH, SIDE, 9);
  cream_batch batch;
  assert_int_equal(data.source.read(&data.source, 0, 0, &batch, &err), CREAM_OK);
  cream_tensor x = cream_net_input(net, batch.n, batch.side);
  backend->upload_pixels(backend, &x, batch.pixels, data.source.mean, data.source.std);
  *s = (seen){0};
  assert_int_equal(cream_net_observe(net, path, &x, take, s, &err), CREAM_OK);
  assert_float_equal(s->first[0], ((float)batch.pixels[0] / 255 - 0.4f) / 0.2f, 1e-5f);
  cream_buf out = cream_net_forward(net, path, &x, CREAM_BN_RUNNING, 0);
  assert_int_equal(backend->download(backend, logits, out, BATCH * CLASSES, &err), CREAM_OK);
  synthetic_close(&data);
  cream_net_destroy(net);
  backend->destroy(backend);
}

static void test_values(void **state) {
  (void)state;
  cream_skeleton skeleton = synthetic_skeleton();
  cream_path path = cream_skeleton_first_path(&skeleton);
  path.choice[2] = 3; /* skip */
  path.choice[4] = 2; /* a bottleneck */
  static seen tuned, plain;
  float logits[BATCH * CLASSES];
  observe(true, &path, &plain, logits);
  for (int i = 0; i < BATCH * CLASSES; i++) assert_float_equal(plain.logits[i], logits[i], 1e-5f);
  observe(false, &path, &tuned, logits);
  for (int i = 0; i < BATCH * CLASSES; i++) assert_float_equal(tuned.logits[i], logits[i], 1e-5f);
  assert_int_equal(tuned.n, plain.n);
  assert_int_equal(tuned.count[0], BATCH * SIDE * SIDE * 3);
  for (int i = 0; i < tuned.n; i++) {
    assert_int_equal(tuned.count[i], plain.count[i]);
    assert_true(fabs(tuned.sum[i] - plain.sum[i]) <= 1e-4 * (1 + plain.sum[i]));
  }
  /* Stem, its activation; depthwise, its activation, squeeze-excite of 6 values; pointwise, the sum. */
  for (int i = 1; i < 5; i++) assert_int_equal(tuned.count[i], BATCH * 64 * 8);
  assert_int_equal(tuned.count[5], BATCH * 8);
  assert_int_equal(tuned.count[6], tuned.count[7]);
  assert_int_equal(tuned.count[9], BATCH * 8);
  for (int i = 10; i < 13; i++) assert_int_equal(tuned.count[i], BATCH * 64 * 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
