/* cream detect: the command line. */
#include "detect.h"

#include "commands.h"
#include "cpu/cpu.h"
#include "io/detect/box_write.h"
#include "tools/run/cluster.h"

static cream_status run_check(const void *values, cream_error *err) {
  return detect_check(values, err);
}

static cream_status run_convert(const void *values, cream_error *err) {
  return detect_convert(values, err);
}

static cream_status run_sheet(const void *values, cream_error *err) {
  return detect_sheet(values, err);
}

static cream_status run_eval(const void *values, cream_error *err) {
  return detect_eval(values, err);
}

static cream_status run_train(const void *values, cream_error *err) {
  return detect_train(values, err);
}

static cream_status run_test(const void *values, cream_error *err) {
  return detect_test(values, err);
}

static cream_status run_predict(const void *values, cream_error *err) {
  return detect_predict(values, err);
}

static cream_status run_export(const void *values, cream_error *err) {
  return detect_export(values, err);
}

/* X(NAME, words, function, summary) */
#define SUBCOMMANDS(X)                                                                                       \
  X(TRAIN, "train", run_train, "train a detector on a network's features, and test it")                      \
  X(TEST, "test", run_test, "measure a trained detector on test images")                                     \
  X(PREDICT, "predict", run_predict, "find objects on images with a trained detector")                       \
  X(EXPORT, "export", run_export, "write a trained detector as an ONNX model with its decoding")             \
  X(EVAL, "eval", run_eval, "measure detections: COCO's twelve numbers, VOC's AP50, and each class")         \
  X(CHECK, "data check", run_check,                                                                          \
    "read every image: what is wrong with images and boxes, and how many of each class")                     \
  X(CONVERT, "data convert", run_convert, "write a data set in another format")                              \
  X(SHEET, "data sheet", run_sheet, "draw a sheet of images with their boxes, as PNG or JPEG")
#define NUMBER(name, ...) name,
enum { SUBCOMMANDS(NUMBER) };
#undef NUMBER
#define BIT(name, ...) OF_##name = 1 << name,
enum { SUBCOMMANDS(BIT) OF_USE = OF_TEST | OF_PREDICT | OF_EXPORT, OF_NETWORK = OF_TRAIN | OF_USE };
#undef BIT

static const cli_subcommand subcommands[] = {
#define ROW(name, words, function, summary) [name] = {words, summary, function},
    SUBCOMMANDS(ROW)
#undef ROW
};

static const char *const part_words[] = {[CREAM_PART_TRAIN] = "train", [CREAM_PART_TEST] = "test", NULL};
_Static_assert(sizeof part_words / sizeof *part_words == CREAM_PARTS + 1, "a word for each part");

/* Where a detector's training differs from a classifier's. */
static void train_defaults(cream_config *config) {
  cream_retrain_config *retrain = &config->retrain;
  config->data[0] = '\0';
  config->detect.head = CREAM_DETECT_LITE;
  retrain->epochs = 50;
  retrain->batch = 16;
  retrain->optim = CREAM_OPTIM_ADAMW;
  retrain->lr.lr = 0.064; /* 0.001 for 16 images */
  retrain->lr.schedule = CREAM_SCHEDULE_COSINE;
  retrain->lr.warmup_epochs = 1;
  retrain->weight_decay = 0.01;
  retrain->clip = 10;
  retrain->smoothing = retrain->dropout = 0;
  retrain->ema = 0.99;
}

static void defaults(void *values) {
  detect_options *options = values;
  run_options_defaults(values);
  train_defaults(&options->run.config);
  options->to = CREAM_BOX_FORMAT_coco;
  options->side = 320;
  options->count = 12;
  options->least = DETECT_LEAST;
}

/* --run: also remembers the data of that run. */
static cream_status run_of(void *values, const cli_given *given, const char *folder, cream_error *err) {
  detect_options *options = values;
  cream_status status = run_options_run(values, given, folder, err);
  snprintf(options->run_data, sizeof options->run_data, "%s", options->run.config.data);
  return status;
}

static cream_status check_needed(const detect_options *options, int subcommand, cream_error *err) {
  if (!options->data && subcommand != PREDICT && subcommand != EXPORT)
    return cream_fail(err, CREAM_BAD_CONFIG, "no data set: expected --data SPEC, for example voc:FOLDER");
  if (!options->out && (subcommand == CONVERT || subcommand == SHEET))
    return cream_fail(err, CREAM_BAD_CONFIG, "no place to write: expected --out %s",
                      subcommand == CONVERT ? "FOLDER" : "FILE.png");
  if (!options->results && subcommand == EVAL)
    return cream_fail(err, CREAM_BAD_CONFIG, "no detections: expected --results FILE, COCO's result JSON");
  const cli_line *line = &options->run.line;
  if (subcommand == PREDICT && line->n_arguments == 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "no images: expected files or folders; see cream detect --help");
  if (subcommand != PREDICT && line->n_arguments > 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%.200s\"; see cream detect --help",
                      line->arguments[0]);
  if (subcommand == TRAIN || cream_cluster_alone(cluster_ranks())) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "cream detect %s runs in one process; start it without the launcher, which cream detect train "
      "alone has a use for",
      subcommands[subcommand].name);
}

static cream_status check(void *values, cream_error *err) {
  detect_options *options = values;
  const cream_config *config = &options->run.config;
  options->data = *config->data ? config->data : NULL;
  options->out = *config->out ? config->out : NULL;
  options->json = options->run.json;
  options->seed = config->seed;
  options->threads = config->threads ? config->threads : cream_cpu_threads();
  if (options->threads > 256) options->threads = 256;
  cream_status status = check_needed(options, options->run.line.subcommand, err);
  return status ? status : run_options_check(values, err);
}

#define SETTING(group, name, key, argument, help, ...)                                                       \
  CLI_KEY(detect_options, run.config, group, name, key, argument, help, __VA_ARGS__)

static const cli_option options[] = {
    SETTING(NETWORK, "data", "data", "SPEC", "data set, for example voc:FOLDER",
            .only = (unsigned)~(OF_PREDICT | OF_EXPORT)),
    CLI_ACTION(
        RUN, detect_backbone, NETWORK, "backbone", "NAME|FILE|DIR",
        "network whose features the detector uses: a built-in one, an architecture, or the folder of its "
        "training, which gives its weights too",
        .names = cream_arch_names, .only = OF_TRAIN),
    CLI_ACTION(RUN, run_of, RUN, "run", "DIR",
               "folder of cream detect train: its settings, network and weights", .only = OF_USE),
    SETTING(NETWORK, "arch", "arch", "FILE", "architecture of the detector", .only = OF_USE),
    SETTING(NETWORK, "weights", "weights", "FILE",
            "weights (safetensors); of a training, those of the backbone", .only = OF_NETWORK),
    SETTING(NETWORK, "head", "detect.head", "retina|lite", "neck and heads", .only = OF_TRAIN),
    SETTING(NETWORK, "resolution", "resolution", "PIXELS", "side of the input; 0: the network's own",
            .only = OF_NETWORK),
    CLI_VALUE(detect_options, results, NETWORK, "results", "FILE", "detections, as COCO's result JSON",
              .only = OF_EVAL),
    SETTING(METHOD, "epochs", "retrain.epochs", "N", "passes over the training images", .only = OF_TRAIN),
    SETTING(METHOD, "batch", "retrain.batch", "N", "images in a batch", .only = OF_TRAIN | OF_TEST),
    SETTING(METHOD, "time-budget", "time_budget", "MINUTES",
            "stop training after so many minutes; 0: no limit", .only = OF_TRAIN),
    SETTING(METHOD, "on-nan", "on_nan", "stop|rollback",
            "when the loss explodes: stop, or return to the last checkpoint and halve the rate",
            .words = run_options_on_nan, .only = OF_TRAIN),
    CLI_VALUE(detect_options, least, METHOD, "score", "S", "score from which on a box is a detection",
              CLI_FROM_TO(0, 1), .only = OF_PREDICT),
    CLI_VALUE(detect_options, suppress, METHOD, "nms", NULL,
              "non-maximum suppression in the model: its outputs are the detections of each image",
              .only = OF_EXPORT),
    CLI_CHOICE(detect_options, to, METHOD, "to", "FORMAT", "format to write", cream_box_format_words,
               .only = OF_CONVERT),
    CLI_VALUE(detect_options, copy, METHOD, "copy", NULL, "copy the images instead of linking to them",
              .only = OF_CONVERT),
    CLI_CHOICE(detect_options, part, METHOD, "part", "PART", "part of the data set", part_words,
               .only = OF_SHEET),
    CLI_VALUE(detect_options, side, METHOD, "side", "N", "side of an image in pixels", CLI_FROM_TO(8, 4096),
              .only = OF_SHEET),
    CLI_VALUE(detect_options, count, METHOD, "count", "N", "images of the sheet", CLI_FROM_TO(1, 1000),
              .only = OF_SHEET),
    CLI_VALUE(detect_options, augment, METHOD, "augment", NULL,
              "images as training has them: cut, scaled, flipped", .only = OF_SHEET),
    SETTING(METHOD, "seed", "seed", "N", "seed of all random draws", .only = OF_SHEET | OF_TRAIN),
    SETTING(DEVICE, "threads", "threads", "N", "threads; 0: all", .only = OF_CHECK | OF_SHEET | OF_NETWORK),
    SETTING(DEVICE, "device", "device", "NAME",
            "cpu, opencl, opencl:PLATFORM:DEVICE, opencl:local, a part of a device's name, or auto",
            .only = OF_NETWORK),
    CLI_ANY_SETTING(detect_options, run.config, .only = OF_NETWORK),
    CLI_SETTINGS_FILE(detect_options, run.config, .only = OF_NETWORK),
    CLI_VALUE(detect_options, run.force, RUN, "force", NULL, "replace the run in an existing --out folder",
              .only = OF_TRAIN),
    CLI_ACTION(RESUME, run_options_resume, RUN, "resume", NULL,
               "continue from the newest checkpoint of the --out folder, with its settings",
               .only = OF_TRAIN),
    CLI_VALUE(detect_options, run.dry_run, RUN, "dry-run", NULL,
              "print layers, costs, memory and the time of an epoch, and write no run folder",
              .only = OF_TRAIN),
    SETTING(OUTPUT, "out", "out", "PATH",
            "folder or file to write: a run, a data set, a sheet, detections as COCO's result JSON, or an "
            "ONNX model",
            .only = OF_CONVERT | OF_SHEET | OF_NETWORK),
    CLI_VALUE(detect_options, draw, OUTPUT, "draw", "DIR", "folder for the images with their detections",
              .only = OF_PREDICT),
    CLI_VALUE(detect_options, run.json, OUTPUT, "json", NULL, "print results on stdout as one JSON document",
              .only = OF_CHECK | OF_EVAL | OF_NETWORK),
};

static const char *const settings[] = {
    "data",        "out",      "heldout",    "max_bad", "seed",   RUN_DEVICE_SETTINGS,
    "arch",        "weights",  "resolution", "signals", "on_nan", "time_budget",
    "checkpoint.", "retrain.", "cluster.",   "detect.", NULL};

COMMAND(detect, "train and use detectors of objects; their data sets, and measuring detections",
        CLI_OPTIONS(options), CLI_SUBCOMMANDS(subcommands), CLI_VALUES(detect_options, run.line),
        .defaults = defaults, .check = check, .failed = run_options_restart, .settings = settings,
        .processes = CLI_RANKS, .arguments = "[IMAGE|DIR...]", .most_arguments = INT_MAX,
        .text = "Data sets, for --data:\n" CREAM_BOX_FORMATS(
            CREAM_BOX_HELP) "\ndata check ends with exit code 3 where an image cannot be used.\n");
