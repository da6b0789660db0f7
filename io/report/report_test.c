#include "report_test.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

double report_class_accuracy(const report_class *c) {
  return c->images > 0 ? c->correct / c->images : NAN;
}

/* ---- orders -------------------------------------------------------------------------------------- */

static int by_number(double a, double b) {
  return (a > b) - (a < b);
}

int report_class_by_label(const void *a, const void *b) {
  return ((const report_class *)a)->label - ((const report_class *)b)->label;
}

int report_class_by_accuracy(const void *a, const void *b) {
  const report_class *x = a, *y = b;
  if ((x->images > 0) != (y->images > 0)) return x->images > 0 ? -1 : 1;
  int order = x->images > 0 ? by_number(report_class_accuracy(x), report_class_accuracy(y)) : 0;
  return order ? order : report_class_by_label(a, b);
}

int report_class_by_mistakes(const void *a, const void *b) {
  const report_class *x = a, *y = b;
  int order = by_number(y->images - y->correct + y->taken, x->images - x->correct + x->taken);
  return order ? order : report_class_by_label(a, b);
}

static int by_images(const void *a, const void *b) {
  const report_confusion *x = a, *y = b;
  int order = by_number(y->images, x->images);
  if (!order) order = x->label - y->label;
  return order ? order : x->predicted - y->predicted;
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* The whole number, or -1. */
static double count_of(const json_t *number) {
  return json_is_integer(number) && json_integer_value(number) >= 0 ? (double)json_integer_value(number) : -1;
}

static report_class read_class(const json_t *one, int label) {
  report_class c = {report_text(one, "name"),
                    label,
                    count_of(json_object_get(one, "images")),
                    count_of(json_object_get(one, "correct")),
                    0,
                    -1};
  if (c.images < c.correct || c.correct < 0) c.images = c.correct = 0;
  return c;
}

/* [label, predicted, images]. Returns whether it is valid. */
static bool read_confusion(const report_test_data *test, const json_t *one, report_confusion *confusion) {
  double label = count_of(json_array_get(one, 0)), predicted = count_of(json_array_get(one, 1));
  double images = count_of(json_array_get(one, 2));
  if (label < 0 || predicted < 0 || images < 1 || label == predicted) return false;
  if (label >= test->n_classes || predicted >= test->n_classes) return false;
  *confusion = (report_confusion){(int)label, (int)predicted, images};
  return images <= test->classes[confusion->label].images;
}

/* Of confusions in the order of their images, the first of a class is its most frequent one. */
static void sum_up(report_test_data *test) {
  for (int i = 0; i < test->n_confusions; i++) {
    const report_confusion *one = &test->confusions[i];
    report_class *c = &test->classes[one->label];
    if (c->mistaken_for < 0) c->mistaken_for = one->predicted;
    test->classes[one->predicted].taken += one->images;
  }
}

bool report_test_read(report_test_data *test, const json_t *file) {
  *test = (report_test_data){0};
  const json_t *classes = report_member(file, "classes"), *confusions = report_member(file, "confusions");
  size_t n = json_array_size(classes), most = json_array_size(confusions), i;
  if (!n || n > INT_MAX || most > INT_MAX) return false;
  const json_t *one;
  test->classes = malloc(n * sizeof *test->classes);
  test->confusions = malloc((most + 1) * sizeof *test->confusions);
  if (!test->classes || !test->confusions) {
    report_test_free(test);
    return false;
  }
  json_array_foreach(classes, i, one) test->classes[i] = read_class(one, (int)i);
  test->n_classes = (int)n;
  json_array_foreach(confusions, i, one) {
    test->n_confusions += read_confusion(test, one, &test->confusions[test->n_confusions]);
  }
  qsort(test->confusions, (size_t)test->n_confusions, sizeof *test->confusions, by_images);
  sum_up(test);
  return true;
}

void report_test_free(report_test_data *test) {
  free(test->classes);
  free(test->confusions);
}

double report_confused(const report_test_data *test, int label, int predicted) {
  for (int i = 0; i < test->n_confusions; i++)
    if (test->confusions[i].label == label && test->confusions[i].predicted == predicted)
      return test->confusions[i].images;
  return 0;
}
