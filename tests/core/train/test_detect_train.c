/* Training of a detector: that it learns, repeats itself for any number of threads and ranks, and continues from any state
 * with the same bytes. */
#include "tests/core/synthetic.h"

#include "tests/core/cluster/threads.h"
#include "tests/core/detector.h"

enum { IMAGES = 24, HELDOUT = 10, BATCH = 4, CLASSES = DETECTOR_CLASSES, SIDE = DETECTOR_SIDE };

/* Images of one square whose colour is its class. */
typedef struct squares {
  cream_box_source source;
  uint32_t first;
  uint8_t pixels[BATCH * SIDE * SIDE * 3];
  cream_box boxes[BATCH];
  size_t firsts[BATCH + 1];
  float scale[BATCH][2], offset[BATCH][2];
  int32_t size[BATCH][2];
} squares;

static cream_box square_of(uint32_t image) {
  cream_rng rng = cream_rng_at(7, CREAM_RNG_TEST, image);
  const float side = 24 + (float)cream_rng_below(&rng, 12);
  const float x = (float)cream_rng_below(&rng, SIDE - (uint32_t)side),
              y = (float)cream_rng_below(&rng, SIDE - (uint32_t)side);
  return (cream_box){.x1 = x, .y1 = y, .x2 = x + side, .y2 = y + side, .label = (int32_t)(image % CLASSES)};
}

static cream_status read_squares(cream_box_source *source, uint64_t epoch, uint64_t step,
                                 cream_box_batch *batch, cream_error *err) {
  squares *s = source->self;
  int n = 0;
  (void)epoch, (void)err;
  for (size_t at = step * BATCH; at < source->count && n < BATCH; at++, n++) {
    const cream_box box = s->boxes[n] = square_of(s->first + (uint32_t)at);
    uint8_t *image = s->pixels + (size_t)n * SIDE * SIDE * 3;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        const bool in = (float)x >= box.x1 && (float)x < box.x2 && (float)y >= box.y1 && (float)y < box.y2;
        for (int c = 0; c < 3; c++) *image++ = in && c == box.label ? 255 : 40;
      }
    s->firsts[n + 1] = (size_t)n + 1;
    s->scale[n][0] = s->scale[n][1] = 1;
    s->size[n][0] = s->size[n][1] = SIDE;
  }
  *batch = (cream_box_batch){.n = n,
                             .side = SIDE,
                             .channels = 3,
                             .pixels = s->pixels,
                             .boxes = s->boxes,
                             .first = s->firsts,
                             .scale = (const float(*)[2])s->scale,
                             .offset = (const float(*)[2])s->offset,
                             .size = (const int32_t(*)[2])s->size};
  return CREAM_OK;
}

static void open_squares(squares *s, uint32_t first, size_t count) {
  memset(s, 0, sizeof *s);
  s->first = first;
  s->source = (cream_box_source){.self = s,
                                 .count = count,
                                 .classes = CLASSES,
                                 .batch = BATCH,
                                 .side = SIDE,
                                 .channels = 3,
                                 .mean = {0.3f, 0.3f, 0.3f},
                                 .std = {0.25f, 0.25f, 0.25f},
                                 .read = read_squares};
}

static cream_config settings(void) {
  cream_config config;
  cream_config_defaults(&config);
  config.seed = 5;
  config.retrain =
      (cream_retrain_config){.epochs = 2,
                             .batch = BATCH,
                             .accumulate = 1,
                             .optim = CREAM_OPTIM_ADAMW,
                             .lr = {.lr = 1, .schedule = CREAM_SCHEDULE_CONSTANT, .cycle_mul = 1},
                             .lr_backbone = 1,
                             .freeze = "none",
                             .clip = 10,
                             .ema = 0.5,
                             .eval_every = 1};
  return config;
}

/* A run with all that is made for it, which stays where it is. */
typedef struct job {
  cream_config config;
  cream_backend *backend;
  cream_skeleton skeleton;
  squares train, heldout;
  cream_box truth[HELDOUT];
  size_t first[HELDOUT + 1];
  cream_coco_input input;
  cream_cluster *cluster;
  cream_retrain *retrain;
  double loss[2], ap50; /* first and last; the best on held-out images */
  uint64_t stop_at;
  volatile sig_atomic_t stop;
  void *kept;
  float *weights;
  size_t count;
  cream_status status;
  cream_error err;
} job;

static cream_status on_event(void *self, const cream_event *event, cream_error *err) {
  job *j = self;
  (void)err;
  assert_true(event->detector || event->kind == CREAM_EVENT_NOTE);
  if (event->kind == CREAM_EVENT_STEP) {
    if (event->step == 1) j->loss[0] = event->loss;
    j->loss[1] = event->loss;
    if (event->step == j->stop_at) j->stop = 1;
  }
  if (event->kind == CREAM_EVENT_EVAL && event->top5 > j->ap50) j->ap50 = event->top5;
  return CREAM_OK;
}

static bool due(void *self, uint64_t step, bool epoch_end) {
  (void)self, (void)step, (void)epoch_end;
  return false;
}

static cream_status save(void *self, const cream_state *state, cream_error *err) {
  job *j = self;
  free(j->kept);
  j->kept = malloc(cream_state_bytes(state));
  return cream_state_snapshot(state, j->kept, err);
}

static job *new_job(const cream_config *config, cream_detect_kind kind, int n_threads) {
  job *j = calloc(1, sizeof *j);
  assert_non_null(j);
  j->config = *config;
  j->backend = synthetic_backend(false, n_threads);
  j->skeleton = detector_skeleton(kind);
  open_squares(&j->train, 0, IMAGES);
  open_squares(&j->heldout, 1000, HELDOUT);
  for (uint32_t i = 0; i < HELDOUT; i++) {
    j->truth[i] = square_of(1000 + i);
    j->first[i + 1] = i + 1;
  }
  j->input =
      (cream_coco_input){.images = HELDOUT, .classes = CLASSES, .truth = j->truth, .first_truth = j->first};
  return j;
}

static cream_status create(job *j) {
  const cream_retrain_inputs inputs = {
      .config = &j->config,
      .skeleton = &j->skeleton,
      .boxes = {.train = &j->train.source, .heldout = &j->heldout.source, .truth = &j->input},
      .cluster = j->cluster,
      .listener = {on_event, j, &j->stop},
      .checkpointer = {j, due, save, NULL}};
  return j->status = cream_retrain_create(j->backend, &inputs, &j->retrain, &j->err);
}

static void *run_job(void *self) {
  job *j = self;
  if (!j->retrain && create(j)) return NULL;
  j->status = cream_retrain_run(j->retrain, &j->err);
  cream_net *net = cream_retrain_net(j->retrain);
  j->count = cream_net_weight_count(net);
  j->weights = malloc(j->count * sizeof *j->weights);
  j->backend->download(j->backend, j->weights, cream_net_weights(net), j->count, NULL);
  return NULL;
}

static void free_job(job *j) {
  cream_retrain_destroy(j->retrain);
  j->backend->destroy(j->backend);
  free(j->kept);
  free(j->weights);
  free(j);
}

static void test_learns(void **state) {
  (void)state;
  cream_config config = settings();
  config.retrain.epochs = 25;
  config.retrain.eval_every = 25;
  config.retrain.ema = 0.9;
  job *j = new_job(&config, CREAM_DETECT_LITE, 2);
  run_job(j);
  if (j->status) fail_msg("%s", j->err.text);
  if (!(j->loss[1] < 0.4 * j->loss[0])) fail_msg("the loss went from %g to %g", j->loss[0], j->loss[1]);
  if (!(j->ap50 > 0.5)) fail_msg("AP50 is %g", j->ap50);
  const cream_retrain_choice choice = cream_retrain_chosen(j->retrain);
  assert_true(choice.evaluated && choice.heldout[choice.kind].detector);
  assert_true(choice.heldout[choice.kind].count == HELDOUT);
  for (int kind = 0; kind < CREAM_RETRAIN_KINDS; kind++)
    if (!(choice.heldout[kind].top5 > 0.4))
      fail_msg("AP50 of weights %d is %g", kind, choice.heldout[kind].top5);
  free_job(j);
}

/* Stopped after any of some steps, and continued by a new run from its state. */
static void test_resumes(void **state) {
  (void)state;
  for (cream_detect_kind kind = CREAM_DETECT_RETINA; kind <= CREAM_DETECT_LITE; kind++) {
    cream_config config = settings();
    config.retrain.lr.lr = 0.2;
    job *whole = new_job(&config, kind, 1);
    run_job(whole);
    if (whole->status) fail_msg("%s", whole->err.text);
    for (uint64_t stop = 1; stop < 12; stop += 5) {
      job *part = new_job(&config, kind, 2), *rest;
      part->stop_at = stop;
      run_job(part);
      assert_int_equal(part->status, CREAM_INTERRUPTED);
      assert_non_null(part->kept);
      rest = new_job(&config, kind, 3);
      assert_int_equal(create(rest), CREAM_OK);
      cream_state to;
      cream_retrain_state(rest->retrain, &to);
      assert_int_equal(cream_state_restore(&to, part->kept, &rest->err), CREAM_OK);
      assert_int_equal(cream_retrain_restored(rest->retrain, &rest->err), CREAM_OK);
      assert_int_equal(cream_retrain_step(rest->retrain), stop);
      run_job(rest);
      if (rest->status) fail_msg("%s", rest->err.text);
      assert_memory_equal(rest->weights, whole->weights, whole->count * sizeof *whole->weights);
      free_job(part);
      free_job(rest);
    }
    free_job(whole);
  }
}

/* Two parts of a step on one rank and on two, held-out images shared; with a part of the backbone frozen. */
static void test_ranks_give_the_same_bytes(void **state) {
  (void)state;
  cream_config config = settings();
  config.retrain.accumulate = 2;
  config.retrain.lr_backbone = 0.5;
  snprintf(config.retrain.freeze, sizeof config.retrain.freeze, "blocks.0");
  job *alone = new_job(&config, CREAM_DETECT_LITE, 1), *ranks[2];
  run_job(alone);
  if (alone->status) fail_msg("%s", alone->err.text);
  threads t;
  threads_open(&t, 2);
  pthread_t running[2];
  for (int r = 0; r < 2; r++) {
    ranks[r] = new_job(&config, CREAM_DETECT_LITE, 1);
    ranks[r]->cluster = &t.ranks[r];
    assert_int_equal(pthread_create(&running[r], NULL, run_job, ranks[r]), 0);
  }
  for (int r = 0; r < 2; r++) pthread_join(running[r], NULL);
  for (int r = 0; r < 2; r++) {
    if (ranks[r]->status) fail_msg("%s", ranks[r]->err.text);
    assert_memory_equal(ranks[r]->weights, alone->weights, alone->count * sizeof *alone->weights);
  }
  threads_close(&t);
  assert_true(ranks[0]->ap50 == alone->ap50);
  for (int r = 0; r < 2; r++) free_job(ranks[r]);
  free_job(alone);
}

static void test_refusals(void **state) {
  (void)state;
  cream_config config = settings();
  config.retrain.mixup = 0.2;
  job *j = new_job(&config, CREAM_DETECT_LITE, 1);
  assert_int_equal(create(j), CREAM_BAD_CONFIG);
  assert_string_equal(j->err.text, "retrain.mixup: got 0.2, but a detector has none; expected 0");
  j->config.retrain.mixup = 0;
  j->config.retrain.batch = IMAGES + 1;
  assert_int_equal(create(j), CREAM_BAD_CONFIG);
  assert_non_null(strstr(j->err.text, "retrain.batch: got 25, expected at most the 24 training images"));
  j->config.retrain.batch = BATCH;
  j->train.source.classes = 2;
  assert_int_equal(create(j), CREAM_BAD_CONFIG);
  assert_non_null(strstr(j->err.text, "classes: the network has 3 and the data 2"));
  free_job(j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_learns),
      cmocka_unit_test(test_resumes),
      cmocka_unit_test(test_ranks_give_the_same_bytes),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
