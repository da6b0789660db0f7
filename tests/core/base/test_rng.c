#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/rng.h"

/* Known answers of Random123 1.14, philox4x32 10. */
static void test_philox_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], expected[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t out[4];
    cream_philox(known[i].counter, known[i].key, out);
    assert_memory_equal(out, known[i].expected, sizeof out);
  }
}

static void test_streams_differ(void **state) {
  (void)state;
  cream_rng streams[] = {
      cream_rng_at(1, CREAM_RNG_INIT, 0), cream_rng_at(1, CREAM_RNG_PATH, 0),
      cream_rng_at(1, CREAM_RNG_INIT, 1), cream_rng_at(1, CREAM_RNG_INIT, (uint64_t)1 << 32),
      cream_rng_at(2, CREAM_RNG_INIT, 0), cream_rng_at((uint64_t)1 << 32 | 1, CREAM_RNG_INIT, 0),
  };
  enum { STREAMS = sizeof streams / sizeof *streams };
  uint32_t words[STREAMS][8];
  for (int s = 0; s < STREAMS; s++)
    for (int i = 0; i < 8; i++) words[s][i] = cream_rng_u32(&streams[s]);
  for (int s = 0; s < STREAMS; s++)
    for (int t = 0; t < s; t++) assert_memory_not_equal(words[s], words[t], sizeof words[s]);
  cream_rng again = cream_rng_at(1, CREAM_RNG_PATH, 0);
  for (int i = 0; i < 8; i++) assert_int_equal(cream_rng_u32(&again), words[1][i]);
}

static void test_uniform(void **state) {
  (void)state;
  enum { DRAWS = 20000 };
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 0);
  double sum = 0.0, sum_double = 0.0;
  for (int i = 0; i < DRAWS; i++) {
    float x = cream_rng_float(&rng), ranged = cream_rng_range(&rng, -3.0f, 5.0f);
    double y = cream_rng_double(&rng);
    assert_true(x >= 0.0f && x < 1.0f && y >= 0.0 && y < 1.0 && ranged >= -3.0f && ranged <= 5.0f);
    sum += x;
    sum_double += y;
  }
  assert_true(fabs(sum / DRAWS - 0.5) < 0.01);
  assert_true(fabs(sum_double / DRAWS - 0.5) < 0.01);
}

static void test_below(void **state) {
  (void)state;
  enum { BOUND = 7, DRAWS = 70000 };
  int seen[BOUND] = {0};
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 1);
  for (int i = 0; i < DRAWS; i++) {
    uint32_t x = cream_rng_below(&rng, BOUND);
    assert_true(x < BOUND);
    seen[x]++;
  }
  for (int i = 0; i < BOUND; i++) assert_true(abs(seen[i] - DRAWS / BOUND) < 500);
  assert_int_equal(cream_rng_below(&rng, 1), 0);
}

static void test_normal(void **state) {
  (void)state;
  enum { DRAWS = 50000 };
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 2);
  double sum = 0.0, squares = 0.0, fourth = 0.0;
  for (int i = 0; i < DRAWS; i++) {
    double x = cream_rng_normal(&rng);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  assert_true(fabs(sum / DRAWS) < 0.02);
  assert_true(fabs(squares / DRAWS - 1.0) < 0.03);
  assert_true(fabs(fourth / DRAWS - 3.0) < 0.2);
}

static void test_shuffle(void **state) {
  (void)state;
  enum { COUNT = 100 };
  uint32_t items[COUNT];
  bool seen[COUNT] = {false};
  for (uint32_t i = 0; i < COUNT; i++) items[i] = i;
  cream_rng rng = cream_rng_at(7, CREAM_RNG_SHUFFLE, 0);
  cream_rng_shuffle(&rng, items, COUNT);
  int fixed = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_true(items[i] < COUNT && !seen[items[i]]);
    seen[items[i]] = true;
    fixed += items[i] == i;
  }
  assert_true(fixed < 10);
}

static void test_dropout_draws(void **state) {
  (void)state;
  enum { DRAWS = 20000 };
  int dropped = 0;
  for (uint64_t i = 0; i < DRAWS; i++) dropped += cream_rng_dropout(3, 4, i) < 0.2f;
  assert_true(abs(dropped - DRAWS / 5) < 300);
  float draw = cream_rng_dropout(3, 4, 5);
  assert_true(draw == cream_rng_dropout(3, 4, 5));
  assert_true(draw != cream_rng_dropout(3, 4, 6) && draw != cream_rng_dropout(3, 5, 5));
  assert_true(draw != cream_rng_dropout(3, 4, (uint64_t)1 << 32 | 5));
}

static void test_choose(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  static uint32_t chosen[COUNT];
  static uint8_t taken[COUNT], seen[COUNT];
  cream_rng rng = cream_rng_at(5, CREAM_RNG_TEST, 9), again = rng;
  cream_rng_choose(&rng, COUNT, COUNT, chosen, taken);
  for (int i = 0; i < COUNT; i++) {
    assert_true(chosen[i] < COUNT && !seen[chosen[i]]);
    seen[chosen[i]] = 1;
    assert_int_equal(taken[i], 0);
  }
  uint32_t few[3];
  cream_rng_choose(&again, COUNT, 3, few, taken);
  assert_memory_equal(few, chosen, sizeof few);
  cream_rng_choose(&again, 1, 1, few, taken);
  assert_int_equal(few[0], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_philox_known_answers),
      cmocka_unit_test(test_streams_differ),
      cmocka_unit_test(test_uniform),
      cmocka_unit_test(test_below),
      cmocka_unit_test(test_normal),
      cmocka_unit_test(test_shuffle),
      cmocka_unit_test(test_choose),
      cmocka_unit_test(test_dropout_draws),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
