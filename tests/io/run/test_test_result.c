#include "tests/io/scratch.h"

#include <math.h>

#include "io/run/test_result.h"

enum { CLASSES = 4 };

static const char *const names[CLASSES] = {"a", "\"b\"", "c", "none"};
/* By label and predicted class. No image has the label "none". */
static const uint32_t confusion[CLASSES * CLASSES] = {5,      0, 3, 0, /**/ 1, 7, 0, 2,
                                                      /**/ 2, 2, 0, 0, /**/ 0, 0, 0, 0};
static const cream_test_result test = {
    "digits", {.top1 = 0.5, .top5 = 0.75, .loss = 1.25, .count = 22}, CLASSES, names, confusion,
};

static void classes(void **state) {
  (void)state;
  cream_class_score scores[CLASSES];
  for (int c = 0; c < CLASSES; c++) scores[c] = cream_test_class(&test, c);
  assert_int_equal(scores[0].images, 8);
  assert_int_equal(scores[0].correct, 5);
  assert_int_equal(scores[0].mistaken_for, 2);
  assert_int_equal(scores[1].mistaken_for, 3);
  assert_int_equal(scores[2].mistaken_for, 0); /* of two that are as frequent, the first */
  assert_int_equal(scores[3].mistaken_for, -1);
  assert_true(cream_class_accuracy(&scores[0]) == 0.625);
  assert_true(isnan(cream_class_accuracy(&scores[3])));
  qsort(scores, CLASSES, sizeof *scores, cream_class_by_accuracy);
  static const int order[CLASSES] = {2, 0, 1, 3};
  for (int c = 0; c < CLASSES; c++) assert_int_equal(scores[c].label, order[c]);
}

static void file(void **state) {
  (void)state;
  cream_error err;
  size_t size;
  assert_int_equal(cream_test_result_write(scratch_dir, &test, &err), CREAM_OK);
  char *text = scratch_read("test.json", &size);
  assert_string_equal(text, "{\n"
                            "  \"format\": \"cream-test\",\n"
                            "  \"version\": 1,\n"
                            "  \"data\": \"digits\",\n"
                            "  \"test\": {\"top1\": 0.5, \"top5\": 0.75, \"loss\": 1.25, \"count\": 22},\n"
                            "  \"classes\": [\n"
                            "    {\"name\": \"a\", \"images\": 8, \"correct\": 5},\n"
                            "    {\"name\": \"\\\"b\\\"\", \"images\": 10, \"correct\": 7},\n"
                            "    {\"name\": \"c\", \"images\": 4, \"correct\": 0},\n"
                            "    {\"name\": \"none\", \"images\": 0, \"correct\": 0}\n"
                            "  ],\n"
                            "  \"confusions\": [\n"
                            "    [0, 2, 3],\n"
                            "    [1, 0, 1],\n"
                            "    [1, 3, 2],\n"
                            "    [2, 0, 2],\n"
                            "    [2, 1, 2]\n"
                            "  ]\n"
                            "}\n");
  free(text);
  assert_int_equal(cream_test_result_write(scratch("none"), &test, &err), CREAM_FAILED);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(classes), cmocka_unit_test(file)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
