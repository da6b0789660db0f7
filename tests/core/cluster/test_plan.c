/* Predictions against numbers that were computed by hand. */
#include "core/cluster/plan.h"
#include "tests/core/synthetic.h"

#define MB 1048576.0

/* 8 MB of gradient, and 0.25 MB of statistics a part. */
static const cream_plan_node node = {
    .part = 0.5, .rest = 0.25, .overlap = 0.125, .gradient = 8 * MB, .statistics = MB / 4};

static void close_to(double got, double expected) {
  if (fabs(got - expected) > 1e-9 * fabs(expected)) fail_msg("got %.12g, expected %.12g", got, expected);
}

static cream_plan_step plan(double megabytes, double latency, int parts, int ranks) {
  const cream_plan_network network = {megabytes * MB, latency};
  cream_plan_step step;
  assert_true(cream_plan(&node, &network, parts, ranks, &step));
  return step;
}

static void test_alone(void **state) {
  (void)state;
  const cream_plan_step step = plan(1, 1, 8, 1);
  close_to(step.seconds, 8 * 0.5 + 0.25);
  assert_true(step.waited == 0 && step.sent == 0);
}

/* Two ranks send 2 * 1/2 * 8 MB of gradient, and 1/2 * 8 * 0.25 MB of statistics. */
static void test_slow_network(void **state) {
  (void)state;
  const cream_plan_step step = plan(4, 0, 8, 2);
  close_to(step.sent, 9 * MB);
  close_to(step.waited, 9 / 4.0 - 0.125);
  close_to(step.seconds, 4 * 0.5 + 0.25 + step.waited);
}

/* Everything but the last 16 kB are hidden: 2 * 3/4 of them travel. */
static void test_fast_network(void **state) {
  (void)state;
  const cream_plan_step step = plan(1000, 0, 8, 4);
  close_to(step.waited, 1.5 / 64 / 1000);
  close_to(step.seconds, 2 * 0.5 + 0.25 + step.waited);
}

/* Eight sums of a megabyte and six smaller ones, of 2 * 3 messages each; or one sum where the others are hidden; and two
 * decisions of 3 messages. */
static void test_latency(void **state) {
  (void)state;
  close_to(plan(1e12, 0.01, 8, 8).waited, 84 * 0.01 - 0.125 + 6 * 0.01);
  close_to(plan(1e12, 0.001, 8, 8).waited, 6 * 0.001 + 6 * 0.001);
}

static void test_more_bandwidth_is_never_slower(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= 64; ranks *= 2) {
    double before = INFINITY;
    for (double megabytes = 1; megabytes < 1e5; megabytes *= 1.5) {
      const cream_plan_step step = plan(megabytes, 5e-5, 64, ranks);
      assert_true(step.seconds <= before && step.waited >= 0 && step.waited < step.seconds);
      before = step.seconds;
    }
  }
}

static void test_impossible(void **state) {
  (void)state;
  const cream_plan_network network = {MB, 0};
  cream_plan_step step;
  assert_false(cream_plan(&node, &network, 8, 16, &step));
  assert_false(cream_plan(&node, &network, 8, 3, &step));
  assert_false(cream_plan(&node, &network, 6, 2, &step));
  assert_true(cream_plan(&node, &network, 6, 1, &step));
  assert_false(cream_plan(&node, &network, 8, 0, &step));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alone),        cmocka_unit_test(test_slow_network),
      cmocka_unit_test(test_fast_network), cmocka_unit_test(test_latency),
      cmocka_unit_test(test_impossible),   cmocka_unit_test(test_more_bandwidth_is_never_slower),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
