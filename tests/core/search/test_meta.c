/* The gradient of the meta network equals finite differences in theta, through the whole virtual step. */
#include "tests/core/synthetic.h"

#include <math.h>

#include "core/search/match.h"
#include "core/search/meta.h"

enum { SLICE = 4, ENTRIES = 3, MAX_INPUTS = 2 * SLICE * SYNTHETIC_CLASSES };

typedef struct bench {
  cream_backend *backend;
  cream_net *net;
  cream_match match;
  cream_meta meta;
  cream_board board;
  synthetic data;
  cream_buf labels, heldout_labels, target, x_train, x_heldout;
  cream_path path;
  cream_meta_problem problem;
} bench;

static cream_buf take(bench *b, size_t count) {
  cream_buf buf;
  cream_error err;
  assert_int_equal(b->backend->alloc(b->backend, count, &buf, &err), CREAM_OK);
  return buf;
}

/* first_slot: of the board; there are twice as many slots as entries. */
static void open_bench(bench *b, bool plain, int entries, cream_meta_input input, int first_slot) {
  cream_error err;
  memset(b, 0, sizeof *b);
  b->backend = synthetic_backend(plain, 2);
  cream_skeleton skeleton = synthetic_skeleton();
  synthetic_open(&b->data, 64, 16, 16, 3);
  cream_net_options options = {.batch = 16, .train = true, .seed = 5};
  assert_int_equal(cream_net_create(b->backend, &skeleton, &options, &b->net, &err), CREAM_OK);
  cream_match_options match = {
      .capacity = 2 * ENTRIES, .slice = SLICE, .input = input, .probe = 16, .seed = 5};
  assert_int_equal(cream_match_init(&b->match, b->net, &b->data.source, &match, &err), CREAM_OK);
  assert_int_equal(cream_meta_init(&b->meta, b->net, &err), CREAM_OK);

  cream_board_init(&b->board, ENTRIES, 0.05);
  b->board.first_slot = first_slot;
  const uint8_t choices[ENTRIES][5] = {{0, 0, 1, 2, 3}, {0, 1, 1, 0, 0}, {0, 2, 3, 1, 0}};
  for (int e = 0; e < entries; e++) {
    cream_board_entry entry = {.score = 0.5 - 0.1 * e, .step = (uint64_t)e};
    entry.path.n_layers = 5;
    memcpy(entry.path.choice, choices[e], 5);
    bool entered;
    int at = cream_board_offer(&b->board, &entry, &entered);
    assert_int_equal(cream_match_enter(&b->match, NULL, &b->data.source, &b->board.entries[at], 5, &err),
                     CREAM_OK);
  }
  b->path = (cream_path){.n_layers = 5, .choice = {0, 0, 3, 1, 2}};
  size_t image = b->match.image;
  b->labels = take(b, SLICE);
  b->heldout_labels = take(b, SLICE);
  b->x_train = take(b, SLICE * image);
  b->x_heldout = take(b, SLICE * image);
  b->target = take(b, SLICE * SYNTHETIC_CLASSES);
  b->problem = (cream_meta_problem){.path = &b->path,
                                    .y_train = b->labels,
                                    .y_heldout = b->heldout_labels,
                                    .target = b->target,
                                    .lr = 0.03f,
                                    .smoothing = 0.1f};
  cream_source *source = &b->data.source;
  assert_int_equal(
      cream_match_heldout(&b->match, source, 5, 100, b->x_train, b->labels, &b->problem.x_train, &err),
      CREAM_OK);
  assert_int_equal(cream_match_heldout(&b->match, source, 5, 200, b->x_heldout, b->heldout_labels,
                                       &b->problem.x_heldout, &err),
                   CREAM_OK);
  /* The teacher's output is sharp, so that KD and CE differ. */
  float target[SLICE][SYNTHETIC_CLASSES];
  for (int i = 0; i < SLICE; i++)
    for (int c = 0; c < SYNTHETIC_CLASSES; c++)
      target[i][c] = c == (i * 3 + 1) % SYNTHETIC_CLASSES ? 0.7f : 0.1f;
  b->backend->upload(b->backend, b->target, target, SLICE * SYNTHETIC_CLASSES);
}

static void close_bench(bench *b) {
  cream_buf buffers[] = {b->labels, b->heldout_labels, b->target, b->x_train, b->x_heldout};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) b->backend->release(b->backend, buffers[i]);
  cream_meta_destroy(&b->meta);
  cream_match_destroy(&b->match);
  cream_net_destroy(b->net);
  synthetic_close(&b->data);
  b->backend->destroy(b->backend);
}

static cream_teaching match(bench *b) {
  cream_teaching teaching;
  cream_error err;
  assert_int_equal(
      cream_match_teacher(&b->match, &b->board, &b->path, CREAM_TEACHER_META, 0, 0, &teaching, &err),
      CREAM_OK);
  assert_true(teaching.entry >= 0 && teaching.rho > 0 && teaching.rho < 1);
  return teaching;
}

static double slope_at(bench *b, double rho, double *loss) {
  double slope;
  cream_error err;
  b->problem.rho = (float)rho;
  assert_int_equal(cream_meta_slope(&b->meta, &b->problem, &slope, loss, &err), CREAM_OK);
  return slope;
}

/* Held-out loss after the virtual step, with rho computed from theta after theta[i] += delta. */
static double loss_at(bench *b, const float *theta, size_t i, double delta, double *moved) {
  size_t n = b->match.inputs + 1;
  float changed[MAX_INPUTS + 1];
  memcpy(changed, theta, n * sizeof *changed);
  changed[i] += (float)delta;
  *moved = (double)changed[i] - theta[i];
  b->backend->upload(b->backend, b->match.theta, changed, n);
  cream_teaching teaching = match(b);
  double loss;
  slope_at(b, teaching.rho, &loss);
  return loss;
}

/* Of how many weights one is checked: all, but for sanitizers and where the environment says otherwise (under valgrind: the
 * same code runs for each of them, some fifty times slower). */
static size_t sample(void) {
  const char *text = getenv("CREAM_TEST_SAMPLE");
  return text ? strtoul(text, NULL, 10) : CREAM_SLOW_CHECKER ? 33 : 1;
}

/* Of `count` repetitions a tenth where not all weights are checked. */
static int repetitions(int count) {
  return sample() > 1 ? (count + 9) / 10 : count;
}

static void check_theta(bool plain, cream_meta_input input) {
  bench b;
  open_bench(&b, plain, 1, input, 0); /* one entry: always the same teacher, so rho is smooth */
  size_t n = b.match.inputs + 1;
  assert_int_equal(n - 1, input == CREAM_META_PAIR ? MAX_INPUTS : MAX_INPUTS / 2);
  float theta[MAX_INPUTS + 1], diff[MAX_INPUTS + 1];
  cream_error err;
  cream_teaching teaching = match(&b);
  assert_int_equal(b.backend->download(b.backend, theta, b.match.theta, n, &err), CREAM_OK);
  int slot = b.board.entries[teaching.entry].slot;
  assert_int_equal(
      b.backend->download(b.backend, diff, cream_buf_at(b.match.diff, (size_t)slot * (n - 1)), n - 1, &err),
      CREAM_OK);
  diff[n - 1] = 1;

  double slope = slope_at(&b, teaching.rho, NULL);
  assert_true(fabs(slope) > 1e-4);
  double error = 0, norm = 0;
  for (size_t i = 0; i < n; i += sample()) {
    double exact = slope * teaching.rho * (1 - teaching.rho) * diff[i];
    /* Central differences of sixth order: wide steps, since the loss is a 32-bit number. */
    const double places[6] = {-3, -2, -1, 1, 2, 3}, weights[6] = {-1, 9, -45, 45, -9, 1};
    double h = 0.3 / fmax(fabs(diff[i]), 0.05), numeric = 0, unit = 0;
    for (int k = 0; k < 6; k++) {
      double moved;
      numeric += weights[k] * loss_at(&b, theta, i, places[k] * h, &moved) / 60;
      unit += moved / places[k] / 6;
    }
    numeric /= unit;
    error += (numeric - exact) * (numeric - exact);
    norm += exact * exact;
  }
  double relative = sqrt(error / norm);
  print_message("relative error of the meta gradient: %.2e\n", relative);
  assert_true(relative < 1e-3);
  close_bench(&b);
}

static void test_gradient_in_theta_plain(void **state) {
  (void)state;
  check_theta(true, CREAM_META_SOFTMAX);
}

static void test_gradient_in_theta_tuned(void **state) {
  (void)state;
  check_theta(false, CREAM_META_PAIR);
  if (sample() > 1) return; /* the other inputs take the same code */
  check_theta(false, CREAM_META_SOFTMAX);
  check_theta(false, CREAM_META_LOGITS);
}

static void test_slope_leaves_weights_and_statistics(void **state) {
  (void)state;
  bench b;
  open_bench(&b, false, ENTRIES, CREAM_META_SOFTMAX, 0);
  size_t weights = cream_net_weight_count(b.net), statistics = cream_net_statistic_count(b.net);
  float *before = malloc((weights + statistics) * 4), *after = malloc((weights + statistics) * 4);
  cream_error err;
  for (int i = 0; i < 2; i++) {
    float *to = i ? after : before;
    if (i) slope_at(&b, 0.6, NULL);
    assert_int_equal(b.backend->download(b.backend, to, cream_net_weights(b.net), weights, &err), CREAM_OK);
    assert_int_equal(
        b.backend->download(b.backend, to + weights, cream_net_statistics(b.net), statistics, &err),
        CREAM_OK);
  }
  assert_memory_equal(before, after, (weights + statistics) * 4);
  free(before);
  free(after);
  close_bench(&b);
}

static void test_descent_lowers_the_heldout_loss(void **state) {
  (void)state;
  bench b;
  open_bench(&b, false, ENTRIES, CREAM_META_SOFTMAX, 0);
  cream_error err;
  double first = 0, last = 0;
  for (int i = 0; i < repetitions(30); i++) {
    cream_teaching teaching = match(&b);
    double loss, norm, slope = slope_at(&b, teaching.rho, &loss);
    if (i == 0) first = loss;
    last = loss;
    assert_int_equal(cream_meta_descend(&b.meta, &b.match, b.board.entries[teaching.entry].slot, slope,
                                        teaching.rho, 5, 0.01, &norm, &err),
                     CREAM_OK);
    assert_true(norm > 0);
  }
  assert_true(last < first);
  close_bench(&b);
}

/* One of several boards is matched in its own slots, with the same result as a single board. */
static void test_slots_of_a_second_board(void **state) {
  (void)state;
  for (cream_meta_input input = CREAM_META_SOFTMAX; input <= CREAM_META_PAIR; input++) {
    cream_teaching teachings[2];
    for (int second = 0; second < 2; second++) {
      bench b;
      open_bench(&b, false, ENTRIES, input, second * ENTRIES);
      for (int e = 0; e < ENTRIES; e++) assert_int_equal(b.board.entries[e].slot, second * ENTRIES + e);
      teachings[second] = match(&b);
      close_bench(&b);
    }
    assert_int_equal(teachings[0].entry, teachings[1].entry);
    assert_true(teachings[0].rho == teachings[1].rho);
  }
}

static void test_a_path_does_not_teach_itself(void **state) {
  (void)state;
  bench b;
  open_bench(&b, false, ENTRIES, CREAM_META_SOFTMAX, 0);
  cream_error err;
  const cream_teacher kinds[] = {CREAM_TEACHER_META, CREAM_TEACHER_TOP1, CREAM_TEACHER_RANDOM};
  for (int k = 0; k < 3; k++)
    for (int e = 0; e < ENTRIES; e++)
      for (int step = 0; step < repetitions(16); step++) {
        cream_teaching teaching;
        cream_path path = b.board.entries[e].path;
        assert_int_equal(
            cream_match_teacher(&b.match, &b.board, &path, kinds[k], 1, (uint64_t)step, &teaching, &err),
            CREAM_OK);
        assert_int_not_equal(teaching.entry, e);
        assert_in_range(teaching.entry, 0, ENTRIES - 1);
        if (kinds[k] == CREAM_TEACHER_TOP1) assert_int_equal(teaching.entry, e == 0);
        if (kinds[k] != CREAM_TEACHER_META) assert_true(teaching.rho == 1);
      }
  cream_teaching none;
  cream_path path = b.path;
  assert_int_equal(cream_match_teacher(&b.match, &b.board, &path, CREAM_TEACHER_NONE, 1, 0, &none, &err),
                   CREAM_OK);
  assert_int_equal(none.entry, -1);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradient_in_theta_plain),
      cmocka_unit_test(test_gradient_in_theta_tuned),
      cmocka_unit_test(test_slope_leaves_weights_and_statistics),
      cmocka_unit_test(test_descent_lowers_the_heldout_loss),
      cmocka_unit_test(test_slots_of_a_second_board),
      cmocka_unit_test(test_a_path_does_not_teach_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
