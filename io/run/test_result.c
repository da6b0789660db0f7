#include "test_result.h"

#include <math.h>

#include "run.h"

cream_class_score cream_test_class(const cream_test_result *test, int label) {
  const uint32_t *row = test->confusion + (size_t)label * (size_t)test->classes;
  cream_class_score score = {label, row[label], 0, -1};
  for (int c = 0; c < test->classes; c++) {
    score.images += row[c];
    if (c == label || !row[c]) continue;
    if (score.mistaken_for < 0 || row[c] > row[score.mistaken_for]) score.mistaken_for = c;
  }
  return score;
}

double cream_class_accuracy(const cream_class_score *score) {
  return score->images ? (double)score->correct / (double)score->images : NAN;
}

int cream_class_by_accuracy(const void *a, const void *b) {
  const cream_class_score *x = a, *y = b;
  if (!x->images != !y->images) return x->images ? -1 : 1;
  double p = cream_class_accuracy(x), q = cream_class_accuracy(y);
  if (x->images && p != q) return p < q ? -1 : 1;
  return x->label - y->label;
}

static void put_classes(cream_json *json, const cream_test_result *test) {
  cream_json_array(json, "classes", true);
  for (int c = 0; c < test->classes; c++) {
    cream_class_score score = cream_test_class(test, c);
    cream_json_object(json, NULL, false);
    cream_json_string(json, "name", test->names[c]);
    cream_json_integer(json, "images", score.images);
    cream_json_integer(json, "correct", score.correct);
    cream_json_end(json);
  }
  cream_json_end(json);
}

/* The matrix without its diagonal and zeros: most of a thousand classes are never confused. */
static void put_confusions(cream_json *json, const cream_test_result *test) {
  const uint32_t *count = test->confusion;
  cream_json_array(json, "confusions", true);
  for (int label = 0; label < test->classes; label++)
    for (int c = 0; c < test->classes; c++, count++) {
      if (!*count || c == label) continue;
      cream_json_array(json, NULL, false);
      cream_json_integer(json, NULL, (uint64_t)label);
      cream_json_integer(json, NULL, (uint64_t)c);
      cream_json_integer(json, NULL, *count);
      cream_json_end(json);
    }
  cream_json_end(json);
}

cream_status cream_test_result_write(const char *dir, const cream_test_result *test, cream_error *err) {
  cream_file file;
  char path[CREAM_MAX_FILE_NAME];
  snprintf(path, sizeof path, "%s/%s", dir, CREAM_RUN_TEST);
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "format", "cream-test");
  cream_json_number(&json, "version", 1);
  cream_json_string(&json, "data", test->data);
  cream_json_score(&json, "test", &test->score);
  put_classes(&json, test);
  put_confusions(&json, test);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}
