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
#include "io/run/study_endpoint.h"
#include "io/run/study_endpoint_read.h"

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

/* ---- the endpoint ------------------------------------------------------------------------------------ */

static void test_endpoints(void **state) {
  (void)state;
  cream_study study;
  char text[400];
#define HEAD "name: s\nseeds: [1, 2]\narms: {a: {}, b: {}, c: {search: {budgets: \"3,4\"}}}\n"
  parse(HEAD, &study);
  assert_false(study.endpoint.given);
  assert_string_equal(cream_study_endpoint_text(&study, text, sizeof text), "none");
  cream_study_free(&study);
  parse(HEAD "endpoint: {measure: tau}\n", &study);
  assert_string_equal(cream_study_endpoint_text(&study, text, sizeof text),
                      "tau of b, c@3, c@4 against a; t, correction holm, alpha 0.05");
  cream_study_free(&study);
  parse(HEAD "endpoint: {measure: trained, against: b, arms: [c@4, a], test: sign-flip, correction: none, "
             "alpha: 0.1}\n",
        &study);
  assert_string_equal(cream_study_endpoint_text(&study, text, sizeof text),
                      "trained of c@4, a against b; sign-flip, correction none, alpha 0.1");
  cream_study_free(&study);
  refuse(HEAD "endpoint: {}\n", "key `endpoint.measure`: missing");
  refuse(HEAD "endpoint: {measure: tao}\n", "key `endpoint.measure`: got `tao`, expected one of");
  refuse(HEAD "endpoint: {measure: tau, against: c}\n", "key `endpoint.against`: got `c`, expected an arm");
  refuse(HEAD "endpoint: {measure: tau, arms: [b, d]}\n", "key `endpoint.arms[1]`: got `d`, expected an arm");
  refuse(HEAD "endpoint: {measure: tau, arms: [b, a]}\n",
         "key `endpoint.arms[1]`: expected up to 64 arms other");
  refuse(HEAD "endpoint: {measure: tau, arms: [b, b]}\n", "key `endpoint.arms[1]`: duplicate arm");
  refuse(HEAD "endpoint: {measure: tau, test: z}\n", "key `endpoint.test`: got `z`");
  refuse("name: s\nseeds: [1]\n" ARMS "endpoint: {measure: tau}\n", "nothing to compare");
#undef HEAD
}

/* Four seeds of two arms beside the first, each with the same six paths; the scores of arm b are the trained values. */
static void make_runs(cream_study_run runs[12], double x[12][6], double y[6], bool with_paths) {
  memset(runs, 0, 12 * sizeof *runs);
  for (int i = 0; i < 6; i++) y[i] = i;
  for (int r = 0; r < 12; r++) {
    for (int m = 0; m < CREAM_STUDY_MEASURES; m++) runs[r].values[m] = NAN;
    for (int i = 0; i < 6; i++) x[r][i] = r / 4 == 1 ? i : (i * (r % 4 + 2) + r) % 7;
    runs[r].values[CREAM_STUDY_TAU] = cream_kendall(x[r], y, 6);
    if (with_paths) runs[r].pairs = (cream_study_pairs){6, x[r], y, cream_kendall, 1};
  }
}

static void test_the_endpoint_is_tested(void **state) {
  (void)state;
  cream_study study;
  cream_study_run runs[12];
  cream_endpoint_result results[2], plain[2];
  double x[12][6], y[6], a[4], b[4], c[4];
  cream_error err;
  parse("name: s\nseeds: [1, 2, 3, 4]\narms: {a: {}, b: {}, c: {}}\nendpoint: {measure: tau, alpha: 0.1}\n",
        &study);
  make_runs(runs, x, y, true);
  assert_int_equal(cream_study_test_endpoint(&study, runs, results, &err), CREAM_OK);
  for (int s = 0; s < 4; s++) {
    a[s] = runs[s].values[CREAM_STUDY_TAU];
    b[s] = runs[4 + s].values[CREAM_STUDY_TAU];
    c[s] = runs[8 + s].values[CREAM_STUDY_TAU];
  }
  double p[] = {cream_paired_test(b, a, 4).p, cream_paired_test(c, a, 4).p};
  assert_true(results[0].n == 4 && results[0].p == p[0] && results[1].p == p[1]);
  assert_true(fabs(results[0].difference.value - (1 - cream_mean(a, 4))) < 1e-12);
  cream_correct(CREAM_CORRECTION_HOLM, p, 2, p);
  assert_true(results[0].corrected == p[0] && results[1].corrected == p[1]);
  assert_true(results[0].by_paths && results[0].difference.low < results[0].difference.value &&
              results[0].difference.value < results[0].difference.high);
  /* without paths, or with different ones, seeds alone are drawn again: a narrower interval */
  make_runs(runs, x, y, false);
  assert_int_equal(cream_study_test_endpoint(&study, runs, plain, &err), CREAM_OK);
  assert_false(plain[0].by_paths);
  assert_true(plain[0].difference.high - plain[0].difference.low <
              results[0].difference.high - results[0].difference.low);
  make_runs(runs, x, y, true);
  runs[5].pairs.paths = 2;
  assert_int_equal(cream_study_test_endpoint(&study, runs, results, &err), CREAM_OK);
  assert_true(!results[0].by_paths && results[1].by_paths);
  assert_true(results[0].difference.low == plain[0].difference.low);
  cream_study_free(&study);
}

static void test_the_endpoint_comes_first(void **state) {
  (void)state;
  cream_study study;
  cream_study_run runs[12];
  double x[12][6], y[6];
  char dir[] = "/tmp/cream-study-XXXXXX", path[64], *text;
  size_t size;
  cream_error err;
  parse("name: s\nseeds: [1, 2, 3, 4]\narms: {a: {}, b: {}, c: {}}\nendpoint: {measure: tau}\n", &study);
  strcpy(study.endpoint.before, "none");
  make_runs(runs, x, y, true);
  assert_non_null(mkdtemp(dir));
  if (cream_study_write(dir, &study, runs, &err) != CREAM_OK) fail_msg("%s", err.text);
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_STUDY_TABLE);
  if (cream_file_read(path, 1 << 20, &text, &size, &err) != CREAM_OK) fail_msg("%s", err.text);
  assert_true(
      strstr(text, "Endpoint: tau, all, compared with a (paired t test, correction: holm, alpha 0.05).") ==
      text);
  assert_non_null(strstr(text, "This endpoint was not fixed before the study began; then it was: none."));
  assert_non_null(strstr(text, "| corrected p |"));
  free(text);
  unlink(path);
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_STUDY_FILE);
  json_t *root = json_load_file(path, 0, NULL), *endpoint = json_object_get(root, "endpoint");
  assert_true(json_is_false(json_object_get(endpoint, "fixed")));
  assert_int_equal(json_array_size(json_object_get(endpoint, "results")), 2);
  assert_true(number(json_array_get(json_object_get(endpoint, "results"), 0), "difference") > 0);
  json_decref(root);
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
      cmocka_unit_test(test_endpoints),
      cmocka_unit_test(test_the_endpoint_is_tested),
      cmocka_unit_test(test_the_endpoint_comes_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
