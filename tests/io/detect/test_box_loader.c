/* Batches of images with boxes: where boxes are in the input, what is the same for any number of workers, and images that
 * cannot be used. The rectangle of each image is its box, so that pixels show whether boxes move with their images. */
#include "boxes.h"

#include <math.h>

#include "io/detect/box_loader.h"
#include "io/detect/box_transform.h"
#include "io/detect/coco_results.h"

enum { IMAGES = 9, SIDE = 48 };

static int setup(void **state) {
  if (scratch_setup(state)) return -1;
  make_folder("y/images");
  make_folder("y/labels");
  write_text("y/classes.txt", "rectangle\nother\n");
  for (int i = 0; i < IMAGES; i++) {
    char name[64], text[200];
    int width = 40 + 13 * i, height = 90 - 7 * i, x1 = 4 + i, y1 = 6, x2 = 30 + i, y2 = 26;
    snprintf(name, sizeof name, "y/images/%d.png", i);
    write_image(name, width, height, x1, y1, x2, y2);
    snprintf(name, sizeof name, "y/labels/%d.txt", i);
    snprintf(text, sizeof text, "0 %.17g %.17g %.17g %.17g\n", (x1 + x2) / 2.0 / width,
             (y1 + y2) / 2.0 / height, (double)(x2 - x1) / width, (double)(y2 - y1) / height);
    write_text(name, i == 4 ? "" : text);
  }
  return 0;
}

static cream_box_loader_options options(bool train, int workers) {
  cream_box_loader_options made = {.batch = 4,
                                   .side = SIDE,
                                   .seed = 3,
                                   .train = train,
                                   .augment = cream_box_augment_defaults(),
                                   .workers = workers};
  made.augment.scale_min = 0.6;
  made.augment.scale_max = 1.8;
  return made;
}

static cream_box_source *make(const cream_box_set *set, cream_box_loader_options wanted) {
  cream_box_source *source = NULL;
  if (cream_box_loader_create(set, &wanted, &source, &error)) fail_msg("%s", error.text);
  return source;
}

static void read_batch(cream_box_source *source, uint64_t epoch, uint64_t step, cream_box_batch *batch) {
  if (source->read(source, epoch, step, batch, &error)) fail_msg("%s", error.text);
}

static bool is_red(const cream_box_batch *batch, int i, double x, double y) {
  int column = (int)fmin(SIDE - 1, fmax(0, floor(x))), row = (int)fmin(SIDE - 1, fmax(0, floor(y)));
  const uint8_t *pixel = batch->pixels + (((size_t)i * SIDE + (size_t)row) * SIDE + (size_t)column) * 3;
  return pixel[0] > 200 && pixel[2] < 50;
}

/* Inside of each box there is its rectangle, and outside of it there is not. */
static void check_pixels(const cream_box_batch *batch) {
  const double margin = 2.5; /* pixels near an edge are mixed */
  for (int i = 0; i < batch->n; i++) {
    assert_in_range(batch->first[i + 1] - batch->first[i], 0, 1);
    if (batch->first[i + 1] == batch->first[i]) continue;
    const cream_box *box = &batch->boxes[batch->first[i]];
    assert_true(box->x1 >= 0 && box->x2 <= SIDE && box->y1 >= 0 && box->y2 <= SIDE);
    if (box->x2 - box->x1 < 2 * margin || box->y2 - box->y1 < 2 * margin) continue;
    double middle_x = (box->x1 + box->x2) / 2, middle_y = (box->y1 + box->y2) / 2;
    assert_true(is_red(batch, i, middle_x, middle_y));
    assert_true(is_red(batch, i, box->x1 + margin, box->y1 + margin));
    assert_true(is_red(batch, i, box->x2 - margin, box->y2 - margin));
    if (box->x1 > margin) assert_false(is_red(batch, i, box->x1 - margin, middle_y));
    if (box->x2 < SIDE - margin) assert_false(is_red(batch, i, box->x2 + margin, middle_y));
    if (box->y1 > margin) assert_false(is_red(batch, i, middle_x, box->y1 - margin));
    if (box->y2 < SIDE - margin) assert_false(is_red(batch, i, middle_x, box->y2 + margin));
  }
}

static void test_evaluation(void **state) {
  (void)state;
  cream_box_set *set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  cream_box_source *source = make(set, options(false, 2));
  cream_box_batch batch;
  assert_int_equal(cream_box_source_steps(source, 0), 3);
  for (uint64_t step = 0; step < 3; step++) {
    read_batch(source, 0, step, &batch);
    assert_int_equal(batch.n, step < 2 ? 4 : 1);
    check_pixels(&batch);
    for (int i = 0; i < batch.n; i++) {
      assert_int_equal(batch.images[i], 4 * step + (uint64_t)i);
      const cream_box_image *of = &set->parts[0].images[batch.images[i]];
      assert_int_equal(batch.size[i][0], of->width);
      assert_true(batch.offset[i][0] == 0 && batch.offset[i][1] == 0);
      int longer = of->width > of->height ? of->width : of->height;
      assert_true(fabs(batch.scale[i][0] - (double)SIDE / longer) < 0.02);
      if (batch.images[i] == 4) continue;
      cream_box back =
          cream_box_original(&batch.boxes[batch.first[i]], batch.scale[i], batch.offset[i], batch.size[i]);
      const cream_box *truth = &set->parts[0].boxes[set->parts[0].first[batch.images[i]]];
      assert_true(fabs(back.x1 - truth->x1) < 1e-4 && fabs(back.y2 - truth->y2) < 1e-4);
    }
  }
  cream_box_source_destroy(source);
  cream_box_set_free(set);
}

static void test_training(void **state) {
  (void)state;
  cream_box_set *set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  cream_box_source *source = make(set, options(true, 1));
  cream_box_batch batch;
  int flipped = 0, cut = 0;
  for (uint64_t epoch = 0; epoch < 12; epoch++)
    for (uint64_t step = 0; step < 2; step++) {
      read_batch(source, epoch, step, &batch);
      check_pixels(&batch);
      for (int i = 0; i < batch.n; i++) {
        flipped += batch.scale[i][0] < 0;
        cut += batch.offset[i][1] < 0;
        if (batch.first[i] == batch.first[i + 1]) continue;
        cream_box back =
            cream_box_original(&batch.boxes[batch.first[i]], batch.scale[i], batch.offset[i], batch.size[i]);
        const cream_box *truth = &set->parts[0].boxes[set->parts[0].first[batch.images[i]]];
        assert_true(back.x1 > truth->x1 - 1e-3 && back.x2 < truth->x2 + 1e-3);
        assert_true(back.y1 > truth->y1 - 1e-3 && back.y2 < truth->y2 + 1e-3);
      }
    }
  assert_in_range(flipped, 30, 66);
  assert_in_range(cut, 20, 80);
  cream_box_source_destroy(source);
  cream_box_set_free(set);
}

static void assert_same(cream_box_source *a, cream_box_source *b, uint64_t epoch, uint64_t step) {
  cream_box_batch x, y;
  read_batch(a, epoch, step, &x);
  read_batch(b, epoch, step, &y);
  assert_int_equal(x.n, y.n);
  assert_memory_equal(x.pixels, y.pixels, (size_t)(x.n * SIDE * SIDE * 3));
  assert_memory_equal(x.first, y.first, ((size_t)x.n + 1) * sizeof *x.first);
  assert_memory_equal(x.scale, y.scale, (size_t)x.n * sizeof *x.scale);
  for (size_t b_at = 0; b_at < x.first[x.n]; b_at++)
    check_box(&y.boxes[b_at], x.boxes[b_at].x1, x.boxes[b_at].y1, x.boxes[b_at].x2, x.boxes[b_at].y2,
              x.boxes[b_at].label);
}

static void test_workers(void **state) {
  (void)state;
  cream_box_set *set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  cream_box_loader_options none = options(true, 0), some = options(true, 3);
  none.augment.colour = some.augment.colour = 0.4;
  cream_box_source *a = make(set, none), *b = make(set, some);
  for (uint64_t epoch = 0; epoch < 2; epoch++)
    for (uint64_t step = 0; step < 2; step++) assert_same(a, b, epoch, step);
  assert_same(a, b, 7, 1);
  assert_same(a, b, 0, 0);
  cream_box_source_destroy(a);
  cream_box_source_destroy(b);
  cream_box_set_free(set);
}

/* Boxes of which too little is left are dropped, crowds stay crowds. */
static void test_small(void **state) {
  (void)state;
  const float mean[3] = {0.5f, 0.5f, 0.5f};
  cream_box_augment augment = cream_box_augment_defaults();
  augment.least_side = 4;
  cream_box_transform transform;
  assert_int_equal(cream_box_transform_init(&transform, &augment, 100, mean, &error), CREAM_OK);
  const cream_box_work work = {.transform = &transform, .window_width = 100, .window_height = 50};
  const cream_box_view view = {.scale = {0.5, 0.5}, .offset = {-20, 0}};
  cream_box boxes[] = {{.x1 = 60, .y1 = 0, .x2 = 80, .y2 = 20, .label = 1, .crowd = true},
                       {.x1 = 0, .y1 = 0, .x2 = 46, .y2 = 20}, /* 3 pixels are left */
                       {.x1 = 60, .y1 = 90, .x2 = 80, .y2 = 200}};
  assert_int_equal(cream_box_transform_boxes(&work, &view, boxes, 3), 2);
  check_box(&boxes[0], 10, 0, 20, 10, 1);
  assert_true(boxes[0].crowd);
  check_box(&boxes[1], 10, 45, 20, 50, 0);
  augment.scale_max = 0.05;
  assert_fails(cream_box_transform_init(&transform, &augment, 100, mean, &error), CREAM_BAD_CONFIG, error,
               "detect.augment.scale_max: got 0.05, expected a number from 0.1");
}

/* An image of another size than the annotations state is skipped, with one line. */
static void note(void *context, cream_part part, size_t index, const char *line) {
  (void)part;
  (void)index;
  assert_text_contains(line, "its boxes are for 999 x 41");
  ++*(int *)context;
}

static void test_skipped(void **state) {
  (void)state;
  cream_box_set *set = open_set("yolo:@/y", CREAM_BOX_LOOK);
  set->parts[0].images[7].width = 999;
  const size_t count[CREAM_PARTS] = {IMAGES, 0};
  int notes = 0;
  cream_skipped *skipped;
  assert_int_equal(cream_skipped_create(count, 0.5, note, &notes, &skipped, &error), CREAM_OK);
  cream_box_loader_options wanted = options(false, 0);
  cream_box_batch batch;
  cream_box_source *source = make(set, wanted);
  assert_fails(source->read(source, 0, 1, &batch, &error), CREAM_BAD_DATA, error, "999 x 41");
  cream_box_source_destroy(source);
  wanted.skipped = skipped;
  source = make(set, wanted);
  read_batch(source, 0, 1, &batch);
  assert_int_equal(batch.images[3], 8);
  assert_int_equal(notes, 1);
  cream_box_source_destroy(source);
  cream_skipped_destroy(skipped);
  wanted.batch = 10;
  wanted.train = true;
  assert_fails(cream_box_loader_create(set, &wanted, &source, &error), CREAM_BAD_CONFIG, error, "at most 9");
  cream_box_set_free(set);
}

/* Detections that are written are read again, and measured. */
static void test_results(void **state) {
  (void)state;
  cream_box_set *set = open_set("yolo:@/y,val=all", CREAM_BOX_TEST);
  const cream_box_part *part = &set->parts[CREAM_PART_TEST];
  assert_int_equal(
      cream_box_results_write(scratch("r.json"), set, CREAM_PART_TEST, part->boxes, part->first, &error),
      CREAM_OK);
  cream_box_results results;
  if (cream_box_results_read(scratch("r.json"), set, CREAM_PART_TEST, &results, &error))
    fail_msg("%s", error.text);
  assert_memory_equal(results.first, part->first, (part->count + 1) * sizeof *part->first);
  for (size_t b = 0; b < part->first[part->count]; b++)
    check_box(&results.boxes[b], part->boxes[b].x1, part->boxes[b].y1, part->boxes[b].x2, part->boxes[b].y2,
              part->boxes[b].label);
  cream_coco_input input = cream_box_results_input(set, CREAM_PART_TEST, results.boxes, results.first);
  cream_coco_result measured;
  assert_int_equal(cream_coco_evaluate(&input, &measured, &error), CREAM_OK);
  assert_true(fabs(measured.numbers[CREAM_COCO_AP] - 1) < 1e-12);
  cream_coco_result_free(&measured);
  cream_box_results_free(&results);
  static const char *const bad[][2] = {
      {"{}", "not a list"},
      {"[{\"image_id\":1,\"category_id\":1}]", "detection 0: expected bbox"},
      {"[{\"image_id\":99,\"category_id\":1,\"bbox\":[0,0,1,1],\"score\":1}]", "no image has the id 99"},
      {"[{\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,-1,1],\"score\":1}]", "detection 0: expected bbox"},
      {"[{\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,1,1],\"score\":NaN}]", "r.json:1: not JSON"},
      {"[{\"category_id\":1,\"bbox\":[0,0,1,1],\"score\":1}]", "expected image_id"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_text("r.json", bad[i][0]);
    assert_fails(cream_box_results_read(scratch("r.json"), set, CREAM_PART_TEST, &results, &error),
                 CREAM_BAD_DATA, error, bad[i][1]);
  }
  write_text("r.json", "[{\"image_id\":1,\"category_id\":9,\"bbox\":[0,0,1,1],\"score\":1}]");
  assert_int_equal(cream_box_results_read(scratch("r.json"), set, CREAM_PART_TEST, &results, &error),
                   CREAM_OK);
  assert_int_equal(results.unknown, 1);
  cream_box_results_free(&results);
  cream_box_set_free(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_evaluation), cmocka_unit_test(test_training), cmocka_unit_test(test_workers),
      cmocka_unit_test(test_small),      cmocka_unit_test(test_skipped),  cmocka_unit_test(test_results),
  };
  return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
