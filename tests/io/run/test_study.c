/* Studies: settings of arms, the files in docs/studies, and results over seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/run/study_results.h"

static void parse(const char *text, cream_study *study) {
  cream_error err;
  if (cream_study_parse("study.yaml", text, strlen(text), study, &err) != CREAM_OK) fail_msg("%s", err.text);
}

static void refuse(const char *text, const char *expected) {
  cream_study study;
  cream_error err;
  assert_int_equal(cream_study_parse("study.yaml", text, strlen(text), &study, &err), CREAM_BAD_CONFIG);
  if (!strstr(err.text, expected)) fail_msg("\"%s\" does not say \"%s\"", err.text, expected);
}

static void test_arms_change_the_base_settings(void **state) {
  (void)state;
  cream_study study;
  parse("name: s\nsettings: {search: {epochs: 9}}\nbudget: {seconds: 1.5}\nrank: 5\nretrain: false\n"
        "seeds: [3, 18446744073709551615]\n"
        "arms: {a: {}, b-2: {search: {teacher: none, epochs: 4}}, c: {search: {budgets: \"3,4\"}}}\n",
        &study);
  assert_string_equal(study.name, "s");
  assert_int_equal(study.n_seeds, 2);
  assert_true(study.seeds[1] == UINT64_MAX);
  assert_int_equal(study.rank, 5);
  assert_false(study.retrain);
  assert_int_equal(study.budget.kind, CREAM_STUDY_SECONDS);
  assert_true(study.budget.amount == 1.5);
  assert_int_equal(study.n_arms, 3);
  assert_string_equal(study.arms[1].name, "b-2");
  assert_int_equal(study.arms[0].config.search.epochs, 9);
  assert_int_equal(study.arms[0].config.search.teacher, CREAM_TEACHER_META);
  assert_int_equal(study.arms[1].config.search.epochs, 4);
  assert_int_equal(study.arms[1].config.search.teacher, CREAM_TEACHER_NONE);
  assert_int_equal(study.n_rows, 4);
  assert_string_equal(study.rows[1].name, "b-2");
  assert_string_equal(study.rows[3].name, "c@4");
  assert_string_equal(study.rows[3].budget, "4");
  assert_int_equal(study.rows[3].arm, 2);
  cream_study_free(&study);
}

static void test_invalid_studies(void **state) {
  (void)state;
#define ARMS "arms: {a: {}}\n"
  refuse("", "expected a map");
  refuse("seeds: [1]\n" ARMS, "key `name`: missing");
  refuse("name: s\n" ARMS, "key `seeds`: missing");
  refuse("name: s\nseeds: [1]\n", "key `arms`: missing");
  refuse("name: s\nseeds: [1]\narms: {}\n", "0 arms, expected 1 to 64");
  refuse("name: s\nseeds: []\n" ARMS, "0 seeds, expected 1 to 64");
  refuse("name: s\nseeds: [x]\n" ARMS, "key `seeds[0]`");
  refuse("name: ../s\nseeds: [1]\n" ARMS, "not a valid name, expected 1 to 47 letters");
  refuse("name: s\nseeds: [1]\narms: {a: {}, a: {}}\n", "given twice");
  refuse("name: s\nseeds: [1]\narms: {a/b: {}}\n", "not a valid name, expected 1 to 47 letters");
  refuse("name: s\nseeds: [1]\narms: {a: 5}\n", "expected a map");
  refuse("name: s\nseeds: [1]\narms: {a: {search: {epoch: 3}}}\n",
         "study.yaml:3: key `arms.a.search.epoch`: no such setting, did you mean `search.epochs`?");
  refuse("name: s\nseeds: [1]\nsettings: {search: {epochs: 0}}\n" ARMS,
         "key `settings.search.epochs`: got `0`");
  refuse("name: s\nseeds: [1]\nbudget: {epochs: 1.5}\n" ARMS, "key `budget.epochs`: got `1.5`");
  refuse("name: s\nseeds: [1]\nbudget: {epochs: 1, steps: 5}\n" ARMS,
         "expected one of epochs, steps, seconds");
}

/* The studies in docs/studies can be read. */
static void test_studies_of_the_documentation(void **state) {
  (void)state;
  glob_t found;
  assert_int_equal(glob(CREAM_SOURCE_DIR "/docs/studies/*.yaml", 0, NULL, &found), 0);
  assert_true(found.gl_pathc >= 6);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    cream_study study;
    cream_error err;
    if (cream_study_load(found.gl_pathv[i], &study, &err) != CREAM_OK) fail_msg("%s", err.text);
    assert_true(study.n_arms >= 2 && study.n_seeds >= 2);
    cream_study_free(&study);
  }
  globfree(&found);
}

static const json_t *result_of(const json_t *root, size_t arm, const char *key) {
  const json_t *results = json_object_get(json_array_get(json_object_get(root, "arms"), arm), "results"),
               *item;
  size_t i;
  json_array_foreach(results, i, item) {
    if (!strcmp(json_string_value(json_object_get(item, "key")), key)) return item;
  }
  return NULL;
}

static double number(const json_t *object, const char *key) {
  return json_is_number(json_object_get(object, key)) ? json_number_value(json_object_get(object, key)) : NAN;
}

/* Only seeds with both values are paired; measures without any value are left out. */
static void test_results_are_paired_by_seed(void **state) {
  (void)state;
  cream_study study;
  parse("name: s\nseeds: [1, 2, 3]\narms: {a: {}, b: {search: {teacher: none}}}\n", &study);
  cream_study_run runs[6] = {0};
  for (int i = 0; i < 6; i++)
    for (int m = 0; m < CREAM_STUDY_MEASURES; m++) runs[i].values[m] = NAN;
  const double tau[] = {0.1, 0.2, NAN, 0.3, 0.5, 0.9};
  for (int i = 0; i < 6; i++) runs[i].values[CREAM_STUDY_TAU] = tau[i];
  strcpy(runs[2].error, "search: it crashed");
  char dir[] = "/tmp/cream-study-XXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  cream_error err;
  if (cream_study_write(dir, &study, runs, &err) != CREAM_OK) fail_msg("%s", err.text);
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_STUDY_FILE);
  json_t *root = json_load_file(path, 0, NULL);
  assert_non_null(root);
  assert_int_equal(json_array_size(json_object_get(root, "measures")), 1);
  const json_t *first = result_of(root, 0, "tau"), *second = result_of(root, 1, "tau");
  assert_true(number(first, "n") == 2 && fabs(number(first, "mean") - 0.15) < 1e-15);
  assert_null(json_object_get(first, "p"));
  assert_true(number(second, "n") == 3 && fabs(number(second, "mean") - 1.7 / 3) < 1e-15);
  assert_true(fabs(number(second, "difference") - 0.25) < 1e-15);
  assert_true(fabs(number(second, "t") - 5) < 1e-12); /* 0.25 over 0.0707 / sqrt(2) */
  assert_true(number(second, "wilcoxon") == 0.5);
  const json_t *run =
      json_array_get(json_object_get(json_array_get(json_object_get(root, "arms"), 0), "runs"), 2);
  assert_string_equal(json_string_value(json_object_get(run, "state")), "failed");
  assert_true(json_is_null(json_object_get(json_object_get(run, "values"), "tau")));
  json_decref(root);
  unlink(path);
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_STUDY_TABLE);
  char *text;
  size_t size;
  if (cream_file_read(path, 1 << 20, &text, &size, &err) != CREAM_OK) fail_msg("%s", err.text);
  assert_non_null(strstr(text, "| tau, all | 0.150 ± 0.071 | 0.567 ± 0.306 |\n"));
  assert_non_null(strstr(text, "| tau, all                         | +0.250 (0.126, 0.500) |\n"));
  free(text);
  unlink(path);
  rmdir(dir);
  cream_study_free(&study);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_arms_change_the_base_settings),
      cmocka_unit_test(test_invalid_studies),
      cmocka_unit_test(test_studies_of_the_documentation),
      cmocka_unit_test(test_results_are_paired_by_seed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
