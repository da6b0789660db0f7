/* FLOPs ranges: all draws lie inside, and follow the prior restricted to the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/space/range.h"

enum { LAYERS = 4, OPTIONS = 3, PATHS = 81 };

/* 81 paths whose FLOPs are all different. */
static void small_costs(cream_costs *costs) {
  *costs = (cream_costs){.n_layers = LAYERS, .fixed = {.macs = 1000}};
  double weight = 1;
  for (int l = 0; l < LAYERS; l++, weight *= 3) {
    costs->n_options[l] = OPTIONS;
    for (int i = 0; i < OPTIONS; i++) costs->layer[l][i].macs = 100 * weight * i;
  }
}

static cream_status create(const cream_costs *costs, cream_range flops, cream_range_sampler **sampler,
                           cream_error *err) {
  const cream_limits limits = {.flops = flops};
  return cream_range_sampler_create(costs, &limits, sampler, err);
}

static int index_of(const cream_path *path) {
  int index = 0;
  for (int l = LAYERS - 1; l >= 0; l--) index = 3 * index + path->choice[l];
  return index; /* FLOPs are 1000 + 100 * index */
}

static void test_draws_follow_the_restricted_prior(void **state) {
  (void)state;
  cream_costs costs;
  small_costs(&costs);
  cream_range range = {2000, 5000}; /* paths 10..40 */
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(create(&costs, range, &sampler, &err), CREAM_OK);
  double prior[CREAM_MAX_LAYERS][CREAM_MAX_OPS] = {{1, 2, 3}, {1, 1, 1}, {3, 1, 2}, {5, 1, 1}};
  assert_int_equal(cream_range_sampler_set_prior(sampler, prior, &err), CREAM_OK);

  double expected[PATHS], total = 0;
  for (int p = 0; p < PATHS; p++) {
    expected[p] = p >= 10 && p <= 40 ? 1 : 0;
    for (int l = 0, rest = p; l < LAYERS; l++, rest /= 3) expected[p] *= prior[l][rest % 3];
    total += expected[p];
  }
  enum { DRAWS = 200000 };
  int counts[PATHS] = {0};
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 0);
  for (int i = 0; i < DRAWS; i++) {
    cream_path path = cream_range_sampler_draw(sampler, &rng);
    counts[index_of(&path)]++;
  }
  double chi2 = 0;
  int cells = 0;
  for (int p = 0; p < PATHS; p++) {
    double mean = DRAWS * expected[p] / total;
    if (mean == 0)
      assert_int_equal(counts[p], 0);
    else {
      chi2 += (counts[p] - mean) * (counts[p] - mean) / mean;
      cells++;
    }
  }
  assert_int_equal(cells, 31);
  /* 30 degrees of freedom: 59.7 is exceeded once in a thousand. */
  if (chi2 > 59.7) fail_msg("chi squared %.1f", chi2);
  cream_range_sampler_destroy(sampler);
}

static void test_a_range_of_one_path(void **state) {
  (void)state;
  cream_costs costs;
  small_costs(&costs);
  for (int p = 0; p < PATHS; p += 7) {
    cream_range range = {1000 + 100 * p, 1000 + 100 * p};
    cream_range_sampler *sampler;
    cream_error err;
    assert_int_equal(create(&costs, range, &sampler, &err), CREAM_OK);
    cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, 1);
    for (int i = 0; i < 20; i++) {
      cream_path path = cream_range_sampler_draw(sampler, &rng);
      assert_int_equal(index_of(&path), p);
    }
    cream_range_sampler_destroy(sampler);
  }
}

static void test_empty_ranges(void **state) {
  (void)state;
  cream_costs costs;
  small_costs(&costs);
  const cream_range empty[] = {{0, 999}, {9001, 10000}, {1010, 1090}, {5000, 2000}};
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
    cream_range_sampler *sampler;
    cream_error err;
    assert_int_equal(create(&costs, empty[i], &sampler, &err), CREAM_BAD_CONFIG);
    assert_null(sampler);
    assert_non_null(strstr(err.text, "flops: no path"));
  }
}

static void test_prior_without_mass_in_the_range(void **state) {
  (void)state;
  cream_costs costs;
  small_costs(&costs);
  cream_range range = {1000, 1500};
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(create(&costs, range, &sampler, &err), CREAM_OK);
  double large_only[CREAM_MAX_LAYERS][CREAM_MAX_OPS] = {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}, {0, 0, 1}};
  assert_int_equal(cream_range_sampler_set_prior(sampler, large_only, &err), CREAM_BAD_CONFIG);
  cream_range_sampler_destroy(sampler);
}

static void test_share(void **state) {
  (void)state;
  cream_costs costs;
  small_costs(&costs);
  cream_range all = {0, 0}, half = {1000, 5050};
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(create(&costs, all, &sampler, &err), CREAM_OK);
  assert_true(fabs(cream_range_sampler_share(sampler) - 1) < 1e-12);
  cream_range_sampler_destroy(sampler);
  assert_int_equal(create(&costs, half, &sampler, &err), CREAM_OK);
  assert_true(fabs(cream_range_sampler_share(sampler) - 41.0 / 81) < 0.02);
  cream_range_sampler_destroy(sampler);
}

/* Milliseconds fall where FLOPs rise: 0.1 ms less for each step of a layer's weight. */
static void small_latencies(cream_latencies *latencies) {
  *latencies = (cream_latencies){.n_layers = LAYERS, .fixed = 10};
  double weight = 1;
  for (int l = 0; l < LAYERS; l++, weight *= 3)
    for (int i = 0; i < OPTIONS; i++) latencies->layer[l][i] = -0.1 * weight * i;
}

static void test_two_limits_at_once(void **state) {
  (void)state;
  cream_costs costs;
  cream_latencies latencies;
  small_costs(&costs);
  small_latencies(&latencies);
  const struct {
    cream_range flops, ms;
    int first, last;                              /* paths inside both */
  } cases[] = {{{2000, 5000}, {0, 8.05}, 20, 40}, /* FLOPs are the narrower one, then time */
               {{1000, 8000}, {6.95, 7.55}, 25, 30},
               {{0, 0}, {6.95, 7.55}, 25, 30},
               {{3000, 3000}, {0, 8.05}, 20, 20}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    cream_limits limits = {cases[c].flops, cases[c].ms, &latencies};
    cream_range_sampler *sampler;
    cream_error err;
    if (cream_range_sampler_create(&costs, &limits, &sampler, &err)) fail_msg("%s", err.text);
    enum { DRAWS = 20000 };
    int counts[PATHS] = {0};
    cream_rng rng = cream_rng_at(9, CREAM_RNG_TEST, c);
    for (int i = 0; i < DRAWS; i++) {
      cream_path path = cream_range_sampler_draw(sampler, &rng);
      assert_true(cream_limits_hold(&limits, &costs, &path));
      counts[index_of(&path)]++;
    }
    double mean = (double)DRAWS / (cases[c].last - cases[c].first + 1);
    for (int p = 0; p < PATHS; p++)
      if (p < cases[c].first || p > cases[c].last)
        assert_int_equal(counts[p], 0);
      else
        assert_true(fabs(counts[p] - mean) < 6 * sqrt(mean));
    cream_range_sampler_destroy(sampler);
  }
  const struct {
    cream_range flops, ms;
    const char *says;
  } empty[] = {
      {{2000, 5000}, {0, 5.5}, "flops and latency: no path both lies in 0.002:0.005 M and takes 0:5.5 ms"},
      {{0, 0}, {0, 1}, "latency: no path takes 0:1 ms; this supernet reaches 2.000 to 10.000 ms"},
      {{0, 0}, {7.01, 7.09}, "latency: no path with a probability above 0"},
  };
  for (size_t c = 0; c < sizeof empty / sizeof *empty; c++) {
    cream_limits limits = {empty[c].flops, empty[c].ms, &latencies};
    cream_range_sampler *sampler;
    cream_error err;
    assert_int_equal(cream_range_sampler_create(&costs, &limits, &sampler, &err), CREAM_BAD_CONFIG);
    assert_null(sampler);
    if (!strstr(err.text, empty[c].says)) fail_msg("got: %s", err.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_draws_follow_the_restricted_prior),
      cmocka_unit_test(test_a_range_of_one_path),
      cmocka_unit_test(test_empty_ranges),
      cmocka_unit_test(test_prior_without_mass_in_the_range),
      cmocka_unit_test(test_share),
      cmocka_unit_test(test_two_limits_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
