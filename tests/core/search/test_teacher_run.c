/* Teachers from the board of another search: whose outputs a path learns, which path teaches, and what is refused.
 * Continuing such a search, and its files: tests/tools/commands/test_cli_teacher.sh. */
#include "tests/core/searching.h"

/* A search of `steps` steps, all of them with a teacher. */
static cream_config config_of(cream_teacher teacher) {
  cream_config config = searching_config();
  config.search.epochs = 1;
  config.search.start_epoch = 0;
  config.search.teacher = teacher;
  config.search.meta.every = 2;
  return config;
}

static searching_options options_of(size_t steps, const cream_path *teachers, int n) {
  return (searching_options){
      .threads = 1, .images = steps * SEARCHING_BATCH, .teachers = teachers, .n_teachers = n};
}

static searching search_of(cream_teacher teacher, const searching_options *options) {
  const cream_config config = config_of(teacher);
  searching s = search_with(&config, *options);
  if (s.status) fail_msg("%s", s.err.text);
  return s;
}

static bool same(const searching *a, const searching *b) {
  return a->count == b->count && memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0;
}

static cream_path largest_path(void) {
  const cream_skeleton skeleton = synthetic_skeleton();
  cream_costs costs;
  cream_costs_init(&costs, &skeleton, 16);
  return cream_costs_extreme(&costs, true);
}

/* A supernet with the initial weights of the search teaches in the first step what the search's own path of these weights
 * would; then the own one has learned, and with other weights the teacher says something else from the start. */
static void test_outputs_are_the_other_supernets(void **state) {
  const cream_path largest = largest_path();
  (void)state;
  searching_options one = options_of(1, &largest, 1), two = options_of(2, &largest, 1);
  const searching_options own_one = options_of(1, NULL, 0), own_two = options_of(2, NULL, 0);
  searching a = search_of(CREAM_TEACHER_TOP1, &one), b = search_of(CREAM_TEACHER_LARGEST, &own_one);
  assert_true(a.log.taught == 1 && b.log.taught == 1);
  assert_true(same(&a, &b));
  searching c = search_of(CREAM_TEACHER_TOP1, &two), d = search_of(CREAM_TEACHER_LARGEST, &own_two);
  assert_true(c.log.taught == 2 && !same(&c, &d));
  one.teachers_scale = 1.5f;
  searching e = search_of(CREAM_TEACHER_TOP1, &one);
  assert_false(same(&a, &e));
  searching *all[] = {&a, &b, &c, &d, &e};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]->weights);
}

/* The meta network chooses among the other search's paths, and learns; the own board is filled as ever. */
static void test_meta_matches_the_other_board(void **state) {
  cream_path paths[CREAM_MAX_BOARD];
  (void)state;
  for (int i = 0; i < 6; i++) { /* more than the own board has */
    paths[i] = largest_path();
    paths[i].choice[i % paths[i].n_layers] = 0;
  }
  searching_options options = options_of(8, paths, 6);
  searching a = search_of(CREAM_TEACHER_META, &options);
  assert_true(a.log.taught > 4 && a.log.metas > 0 && a.log.highest_rho < 1 && a.boards[0].count > 0);
  options.threads = 2;
  searching b = search_of(CREAM_TEACHER_META, &options);
  assert_true(same(&a, &b));
  options.teachers_scale = 1.5f;
  searching c = search_of(CREAM_TEACHER_META, &options);
  assert_false(same(&a, &c));
  free(a.weights);
  free(b.weights);
  free(c.weights);
}

static void test_refused(void **state) {
  const cream_path largest = largest_path();
  (void)state;
  static const struct {
    cream_teacher teacher;
    cream_strategy strategy;
    const char *text;
  } cases[] = {
      {CREAM_TEACHER_NONE, CREAM_STRATEGY_CREAM, "search.teacher is none"},
      {CREAM_TEACHER_LARGEST, CREAM_STRATEGY_CREAM, "search.teacher is largest"},
      {CREAM_TEACHER_META, CREAM_STRATEGY_SPOS, "search.strategy is spos"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cream_config config = config_of(cases[i].teacher);
    config.search.strategy = cases[i].strategy;
    const searching s = search_with(&config, options_of(1, &largest, 1));
    assert_int_equal(s.status, CREAM_BAD_CONFIG);
    assert_non_null(strstr(s.err.text, "search.teacher_run: "));
    assert_non_null(strstr(s.err.text, cases[i].text));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_outputs_are_the_other_supernets),
      cmocka_unit_test(test_meta_matches_the_other_board),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
