/* FLOPs ranges: nothing outside is drawn, and what is drawn follows the prior restricted to the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/range.h"
#include "core/rng.h"

enum { LAYERS = 4, OPTIONS = 3, PATHS = 81 };

/* 81 paths whose FLOPs are all different. */
static void small_costs(cream_costs *costs, int *n_options) {
  *costs = (cream_costs){.n_layers = LAYERS, .fixed = {.macs = 1000}};
  double weight = 1;
  for (int l = 0; l < LAYERS; l++, weight *= 3) {
    n_options[l] = OPTIONS;
    for (int i = 0; i < OPTIONS; i++) costs->layer[l][i].macs = 100 * weight * i;
  }
}

static int index_of(const cream_path *path) {
  int index = 0;
  for (int l = LAYERS - 1; l >= 0; l--) index = 3 * index + path->choice[l];
  return index; /* FLOPs are 1000 + 100 * index */
}

static void test_draws_follow_the_restricted_prior(void **state) {
  (void)state;
  cream_costs costs;
  int n_options[CREAM_MAX_LAYERS];
  small_costs(&costs, n_options);
  cream_range range = {2000, 5000}; /* paths 10..40 */
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(cream_range_sampler_create(&costs, n_options, &range, &sampler, &err), CREAM_OK);
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
  int n_options[CREAM_MAX_LAYERS];
  small_costs(&costs, n_options);
  for (int p = 0; p < PATHS; p += 7) {
    cream_range range = {1000 + 100 * p, 1000 + 100 * p};
    cream_range_sampler *sampler;
    cream_error err;
    assert_int_equal(cream_range_sampler_create(&costs, n_options, &range, &sampler, &err), CREAM_OK);
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
  int n_options[CREAM_MAX_LAYERS];
  small_costs(&costs, n_options);
  const cream_range empty[] = {{0, 999}, {9001, 10000}, {1010, 1090}, {5000, 2000}};
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
    cream_range_sampler *sampler;
    cream_error err;
    assert_int_equal(cream_range_sampler_create(&costs, n_options, &empty[i], &sampler, &err),
                     CREAM_BAD_CONFIG);
    assert_null(sampler);
    assert_non_null(strstr(err.text, "flops: no path"));
  }
}

static void test_prior_without_mass_in_the_range(void **state) {
  (void)state;
  cream_costs costs;
  int n_options[CREAM_MAX_LAYERS];
  small_costs(&costs, n_options);
  cream_range range = {1000, 1500};
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(cream_range_sampler_create(&costs, n_options, &range, &sampler, &err), CREAM_OK);
  double large_only[CREAM_MAX_LAYERS][CREAM_MAX_OPS] = {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}, {0, 0, 1}};
  assert_int_equal(cream_range_sampler_set_prior(sampler, large_only, &err), CREAM_BAD_CONFIG);
  cream_range_sampler_destroy(sampler);
}

static void test_share(void **state) {
  (void)state;
  cream_costs costs;
  int n_options[CREAM_MAX_LAYERS];
  small_costs(&costs, n_options);
  cream_range all = {0, 0}, half = {1000, 5050};
  cream_range_sampler *sampler;
  cream_error err;
  assert_int_equal(cream_range_sampler_create(&costs, n_options, &all, &sampler, &err), CREAM_OK);
  assert_true(fabs(cream_range_sampler_share(sampler) - 1) < 1e-12);
  cream_range_sampler_destroy(sampler);
  assert_int_equal(cream_range_sampler_create(&costs, n_options, &half, &sampler, &err), CREAM_OK);
  assert_true(fabs(cream_range_sampler_share(sampler) - 41.0 / 81) < 0.02);
  cream_range_sampler_destroy(sampler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_draws_follow_the_restricted_prior),
      cmocka_unit_test(test_a_range_of_one_path),
      cmocka_unit_test(test_empty_ranges),
      cmocka_unit_test(test_prior_without_mass_in_the_range),
      cmocka_unit_test(test_share),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
