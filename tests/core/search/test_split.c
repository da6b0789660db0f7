#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/data.h"

enum { COUNT = 5000 };

/* Checks a split. Returns the largest difference between the size of a class and its share. */
static double check_split(const int32_t *labels, size_t count, int classes, uint64_t seed, size_t n,
                          uint32_t *heldout) {
  uint32_t *rest = malloc((count + 1) * sizeof *rest);
  char *seen = calloc(count + 1, 1);
  cream_split(labels, count, classes, seed, n, heldout, rest);
  for (size_t i = 0; i < n; i++) {
    if (i) assert_true(heldout[i] > heldout[i - 1]);
    seen[heldout[i]]++;
  }
  for (size_t i = 0; i < count - n; i++) {
    if (i) assert_true(rest[i] > rest[i - 1]);
    seen[rest[i]]++;
  }
  for (size_t i = 0; i < count; i++) assert_int_equal(seen[i], 1);
  double worst = 0;
  for (int c = 0; c < classes; c++) {
    size_t has = 0, got = 0;
    for (size_t i = 0; i < count; i++) has += labels[i] == c;
    for (size_t i = 0; i < n; i++) got += labels[heldout[i]] == c;
    double off = (double)got - (double)has * (double)n / (double)count;
    if (off < 0) off = -off;
    if (off > worst) worst = off;
  }
  free(seen);
  free(rest);
  return worst;
}

static void stratified(void **state) {
  (void)state;
  int32_t labels[COUNT];
  uint32_t one[COUNT], two[COUNT];
  for (int i = 0; i < COUNT; i++) labels[i] = i * 7919 % 5003 % 10 < 3 ? 0 : i % 7;
  const size_t sizes[] = {0, 1, 6, 499, 1000, COUNT - 1, COUNT};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    assert_true(check_split(labels, COUNT, 7, 3, sizes[s], one) < 1);
    check_split(labels, COUNT, 7, 3, sizes[s], two);
    assert_memory_equal(one, two, sizes[s] * sizeof *one);
  }
  check_split(labels, COUNT, 7, 3, 1000, one);
  check_split(labels, COUNT, 7, 4, 1000, two);
  assert_memory_not_equal(one, two, 1000 * sizeof *one);
}

/* More classes than one pass counts, some of them empty. */
static void many_classes(void **state) {
  (void)state;
  int32_t labels[COUNT];
  uint32_t heldout[COUNT];
  for (int i = 0; i < COUNT; i++) labels[i] = i * 31 % 2500;
  assert_true(check_split(labels, COUNT, 2600, 1, 2000, heldout) < 1);
}

/* Every image is as likely as any other. */
static void even(void **state) {
  (void)state;
  enum { N = 40, DRAWS = 4000 };
  int32_t labels[N];
  uint32_t heldout[N], rest[N];
  int hits[N] = {0};
  for (int i = 0; i < N; i++) labels[i] = i % 2;
  for (uint64_t seed = 0; seed < DRAWS; seed++) {
    cream_split(labels, N, 2, seed, 10, heldout, rest);
    for (int i = 0; i < 10; i++) hits[heldout[i]]++;
  }
  for (int i = 0; i < N; i++) assert_in_range(hits[i], DRAWS / 4 - 150, DRAWS / 4 + 150); /* 5 deviations */
}

static void nothing(void **state) {
  (void)state;
  uint32_t none = 7;
  cream_split(NULL, 0, 10, 1, 0, &none, &none);
  assert_int_equal(none, 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stratified),
      cmocka_unit_test(many_classes),
      cmocka_unit_test(even),
      cmocka_unit_test(nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
