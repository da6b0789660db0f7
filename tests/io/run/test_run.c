#include "tests/io/scratch.h"

#include <jansson.h>
#include <math.h>

#include "core/cream.h"
#include "io/config/arch.h"
#include "io/config/space_yaml.h"
#include "io/run/run.h"

static cream_skeleton supernet(void) {
  cream_space space;
  cream_skeleton skeleton;
  cream_error error;
  const int depth[CREAM_MAX_STAGES] = {1, 1, 2, 1, 1, 2};
  if (cream_space_load("cream", &space, &error)) fail_msg("%s", error.text);
  if (cream_skeleton_init(&skeleton, &space, depth, 64, 10, &error)) fail_msg("%s", error.text);
  return skeleton;
}

static cream_run opened(void) {
  cream_run run;
  cream_error error;
  if (cream_run_open(&run, scratch("run"), false, &error)) fail_msg("%s", error.text);
  return run;
}

static void opening(void **state) {
  (void)state;
  cream_run run;
  cream_error error;
  char path[CREAM_MAX_FILE_NAME];
  assert_int_equal(cream_run_open(&run, scratch("a/b"), false, &error), CREAM_OK);
  assert_string_equal(cream_run_file(&run, CREAM_RUN_ARCH, path), scratch("a/b/arch.json"));
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
  /* Nothing was written, so the folder can be opened again. */
  assert_int_equal(cream_run_open(&run, scratch("a/b"), false, &error), CREAM_OK);
  scratch_write("a/b/result.json", "{}", 2);
  assert_fails(cream_run_open(&run, scratch("a/b"), false, &error), CREAM_BAD_CONFIG, error,
               "is not empty (it has result.json); choose another folder, or give --resume or --force");
  scratch_write("a/b/notes", "x", 1);
  /* The folder is locked until the run is closed. */
  cream_run other;
  assert_fails(cream_run_open(&other, scratch("a/b"), true, &error), CREAM_BAD_CONFIG, error,
               "is in use by another run");
  assert_fails(cream_run_reopen(&other, scratch("a/b"), &error), CREAM_BAD_CONFIG, error,
               "is in use by another run");
  assert_true(cream_run_locked(scratch("a/b")));
  assert_int_equal(access(scratch("a/b/result.json"), F_OK), 0);
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
  assert_false(cream_run_locked(scratch("a/b")));
  assert_int_equal(cream_run_open(&run, scratch("a/b"), true, &error), CREAM_OK);
  assert_int_not_equal(access(scratch("a/b/result.json"), F_OK), 0);
  assert_int_equal(access(scratch("a/b/notes"), F_OK), 0);
  assert_fails(cream_run_open(&run, scratch("a/b/notes"), true, &error), CREAM_FAILED, error,
               "a file of that name");
  assert_fails(cream_run_open(&run, "", true, &error), CREAM_BAD_CONFIG, error, "no run folder");
  char name[2000];
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_fails(cream_run_open(&run, name, true, &error), CREAM_BAD_CONFIG, error, "longer than");
  assert_fails(cream_run_open(&run, "/proc/none", false, &error), CREAM_FAILED, error,
               "cannot make folder /proc/none");
  if (geteuid() != 0) {
    mkdir(scratch("closed"), 0555);
    assert_fails(cream_run_open(&run, scratch("closed"), false, &error), CREAM_FAILED, error,
                 "cannot write to run");
  }
}

static void files(void **state) {
  (void)state;
  cream_run run = opened();
  cream_error error;
  cream_config config;
  cream_config_defaults(&config);
  assert_int_equal(cream_run_write_config(&run, &config, &error), CREAM_OK);
  char *text = scratch_read("run/config.yaml", NULL);
  assert_text_contains(text, "search:");
  free(text);

  const uint32_t heldout[] = {2, 3, 1000};
  assert_int_equal(cream_run_write_split(&run, "digits", UINT64_MAX, 1437, heldout, 3, &error), CREAM_OK);
  text = scratch_read("run/split.json", NULL);
  assert_string_equal(
      text, "{\n  \"format\": \"cream-split\",\n  \"version\": 1,\n  \"data\": \"digits\",\n"
            "  \"seed\": 18446744073709551615,\n  \"count\": 1437,\n  \"heldout\": [2, 3, 1000]\n}\n");
  free(text);

  cream_skeleton skeleton = supernet();
  cream_board board = {.capacity = 10, .count = 2};
  for (int i = 0; i < 2; i++) {
    board.entries[i] = (cream_board_entry){.path = cream_skeleton_first_path(&skeleton),
                                           .score = 0.9 - 0.25 * i,
                                           .loss = 0.1,
                                           .flops = 12345678,
                                           .params = 1e6,
                                           .step = (uint64_t)i};
  }
  board.entries[1].path.choice[2] = 3;
  assert_int_equal(cream_run_write_board(&run, &skeleton, &board, NULL, &error), CREAM_OK);
  text = scratch_read("run/board.json", NULL);
  assert_string_equal(
      text,
      "{\n  \"format\": \"cream-board\",\n  \"version\": 1,\n  \"capacity\": 10,\n  \"entries\": [\n"
      "    {\"score\": 0.9, \"loss\": 0.1, \"flops\": 12345678, \"params\": 1000000, \"step\": 0, \"path\": "
      "[[\"ds3\"], [\"k3e4\"], [\"k3e4\", \"k3e4\"], [\"k3e6\"], [\"k3e6\"], [\"k3e4\", \"k3e4\"]]},\n"
      "    {\"score\": 0.65, \"loss\": 0.1, \"flops\": 12345678, \"params\": 1000000, \"step\": 1, \"path\": "
      "[[\"ds3\"], [\"k3e4\"], [\"k5e6\", \"k3e4\"], [\"k3e6\"], [\"k3e6\"], [\"k3e4\", \"k3e4\"]]}\n"
      "  ]\n}\n");
  free(text);

  cream_skeleton net = cream_skeleton_fix(&skeleton, &board.entries[1].path);
  cream_score score = {.top1 = 0.5, .top5 = 1, .loss = 1.5, .count = 360};
  cream_run_result result = {.command = "search", .net = &net, .test = &score, .steps = 88, .seconds = 2.5};
  assert_int_equal(cream_run_write_result(&run, &result, &error), CREAM_OK);
  json_t *json = json_load_file(scratch("run/result.json"), 0, NULL);
  assert_non_null(json);
  cream_cost cost = cream_arch_cost(&net);
  assert_true(json_number_value(json_object_get(json, "flops")) == cream_cost_flops(&cost));
  assert_true(json_real_value(json_object_get(json_object_get(json, "test"), "loss")) == 1.5);
  assert_null(json_object_get(json, "heldout"));
  assert_int_equal(json_integer_value(json_object_get(json, "steps")), 88);
  json_decref(json);
}

static void unwritable(void **state) {
  (void)state;
  cream_run run = opened();
  cream_error error;
  cream_config config;
  cream_config_defaults(&config);
  const cream_event event = {.kind = CREAM_EVENT_START};
  mkdir(scratch("run/metrics.jsonl"), 0777);
  assert_fails(cream_metrics_on_event(&run, &event, &error), CREAM_FAILED, error, "metrics.jsonl");
  rmdir(scratch("run/metrics.jsonl"));
  assert_int_equal(symlink("/dev/full", scratch("run/metrics.jsonl")), 0);
  assert_fails(cream_metrics_on_event(&run, &event, &error), CREAM_FAILED, error, "No space left");
  assert_fails(cream_run_close(&run, &error), CREAM_FAILED, error, "metrics.jsonl");
  unlink(scratch("run/metrics.jsonl"));
  unlink(scratch("run/run.lock"));
  rmdir(scratch("run"));
  assert_fails(cream_run_write_config(&run, &config, &error), CREAM_FAILED, error,
               "config.yaml: No such file");
}

/* The lines of the metrics without their last fields, which depend on clock and machine. */
static int read_lines(char lines[][400], int room) {
  char *text = scratch_read("run/metrics.jsonl", NULL), *at = text;
  int count = 0;
  for (char *end; (end = strchr(at, '\n')); at = end + 1, count++) {
    assert_true(count < room);
    *end = 0;
    json_t *json = json_loads(at, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_true(json_number_value(json_object_get(json, "seconds")) >= 0);
    json_decref(json);
    char *seconds = strstr(at, ", \"seconds\": ");
    assert_non_null(seconds);
    assert_non_null(strstr(seconds, ", \"images_per_second\": "));
    *seconds = 0;
    assert_true(strlen(at) < 400);
    strcpy(lines[count], at);
  }
  assert_int_equal(*at, 0);
  free(text);
  return count;
}

/* Every kind of event, and its line. */
#define CHOICES                                                                                              \
  {                                                                                                          \
    .n_layers = 3, .choice = { 0, 5, 2 }                                                                     \
  }
static const cream_path event_path = CHOICES;
static const cream_board event_board = {
    .capacity = 2,
    .count = 1,
    .entries = {{.path = CHOICES, .score = 0.75, .loss = 0.5, .flops = 8, .params = 9, .step = 3}}};
static const cream_event events[] = {
    {.kind = CREAM_EVENT_START, .phase = "search", .steps = 20, .epochs = 2},
    {.kind = CREAM_EVENT_STEP,
     .phase = "search",
     .step = 1,
     .lr = 0.1,
     .loss = 2.5,
     .hard = 2.5,
     .rho = -1,
     .path = &event_path,
     .images_per_second = 123.456},
    {.kind = CREAM_EVENT_STEP,
     .phase = "search",
     .step = 2,
     .loss = NAN,
     .rho = 0.5,
     .accuracy = 0.25,
     .waited = 7},
    {.kind = CREAM_EVENT_META, .phase = "search", .step = 2, .rho = 0.5, .meta_gradient = 1.25},
    {.kind = CREAM_EVENT_SCORE, .phase = "search", .step = 3, .candidate = &event_board.entries[0]},
    {.kind = CREAM_EVENT_BOARD, .phase = "search", .step = 3, .board = &event_board},
    {.kind = CREAM_EVENT_EPOCH, .phase = "search", .step = 10, .epoch = 1, .rho = -1, .board = &event_board},
    {.kind = CREAM_EVENT_EVAL,
     .phase = "retrain",
     .split = "test",
     .accuracy = 0.5,
     .top5 = 1,
     .eval_loss = 1.5},
    {.kind = CREAM_EVENT_SELECT,
     .phase = "search",
     .accuracy = 0.5,
     .top5 = 1,
     .eval_loss = 2,
     .board = &event_board},
    {.kind = CREAM_EVENT_NOTE, .note = "a \"note\""},
};

static const char *const event_lines[] = {
    "{\"kind\": \"start\", \"phase\": \"search\", \"step\": 0, \"epoch\": 0, \"steps\": 20, \"epochs\": 2",
    "{\"kind\": \"step\", \"phase\": \"search\", \"step\": 1, \"epoch\": 0, \"lr\": 0.1, \"loss\": 2.5, "
    "\"hard\": 2.5, "
    "\"soft\": 0, \"accuracy\": 0, \"path\": [0, 5, 2]",
    "{\"kind\": \"step\", \"phase\": \"search\", \"step\": 2, \"epoch\": 0, \"lr\": 0, \"loss\": null, "
    "\"hard\": 0, "
    "\"soft\": 0, \"rho\": 0.5, \"accuracy\": 0.25",
    "{\"kind\": \"meta\", \"phase\": \"search\", \"step\": 2, \"epoch\": 0, \"rho\": 0.5, "
    "\"meta_gradient\": 1.25",
    "{\"kind\": \"score\", \"phase\": \"search\", \"step\": 3, \"epoch\": 0, \"score\": 0.75, "
    "\"score_loss\": 0.5, \"flops\": 8, \"params\": 9, \"path\": [0, 5, 2]",
    "{\"kind\": \"board\", \"phase\": \"search\", \"step\": 3, \"epoch\": 0, \"entry\": 0, \"score\": "
    "0.75, "
    "\"score_loss\": 0.5, \"flops\": 8, \"params\": 9, \"entered\": 3, \"path\": [0, 5, 2], "
    "\"board_scores\": [0.75], \"board_flops\": [8]",
    "{\"kind\": \"epoch\", \"phase\": \"search\", \"step\": 10, \"epoch\": 1, \"lr\": 0, \"loss\": 0, "
    "\"hard\": 0, "
    "\"soft\": 0, \"accuracy\": 0, \"entries\": 1, \"best\": 0.75, "
    "\"board_scores\": [0.75], \"board_flops\": [8]",
    "{\"kind\": \"eval\", \"phase\": \"retrain\", \"step\": 0, \"epoch\": 0, \"split\": \"test\", "
    "\"accuracy\": 0.5, "
    "\"top5\": 1, \"loss\": 1.5",
    "{\"kind\": \"select\", \"phase\": \"search\", \"step\": 0, \"epoch\": 0, \"accuracy\": 0.5, \"top5\": "
    "1, "
    "\"loss\": 2, \"entry\": 0, \"score\": 0.75, \"score_loss\": 0.5, \"flops\": 8, \"params\": 9, "
    "\"entered\": 3, "
    "\"path\": [0, 5, 2]",
    "{\"kind\": \"note\", \"step\": 0, \"epoch\": 0, \"note\": \"a \\\"note\\\"\"",
};

static void metrics(void **state) {
  (void)state;
  cream_run run = opened();
  cream_error error;
  enum { N = sizeof events / sizeof *events };
  char lines[N][400];
  for (int i = 0; i < N; i++) {
    assert_int_equal(cream_metrics_on_event(&run, &events[i], &error), CREAM_OK);
    /* An epoch is in the file before the run ends. */
    if (events[i].kind == CREAM_EVENT_EPOCH) assert_int_equal(read_lines(lines, N), i + 1);
  }
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
  assert_int_equal(read_lines(lines, N), N);
  for (int i = 0; i < N; i++) assert_string_equal(lines[i], event_lines[i]);
}

/* The columns of the summary, and a tag in TensorBoard for everything that is evaluated. */
static void summary_and_scalars(void **state) {
  (void)state;
  static const char *const splits[] = {"heldout",       "heldout-ema", "test", "test-trained",
                                       "test-averaged", "other",       NULL};
  static const char *const tags[] = {"heldout/top1", "heldout_ema/loss", "test/top1", "test_trained/top1",
                                     "test_averaged/top1"};
  cream_run run = opened();
  cream_error error;
  for (int i = 0; i < 7; i++) {
    const cream_event event = {
        .kind = CREAM_EVENT_EVAL, .rho = -1, .split = splits[i], .accuracy = 0.25 + 0.125 * i};
    assert_int_equal(cream_run_on_event(&run, &event, &error), CREAM_OK);
  }
  assert_true(run.score == 0.375);
  const cream_event event = {.kind = CREAM_EVENT_EPOCH, .step = 10, .epoch = 1, .lr = 0.5, .rho = -1};
  assert_int_equal(cream_run_on_event(&run, &event, &error), CREAM_OK);
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
  char *text = scratch_read("run/" CREAM_RUN_SUMMARY, NULL);
  assert_text_contains(
      text, "epoch,step,lr,loss,accuracy,heldout,heldout_ema,board_best,seconds,images_per_second\n"
            "1,10,0.5,0,0,0.25,0.375,,");
  free(text);
  size_t size;
  text = scratch_read("run/" CREAM_RUN_EVENTS, &size);
  for (int i = 0; i < 5; i++) assert_non_null(memmem(text, size, tags[i], strlen(tags[i])));
  free(text);
}

/* The seconds of a resumed run continue, and TensorBoard still gets wall-clock times. */
static void resumed(void **state) {
  (void)state;
  cream_run run = opened();
  cream_error error;
  char note[200];
  cream_checkpoint_info info = {.seconds = 1000, .score = NAN};
  double wall = run.wall - run.start;
  assert_int_equal(cream_run_rewind(&run, &info, note, sizeof note, &error), CREAM_OK);
  assert_float_equal(run.wall - run.start, wall, 1e-3);
  const cream_event event = {.kind = CREAM_EVENT_NOTE, .rho = -1, .note = "on"};
  assert_int_equal(cream_run_on_event(&run, &event, &error), CREAM_OK);
  assert_int_equal(cream_run_close(&run, &error), CREAM_OK);
  size_t size;
  char *text = scratch_read("run/" CREAM_RUN_METRICS, &size);
  json_t *line = json_loads(text, 0, NULL);
  double seconds = json_number_value(json_object_get(line, "seconds"));
  assert_true(seconds >= 1000 && seconds < 2000);
  json_decref(line);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(opening, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(files, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(unwritable, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(resumed, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(metrics, scratch_setup, scratch_teardown),
      cmocka_unit_test_setup_teardown(summary_and_scalars, scratch_setup, scratch_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
