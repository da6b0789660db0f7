/* The paths that a ranking draws, and its correlations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/search/rank.h"
#include "io/config/space_yaml.h"

static cream_skeleton skeleton;
static cream_costs costs;

static int setup(void **state) {
  (void)state;
  static cream_space space;
  static const int depth[CREAM_MAX_STAGES] = {1, 2, 2, 2};
  cream_error err;
  if (cream_space_load("micro", &space, &err)) fail_msg("%s", err.text);
  if (cream_skeleton_init(&skeleton, &space, depth, 32, 10, &err)) fail_msg("%s", err.text);
  cream_costs_init(&costs, &skeleton, 32);
  return 0;
}

static int draw(const cream_rank_config *config, const cream_limits *limits, uint64_t seed,
                cream_path *paths) {
  cream_error err;
  int n;
  if (cream_rank_draw(config, &skeleton, limits, seed, paths, &n, &err)) fail_msg("%s", err.text);
  return n;
}

static double flops_of(const cream_path *path) {
  cream_cost cost = cream_costs_path(&costs, path);
  return cream_cost_flops(&cost);
}

static void test_paths_are_distinct_and_inside(void **state) {
  (void)state;
  static cream_path paths[200], fewer[200], others[200];
  const cream_limits limits = {.flops = {3e6, 5e6}};
  for (int spread = 0; spread < 2; spread++) {
    cream_rank_config config = {.paths = 200, .spread = (cream_spread)spread, .buckets = 5};
    assert_int_equal(draw(&config, &limits, 7, paths), 200);
    for (int i = 0; i < 200; i++) {
      assert_true(flops_of(&paths[i]) >= 3e6 && flops_of(&paths[i]) <= 5e6);
      for (int j = 0; j < i; j++) assert_false(cream_path_equal(&paths[i], &paths[j]));
    }
    config.paths = 60;
    assert_int_equal(draw(&config, &limits, 7, fewer), 60);
    for (int i = 0; i < 60; i++) assert_true(cream_path_equal(&paths[i], &fewer[i]));
    assert_int_equal(draw(&config, &limits, 8, others), 60);
    assert_false(cream_path_equal(&others[0], &fewer[0]) && cream_path_equal(&others[1], &fewer[1]));
  }
}

/* Paths from the parts of the range in turn are as often small or large as medium; uniform paths are not. */
static void test_spread_over_flops(void **state) {
  (void)state;
  static cream_path paths[100];
  const cream_range reach = cream_costs_reach(&costs);
  const double width = (reach.max - reach.min) / 4;
  int at_edges[2] = {0};
  for (int spread = 0; spread < 2; spread++) {
    const cream_rank_config config = {.paths = 100, .spread = (cream_spread)spread, .buckets = 4};
    assert_int_equal(draw(&config, &(cream_limits){0}, 3, paths), 100);
    for (int i = 0; i < 100; i++) {
      double at = (flops_of(&paths[i]) - reach.min) / width;
      if (spread) assert_true(at >= i % 4 - 1e-9 && at <= i % 4 + 1 + 1e-9);
      at_edges[spread] += at < 1 || at > 3;
    }
  }
  assert_int_equal(at_edges[1], 50);
  assert_true(at_edges[0] < 40);
}

static void test_a_range_with_few_paths(void **state) {
  (void)state;
  static cream_path paths[100];
  const cream_range reach = cream_costs_reach(&costs);
  const cream_limits limits = {.flops = {reach.min, reach.min * 1.01}};
  cream_rank_config config = {.paths = 100, .spread = CREAM_SPREAD_FLOPS, .buckets = 3};
  int n = draw(&config, &limits, 1, paths);
  assert_in_range(n, 1, 99);
  config.spread = CREAM_SPREAD_UNIFORM;
  assert_int_equal(draw(&config, &limits, 1, paths), n);
}

static cream_ranked made(double supernet, double heldout, double loss, double test) {
  return (cream_ranked){.supernet = {.top1 = supernet, .loss = 1 - supernet, .count = 100},
                        .heldout = {.top1 = heldout, .loss = loss, .count = 100},
                        .test = {.top1 = test, .count = 100},
                        .cost = {.macs = 10 * heldout, .params = 1 - heldout},
                        .ms = NAN};
}

static void test_the_best_are_by_trained_accuracy_then_loss(void **state) {
  (void)state;
  const cream_ranked paths[] = {made(0, 0.5, 0.2, 0), made(0, 0.7, 0.4, 0), made(0, 0.7, 0.3, 0),
                                made(0, 0.9, 0.9, 0), made(0, 0.5, 0.2, 0)};
  int order[5];
  cream_rank_order(paths, 5, order);
  const int expected[] = {3, 2, 1, 0, 4};
  assert_memory_equal(order, expected, sizeof order);
}

/* With equal accuracies, a loss that is not finite ranks last, wherever it was; then the smaller path is first. */
static void test_a_loss_that_is_no_number_is_worst(void **state) {
  (void)state;
  cream_ranked paths[] = {made(0, 0.7, NAN, 0), made(0, 0.7, 0.3, 0), made(0, 0.7, INFINITY, 0),
                          made(0, 0.7, 0.2, 0), made(0, 0.6, 0.1, 0), made(0, 0.7, 0.3, 0)};
  int order[6];
  paths[5].cost.macs -= 1;
  cream_rank_order(paths, 6, order);
  const int expected[] = {3, 5, 1, 0, 2, 4};
  assert_memory_equal(order, expected, sizeof order);
}

static void test_correlations(void **state) {
  (void)state;
  cream_ranked paths[25];
  cream_correlation c[CREAM_RANK_MAX_CORRELATIONS];
  const cream_bootstrap bootstrap = {50, 0.95, 1};
  int count;
  cream_error err;
  /* the supernet reverses the ten best and orders all others correctly; the test accuracies order all correctly */
  for (int i = 0; i < 25; i++)
    paths[i] = made(i < 15 ? 0.01 * i : 0.8 - 0.01 * i, 0.01 * i, 1 - 0.01 * i, 0.9 - 0.01 * i);
  assert_int_equal(cream_rank_correlate(paths, 25, &bootstrap, c, &count, &err), CREAM_OK);
  assert_int_equal(count, 20); /* no latencies, and no second trainings */
  assert_true(c[0].best == 25 && c[1].best == 13 && c[2].best == 20 && c[3].best == 10);
  assert_true(c[0].by == CREAM_RANK_BY_SUPERNET && c[0].measure == CREAM_RANK_TOP1 &&
              c[0].split == CREAM_RANK_HELDOUT);
  assert_float_equal(c[0].tau.value, 1 - 4.0 * 45 / (25 * 24), 1e-12);
  assert_float_equal(c[1].tau.value, 1 - 4.0 * 45 / (13 * 12), 1e-12);
  assert_float_equal(c[2].tau.value, 1 - 4.0 * 45 / (20 * 19), 1e-12);
  assert_float_equal(c[3].tau.value, -1, 1e-12);
  assert_float_equal(c[3].rho.value, -1, 1e-12);
  assert_float_equal(c[0].regret.value, 0.09, 1e-12); /* the supernet's best is the worst of the ten */
  assert_true(c[0].recall.value == 0 && isnan(c[1].recall.value) && isnan(c[1].regret.value));
  assert_true(c[4].split == CREAM_RANK_TEST && fabs(c[4].tau.value + c[0].tau.value) < 1e-12);
  assert_true(c[8].measure == CREAM_RANK_LOSS && fabs(c[8].tau.value - c[0].tau.value) < 1e-12);
  assert_true(c[12].by == CREAM_RANK_BY_FLOPS && fabs(c[12].tau.value - 1) < 1e-12 && c[12].tau.low > 0.999);
  assert_true(c[12].recall.value == 1 && c[12].regret.value == 0);
  assert_true(c[16].by == CREAM_RANK_BY_PARAMS && fabs(c[16].tau.value + 1) < 1e-12);
  assert_int_equal(cream_rank_correlate(paths, 10, &bootstrap, c, &count, &err), CREAM_OK);
  assert_int_equal(count, 10);
  assert_true(c[0].best == 10 && c[1].best == 5);
}

/* Second trainings are compared over the paths that have one. */
static void test_the_truth_with_itself(void **state) {
  (void)state;
  cream_ranked paths[12];
  cream_correlation c[CREAM_RANK_MAX_CORRELATIONS];
  const cream_bootstrap bootstrap = {50, 0.95, 1};
  int count;
  cream_error err;
  for (int i = 0; i < 12; i++) {
    paths[i] = made(0.5, 0.01 * i, 1, 0.5);
    if (i % 3 == 0) paths[i].again = (cream_score){.top1 = 0.02 * i, .loss = 1, .count = 100};
    paths[i].ms = -i;
  }
  assert_int_equal(cream_rank_known(paths, 12, CREAM_RANK_BY_AGAIN), 4);
  assert_int_equal(cream_rank_correlate(paths, 12, &bootstrap, c, &count, &err), CREAM_OK);
  const cream_correlation *last = &c[count - 2], *latency = NULL;
  for (int i = 0; i < count; i++)
    if (c[i].by == CREAM_RANK_BY_LATENCY && c[i].best == 12) latency = &c[i];
  assert_true(last->by == CREAM_RANK_BY_AGAIN && last->best == 4 && fabs(last->tau.value - 1) < 1e-12 &&
              last->regret.value == 0);
  assert_non_null(latency);
  assert_true(fabs(latency->tau.value + 1) < 1e-12);
}

/* Zero-cost proxies are compared over the paths that have them; what left the range of numbers is not known. */
static void test_proxies(void **state) {
  (void)state;
  cream_ranked paths[8];
  cream_correlation c[CREAM_RANK_MAX_CORRELATIONS];
  const cream_bootstrap bootstrap = {50, 0.95, 1};
  int count, found = 0;
  cream_error err;
  for (int i = 0; i < 8; i++) {
    paths[i] = made(0.5, 0.01 * i, 1, 0.5);
    paths[i].proxies.known[CREAM_PROXY_SYNFLOW] = true;
    paths[i].proxies.value[CREAM_PROXY_SYNFLOW] = i == 5 ? (double)NAN : i;
    paths[i].proxies.known[CREAM_PROXY_GRAD_NORM] = i < 3;
    paths[i].proxies.value[CREAM_PROXY_GRAD_NORM] = -i;
  }
  assert_int_equal(cream_rank_known(paths, 8, CREAM_RANK_BY_SYNFLOW), 7);
  assert_int_equal(cream_rank_known(paths, 8, CREAM_RANK_BY_GRAD_NORM), 3);
  assert_int_equal(cream_rank_known(paths, 8, CREAM_RANK_BY_JACOB_COV), 0);
  assert_int_equal(cream_rank_correlate(paths, 8, &bootstrap, c, &count, &err), CREAM_OK);
  for (int i = 0; i < count; i++) {
    assert_true(c[i].by != CREAM_RANK_BY_JACOB_COV);
    if (c[i].by == CREAM_RANK_BY_SYNFLOW && c[i].best == 7) found += fabs(c[i].tau.value - 1) < 1e-12;
    if (c[i].by == CREAM_RANK_BY_GRAD_NORM && c[i].best == 3) found += fabs(c[i].tau.value + 1) < 1e-12;
  }
  assert_int_equal(found, 2);
}

/* Equal scores stand for all their orders. */
static void test_recall_and_regret(void **state) {
  (void)state;
  double x[20], y[20];
  for (int i = 0; i < 20; i++) {
    x[i] = i < 4 ? 9 : 1; /* four paths share the first place */
    y[i] = i;
  }
  assert_true(cream_rank_recall(x, y, 20) == 0); /* the two best are not among them */
  y[0] = 30;
  assert_float_equal(cream_rank_recall(x, y, 20), 0.25,
                     1e-12); /* one of two, with the chance of two in four */
  assert_float_equal(cream_rank_regret(x, y, 20), 30 - (30 + 1 + 2 + 3) / 4.0, 1e-12);
  assert_float_equal(cream_rank_recall(y, y, 20), 1, 1e-12);
  assert_true(cream_rank_recall(y, y, 3) == 1 && isnan(cream_rank_recall(y, y, 0)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_paths_are_distinct_and_inside),
      cmocka_unit_test(test_spread_over_flops),
      cmocka_unit_test(test_a_range_with_few_paths),
      cmocka_unit_test(test_the_best_are_by_trained_accuracy_then_loss),
      cmocka_unit_test(test_a_loss_that_is_no_number_is_worst),
      cmocka_unit_test(test_correlations),
      cmocka_unit_test(test_the_truth_with_itself),
      cmocka_unit_test(test_proxies),
      cmocka_unit_test(test_recall_and_regret),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
