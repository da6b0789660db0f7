#include "tests/io/scratch.h"

#include <math.h>

#include "io/run/metrics_read.h"

static void append(const char *text) {
  FILE *stream = fopen(scratch("metrics.jsonl"), "ab");
  assert_non_null(stream);
  assert_int_equal(fputs(text, stream) >= 0, 1);
  assert_int_equal(fclose(stream), 0);
}

/* Reads what was appended; returns whether there was anything. */
static bool read_new(cream_metrics *m) {
  bool grown;
  cream_error error;
  if (cream_metrics_read(m, scratch_dir, &grown, &error)) fail_msg("%s", error.text);
  return grown;
}

static void curves(void **state) {
  (void)state;
  enum { N = 100000 };
  static cream_curve curve;
  curve = (cream_curve){0};
  cream_curve_add(&curve, 0, NAN);
  cream_curve_add(&curve, INFINITY, 1);
  assert_int_equal(curve.count, 0);
  for (int i = 0; i < N; i++) cream_curve_add(&curve, i, i % 2 ? 3 : 1);
  assert_true(curve.count > CREAM_CURVE_POINTS / 2 - 1 && curve.count <= CREAM_CURVE_POINTS);
  assert_true(curve.per * (curve.count - 1) + curve.in_last == N);
  for (size_t i = 0; i + 1 < curve.count; i++) {
    const cream_point *point = &curve.points[i];
    double middle = (double)(i * curve.per) + (double)(curve.per - 1) / 2;
    assert_true(fabs(point->x - middle) < 1e-6 && fabs(point->y - 2) < 1e-9);
    assert_true(point->low == 1 && point->high == 3);
  }
  assert_true(curve.points[curve.count - 1].x > N - 1 - (double)curve.per);
}

/* The mean of curves with points at different x exists only where both have values. */
static void curves_together(void **state) {
  (void)state;
  static cream_curve a, b, none;
  a = b = none = (cream_curve){0};
  for (int i = 0; i <= 100; i++) cream_curve_add(&a, i, i);
  for (int i = 2; i <= 12; i++) cream_curve_add(&b, 10 * i, 20 * i + 10);
  const cream_curve *both[] = {&a, &b};
  cream_point points[8];
  assert_int_equal(cream_curves_mean(both, 2, points, 8), 8);
  for (int i = 0; i < 8; i++) {
    assert_true(points[i].x == 25 + 10 * i);
    double first = i < 7 ? 24.5 + 10 * i : 95,
           second = i < 7 ? 50 + 20 * i : 200; /* the last bin has the end of both */
    assert_true(fabs(points[i].y - (first + second) / 2) < 1e-9);
    assert_true(points[i].low == first && points[i].high == second);
  }
  /* A bin without a point of the curve: its value is interpolated. */
  const cream_curve *second[] = {&b};
  static cream_point many[200];
  assert_int_equal(cream_curves_mean(second, 1, many, 200), 200);
  for (int i = 1; i < 199; i++) assert_true(fabs(many[i].y - (2 * many[i].x + 10)) < 1);
  both[1] = &none;
  assert_int_equal(cream_curves_mean(both, 2, points, 8), 0);
  assert_int_equal(cream_curves_mean(both, 0, points, 8), 0);
  assert_true(cream_curve_mean(&a, 10, 13) == 11 && isnan(cream_curve_mean(&a, 200, 300)));
  assert_true(cream_curve_hold(&b, 29) == 50 && cream_curve_hold(&b, 30) == 70 &&
              isnan(cream_curve_hold(&b, 19)));
}

static void clouds(void **state) {
  (void)state;
  enum { N = 10000 };
  static cream_cloud cloud;
  cloud = (cream_cloud){0};
  for (int i = 0; i < N; i++) cream_cloud_add(&cloud, (cream_point){.x = i});
  assert_int_equal(cloud.seen, N);
  assert_true(cloud.count > CREAM_CLOUD_POINTS / 2 && cloud.count <= CREAM_CLOUD_POINTS);
  for (size_t i = 0; i < cloud.count; i++) assert_true(cloud.points[i].x == (double)(i * cloud.every));
}

static bool beats(cream_point a, cream_point b) {
  return a.x <= b.x && a.y >= b.y && (a.x < b.x || a.y > b.y);
}

/* The front against its definition. */
static void fronts(void **state) {
  (void)state;
  enum { N = 300 };
  cream_point points[N];
  static cream_front front;
  front = (cream_front){0};
  uint32_t random = 1;
  for (int i = 0; i < N; i++) {
    random = random * 1664525u + 1013904223u;
    points[i] = (cream_point){.x = (random >> 8) % 40, .y = (random >> 20) % 50};
    cream_front_add(&front, points[i]);
  }
  cream_front_add(&front, (cream_point){.x = NAN, .y = 100});
  for (size_t f = 0; f < front.count; f++) {
    assert_true(f == 0 ||
                (front.points[f].x > front.points[f - 1].x && front.points[f].y > front.points[f - 1].y));
    for (int i = 0; i < N; i++) assert_false(beats(points[i], front.points[f]));
  }
  for (int i = 0; i < N; i++) {
    bool covered = false;
    for (size_t f = 0; f < front.count; f++)
      covered |= front.points[f].x <= points[i].x && front.points[f].y >= points[i].y;
    assert_true(covered);
  }
  for (int i = 0; i < 3 * CREAM_FRONT_POINTS; i++)
    cream_front_add(&front, (cream_point){.x = i, .y = 100 + i});
  assert_true(front.count <= CREAM_FRONT_POINTS);
  assert_true(front.points[0].x == 0 && front.points[front.count - 1].x == 3 * CREAM_FRONT_POINTS - 1);
}

/* Continues `growing` with events of the board, of epochs and of the end. */
static void boards_and_tests(cream_metrics *m) {
  append(
      "{\"kind\": \"score\", \"phase\": \"search\", \"step\": 2, \"score\": 0.5, \"flops\": 4e6, "
      "\"seconds\": 2}\n"
      "{\"kind\": \"board\", \"phase\": \"search\", \"step\": 2, \"score\": 0.5, \"board_scores\": [0.75, "
      "0.25], "
      "\"board_flops\": [2e6, 4e6], \"seconds\": 2}\n"
      "{\"kind\": \"board\", \"phase\": \"search\", \"step\": 2, \"budget\": \"14\", \"score\": 0.5, "
      "\"board_scores\": [0.5], \"board_flops\": [2e6], \"seconds\": 2}\n"
      "{\"kind\": \"epoch\", \"phase\": \"search\", \"step\": 10, \"epoch\": 1, \"board_scores\": [1], "
      "\"board_flops\": [5e6], \"seconds\": 4, \"waited\": 1, \"waited_network\": 2, \"peak_memory\": 5e7}\n"
      "{\"kind\": \"select\", \"phase\": \"search\", \"step\": 20, \"accuracy\": 0.5, \"loss\": 1, "
      "\"flops\": 3e6, "
      "\"params\": 1e6, \"entered\": 7, \"seconds\": 4}\n"
      "{\"kind\": \"note\", \"step\": 0, \"note\": \"a <b>\", \"seconds\": 4}\n"
      "{\"kind\": \"eval\", \"phase\": \"test\", \"split\": \"test\", \"step\": 0, \"accuracy\": 0.875}\n");
  assert_true(read_new(m));
  assert_true(m->scored.count == 1 && m->scored.points[0].x == 4 && m->scored.points[0].y == 50 &&
              m->front.count == 1);
  assert_int_equal(m->n_boards, 2);
  assert_string_equal(m->boards[1].name, "14");
  const cream_board_curves *board = &m->boards[0];
  assert_true(board->best.points[0].y == 75 && board->mean.points[0].y == 50 &&
              board->worst.points[0].y == 25);
  assert_true(board->flops.points[0].y == 3 && board->flops.points[0].low == 2 &&
              board->flops.points[0].high == 4);
  assert_true(board->flops_full == 3 && board->flops_end == 5); /* two entries, then one */
  assert_true(board->entered.count == 1 && board->best.points[1].x == 10 && board->best.points[1].y == 100);
  assert_true(m->epoch == 1 && m->waiting.points[0].y == 25 && m->waiting_network.points[0].y == 50 &&
              m->memory.points[0].y == 50);
  assert_true(m->n_selected == 1 && m->selected[0].top1 == 50 && m->selected[0].entered == 7);
  assert_string_equal(m->notes[0], "a <b>");
  assert_true(m->test == 87.5 && m->step == 20 && m->seconds == 4);
}

static void growing(void **state) {
  (void)state;
  static cream_metrics m;
  cream_metrics_init(&m);
  assert_false(read_new(&m)); /* there is no file yet */
  append(
      "{\"kind\": \"start\", \"phase\": \"search\", \"step\": 0, \"epoch\": 0, \"steps\": 20, \"epochs\": 2, "
      "\"seconds\": 0}\n"
      "{\"kind\": \"step\", \"phase\": \"search\", \"step\": 1, \"epoch\": 0, \"lr\": 0.1, \"loss\": 2.5, "
      "\"hard\": 2.5, \"soft\": 0, \"accuracy\": 0.25, \"path\": [0, 5, 2], \"seconds\": 1, "
      "\"images_per_second\": 64}\n"
      "{\"kind\": \"step\", \"phase\": \"search\", \"st");
  assert_true(read_new(&m));
  assert_string_equal(m.phase, "search");
  assert_true(m.lines == 2 && m.step == 1 && m.steps == 20 && m.epochs == 2);
  assert_true(m.loss.count == 1 && m.loss.points[0].y == 2.5 && m.soft.count == 0 && m.rho.count == 0);
  assert_true(m.accuracy.points[0].y == 25 && m.images_per_second == 64);
  assert_false(read_new(&m)); /* the last line is incomplete */
  append(
      "ep\": 2, \"epoch\": 0, \"loss\": null, \"hard\": 1, \"soft\": 3, \"rho\": 0.99, \"path\": [1, 5, 2], "
      "\"seconds\": 2, \"images_per_second\": 32}\n"
      "{\"kind\": \"meta\", \"phase\": \"search\", \"step\": 2, \"rho\": 0.5, \"meta_gradient\": 1.5, "
      "\"seconds\": 2}\n");
  assert_true(read_new(&m));
  assert_true(m.lines == 4 && m.broken == 0 && m.step == 2 && m.loss.count == 1 && m.hard.count == 2);
  assert_true(m.rho_bins[CREAM_METRICS_BINS - 1] == 1 && m.soft.points[0].y == 3 && m.meta_updates == 1);
  assert_true(m.n_layers == 3 && m.paths == 2 && m.sampled[0][0] == 1 && m.sampled[0][1] == 1);
  assert_true(m.sampled[1][5] == 2 && m.sampled[2][2] == 2);
  boards_and_tests(&m);
  /* The clock of a resumed run starts again. */
  append("{\"kind\": \"step\", \"phase\": \"search\", \"step\": 21, \"loss\": 1, \"seconds\": 1}\n");
  assert_true(read_new(&m));
  assert_true(m.seconds == 5 && m.before == 4 && m.first_step == 20);
  /* A shorter file is read from the beginning. */
  static const char other[] = "{\"kind\": \"start\", \"phase\": \"retrain\", \"step\": 0, \"steps\": 5}\n";
  scratch_write("metrics.jsonl", other, sizeof other - 1);
  assert_true(read_new(&m));
  assert_true(m.lines == 1 && m.steps == 5 && m.loss.count == 0);
  assert_string_equal(m.phase, "retrain");
}

/* Invalid lines. */
static void hostile(void **state) {
  (void)state;
  static cream_metrics m;
  cream_metrics_init(&m);
  append("\n[]\nnot json\n{\"kind\": 3}\n{\"kind\": \"step\", \"phase\": [], \"loss\": \"x\", \"path\": 7}\n"
         "{\"kind\": \"step\", \"phase\": \"a phase that is much too long for its place\", \"step\": -5, "
         "\"epoch\": 1e300, "
         "\"loss\": 1e308, \"path\": [-1, 99, 1e9, \"x\"], \"rho\": 7}\n"
         "{\"kind\": \"step\", \"step\": 1, \"rho\": 1}\n"
         "{\"kind\": \"board\", \"board_scores\": \"x\"}\n{\"kind\": \"board\", \"board_scores\": []}\n"
         "{\"kind\": \"board\", \"board_scores\": [1], \"board_flops\": [1]}\n"
         "{\"kind\": \"board\", \"board_scores\": [\"x\", null]}\n");
  for (int i = 0; i < 20; i++) {
    char line[200];
    snprintf(line, sizeof line,
             "{\"kind\": \"board\", \"budget\": %d, \"board_scores\": [0.5], \"step\": 1}\n", i);
    append(line);
  }
  FILE *stream = fopen(scratch("metrics.jsonl"), "ab");
  for (int i = 0; i < 300000; i++) fputc('[', stream);
  fputs("\n{\"kind\": \"step\", \"step\": 2, \"loss\": 0.5}\n", stream);
  for (int i = 0; i < 5000; i++) fputs("{\"kind\": \"note\", \"note\": \"x\"}\n", stream);
  fclose(stream);
  assert_true(read_new(&m));
  assert_true(m.broken == 4 && m.lines == 11 + 20 + 2 + 5000);
  assert_true(m.n_layers == 4 && m.sampled[2][0] == 0 && m.rho_bins[CREAM_METRICS_BINS - 1] == 1);
  assert_true(m.n_boards == CREAM_METRICS_BOARDS && m.n_notes == CREAM_METRICS_NOTES);
  assert_true(m.loss.points[m.loss.count - 1].y == 0.5);
  assert_true(strlen(m.phase) < sizeof m.phase);
  cream_error error;
  bool grown;
  mkdir(scratch("folder"), 0777);
  mkdir(scratch("folder/metrics.jsonl"), 0777);
  assert_int_equal(cream_metrics_read(&m, scratch("folder"), &grown, &error), CREAM_FAILED);
  assert_non_null(strstr(error.text, "folder/metrics.jsonl"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(curves),
      cmocka_unit_test(curves_together),
      cmocka_unit_test(clouds),
      cmocka_unit_test(fronts),
      cmocka_unit_test_setup_teardown(growing, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(hostile, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
