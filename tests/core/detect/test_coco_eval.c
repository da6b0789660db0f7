/* COCO's twelve numbers and VOC's AP50 of random sets against pycocotools (tests/golden/make_detections.py draws the same
 * sets), and cases that can be computed by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "core/detect/coco_eval.h"

#define TOLERANCE 1e-6
enum { SETS = 200, MOST_IMAGES = 6, MOST_TRUTH = 64, MOST_FOUND = 4096 };

/* ---- the sets of make_detections.py ------------------------------------------------------------------ */

typedef struct set {
  uint64_t state;
  int images, classes;
  cream_box truth[MOST_TRUTH], found[MOST_FOUND];
  double areas[MOST_TRUTH];
  size_t first_truth[MOST_IMAGES + 1], first_found[MOST_IMAGES + 1], n_truth, n_found;
} set;

static int below(set *s, int n) {
  s->state = s->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int)((s->state >> 33) % (uint64_t)n);
}

static double quarters(set *s, int n) {
  return below(s, n) / 4.0;
}

static cream_box box_at(double x, double y, double width, double height) {
  return (cream_box){
      .x1 = (float)x, .y1 = (float)y, .x2 = (float)(x + width), .y2 = (float)(y + height), .score = 1};
}

static void draw_box(set *s, double box[4]) {
  static const int sides[] = {16, 60, 200};
  int side = sides[below(s, 3)];
  box[0] = quarters(s, 1200);
  box[1] = quarters(s, 1200);
  box[2] = (below(s, 4 * side) + 4) / 4.0;
  box[3] = (below(s, 4 * side) + 4) / 4.0;
}

static void add_found(set *s, const double box[4], int label) {
  assert_true(s->n_found < MOST_FOUND);
  cream_box *found = &s->found[s->n_found++];
  *found = box_at(box[0], box[1], box[2], box[3]);
  found->label = label;
  found->score = (float)(1 + below(s, 16)) / 16;
}

static void draw_object(set *s, int unused) {
  double box[4];
  int label = below(s, s->classes);
  draw_box(s, box);
  bool crowd = below(s, 8) == 0;
  int share = below(s, 4) + 1;
  if (label != unused) {
    assert_true(s->n_truth < MOST_TRUTH);
    cream_box *object = &s->truth[s->n_truth];
    *object = box_at(box[0], box[1], box[2], box[3]);
    object->label = label;
    object->crowd = crowd;
    s->areas[s->n_truth++] = box[2] * box[3] * share / 4;
  }
  for (int n = below(s, 4); n > 0; n--) {
    double near[4];
    near[0] = box[0] + (below(s, 33) - 16) / 4.0;
    near[1] = box[1] + (below(s, 33) - 16) / 4.0;
    near[2] = box[2] + below(s, 9) / 2.0;
    near[3] = box[3] + below(s, 9) / 2.0;
    bool other = below(s, 8) == 0;
    add_found(s, near, other ? below(s, s->classes) : label);
  }
}

static void draw_set(set *s, int seed) {
  s->state = (uint64_t)seed;
  s->n_truth = s->n_found = 0;
  s->images = 1 + below(s, MOST_IMAGES);
  s->classes = 1 + below(s, 5);
  int unused = below(s, s->classes + 1);
  for (int image = 0; image < s->images; image++) {
    s->first_truth[image] = s->n_truth;
    s->first_found[image] = s->n_found;
    for (int n = below(s, 5) == 0 ? 0 : below(s, 9); n > 0; n--) draw_object(s, unused);
    for (int n = seed % 20 == 0 ? 130 * s->classes : below(s, 6); n > 0; n--) {
      double box[4];
      int label = below(s, s->classes);
      draw_box(s, box);
      add_found(s, box, label);
    }
  }
  s->first_truth[s->images] = s->n_truth;
  s->first_found[s->images] = s->n_found;
}

static cream_coco_input input_of(const set *s) {
  return (cream_coco_input){.images = (size_t)s->images,
                            .classes = s->classes,
                            .truth = s->truth,
                            .first_truth = s->first_truth,
                            .areas = s->areas,
                            .found = s->found,
                            .first_found = s->first_found};
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static void near(int seed, const char *what, double value, double expected) {
  if (!(fabs(value - expected) <= TOLERANCE))
    fail_msg("set %d: %s is %.10f, expected %.10f", seed, what, value, expected);
}

/* What the numbers of the classes must add up to. */
static void check_classes(int seed, const cream_coco_result *result) {
  double ap = 0, ap50 = 0;
  int n = 0;
  for (int c = 0; c < result->classes; c++) {
    const cream_coco_class *of = &result->of_class[c];
    assert_int_equal(of->objects > 0, of->ap >= 0);
    if (!of->objects) continue;
    double mean = 0;
    for (int r = 0; r < CREAM_COCO_RECALLS; r++) mean += of->precision[r] / CREAM_COCO_RECALLS;
    near(seed, "the mean of a curve", mean, of->ap50);
    ap += of->ap;
    ap50 += of->ap50;
    n++;
  }
  near(seed, "AP of the classes", n ? ap / n : -1, result->numbers[CREAM_COCO_AP]);
  near(seed, "AP50 of the classes", n ? ap50 / n : -1, result->numbers[CREAM_COCO_AP50]);
}

static void test_golden(void **state) {
  json_error_t error;
  json_t *golden = json_load_file(CREAM_SOURCE_DIR "/tests/golden/detections.json", 0, &error);
  static set s;
  (void)state;
  assert_non_null(golden);
  assert_int_equal(json_array_size(golden), SETS);
  for (int seed = 0; seed < SETS; seed++) {
    const json_t *row = json_array_get(golden, (size_t)seed);
    assert_int_equal(json_array_size(row), CREAM_COCO_COUNT + 1);
    draw_set(&s, seed);
    cream_coco_input input = input_of(&s);
    cream_coco_result result;
    assert_int_equal(cream_coco_evaluate(&input, &result, NULL), CREAM_OK);
    for (int i = 0; i < CREAM_COCO_COUNT; i++)
      near(seed, cream_coco_name((cream_coco_number)i), result.numbers[i],
           json_number_value(json_array_get(row, (size_t)i)));
    near(seed, "VOC's AP50", result.voc_ap50, json_number_value(json_array_get(row, CREAM_COCO_COUNT)));
    check_classes(seed, &result);
    cream_coco_result_free(&result);
  }
  json_decref(golden);
}

/* Two objects; the detections find the first, miss, and find the second one. */
static void test_by_hand(void **state) {
  cream_box truth[] = {box_at(0, 0, 10, 10), box_at(50, 50, 10, 10)};
  cream_box found[] = {box_at(0, 0, 10, 10), box_at(200, 0, 10, 10), box_at(50, 50, 10, 10)};
  const size_t first_truth[] = {0, 2}, first_found[] = {0, 3};
  (void)state;
  found[0].score = 0.9f;
  found[1].score = 0.8f;
  found[2].score = 0.7f;
  cream_coco_input input = {.images = 1,
                            .classes = 2,
                            .truth = truth,
                            .first_truth = first_truth,
                            .found = found,
                            .first_found = first_found};
  cream_coco_result result;
  assert_int_equal(cream_coco_evaluate(&input, &result, NULL), CREAM_OK);
  near(0, "AP", result.numbers[CREAM_COCO_AP], (51 + 50 * 2.0 / 3) / 101);
  near(0, "VOC's AP50", result.voc_ap50, 0.5 + 0.5 * 2 / 3);
  near(0, "AR1", result.numbers[CREAM_COCO_AR1], 0.5);
  near(0, "APl", result.numbers[CREAM_COCO_AP_LARGE], -1);
  assert_int_equal(result.of_class[0].objects, 2);
  near(0, "precision at recall 0.5", result.of_class[0].precision[50], 1);
  near(0, "precision at recall 0.51", result.of_class[0].precision[51], 2.0 / 3);
  near(0, "AP of a class without objects", result.of_class[1].ap, -1);
  near(0, "its precision", result.of_class[1].precision[0], -1);
  cream_coco_result_free(&result);
}

static void test_nothing(void **state) {
  const size_t first[] = {0, 0, 0};
  cream_coco_input input = {.images = 2, .classes = 3, .first_truth = first, .first_found = first};
  cream_coco_result result;
  (void)state;
  assert_int_equal(cream_coco_evaluate(&input, &result, NULL), CREAM_OK);
  for (int i = 0; i < CREAM_COCO_COUNT; i++) near(0, "a number without objects", result.numbers[i], -1);
  near(0, "VOC's AP50", result.voc_ap50, -1);
  cream_coco_result_free(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_by_hand),
      cmocka_unit_test(test_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
