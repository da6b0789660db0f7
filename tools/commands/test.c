#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "core/net/fold.h"
#include "io/base/json.h"
#include "io/run/run_names.h"
#include "io/run/test_result.h"
#include "io/weights/weights.h"
#include "tools/cli/progress.h"
#include "tools/run/bars.h"
#include "tools/run/class_match.h"
#include "tools/run/device.h"
#include "tools/run/files.h"
#include "tools/run/int8.h"
#include "tools/run/network.h"
#include "tools/run/run_options.h"
#include "tools/run/trained.h"

/* With more classes than ALL_CLASSES, only the weakest are printed. */
enum { ALL_CLASSES = 20, WEAKEST = 10 };

typedef struct test_options {
  run_options run;
  int8_options int8;
  bars_options bars;
} test_options;

/* The parts of a test, in the order in which they are made. */
typedef struct test_run {
  cream_arch arch;
  run_data data;
  cream_backend *backend;
  cream_net *net;
  uint32_t *confusion; /* [classes][classes], by label and predicted class */
  cream_int8 *int8;    /* NULL: not tested */
  cream_score int8_score;
} test_run;

static cream_status load_net(test_run *t, const cream_config *config, cream_error *err) {
  cream_net_options options = {.batch = config->retrain.batch};
  cream_status status = cream_net_create(t->backend, &t->arch.net, &options, &t->net, err);
  cream_weights_report loaded = {0};
  if (status == CREAM_OK) status = cream_weights_load(config->weights, t->backend, t->net, &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}

static cream_status recalibrate(test_run *t, const cream_config *config, cream_error *err) {
  if (config->recalibrate.batches == 0) return CREAM_OK;
  cream_source *train;
  cream_status status =
      run_train_source(&t->data, config, config->retrain.batch, t->arch.net.resolution, &train, err);
  if (status != CREAM_OK) return status;
  cream_path path = cream_skeleton_first_path(&t->arch.net);
  status =
      cream_recalibrate(t->net, &path, train, 0, config->recalibrate.mode, config->recalibrate.batches, err);
  cream_source_destroy(train);
  return status;
}

static cream_status open_all(test_run *t, const cream_config *config, cream_error *err) {
  cream_status status = run_arch(config, &t->arch, err);
  if (status == CREAM_OK) status = run_check_weights(config, err);
  if (status == CREAM_OK) status = run_data_open_to_test(config, &t->data, err);
  if (status == CREAM_OK) status = class_match_test(config, &t->data, err);
  if (status == CREAM_OK) status = run_check_classes(&t->arch, &t->data, err);
  if (status == CREAM_OK) status = run_data_normalise_for(config, &t->data, err);
  if (status == CREAM_OK) status = run_backend(config, &t->backend, err);
  if (status == CREAM_OK) device_print(t->backend);
  if (status == CREAM_OK) status = load_net(t, config, err);
  if (status == CREAM_OK) status = recalibrate(t, config, err);
  if (status == CREAM_OK) status = cream_net_fold(t->net, err);
  if (status != CREAM_OK) return status;
  size_t classes = (size_t)t->arch.net.classes;
  t->confusion = calloc(classes * classes, sizeof *t->confusion);
  if (t->confusion) return CREAM_OK;
  return cream_fail_memory(err, classes * classes * sizeof *t->confusion, "the confusion matrix");
}

/* ---- results ----------------------------------------------------------------------------------- */

static cream_test_result result_of(const test_run *t, const cream_config *config, const cream_score *score) {
  return (cream_test_result){config->data, *score, t->arch.net.classes, t->data.dataset->class_names,
                             t->confusion};
}

/* A class's name in `width` characters of UTF-8: cut off, or filled up with blanks on one side. */
static void print_name(const char *name, int width, bool right) {
  int bytes = 0, characters = 0;
  for (; name[bytes] && characters < width; characters++) {
    bytes++;
    while (((unsigned char)name[bytes] & 0xc0) == 0x80) bytes++;
  }
  int blanks = width - characters;
  printf("%*s%.*s%*s", right ? blanks : 0, "", bytes, name, right ? 0 : blanks, "");
}

static void print_matrix(const cream_test_result *test) {
  int classes = test->classes;
  printf("\nconfusion   a row for each label, a column for each predicted class\n%12s", "");
  for (int c = 0; c < classes; c++) {
    putchar(' ');
    print_name(test->names[c], 6, true);
  }
  for (int label = 0; label < classes; label++) {
    putchar('\n');
    print_name(test->names[label], 12, true);
    for (int c = 0; c < classes; c++)
      printf(" %6u", (unsigned)test->confusion[(size_t)label * (size_t)classes + (size_t)c]);
  }
  putchar('\n');
}

static void print_class(const cream_test_result *test, const cream_class_score *score) {
  print_name(test->names[score->label], 12, false);
  if (score->images)
    printf(" %7.2f %%", 100 * cream_class_accuracy(score));
  else
    printf(" %7s  ", "-");
  printf(" %8llu", (unsigned long long)score->images);
  if (score->mistaken_for >= 0) printf("   %s", test->names[score->mistaken_for]);
  putchar('\n');
}

static void print_classes(const cream_test_result *test) {
  int classes = test->classes;
  cream_class_score *scores = malloc((size_t)classes * sizeof *scores);
  if (!scores) return;
  for (int c = 0; c < classes; c++) scores[c] = cream_test_class(test, c);
  bool all = classes <= ALL_CLASSES;
  if (!all) qsort(scores, (size_t)classes, sizeof *scores, cream_class_by_accuracy);
  printf("\n%s\n", all ? "class        accuracy   images   most often taken for"
                       : "weakest      accuracy   images   most often taken for");
  for (int i = 0; i < (all ? classes : WEAKEST); i++) print_class(test, &scores[i]);
  free(scores);
  if (all) print_matrix(test);
}

static void print_int8(const test_run *t, const cream_score *score) {
  const cream_score *int8 = &t->int8_score;
  printf("%-12stop-1 %.2f %%, top-5 %.2f %%, loss %.4f, calibrated on %zu images\n", "in 8 bits",
         100 * int8->top1, 100 * int8->top5, int8->loss, t->int8->images);
  printf("%-12stop-1 %+.2f points, top-5 %+.2f points, loss %+.4f\n", "difference",
         100 * (int8->top1 - score->top1), 100 * (int8->top5 - score->top5), int8->loss - score->loss);
}

static void write_json_int8(cream_json *json, const test_run *t, const cream_score *score) {
  cream_json_object(json, "int8", true);
  cream_json_number(json, "top1", t->int8_score.top1);
  cream_json_number(json, "top5", t->int8_score.top5);
  cream_json_number(json, "loss", t->int8_score.loss);
  cream_json_number(json, "top1_difference", t->int8_score.top1 - score->top1);
  cream_json_integer(json, "calibration_images", t->int8->images);
  cream_json_end(json);
}

static void write_json(const test_run *t, const cream_test_result *test, double images_per_second) {
  int classes = test->classes;
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_number(&json, "top1", test->score.top1);
  cream_json_number(&json, "top5", test->score.top5);
  cream_json_number(&json, "loss", test->score.loss);
  cream_json_integer(&json, "images", test->score.count);
  cream_json_number(&json, "images_per_second", images_per_second);
  if (t->int8) write_json_int8(&json, t, &test->score);
  cream_json_array(&json, "classes", true);
  for (int c = 0; c < classes; c++) {
    cream_class_score score = cream_test_class(test, c);
    cream_json_object(&json, NULL, false);
    cream_json_string(&json, "name", test->names[c]);
    cream_json_integer(&json, "images", score.images);
    cream_json_integer(&json, "correct", score.correct);
    cream_json_number(&json, "accuracy", cream_class_accuracy(&score));
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_array(&json, "confusion", true);
  for (int label = 0; label < classes; label++) {
    cream_json_array(&json, NULL, false);
    for (int c = 0; c < classes; c++)
      cream_json_integer(&json, NULL, test->confusion[(size_t)label * (size_t)classes + (size_t)c]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  cream_json_end(&json);
  putchar('\n');
}

/* Leaves test.json in the folder of --run where its own weights were tested. The folder of someone else may be
 * read-only: the result is then only printed. */
static void leave_in_folder(const run_options *options, const cream_test_result *test) {
  char own[sizeof options->config.weights];
  cream_error err;
  if (!*options->run || files_join(own, sizeof own, options->run, CREAM_RUN_WEIGHTS, &err)) return;
  if (strcmp(own, options->config.weights)) return;
  if (cream_test_result_write(options->run, test, &err))
    fprintf(stderr, "%s/%s was not written: %s\n", options->run, CREAM_RUN_TEST, err.text);
}

static void report_test(const test_run *t, const run_options *options, const run_test *tested) {
  const cream_test_result test = result_of(t, &options->config, &tested->score);
  cream_path path = cream_skeleton_first_path(&t->arch.net);
  leave_in_folder(options, &test);
  if (options->json) {
    write_json(t, &test, tested->images_per_second);
    return;
  }
  run_print_network(&t->arch.net, &path);
  run_print_test("test", tested);
  if (t->int8) print_int8(t, &tested->score);
  print_classes(&test);
}

/* ---- bars ---------------------------------------------------------------------------------------------- */

static double weakest_class(const cream_test_result *test) {
  double least = INFINITY;
  for (int c = 0; c < test->classes; c++) {
    const cream_class_score score = cream_test_class(test, c);
    if (score.images) least = fmin(least, cream_class_accuracy(&score));
  }
  return least;
}

static double measure(const test_run *t, const cream_test_result *test, bar_of_test bar) {
  switch (bar) {
  case BAR_TEST_TOP1:
    return 100 * test->score.top1;
  case BAR_TEST_TOP5:
    return 100 * test->score.top5;
  case BAR_TEST_LOSS:
    return test->score.loss;
  case BAR_TEST_WEAKEST:
    return 100 * weakest_class(test);
  case BAR_TEST_INT8_TOP1:
    return 100 * t->int8_score.top1;
  case BAR_TEST_INT8_TOP5:
    return 100 * t->int8_score.top5;
  case BAR_TEST_INT8_LOSS:
    return t->int8_score.loss;
  case BAR_TEST_INT8_DROP:
    return 100 * (test->score.top1 - t->int8_score.top1);
  case BARS_TEST_COUNT:
    break;
  }
  return NAN;
}

/* Holds the result against the bars; a failure of the test, `status`, is theirs too. */
static cream_status end_bars(const test_run *t, const test_options *options, const run_test *tested,
                             double started, cream_status status, cream_error *err) {
  double measured[BARS_TEST_COUNT];
  const char *run = options->run.run;
  const bars_result result = {.name = *run ? run : options->run.config.weights,
                              .measured = status == CREAM_OK ? measured : NULL,
                              .seconds = progress_now() - started};
  if (status == CREAM_OK) {
    const cream_test_result test = result_of(t, &options->run.config, &tested->score);
    for (int i = 0; i < BARS_TEST_COUNT; i++) measured[i] = measure(t, &test, (bar_of_test)i);
  }
  return bars_end(&bars_of_test, &options->bars, &result, status, err);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static cream_status test_int8(test_run *t, const test_options *options, cream_error *err) {
  if (!options->int8.on) return CREAM_OK;
  const cream_config *config = &options->run.config;
  cream_status status = int8_create(&options->int8, t->net, &t->data, config, NULL, NULL, &t->int8, err);
  if (status != CREAM_OK) return status;
  return int8_test(t->int8, &t->data, config, t->arch.net.resolution, &t->int8_score, err);
}

static cream_status run(const void *values, cream_error *err) {
  const test_options *options = values;
  const cream_config *config = &options->run.config;
  static test_run t;
  memset(&t, 0, sizeof t);
  run_test tested;
  const double started = progress_now();
  cream_status status = open_all(&t, config, err);
  if (status == CREAM_OK)
    status = run_test_net(NULL, t.net, &t.data, config->retrain.batch, t.confusion, &tested, err);
  if (status == CREAM_OK) status = test_int8(&t, options, err);
  if (status == CREAM_OK) report_test(&t, &options->run, &tested);
  status = end_bars(&t, options, &tested, started, status, err);
  cream_int8_destroy(t.int8);
  free(t.confusion);
  cream_net_destroy(t.net);
  if (t.backend) t.backend->destroy(t.backend);
  run_data_close(&t.data);
  return status;
}

static void defaults(void *values) {
  run_options_defaults(values);
  ((test_options *)values)->int8 = INT8_UNSET;
}

static cream_status require(void *values, const cli_given *given, const char *argument, cream_error *err) {
  (void)given;
  return bars_add(&bars_of_test, &((test_options *)values)->bars, argument, err);
}

static cream_status check(void *values, cream_error *err) {
  test_options *options = values;
  for (int i = BAR_TEST_INT8_TOP1; i < BARS_TEST_COUNT && !options->int8.on; i++)
    if (options->bars.given[i])
      return cream_fail(err, CREAM_BAD_CONFIG, "--require: %s needs --int8", bars_of_test.measures[i].word);
  cream_status status = bars_check(&options->bars, err);
  return status == CREAM_OK ? int8_check(&options->int8, &options->run.config, err) : status;
}

static const char *const bar_words[] = {BARS_OF_TEST(BAR_WORD) NULL};

static const cli_option options[] = {
    RUN_FOLDER,
    RUN_BUDGET,
    RUN_ARCH,
    RUN_RESOLUTION,
    RUN_WEIGHTS,
    RUN_CONFIG,
    RUN_SET,
    RUN_DATA,
    RUN_BATCH("retrain"),
    RUN_THREADS,
    RUN_DEVICE,
    RUN_SEED,
    RUN_JSON,
    INT8_ROWS(test_options, int8,
              "also test the network with 8-bit integers, as cream export onnx --int8 writes it"),
    BARS_ROWS(test_options, bars, require, BARS_OF_TEST, bar_words),
};

static const char *const settings[] = {RUN_COMMON_SETTINGS, "arch",          "weights", "resolution",
                                       "recalibrate.",      "retrain.batch", NULL};

COMMAND(
    test, "measure a trained network on the test images", CLI_OPTIONS(options),
    CLI_VALUES(test_options, run.line), .defaults = defaults, .check = check, .run = run,
    .settings = settings,
    .text =
        "With --run, the accuracy by class and the confusions are also written to test.json in that folder,\n"
        "for cream report. A retraining writes the averaged weights where there are any.\n"
        "--set recalibrate.batches=N first recomputes the batch-norm statistics over N training batches\n"
        "(recalibrate.mode: reset, or inherit).\n"
        "With --require top1=97.5, a result below that bar is printed as any other, and the exit code is 1\n"
        "(docs/ci.md).\n");
