#include "core/train/retrain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "io/run/test_result.h"
#include "tools/run/class_match.h"
#include "tools/run/cluster.h"
#include "tools/run/device.h"
#include "tools/run/dry_run.h"
#include "tools/run/memory_check.h"
#include "tools/run/network.h"
#include "tools/run/session_training.h"
#include "tools/run/supernet.h"
#include "tools/run/teacher.h"

/* The most classes whose confusions are counted after a training, in a matrix of 64 MB. */
enum { MOST_CONFUSED = 4096 };

/* The parts of a training, in the order in which they are made. */
typedef struct retrain_run {
  cream_arch arch;
  run_data data;
  cream_backend *backend;
  cream_source *train, *heldout;
  cream_retrain_inputs inputs;
  teacher teacher;
  cream_retrain *retrain;
  session run;
  dry_clock clock; /* of a dry run */
} retrain_run;

/* For memory_check.h. */
static cream_status make(void *self, int batch, cream_backend *backend, cream_source *train,
                         cream_source *heldout, size_t *bytes, cream_error *err) {
  const retrain_run *r = self;
  cream_retrain_inputs inputs = r->inputs;
  cream_config config = *inputs.config;
  config.retrain.batch = batch;
  inputs.config = &config;
  inputs.train = train;
  inputs.heldout = heldout;
  cream_retrain *retrain;
  cream_status status = cream_retrain_create(backend, &inputs, &retrain, err);
  if (status != CREAM_OK) return status;
  cream_state kept;
  cream_retrain_state(retrain, &kept);
  *bytes += cream_state_bytes(&kept) + cream_retrain_messages(retrain);
  const teacher_use use = {.batch = batch, .mixup = config.retrain.mixup};
  status = teacher_count(&r->teacher, backend, &use, err);
  cream_retrain_destroy(retrain);
  return status;
}

static cream_status open_sources(retrain_run *r, const cream_config *config, cream_error *err) {
  int batch = config->retrain.batch, side = r->arch.net.resolution;
  cream_status status = run_train_source(&r->data, config, batch, side, &r->train, err);
  if (status == CREAM_OK && r->data.n_heldout)
    status = run_heldout_source(&r->data, batch, side, &r->heldout, err);
  return status;
}

static void close_sources(retrain_run *r) {
  cream_source_destroy(r->heldout);
  cream_source_destroy(r->train);
  r->heldout = r->train = NULL;
}

/* Splits a batch that is too large for the device into several whose gradients are added up; a line on stderr says
 * so. Where none fits, "auto" falls back to the CPU. */
static cream_status shrink(retrain_run *r, cream_config *config, int fits, const cream_error *reason,
                           cream_error *err) {
  int batch = config->retrain.batch, part = fits;
  if (cluster_ranks()) { /* a part of the step on all ranks */
    *err = *reason;
    return reason->status;
  }
  while (part > 1 && batch % part) part--;
  const device_options device = device_options_of(config);
  if (part <= 1 || device_is_cpu(r->backend)) return device_fall_back(&device, &r->backend, reason, err);
  config->retrain.batch = part;
  config->retrain.accumulate *= batch / part;
  fprintf(stderr, "%s; so %d batches of %d images are accumulated (retrain.accumulate)\n", reason->text,
          config->retrain.accumulate, part);
  close_sources(r);
  return open_sources(r, config, err);
}

/* Loads config->weights or those of config->inherit, unless a checkpoint replaces them. The data may have other
 * classes. */
static cream_status load_weights(void *self, const cream_config *config, cream_error *err) {
  const retrain_run *r = self;
  if (!cluster_leads()) return CREAM_OK; /* they come from rank 0 */
  if (*config->inherit) return supernet_inherit(config, cream_retrain_net(r->retrain), r->train, err);
  if (!*config->weights) return CREAM_OK;
  cream_weights_report loaded = {0};
  int *row_of;
  cream_status status = class_match_train(config->weights, &r->data, &row_of, err);
  if (status == CREAM_OK)
    status = cream_weights_load_any_classes(config->weights, r->backend, cream_retrain_net(r->retrain),
                                            row_of, &loaded, err);
  free(row_of);
  if (loaded.text[0]) fprintf(stderr, "%s: %s\n", config->weights, loaded.text);
  return status;
}

static cream_status check_freeze(const cream_config *config, cream_error *err) {
  const char *freeze = config->retrain.freeze;
  if (strcmp(freeze, "none") == 0 || *config->weights || *config->inherit) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG,
                    "retrain.freeze: got \"%.40s\" without weights, which would stay at their random initial "
                    "values; expected --weights FILE or --inherit",
                    freeze);
}

/* That of a resumed run may lie on rank 0's host alone. */
static cream_status read_arch(retrain_run *r, const cream_config *config, cream_error *err) {
  cream_status status = cluster_leads() ? run_arch(config, &r->arch, err) : CREAM_OK;
  return status == CREAM_OK ? cluster_share(&r->arch, sizeof r->arch, err) : status;
}

static cream_status open_parts(retrain_run *r, run_options *options, cream_error *err) {
  cream_config *config = &options->config;
  cream_status status = options->dry_run ? CREAM_OK : session_check_out(config, err);
  if (status == CREAM_OK) status = check_freeze(config, err);
  if (status == CREAM_OK && *config->inherit && *config->weights)
    status = cream_fail(err, CREAM_BAD_CONFIG,
                        "--inherit and --weights both give the initial weights; expected one of them");
  if (status == CREAM_OK) status = read_arch(r, config, err);
  if (status == CREAM_OK) status = run_data_open(config, &r->data, err);
  if (status == CREAM_OK) status = cluster_agree_on_data(config, r->data.dataset, err);
  if (status == CREAM_OK) status = session_normalise(options, &r->data, err);
  if (status == CREAM_OK) run_take_classes(&r->arch, &r->data);
  if (status == CREAM_OK)
    status = teacher_read(&r->teacher, "retrain.teacher", &config->retrain.teacher, config, &r->data,
                          r->arch.net.resolution, err);
  if (status == CREAM_OK) status = run_backend(config, &r->backend, err);
  return status == CREAM_OK ? open_sources(r, config, err) : status;
}

static memory_check size_of(retrain_run *r, const cream_config *config) {
  return (memory_check){"retrain.batch", config->retrain.batch, r->train, r->heldout,
                        r->backend,      r->data.workers,       r,        make};
}

/* Opens the teacher for the batches of the training, which are known now. */
static cream_status open_teacher(retrain_run *r, const cream_config *config, bool dry, cream_error *err) {
  const cream_retrain_config *retrain = &config->retrain;
  uint64_t parts = (uint64_t)retrain->accumulate;
  const teacher_use use = {.batch = retrain->batch,
                           .mixup = retrain->mixup,
                           .epochs = cream_external_epochs(&retrain->teacher, retrain->epochs),
                           .batches = cream_source_steps(r->train, true) / parts * parts,
                           .parts = retrain->accumulate};
  cream_status status = dry ? CREAM_OK : teacher_open_cache(&r->teacher, config, &r->data, &use, err);
  if (status == CREAM_OK) status = teacher_open(&r->teacher, r->backend, &use, err);
  cream_retrain_teach(r->retrain, r->teacher.external);
  return status;
}

static cream_status create(retrain_run *r, cream_config *config, cream_error *err) {
  memory_check size = size_of(r, config);
  int fits;
  cream_status status = memory_check_run(&size, &fits, err);
  if (status != CREAM_OK) {
    cream_error reason = *err;
    status = shrink(r, config, fits, &reason, err);
    r->inputs.train = r->train;
    r->inputs.heldout = r->heldout;
  }
  if (status == CREAM_OK) status = cream_retrain_create(r->backend, &r->inputs, &r->retrain, err);
  if (status == CREAM_OK || !device_failed()) return status;
  const device_options device = device_options_of(config);
  cream_error reason = *err;
  status = device_fall_back(&device, &r->backend, &reason, err);
  return status == CREAM_OK ? cream_retrain_create(r->backend, &r->inputs, &r->retrain, err) : status;
}

/* Trains for some steps, and prints what the training would take. */
static cream_status try(retrain_run *r, const cream_config *config, bool json, cream_error *err) {
  const memory_check size = size_of(r, config);
  session_warn_of_average(&config->retrain, cream_retrain_steps(r->retrain));
  device_begin(r->backend, r->train);
  cream_status status = dry_run_end(&r->clock, cream_retrain_run(r->retrain, err), err);
  if (!r->clock.done || !cluster_leads()) return status;
  const dry_run dry = {.command = "retrain",
                       .config = config,
                       .skeleton = &r->arch.net,
                       .memory = &size,
                       .batch = config->retrain.batch,
                       .accumulate = config->retrain.accumulate,
                       .backend = r->backend,
                       .clock = r->clock};
  return dry_run_print(&dry, json, err);
}

/* The session, with the architecture in its folder. */
static cream_status open_session(retrain_run *r, const run_options *options, cream_error *err) {
  const session_training training = {"retrain", r->retrain, &r->arch, load_weights, r};
  return session_open_training(&r->run, options, &r->data, &training, err);
}

static const struct {
  const char *word, *title, *split;
} kinds[] = {
    [CREAM_RETRAIN_TRAINED] = {"trained", "unaveraged", "test-trained"},
    [CREAM_RETRAIN_AVERAGED] = {"averaged", "averaged", "test-averaged"},
};
_Static_assert(sizeof kinds / sizeof *kinds == CREAM_RETRAIN_KINDS, "words of each kind of weights");

static cream_status open_all(retrain_run *r, run_options *options, cream_error *err) {
  cream_config *config = &options->config;
  cream_status status = open_parts(r, options, err);
  if (status != CREAM_OK) return status;
  r->inputs = (cream_retrain_inputs){.config = config,
                                     .skeleton = &r->arch.net,
                                     .train = r->train,
                                     .heldout = r->heldout,
                                     .cluster = cluster_ranks(),
                                     .listener = session_listener(&r->run),
                                     .checkpointer = checkpoint_hooks(&r->run.checkpoints)};
  if (options->dry_run) {
    r->inputs.listener = dry_clock_start(&r->clock, 1);
    config->time_budget = 0;
    r->inputs.checkpointer = (cream_checkpointer){0};
  }
  status = create(r, config, err);
  if (status == CREAM_OK) status = cluster_agree_on_device(r->backend, err);
  if (status == CREAM_OK) status = open_teacher(r, config, options->dry_run, err);
  if (status == CREAM_OK && !options->resume) status = load_weights(r, config, err);
  if (status != CREAM_OK) return status;
  return options->dry_run ? try(r, config, options->json, err) : open_session(r, options, err);
}

static cream_status save_weights(retrain_run *r, cream_error *err) {
  char file[CREAM_MAX_FILE_NAME];
  return run_save_weights(cream_run_file(&r->run.folder, CREAM_RUN_WEIGHTS, file),
                          cream_retrain_net(r->retrain), &r->data,
                          kinds[cream_retrain_chosen(r->retrain).kind].word, NULL, 0, err);
}

/* Which weights were written, and why. */
static void print_choice(const cream_retrain_choice *choice, const cream_config *config) {
  const cream_score *trained = &choice->heldout[CREAM_RETRAIN_TRAINED];
  const cream_score *averaged = &choice->heldout[CREAM_RETRAIN_AVERAGED];
  printf("weights     %s are written", kinds[choice->kind].word);
  if (choice->evaluated)
    printf("; held out: trained %.2f %%, averaged %.2f %% of %zu images", 100 * trained->top1,
           100 * averaged->top1, trained->count);
  else
    printf("; no images are held out");
  puts(config->retrain.weights == CREAM_FINAL_BEST ? "" : " (retrain.weights)");
}

/* Tests the network once; `title` is printed. confusion: as in run_test_net. */
static cream_status test_once(retrain_run *r, const run_options *options, const char *split,
                              const char *title, uint32_t *confusion, run_test *tested, cream_error *err) {
  cream_status status = run_test_net(cluster_ranks(), cream_retrain_net(r->retrain), &r->data,
                                     options->config.retrain.batch, confusion, tested, err);
  if (status == CREAM_OK) status = session_tested(&r->run, split, tested, err);
  if (status == CREAM_OK && !options->json) run_print_test(title, tested);
  return status;
}

/* The test of the weights that the run writes, with test.json. */
static cream_status test_classes(retrain_run *r, const run_options *options, run_test *tested,
                                 cream_error *err) {
  int classes = r->arch.net.classes;
  uint32_t *confusion =
      classes <= MOST_CONFUSED ? calloc((size_t)classes * (size_t)classes, sizeof *confusion) : NULL;
  cream_status status = test_once(r, options, "test", "test", confusion, tested, err);
  const cream_test_result test = {options->config.data, tested->score, classes, r->data.dataset->class_names,
                                  confusion};
  if (status == CREAM_OK && confusion) status = cream_test_result_write(r->run.folder.dir, &test, err);
  free(confusion);
  return status;
}

/* The weights that are not written. */
static cream_retrain_kind other_kind(const retrain_run *r) {
  const bool averaged = cream_retrain_chosen(r->retrain).kind == CREAM_RETRAIN_AVERAGED;
  return averaged ? CREAM_RETRAIN_TRAINED : CREAM_RETRAIN_AVERAGED;
}

/* The tests of `test`, on a rank that writes nothing. */
static cream_status help_to_test(retrain_run *r, const run_options *options, cream_error *err) {
  cream_net *net = cream_retrain_net(r->retrain);
  const int batch = options->config.retrain.batch;
  run_test ignored;
  cream_status status = run_test_net(cluster_ranks(), net, &r->data, batch, NULL, &ignored, err);
  if (status != CREAM_OK || !cream_retrain_use(r->retrain, other_kind(r))) return status;
  return run_test_net(cluster_ranks(), net, &r->data, batch, NULL, &ignored, err);
}

/* Tests the weights that were written, and the others where there are averaged and trained ones. */
static cream_status test(retrain_run *r, const run_options *options, cream_error *err) {
  const cream_retrain_choice choice = cream_retrain_chosen(r->retrain);
  const cream_retrain_kind other = other_kind(r);
  run_test tested, others;
  cream_path path = cream_skeleton_first_path(&r->arch.net);
  if (!options->json) run_print_network(&r->arch.net, &path);
  char folder[PATH_MAX];
  const char *inherited = *options->config.inherit ? supernet_folder(options->config.inherit, folder) : NULL;
  cream_run_result result = {
      .command = "retrain", .net = &r->arch.net, .test = &tested.score, .supernet = inherited};
  cream_status status = test_classes(r, options, &tested, err);
  if (choice.evaluated) result.heldout = &choice.heldout[choice.kind];
  if (status == CREAM_OK && cream_retrain_use(r->retrain, other)) {
    status = test_once(r, options, kinds[other].split, kinds[other].title, NULL, &others, err);
    *(other == CREAM_RETRAIN_TRAINED ? &result.test_trained : &result.test_averaged) = &others.score;
    result.weights = kinds[choice.kind].word;
    if (choice.evaluated) {
      result.heldout_trained = &choice.heldout[CREAM_RETRAIN_TRAINED];
      result.heldout_averaged = &choice.heldout[CREAM_RETRAIN_AVERAGED];
    }
    if (status == CREAM_OK && !options->json) print_choice(&choice, &options->config);
  }
  if (status == CREAM_OK)
    status = session_result(&r->run, options, cream_retrain_net(r->retrain), &result, err);
  if (status == CREAM_OK) run_hint_at_chance("retrain", &tested.score, r->arch.net.classes);
  if (status != CREAM_OK || options->json) return status;
  printf("next        cream test --run %s\n", r->run.folder.dir);
  return CREAM_OK;
}

static cream_status train_and_test(retrain_run *r, const run_options *options, cream_error *err) {
  device_begin(r->backend, r->train);
  cream_status status = cream_retrain_run(r->retrain, err);
  progress_end(&r->run.progress);
  if (!cluster_leads()) return status == CREAM_OK ? help_to_test(r, options, err) : status;
  device_report(r->backend, r->run.steps, stderr);
  cream_error save_error;
  if ((status == CREAM_OK || status == CREAM_INTERRUPTED) && save_weights(r, &save_error) != CREAM_OK) {
    *err = save_error;
    status = save_error.status;
  }
  return status == CREAM_OK ? test(r, options, err) : status;
}

static cream_status run(const void *values, cream_error *err) {
  static retrain_run r;
  static run_options resolved;
  resolved = *(const run_options *)values;
  memset(&r, 0, sizeof r);
  cream_status status = cluster_agree(&resolved, err);
  if (status == CREAM_OK) status = open_all(&r, &resolved, err);
  if (status == CREAM_OK && !resolved.dry_run) status = train_and_test(&r, &resolved, err);
  cream_run_result unfinished = {.command = "retrain"};
  status = session_end(&r.run, &resolved, &unfinished, "weights.safetensors holds the weights so far", status,
                       err);
  cluster_end_failed(status, err);
  cream_retrain_destroy(r.retrain);
  teacher_close(&r.teacher);
  close_sources(&r);
  if (r.backend) r.backend->destroy(r.backend);
  run_data_close(&r.data);
  return status;
}

/* ---- the command -------------------------------------------------------------------------------------- */

#define TEACHER                                                                                              \
  RUN_SETTING(NETWORK, "teacher", "retrain.teacher.run", "DIR",                                              \
              "run folder of a trained network, whose outputs this one also learns")

static const cli_option options[] = {
    RUN_ARCH,
    RUN_RESOLUTION,
    RUN_WEIGHTS,
    RUN_INHERIT,
    RUN_FOLDER_UNTRAINED,
    RUN_BUDGET,
    RUN_CONFIG,
    RUN_SET,
    RUN_DATA,
    RUN_EPOCHS("retrain"),
    RUN_BATCH("retrain"),
    RUN_SEED,
    RUN_THREADS,
    RUN_DEVICE,
    RUN_OUT,
    RUN_DRY_RUN,
    RUN_TIME_BUDGET,
    RUN_ON_NAN,
    RUN_JSON,
    RUN_FORCE,
    RUN_RESUME,
    TEACHER,
};

static const char *const settings[] = {RUN_COMMON_SETTINGS, "arch",        "weights",  "inherit",
                                       "resolution",        "time_budget", "signals",  "on_nan",
                                       "checkpoint.",       "retrain.",    "cluster.", NULL};

COMMAND(
    retrain, "train one network, from scratch or from weights, and test it", CLI_OPTIONS(options),
    CLI_VALUES(run_options, line), .defaults = run_options_defaults, .check = run_options_check, .run = run,
    .failed = run_options_restart, .settings = settings, .processes = CLI_RANKS,
    .text =
        "The weights are written to the --out folder. The network is tested once, after the last epoch.\n"
        "SIGINT and SIGTERM end the training after the current step: the weights are written, and the exit\n"
        "code is 130. --resume continues it with the same result as without the interruption.\n");
