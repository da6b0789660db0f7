/* The search of strategy cream on a synthetic set: its limits, the settings that it refuses, and that it repeats itself. */
#include "tests/core/searching.h"

static void test_learns_and_distils(void **state) {
  (void)state;
  cream_config config = searching_config();
  searching out = search_with(&config, (searching_options){.threads = 2});
  if (out.status) fail_msg("%s", out.err.text);
  assert_int_equal(out.steps, 40);
  assert_int_equal(out.log.steps, 40);
  assert_int_equal(out.log.epochs, 5);
  assert_int_equal(out.boards[0].count, 4);
  assert_int_equal(out.log.selects, 4);
  assert_true(CREAM_SLOW_CHECKER || out.log.last_loss < out.log.first_loss);
  assert_true(out.log.taught > 15 && out.log.taught <= 24);
  assert_true(out.log.lowest_rho > 0 && out.log.highest_rho < 1);
  assert_true(out.meta_updates >= 6 && (int)out.meta_updates == out.log.metas);
  assert_int_equal(out.results[0].score.count, 40);
  assert_true(CREAM_SLOW_CHECKER || out.results[0].score.top1 > 0.5);
  assert_true(cream_path_equal(&out.results[0].path, &out.boards[0].entries[out.results[0].entry].path));
  free(out.weights);
}

static void test_repeats_itself_for_any_threads(void **state) {
  (void)state;
  cream_config config = searching_config();
  searching first = search_with(&config, (searching_options){.threads = 1});
  for (int threads = 1; threads <= 3; threads++) {
    searching again = search_with(&config, (searching_options){.threads = threads});
    assert_memory_equal(first.weights, again.weights, first.count * 4);
    assert_memory_equal(&first.boards[0], &again.boards[0], sizeof first.boards[0]);
    assert_true(cream_path_equal(&first.results[0].path, &again.results[0].path));
    free(again.weights);
  }
  config.seed++;
  searching other = search_with(&config, (searching_options){.threads = 1});
  assert_true(memcmp(first.weights, other.weights, first.count * 4) != 0);
  free(other.weights);
  free(first.weights);
}

static void test_nothing_outside_the_range_is_trained(void **state) {
  (void)state;
  cream_config config = searching_config();
  cream_range range = searching_range(0.3, 0.5);
  const cream_prior priors[] = {CREAM_PRIOR_UNIFORM, CREAM_PRIOR_FIXED, CREAM_PRIOR_BOARD};
  for (int i = 0; i < 3; i++) {
    config.search.prior = priors[i];
    config.search.fixed_prior[1] = 5;
    config.search.fixed_prior[2] = 1;
    config.search.fixed_prior[3] = 1;
    config.search.fixed_prior[4] = 1;
    searching out = search_with(&config, (searching_options){.range = range, .threads = 2});
    if (out.status) fail_msg("%s", out.err.text);
    assert_int_equal(out.log.outside, 0);
    assert_int_equal(out.log.board_outside, 0);
    assert_true(cream_range_holds(&range, cream_cost_flops(&out.results[0].cost)));
    free(out.weights);
  }
}

static void test_teachers(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.epochs = 4;
  const cream_teacher teachers[] = {CREAM_TEACHER_TOP1, CREAM_TEACHER_RANDOM, CREAM_TEACHER_LARGEST,
                                    CREAM_TEACHER_NONE};
  for (int i = 0; i < 4; i++) {
    config.search.teacher = teachers[i];
    searching out = search_with(&config, (searching_options){.threads = 2});
    if (out.status) fail_msg("%s", out.err.text);
    assert_int_equal(out.meta_updates, 0);
    if (teachers[i] == CREAM_TEACHER_NONE)
      assert_int_equal(out.log.taught, 0);
    else
      assert_true(out.log.taught > 8 && out.log.lowest_rho == 1 && out.log.highest_rho == 1);
    assert_int_equal(out.boards[0].count, 4);
    free(out.weights);
  }
}

static void test_stop_finishes_the_step(void **state) {
  (void)state;
  cream_config config = searching_config();
  searching out = search_with(&config, (searching_options){.threads = 2, .stop_at = 19});
  assert_int_equal(out.status, CREAM_INTERRUPTED);
  assert_int_equal(out.steps, 19);
  free(out.weights);
}

static void test_time_budget_still_selects(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.time_budget = 1e-9;
  searching out = search_with(&config, (searching_options){.threads = 1});
  if (out.status) fail_msg("%s", out.err.text);
  assert_int_equal(out.steps, 0);
  /* the best of paths drawn inside the limits; notes on the end and on the empty board, with its reason */
  assert_int_equal(out.boards[0].count, 4);
  assert_int_equal(out.log.selects, 4);
  assert_int_equal(out.log.notes, 2);
  assert_non_null(strstr(out.log.note, "after step 0, before the board opens at step "));
  assert_non_null(strstr(out.log.note, "the best of 4 paths drawn inside the limits"));
  assert_int_equal(out.results[0].score.count, 40);
  free(out.weights);
}

static void test_refusals(void **state) {
  (void)state;
  const struct {
    int batch, slice, board;
    double low, high;
    const char *says;
  } cases[] = {
      {0, 3, 4, 0, 0, "search.batch: got 0"},
      {-1, 3, 4, 0, 0, "search.batch: got -1"},
      {129, 3, 4, 0, 0, "search.batch: got 129, expected at most the 128 training images"},
      {16, 0, 4, 0, 0, "search.meta.slice: got 0"},
      {16, 41, 4, 0, 0, "search.meta.slice: got 41, expected at most the 40 held-out images"},
      {16, 3, 0, 0, 0, "search.board.size: got 0"},
      {16, 3, 65, 0, 0, "search.board.size: got 65"},
      {16, 3, 4, 1, 2, "flops: no path lies in"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_config config = searching_config();
    config.search.batch = cases[i].batch;
    config.search.meta.slice = cases[i].slice;
    config.search.board.size = cases[i].board;
    cream_backend *backend = synthetic_backend(false, 1);
    cream_skeleton skeleton = synthetic_skeleton();
    synthetic train, heldout;
    synthetic_open(&train, 128, 16, 16, 21);
    synthetic_open(&heldout, 40, 16, 16, 22);
    cream_search_inputs inputs = {.config = &config,
                                  .skeleton = &skeleton,
                                  .range = {cases[i].low, cases[i].high},
                                  .train = &train.source,
                                  .heldout = &heldout.source};
    cream_search *search;
    cream_error err;
    assert_int_equal(cream_search_create(backend, &inputs, &search, &err), CREAM_BAD_CONFIG);
    assert_null(search);
    if (!strstr(err.text, cases[i].says)) fail_msg("got: %s", err.text);
    synthetic_close(&train);
    synthetic_close(&heldout);
    backend->destroy(backend);
  }
}

static void test_loss_that_is_no_number_stops(void **state) {
  (void)state;
  cream_config config = searching_config();
  config.search.lr.lr = 1e30;
  searching out = search_with(&config, (searching_options){.threads = 1});
  assert_int_equal(out.status, CREAM_FAILED);
  assert_non_null(strstr(out.err.text, "lower search.lr.lr"));
  char step[32];
  snprintf(step, sizeof step, "step %d: ", (int)out.steps); /* the step after the last complete one */
  assert_int_equal(strncmp(out.err.text, step, strlen(step)), 0);
  assert_true(out.steps > 0 && out.log.steps == (int)out.steps);
  assert_non_null(strstr(out.err.text, " at layer "));
  free(out.weights);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_learns_and_distils),
      cmocka_unit_test(test_repeats_itself_for_any_threads),
      cmocka_unit_test(test_nothing_outside_the_range_is_trained),
      cmocka_unit_test(test_teachers),
      cmocka_unit_test(test_stop_finishes_the_step),
      cmocka_unit_test(test_time_budget_still_selects),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_loss_that_is_no_number_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
