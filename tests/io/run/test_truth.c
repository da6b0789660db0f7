/* Tables of trained paths: written, read again, and refused. */
#include "tests/io/scratch.h"

#include <math.h>

#include "io/base/file.h"
#include "io/config/space_yaml.h"
#include "io/run/truth.h"

static const int deep[CREAM_MAX_STAGES] = {1, 2, 2, 2};

static cream_skeleton skeleton_of(const int *depth, int classes) {
  cream_space space;
  cream_skeleton skeleton;
  cream_error err;
  if (cream_space_load("micro", &space, &err)) fail_msg("%s", err.text);
  if (cream_skeleton_init(&skeleton, &space, depth, 32, classes, &err)) fail_msg("%s", err.text);
  return skeleton;
}

static void write_table(const char *name, const cream_skeleton *skeleton, cream_ranked paths[3]) {
  static cream_config config;
  const cream_range any = {0};
  cream_error err;
  cream_config_defaults(&config);
  const cream_truth_head head = {&config, "digits", skeleton, &any};
  for (int i = 0; i < 3; i++) {
    paths[i] = (cream_ranked){.path = cream_skeleton_first_path(skeleton),
                              .heldout = {0.5 + 0.1 * i, 0.9, i == 1 ? (double)NAN : 0.3, 144},
                              .test = {.top1 = 0.6, .top5 = 0.9, .loss = 0.4, .count = 360}};
    paths[i].path.choice[2] = (uint8_t)i;
  }
  paths[2].again = (cream_score){.top1 = 0.25, .top5 = 0.5, .loss = 1, .count = 144};
  if (cream_truth_write(name, &head, paths, 3, &err)) fail_msg("%s", err.text);
}

static void test_a_table_is_read_as_it_was_written(void **state) {
  (void)state;
  static cream_ranked read[CREAM_RANK_MAX_PATHS];
  cream_ranked paths[3];
  cream_error err;
  cream_costs costs;
  int n;
  const char *name = scratch("table.json");
  const cream_skeleton skeleton = skeleton_of(deep, 10);
  write_table(name, &skeleton, paths);
  if (cream_truth_read(name, &skeleton, read, &n, &err)) fail_msg("%s", err.text);
  assert_int_equal(n, 3);
  cream_costs_init(&costs, &skeleton, 32);
  for (int i = 0; i < 3; i++) {
    assert_true(cream_path_equal(&read[i].path, &paths[i].path));
    assert_true(read[i].heldout.top1 == paths[i].heldout.top1 && read[i].test.loss == paths[i].test.loss);
    assert_true(read[i].cost.params == cream_costs_path(&costs, &paths[i].path).params);
    assert_int_equal(read[i].again.count, i == 2 ? 144 : 0);
    assert_true(isnan(read[i].ms));
    assert_int_equal(cream_truth_find(read, n, &paths[i].path), i);
  }
  assert_true(isnan(read[1].heldout.loss));
  paths[0].path.choice[2] = 3;
  assert_int_equal(cream_truth_find(read, n, &paths[0].path), -1);
  assert_int_equal(cream_truth_count(name, &n, &err), CREAM_OK);
  assert_int_equal(n, 3);
}

static void refuse(const char *name, const cream_skeleton *skeleton, cream_status expected,
                   const char *says) {
  static cream_ranked read[CREAM_RANK_MAX_PATHS];
  cream_error err;
  int n = 7;
  assert_fails(cream_truth_read(name, skeleton, read, &n, &err), expected, err, says);
  assert_int_equal(n, 0);
}

static void test_other_tables_are_refused(void **state) {
  (void)state;
  static const int shallow[CREAM_MAX_STAGES] = {1, 1, 2, 2};
  cream_ranked paths[3];
  cream_error err;
  const char *name = scratch("table.json");
  char *text, *at;
  size_t size;
  const cream_skeleton skeleton = skeleton_of(deep, 10), classes = skeleton_of(deep, 11),
                       other = skeleton_of(shallow, 10);
  write_table(name, &skeleton, paths);
  refuse(name, &classes, CREAM_BAD_CONFIG, "a table of another supernet");
  refuse(name, &other, CREAM_BAD_CONFIG, "a table of another supernet");
  if (cream_file_read(name, 1 << 20, &text, &size, &err)) fail_msg("%s", err.text);
  at = strstr(text, "\"top1\": 0.5");
  assert_non_null(at);
  memcpy(at, "\"top1\": 9.5", 11);
  assert_int_equal(cream_file_write(name, text, size, &err), CREAM_OK);
  refuse(name, &skeleton, CREAM_BAD_DATA, "paths[0]: expected a path of the supernet with its scores");
  assert_int_equal(cream_file_write(name, text, size / 2, &err), CREAM_OK);
  refuse(name, &skeleton, CREAM_BAD_DATA, "expected a table of version 1");
  free(text);
  unlink(name);
  refuse(name, &skeleton, CREAM_FAILED, "cannot open");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_table_is_read_as_it_was_written),
      cmocka_unit_test(test_other_tables_are_refused),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
