/* cream detect train. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/train/retrain.h"
#include "detect.h"
#include "io/base/file.h"
#include "io/detect/coco_results.h"
#include "io/detect/examples.h"
#include "tools/run/cluster.h"
#include "tools/run/detector.h"
#include "tools/run/device.h"
#include "tools/run/dry_run.h"
#include "tools/run/files.h"
#include "tools/run/memory_check.h"
#include "tools/run/network.h"
#include "tools/run/session_training.h"

/* The parts of a training, in the order in which they are made. */
typedef struct detect_run {
  cream_arch arch;
  box_data data;
  cream_backend *backend;
  cream_box_source *train, *heldout;
  cream_source train_sizes, heldout_sizes; /* of the sources, for the memory check */
  cream_retrain_inputs inputs;
  cream_retrain *retrain;
  session run;
  dry_clock clock; /* of a dry run */
} detect_run;

/* ---- the network --------------------------------------------------------------------------------------- */

cream_status detect_backbone(void *values, const cli_given *given, const char *argument, cream_error *err) {
  cream_config *config = &((run_options *)values)->config;
  char file[sizeof config->arch];
  (void)given;
  if (!cream_is_folder(argument)) {
    if (strlen(argument) >= sizeof config->arch)
      return cream_fail(err, CREAM_BAD_CONFIG, "--backbone: the name has more than %zu bytes",
                        sizeof config->arch - 1);
    strcpy(config->arch, argument);
    return CREAM_OK;
  }
  cream_status status = files_join(config->arch, sizeof config->arch, argument, CREAM_RUN_ARCH, err);
  if (status == CREAM_OK) status = files_join(file, sizeof file, argument, CREAM_RUN_WEIGHTS, err);
  if (status == CREAM_OK) strcpy(config->weights, file);
  return status;
}

/* The backbone with neck and heads for the classes of the data. */
static cream_status read_network(detect_run *r, const cream_config *config, cream_error *err) {
  cream_skeleton *net = &r->arch.net;
  if (!*config->arch)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "no backbone: expected --backbone NAME|FILE|DIR, a network or the folder of its training");
  cream_status status = cream_arch_load_any(config->arch, &r->arch, err);
  if (status == CREAM_OK) status = cream_detect_spec_of(&config->detect, &net->detect, err);
  if (status == CREAM_OK && config->resolution) cream_arch_set_resolution(&r->arch, config->resolution);
  net->classes = net->space.head.classes = r->data.set->classes;
  return status;
}

static cream_status check_settings(const cream_config *config, cream_error *err) {
  if (strcmp(config->retrain.freeze, "none") == 0 || *config->weights) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "retrain.freeze: got \"%.40s\" without weights, which would stay at their random initial "
                    "values; expected --weights FILE",
                    config->retrain.freeze);
}

/* The backbone's weights, unless a checkpoint replaces them. */
static cream_status load_weights(void *self, const cream_config *config, cream_error *err) {
  const detect_run *r = self;
  cream_weights_report loaded = {0};
  if (!cluster_leads() || !*config->weights) return CREAM_OK; /* others get them from rank 0 */
  cream_status status =
      cream_weights_load_backbone(config->weights, r->backend, cream_retrain_net(r->retrain), &loaded, err);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}

/* ---- making the parts ---------------------------------------------------------------------------------- */

/* For memory_check.h, whose sources only have sizes. */
static cream_status make(void *self, int batch, cream_backend *backend, cream_source *train,
                         cream_source *heldout, size_t *bytes, cream_error *err) {
  const detect_run *r = self;
  cream_retrain_inputs inputs = r->inputs;
  cream_config config = *inputs.config;
  cream_box_source sizes = *r->train, heldout_sizes;
  (void)train;
  config.retrain.batch = sizes.batch = batch;
  inputs.config = &config;
  inputs.boxes.train = &sizes;
  if (heldout) {
    heldout_sizes = *r->heldout;
    heldout_sizes.batch = batch;
    inputs.boxes.heldout = &heldout_sizes;
  }
  cream_retrain *retrain;
  cream_status status = cream_retrain_create(backend, &inputs, &retrain, err);
  if (status != CREAM_OK) return status;
  cream_state kept;
  cream_retrain_state(retrain, &kept);
  *bytes += cream_state_bytes(&kept) + cream_retrain_messages(retrain);
  cream_retrain_destroy(retrain);
  return status;
}

static cream_source sizes_of(const cream_box_source *source) {
  return (cream_source){.count = source->count,
                        .classes = source->classes,
                        .batch = source->batch,
                        .side = source->side,
                        .channels = source->channels};
}

static memory_check size_of(detect_run *r, const cream_config *config) {
  r->train_sizes = sizes_of(r->train);
  if (r->heldout) r->heldout_sizes = sizes_of(r->heldout);
  return (memory_check){"retrain.batch",
                        config->retrain.batch,
                        &r->train_sizes,
                        r->heldout ? &r->heldout_sizes : NULL,
                        r->backend,
                        r->data.images.workers,
                        r,
                        make};
}

static cream_status check_memory(detect_run *r, const cream_config *config, cream_error *err) {
  memory_check size = size_of(r, config);
  const device_options device = device_options_of(config);
  int fits;
  return memory_check_or_fall_back(&size, &device, &r->backend, &fits, err);
}

static cream_status open_sources(detect_run *r, const cream_config *config, cream_error *err) {
  const int batch = config->retrain.batch, side = r->arch.net.resolution;
  cream_status status = box_data_train_source(&r->data, config, batch, side, &r->train, err);
  return status == CREAM_OK ? box_data_heldout_source(&r->data, batch, side, &r->heldout, err) : status;
}

static cream_status open_parts(detect_run *r, const run_options *options, cream_error *err) {
  const cream_config *config = &options->config;
  cream_status status = options->dry_run ? CREAM_OK : session_check_out(config, err);
  if (status == CREAM_OK) status = check_settings(config, err);
  if (status == CREAM_OK) status = box_data_open(config, CREAM_BOX_TRAIN, &r->data, err);
  if (status == CREAM_OK) status = cluster_agree_on_data(config, r->data.images.dataset, err);
  if (status == CREAM_OK) status = session_normalise(options, &r->data.images, err);
  if (status == CREAM_OK) box_data_normalise(&r->data);
  if (status == CREAM_OK && cluster_leads()) status = read_network(r, config, err);
  if (status == CREAM_OK) status = cluster_share(&r->arch, sizeof r->arch, err);
  if (status == CREAM_OK) status = run_backend(config, &r->backend, err);
  return status == CREAM_OK ? open_sources(r, config, err) : status;
}

/* The session, with the architecture in its folder. */
static cream_status open_session(detect_run *r, const run_options *options, cream_error *err) {
  const session_training training = {"detect train", r->retrain, &r->arch, load_weights, r};
  return session_open_training(&r->run, options, &r->data.images, &training, err);
}

/* Trains for some steps, and prints what the training would take. */
static cream_status try(detect_run *r, const cream_config *config, bool json, cream_error *err) {
  const memory_check size = size_of(r, config);
  session_warn_of_average(&config->retrain, cream_retrain_steps(r->retrain));
  device_begin_boxes(r->backend, r->train);
  cream_status status = dry_run_end(&r->clock, cream_retrain_run(r->retrain, err), err);
  if (!r->clock.done || !cluster_leads()) return status;
  const dry_run dry = {.command = "detect train",
                       .config = config,
                       .skeleton = &r->arch.net,
                       .memory = &size,
                       .batch = config->retrain.batch,
                       .accumulate = config->retrain.accumulate,
                       .tail = cream_net_tail_cost(cream_retrain_net(r->retrain), r->arch.net.resolution),
                       .backend = r->backend,
                       .clock = r->clock};
  return dry_run_print(&dry, json, err);
}

static cream_status open_all(detect_run *r, run_options *options, cream_error *err) {
  cream_config *config = &options->config;
  cream_status status = open_parts(r, options, err);
  if (status != CREAM_OK) return status;
  r->inputs = (cream_retrain_inputs){
      .config = config,
      .skeleton = &r->arch.net,
      .boxes = {.train = r->train, .heldout = r->heldout, .truth = &r->data.truth.input},
      .cluster = cluster_ranks(),
      .listener = session_listener(&r->run),
      .checkpointer = checkpoint_hooks(&r->run.checkpoints)};
  if (options->dry_run) {
    r->inputs.listener = dry_clock_start(&r->clock, 1);
    config->time_budget = 0;
    r->inputs.checkpointer = (cream_checkpointer){0};
  }
  status = check_memory(r, config, err);
  if (status == CREAM_OK) status = cream_retrain_create(r->backend, &r->inputs, &r->retrain, err);
  if (status == CREAM_OK) status = cluster_agree_on_device(r->backend, err);
  if (status == CREAM_OK && !options->resume) status = load_weights(r, config, err);
  if (status != CREAM_OK) return status;
  if (cluster_leads() && !options->resume)
    box_data_warn_of_small(&r->data, &r->arch.net.detect, r->arch.net.resolution);
  return options->dry_run ? try(r, config, options->json, err) : open_session(r, options, err);
}

/* ---- training and testing ------------------------------------------------------------------------------ */

static const char *const kinds[] = {
    [CREAM_RETRAIN_TRAINED] = "trained",
    [CREAM_RETRAIN_AVERAGED] = "averaged",
};
_Static_assert(sizeof kinds / sizeof *kinds == CREAM_RETRAIN_KINDS, "a word for each kind of weights");

/* The files with what was found in the test part. */
static cream_status write_found(const detect_run *r, const detector_test *test, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME];
  cream_file file;
  cream_status status =
      cream_box_results_write(cream_run_file(&r->run.folder, CREAM_RUN_DETECTIONS, path), r->data.set,
                              CREAM_PART_TEST, test->found.boxes, test->found.first, err);
  if (status == CREAM_OK)
    status = cream_file_create(&file, cream_run_file(&r->run.folder, CREAM_RUN_COCO, path), err);
  if (status != CREAM_OK) return status;
  detector_write(file.stream, r->data.set, &test->measured);
  status = cream_file_commit(&file, err);
  if (status != CREAM_OK) return status;
  return cream_box_examples_write(cream_run_file(&r->run.folder, CREAM_RUN_EXAMPLES, path), r->data.set,
                                  CREAM_PART_TEST, test->found.boxes, test->found.first, DETECT_LEAST, err);
}

static void print_choice(const cream_retrain_choice *choice) {
  printf("weights     %s are written", kinds[choice->kind]);
  if (choice->evaluated && choice->heldout[CREAM_RETRAIN_AVERAGED].count)
    printf("; held out: trained AP %.4f, averaged AP %.4f", choice->heldout[CREAM_RETRAIN_TRAINED].top1,
           choice->heldout[CREAM_RETRAIN_AVERAGED].top1);
  putchar('\n');
}

/* The test of the weights that were written. */
static cream_status test(detect_run *r, const run_options *options, cream_error *err) {
  const cream_retrain_choice choice = cream_retrain_chosen(r->retrain);
  cream_net *net = cream_retrain_net(r->retrain);
  detector_test tested;
  cream_status status =
      detector_test_run(net, &r->data, &options->config, options->config.retrain.batch, &tested, err);
  const run_test summary = {tested.score, tested.images_per_second};
  if (status == CREAM_OK) status = session_tested(&r->run, "test", &summary, err);
  if (status == CREAM_OK) status = write_found(r, &tested, err);
  if (status == CREAM_OK && !options->json) {
    print_choice(&choice);
    detector_print(stdout, r->data.set, &tested.measured);
  }
  cream_run_result result = {.command = "detect train", .net = &r->arch.net, .test = &tested.score};
  if (choice.evaluated) result.heldout = &choice.heldout[choice.kind];
  if (options->config.retrain.ema > 0) result.weights = kinds[choice.kind];
  if (status == CREAM_OK) status = session_result(&r->run, options, net, &result, err);
  detector_test_free(&tested);
  if (status == CREAM_OK && !options->json)
    printf("\nnext        cream detect test --run %s\n", r->run.folder.dir);
  return status;
}

static cream_status save_weights(const detect_run *r, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME];
  return run_save_weights(cream_run_file(&r->run.folder, CREAM_RUN_WEIGHTS, file),
                          cream_retrain_net(r->retrain), &r->data.images,
                          kinds[cream_retrain_chosen(r->retrain).kind], NULL, 0, err);
}

static cream_status train_and_test(detect_run *r, const run_options *options, cream_error *err) {
  device_begin_boxes(r->backend, r->train);
  cream_status status = cream_retrain_run(r->retrain, err);
  progress_end(&r->run.progress);
  if (!cluster_leads()) return status;
  device_report(r->backend, r->run.steps, stderr);
  cream_error save_error;
  if ((status == CREAM_OK || status == CREAM_INTERRUPTED) && save_weights(r, &save_error) != CREAM_OK) {
    *err = save_error;
    status = save_error.status;
  }
  return status == CREAM_OK ? test(r, options, err) : status;
}

cream_status detect_train(const detect_options *options, cream_error *err) {
  static detect_run r;
  static run_options resolved;
  resolved = options->run;
  memset(&r, 0, sizeof r);
  cream_status status = cluster_agree(&resolved, err);
  if (status == CREAM_OK) status = open_all(&r, &resolved, err);
  if (status == CREAM_OK && !resolved.dry_run) status = train_and_test(&r, &resolved, err);
  cream_run_result unfinished = {.command = "detect train"};
  status = session_end(&r.run, &resolved, &unfinished, "weights.safetensors holds the weights so far", status,
                       err);
  cluster_end_failed(status, err);
  cream_retrain_destroy(r.retrain);
  cream_box_source_destroy(r.heldout);
  cream_box_source_destroy(r.train);
  if (r.backend) r.backend->destroy(r.backend);
  box_data_close(&r.data);
  return status;
}
