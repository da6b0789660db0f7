/* A search of 80 steps (or $CREAM_TEST_STEPS, a multiple of 4) on an OpenCL device and on the CPU with the same seed: the
 * same losses and the same board; and a checkpoint of one device resumes on the other. With $CREAM_TEST_STEPS also a
 * search whose gradients jump where a rounding decides. */
#include <math.h>

#include "tests/core/micro.h"

#include "device.h"

enum { MOST_STEPS = 200, EPOCHS = 4, BATCH = 16, HELDOUT = 64 };
static int steps = 80;

/* One rounding of the first weights changes a loss by at most 2e-6 of it within 200 steps, on the CPU. At a rate of 1 it
 * grows: 2e-6 at step 32, 1e-3 at step 80 and 0.1 within 200. */
#define RATE      0.2
#define TOLERANCE 2e-5

/* With ReLU and hard sigmoid, of which the slopes jump: 5e-2 within 200 steps. At step 5 a value before a ReLU is 1.4e-7
 * on the CPU, where the largest is 1.8, and a rounding of the weights changes it by up to 7e-7: its sign decides by which of
 * two gradients all weights before it move. Searches on the same side stay within 3.4e-4 of each other. */
#define JUMP_TOLERANCE 1e-3
enum { ROUNDINGS = 12 };

typedef struct watch {
  float loss[MOST_STEPS];
  uint64_t stop_at;
  volatile sig_atomic_t stop;
  void *kept;
} watch;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  watch *w = self;
  (void)err;
  if (event->kind != CREAM_EVENT_STEP) return CREAM_OK;
  assert_true(event->step >= 1 && event->step <= (uint64_t)steps);
  w->loss[event->step - 1] = (float)event->loss;
  if (event->step == w->stop_at) w->stop = 1;
  return CREAM_OK;
}

static bool due(void *self, uint64_t step, bool epoch_end) {
  (void)self, (void)step, (void)epoch_end;
  return false;
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  watch *w = self;
  free(w->kept);
  w->kept = malloc(cream_state_bytes(state));
  assert_non_null(w->kept);
  return cream_state_snapshot(state, w->kept, err);
}

typedef struct outcome {
  cream_status status;
  cream_board board;
  cream_search_result result;
} outcome;

/* The supernet of `micro`, with smooth activations in its squeeze-excites or with its own, ReLU and hard sigmoid. */
static cream_skeleton make_skeleton(bool smooth) {
  const cream_skeleton own = micro_skeleton();
  cream_space space = own.space;
  cream_skeleton skeleton;
  cream_error err;
  if (!smooth) return own;
  for (int i = 0; i < space.n_ops; i++) {
    space.ops[i].se_act = CREAM_ACT_SWISH;
    space.ops[i].se_gate = CREAM_ACT_SIGMOID;
  }
  if (cream_skeleton_init(&skeleton, &space, own.depth, MICRO_SIDE, SYNTHETIC_CLASSES, &err))
    fail_msg("%s", err.text);
  return skeleton;
}

/* What a search starts from: rounding, if not 0, is a seed for rounding every weight once, up or down. */
typedef struct start {
  bool smooth;
  uint32_t rounding;
} start;

static void round_weights(cream_backend *backend, cream_search *search, uint32_t seed) {
  cream_state state;
  cream_search_state(search, &state);
  const cream_state_part *weights = state.parts;
  while (strcmp(weights->name, "weights") != 0) weights++;
  float *values = synthetic_fetch(backend, weights->device, weights->count);
  cream_rng rng = cream_rng_at(seed, CREAM_RNG_TEST, 0);
  for (size_t i = 0; i < weights->count; i++)
    values[i] *= 1 + (cream_rng_below(&rng, 2) ? 0x1p-23f : -0x1p-23f);
  backend->upload(backend, weights->device, values, weights->count);
  free(values);
}

/* Runs a search on `backend`, from w->kept if there is one, and destroys the backend. */
static outcome run(cream_backend *backend, start from, watch *w) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 4;
  config.search.epochs = EPOCHS;
  config.search.batch = BATCH;
  config.search.lr.lr = RATE;
  config.search.start_epoch = 1;
  config.search.board.size = 4;
  config.search.board.images = HELDOUT;
  config.search.meta.every = 7;
  config.search.meta.slice = 4;
  config.search.recalibrate = 2;
  cream_skeleton skeleton = make_skeleton(from.smooth);
  synthetic train, heldout;
  synthetic_open(&train, steps / EPOCHS * BATCH, BATCH, MICRO_SIDE, 21);
  synthetic_open(&heldout, HELDOUT, BATCH, MICRO_SIDE, 22);
  cream_search_inputs inputs = {.config = &config,
                                .skeleton = &skeleton,
                                .train = &train.source,
                                .heldout = &heldout.source,
                                .listener = {on_event, w, &w->stop},
                                .checkpointer = {.self = w, .due = due, .save = save}};
  outcome out;
  cream_search *search;
  cream_error err;
  if (cream_search_create(backend, &inputs, &search, &err)) fail_msg("%s", err.text);
  if (w->kept) {
    cream_state state;
    cream_search_state(search, &state);
    if (cream_state_restore(&state, w->kept, &err) || cream_search_restored(search, &err))
      fail_msg("%s", err.text);
  }
  if (from.rounding) round_weights(backend, search, from.rounding);
  out.status = cream_search_run(search, &out.result, &err);
  if (out.status && out.status != CREAM_INTERRUPTED) fail_msg("%s", err.text);
  out.board = *cream_search_board(search, 0);
  cream_search_destroy(search);
  synthetic_close(&train);
  synthetic_close(&heldout);
  backend->destroy(backend);
  return out;
}

/* The first step from 1 whose losses differ by more than `tolerance` of them; 0: none does. */
static int first_apart(const watch *expected, const watch *got, double tolerance) {
  for (int i = 0; i < steps; i++)
    if (!(fabsf(expected->loss[i] - got->loss[i]) <= tolerance * fabsf(expected->loss[i]))) return i + 1;
  return 0;
}

static void compare(const char *what, const watch *expected, const watch *got) {
  const int step = first_apart(expected, got, TOLERANCE);
  if (step)
    fail_msg("%s: the loss of step %d is %.7f, expected %.7f", what, step, (double)got->loss[step - 1],
             (double)expected->loss[step - 1]);
}

static bool same_board(const outcome *a, const outcome *b) {
  if (a->board.count != b->board.count || !cream_path_equal(&a->result.path, &b->result.path)) return false;
  for (int e = 0; e < a->board.count; e++)
    if (!cream_path_equal(&a->board.entries[e].path, &b->board.entries[e].path) ||
        a->board.entries[e].step != b->board.entries[e].step)
      return false;
  return true;
}

static void test_search(void **state) {
  (void)state;
  static watch cpu, device, crossed;
  const start from = {.smooth = true};
  const uint64_t half = (uint64_t)steps / 2;
  cpu = device = crossed = (watch){0};
  outcome expected = run(synthetic_backend(false, 2), from, &cpu);
  outcome got = run(device_open(false), from, &device);
  compare("opencl", &cpu, &device);
  assert_true(same_board(&expected, &got));

  crossed.stop_at = half;
  assert_int_equal(run(synthetic_backend(false, 2), from, &crossed).status, CREAM_INTERRUPTED);
  crossed.stop_at = crossed.stop = 0;
  assert_int_equal(run(device_open(false), from, &crossed).status, CREAM_OK);
  compare("cpu, then opencl", &cpu, &crossed);
  free(crossed.kept);
  crossed = (watch){.stop_at = half};
  assert_int_equal(run(device_open(false), from, &crossed).status, CREAM_INTERRUPTED);
  crossed.stop_at = crossed.stop = 0;
  assert_int_equal(run(synthetic_backend(false, 2), from, &crossed).status, CREAM_OK);
  compare("opencl, then cpu", &cpu, &crossed);
  free(crossed.kept);
  free(cpu.kept);
  free(device.kept);
}

/* Where gradients jump, the device's search is the CPU's, or that of the CPU from weights that a rounding has changed. */
static void test_jumps(void **state) {
  (void)state;
  static watch cpu, device;
  device = (watch){0};
  outcome got = run(device_open(false), (start){0}, &device);
  free(device.kept);
  int latest = 0;
  for (uint32_t rounding = 0; rounding <= ROUNDINGS; rounding++) {
    cpu = (watch){0};
    outcome expected = run(synthetic_backend(false, 2), (start){.rounding = rounding}, &cpu);
    free(cpu.kept);
    const int step = first_apart(&cpu, &device, JUMP_TOLERANCE);
    if (!step && same_board(&expected, &got)) {
      printf("the CPU's search from weights with rounding %u (0: none)\n", rounding);
      return;
    }
    printf("rounding %u: another %s\n", rounding, step ? "loss" : "board");
    if (step > latest) latest = step;
  }
  fail_msg("the device's search is none of the CPU's; the last loss that differs first is that of step %d",
           latest);
}

int main(void) {
  device_need();
  const char *wanted = getenv("CREAM_TEST_STEPS");
  if (wanted) steps = atoi(wanted);
  if (steps < EPOCHS || steps > MOST_STEPS || steps % EPOCHS) return 2;
  printf("a search of %d steps of %d images\n", steps, BATCH);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_search)};
  const struct CMUnitTest long_tests[] = {cmocka_unit_test(test_search), cmocka_unit_test(test_jumps)};
  return wanted ? cmocka_run_group_tests(long_tests, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
