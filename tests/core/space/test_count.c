/* The number of paths inside limits, one by one and from drawn paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "core/space/range.h"

/* Layers whose option i takes i units of a million FLOPs, and 3 - i ms. */
static void make(int layers, int options, cream_costs *costs, cream_latencies *latencies) {
  *costs = (cream_costs){.n_layers = layers};
  *latencies = (cream_latencies){.n_layers = layers};
  for (int l = 0; l < layers; l++) {
    costs->n_options[l] = options;
    for (int i = 0; i < options; i++) {
      costs->layer[l][i].macs = 1e6 * i;
      latencies->layer[l][i] = 3 - i;
    }
  }
}

/* Paths whose sum is from low to high: by the number of ways to reach every sum. */
static double expected(int layers, int options, int low, int high) {
  double ways[256] = {1}, paths = 0;
  for (int l = 0; l < layers; l++)
    for (int sum = 255; sum >= 0; sum--) {
      double reached = 0;
      for (int i = 0; i < options && i <= sum; i++) reached += ways[sum - i];
      ways[sum] = reached;
    }
  for (int sum = low; sum <= high; sum++) paths += ways[sum];
  return paths;
}

static cream_path_count count(const cream_costs *costs, const cream_limits *limits) {
  cream_path_count counted;
  cream_error err;
  if (cream_limits_count(costs, limits, 0, &counted, &err)) fail_msg("%s", err.text);
  return counted;
}

static void all_paths(void **state) {
  (void)state;
  cream_costs costs;
  cream_latencies latencies;
  make(20, 4, &costs, &latencies);
  const cream_limits none = {.ms = {0, 0}};
  cream_path_count counted = count(&costs, &none);
  assert_true(counted.exact && counted.paths == pow(4, 20) && cream_costs_paths(&costs) == pow(4, 20));
}

static void few_paths_are_counted(void **state) {
  (void)state;
  cream_costs costs;
  cream_latencies latencies;
  make(6, 4, &costs, &latencies);
  const cream_limits flops = {.flops = {5.5e6, 8.5e6}};
  cream_path_count counted = count(&costs, &flops);
  assert_true(counted.exact && counted.paths == expected(6, 4, 6, 8));
  /* at most 10.5 ms: sums of at least 7.5 */
  const cream_limits both = {.flops = {5.5e6, 8.5e6}, .ms = {0, 10.5}, .latencies = &latencies};
  counted = count(&costs, &both);
  assert_true(counted.exact && counted.paths == expected(6, 4, 8, 8));
}

static void many_paths_are_estimated(void **state) {
  (void)state;
  cream_costs costs;
  cream_latencies latencies;
  make(20, 4, &costs, &latencies);
  const struct {
    cream_limits limits;
    int low, high;
  } cases[] = {{{.flops = {19.5e6, 31.5e6}}, 20, 31},
               {{.flops = {4.5e6, 10.5e6}}, 5, 10}, /* a share of a millionth */
               {{.ms = {0, 25.5}, .latencies = &latencies}, 35, 60},
               {{.flops = {19.5e6, 36.5e6}, .ms = {0, 25.5}, .latencies = &latencies}, 35, 36}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    cream_path_count counted = count(&costs, &cases[c].limits);
    double exact = expected(20, 4, cases[c].low, cases[c].high);
    assert_false(counted.exact);
    if (fabs(counted.paths / exact - 1) > 0.03)
      fail_msg("case %zu: %.6g paths, expected %.6g", c, counted.paths, exact);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_paths),
      cmocka_unit_test(few_paths_are_counted),
      cmocka_unit_test(many_paths_are_estimated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
