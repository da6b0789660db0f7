/* Sums over the parts of a step: the tree that they follow, and the buckets in which they travel. */
#include "core/cluster/parts.h"
#include "tests/core/synthetic.h"

#include <math.h>

/* The tree over values first .. first + n - 1. */
static float tree(const float *values, int n) {
  int m = 1;
  while (2 * m < n) m *= 2;
  return n == 1 ? values[0] : tree(values, m) + tree(values + m, n - m);
}

/* Sums of any number of parts follow the tree, to the bit, and are near the exact ones. */
static void test_tree(void **state) {
  (void)state;
  enum { COUNT = 33, MOST = 20, AT = 5 };
  cream_backend *backend = synthetic_backend(false, 1);
  cream_error err;
  cream_buf values;
  assert_int_equal(backend->alloc(backend, COUNT, &values, &err), CREAM_OK);
  for (int n = 2; n <= MOST; n++) {
    float given[COUNT][MOST], mean[AT + COUNT];
    cream_parts parts;
    cream_rng rng = cream_rng_at(1, CREAM_RNG_TEST, (uint64_t)n);
    assert_int_equal(cream_parts_init(&parts, backend, NULL, n, AT + COUNT, 1, false, &err), CREAM_OK);
    cream_parts_begin(&parts);
    for (int p = 0; p < n; p++) {
      float part[COUNT];
      for (int i = 0; i < COUNT; i++) part[i] = given[i][p] = (float)cream_rng_normal(&rng);
      backend->upload(backend, values, part, COUNT);
      cream_parts_add(&parts, p, values, AT, COUNT, false);
    }
    assert_int_equal(cream_parts_end(&parts, &err), CREAM_OK);
    assert_int_equal(backend->download(backend, mean, parts.mean, AT + COUNT, &err), CREAM_OK);
    for (int i = 0; i < COUNT; i++) {
      double exact = 0;
      for (int p = 0; p < n; p++) exact += given[i][p];
      assert_true(mean[AT + i] == 1.0f / (float)n * tree(given[i], n));
      assert_true(fabs(mean[AT + i] - exact / n) < 1e-6);
    }
    cream_parts_destroy(&parts);
  }
  backend->release(backend, values);
  backend->destroy(backend);
}

enum { LISTED = 40 };
static size_t sums[LISTED];
static int n_sums;

static cream_status list_sum(cream_cluster *c, float *values, size_t count, bool half, cream_error *err) {
  (void)c, (void)values, (void)half, (void)err;
  CREAM_ASSERT(n_sums < LISTED);
  sums[n_sums++] = count;
  return CREAM_OK;
}
static cream_status wait_for_nothing(cream_cluster *c, cream_error *err) {
  (void)c, (void)err;
  return CREAM_OK;
}

/* A run of values that is larger than a bucket travels in several. */
static void test_large_run(void **state) {
  (void)state;
  enum { COUNT = 2 * CREAM_PARTS_BUCKET + 7 };
  cream_backend *backend = synthetic_backend(false, 1);
  cream_cluster cluster = {.size = 2, .sum_begin = list_sum, .wait = wait_for_nothing};
  cream_parts parts;
  cream_error err;
  cream_buf values;
  assert_int_equal(backend->alloc(backend, COUNT, &values, &err), CREAM_OK);
  assert_int_equal(cream_parts_init(&parts, backend, &cluster, 2, COUNT, 1, false, &err), CREAM_OK);
  cream_parts_begin(&parts);
  n_sums = 0;
  cream_parts_add(&parts, 0, values, 0, COUNT, false);
  assert_int_equal(cream_parts_end(&parts, &err), CREAM_OK);
  assert_int_equal(n_sums, 3);
  assert_true(sums[0] == CREAM_PARTS_BUCKET && sums[1] == CREAM_PARTS_BUCKET && sums[2] == 7);
  cream_parts_destroy(&parts);
  backend->release(backend, values);
  backend->destroy(backend);
}

/* What sets off together: megabytes at first, and little at the end, so that little is waited for; the results travel with
 * the last values, but for those in half precision. */
static void test_buckets(void **state) {
  (void)state;
  enum { PIECE = 1 << 11, PIECES = 330, COUNT = PIECE * PIECES };
  cream_backend *backend = synthetic_backend(false, 1);
  cream_cluster cluster = {.size = 2, .sum_begin = list_sum, .wait = wait_for_nothing};
  cream_error err;
  cream_buf values;
  assert_int_equal(backend->alloc(backend, PIECE, &values, &err), CREAM_OK);
  for (int half = 0; half < 2; half++) {
    cream_parts parts;
    assert_int_equal(cream_parts_init(&parts, backend, &cluster, 2, COUNT + 4, PIECES + 1, half, &err),
                     CREAM_OK);
    cream_parts_begin(&parts);
    cream_parts_expect(&parts, COUNT);
    n_sums = 0;
    for (size_t i = 0; i < PIECES; i++) cream_parts_add(&parts, 0, values, i * PIECE, PIECE, false);
    cream_parts_add(&parts, 0, values, COUNT, 4, true);
    assert_int_equal(cream_parts_end(&parts, &err), CREAM_OK);
    size_t all = 0;
    for (int i = 0; i < n_sums; i++) all += sums[i];
    assert_int_equal(all, COUNT + 4);
    assert_int_equal(sums[0], CREAM_PARTS_BUCKET);
    const int last = n_sums - 1 - half;
    for (int i = 1; i <= last; i++) assert_true(sums[i] <= sums[i - 1]);
    assert_true(sums[last] <= CREAM_PARTS_LEAST + 4);
    if (half) assert_int_equal(sums[n_sums - 1], 4);
    cream_parts_destroy(&parts);
  }
  backend->release(backend, values);
  backend->destroy(backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tree),
      cmocka_unit_test(test_buckets),
      cmocka_unit_test(test_large_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
