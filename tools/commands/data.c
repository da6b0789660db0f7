/* cream data: the command line. */
#include "data.h"

#include <unistd.h>

#include "commands.h"
#include "cpu/cpu.h"
#include "io/dataset/formats.h"

typedef cream_status data_work(const data_options *, const cream_dataset *, cream_error *);

static cream_status with_dataset(const void *values, data_work *work, cream_error *err) {
  const data_options *options = values;
  cream_dataset *dataset;
  cream_status status = work == data_check ? cream_dataset_open_to_test(options->config.data, &dataset, err)
                                           : cream_dataset_open(options->config.data, &dataset, err);
  if (status != CREAM_OK) return status;
  status = work(options, dataset, err);
  dataset->destroy(dataset);
  return status;
}

static cream_status run_check(const void *values, cream_error *err) {
  return with_dataset(values, data_check, err);
}

static cream_status run_pack(const void *values, cream_error *err) {
  return with_dataset(values, data_pack, err);
}

static cream_status run_show(const void *values, cream_error *err) {
  return with_dataset(values, data_show, err);
}

static cream_status run_speed(const void *values, cream_error *err) {
  return with_dataset(values, data_speed, err);
}

static cream_status run_subset(const void *values, cream_error *err) {
  return with_dataset(values, data_subset, err);
}

enum { CHECK, PACK, SHOW, SPEED, SUBSET };
enum {
  OF_CHECK = 1 << CHECK,
  OF_PACK = 1 << PACK,
  OF_SHOW = 1 << SHOW,
  OF_SPEED = 1 << SPEED,
  OF_SUBSET = 1 << SUBSET
};
enum { WRITES = OF_PACK | OF_SHOW | OF_SUBSET }; /* a file, --out */

static const cli_subcommand subcommands[] = {
    [CHECK] = {"check",
               "read every image: unreadable files, duplicates in both parts, balance of the classes",
               run_check},
    [PACK] = {"pack", "write one file of resized images, for --data pack:FILE", run_pack},
    [SHOW] = {"show", "draw a sheet of images, and of what each transform makes of them, as PNG", run_show},
    [SPEED] = {"speed", "measure how many images a second the loader delivers", run_speed},
    [SUBSET] = {"subset", "write a list file of some classes and some images of each, for --data list:FILE",
                run_subset},
};

static void defaults(void *values) {
  data_options *options = values;
  cream_config_defaults(&options->config);
  options->side = 224;
  options->count = 8;
  options->batch = 64;
  options->shorter = 256;
  options->classes = 100;
  options->train = 500;
  options->val = 50;
}

static cream_status check(void *values, cream_error *err) {
  data_options *options = values;
  if (WRITES >> options->line.subcommand & 1 && !*options->config.out)
    return cream_fail(err, CREAM_BAD_CONFIG, "no file: expected --out FILE, the file to write");
  options->threads = options->config.threads ? options->config.threads : cream_cpu_threads();
  if (options->threads > 256) options->threads = 256;
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_KEY(data_options, config, NETWORK, "data", "data", "SPEC", "data set, for example folder:PATH"),
    CLI_VALUE(data_options, side, METHOD, "side", "N", "side of an image in pixels", CLI_FROM_TO(8, 4096),
              .only = OF_SHOW | OF_SPEED),
    CLI_VALUE(data_options, count, METHOD, "count", "N", "images of the sheet; in speed, batches",
              CLI_FROM_TO(1, 10000), .only = OF_SHOW | OF_SPEED),
    CLI_VALUE(data_options, batch, METHOD, "batch", "N", "images in a batch", CLI_FROM_TO(1, 65536),
              .only = OF_SPEED),
    CLI_VALUE(data_options, shorter, METHOD, "shorter", "PIXELS", "shorter side of an image",
              CLI_FROM_TO(1, 65535), .only = OF_PACK),
    CLI_VALUE(data_options, quality, METHOD, "quality", "N", "JPEG of this quality, 1 to 100; 0: raw pixels",
              CLI_FROM_TO(0, 100), .only = OF_PACK),
    CLI_VALUE(data_options, classes, METHOD, "classes", "N", "number of classes", CLI_FROM_TO(1, 1 << 20),
              .only = OF_SUBSET),
    CLI_VALUE(data_options, train, METHOD, "train", "N", "training images of each class",
              CLI_FROM_TO(1, 1 << 30), .only = OF_SUBSET),
    CLI_VALUE(data_options, val, METHOD, "val", "N", "test images of each class", CLI_FROM_TO(1, 1 << 30),
              .only = OF_SUBSET),
    CLI_KEY(data_options, config, METHOD, "seed", "seed", "N", "seed of all random draws",
            .only = OF_SHOW | OF_SPEED | OF_SUBSET),
    CLI_KEY(data_options, config, DEVICE, "threads", "threads", "N", "threads; 0: all"),
    CLI_ANY_SETTING(data_options, config),
    CLI_KEY(data_options, config, OUTPUT, "out", "out", "FILE", "file to write", .only = WRITES),
    CLI_VALUE(data_options, json, OUTPUT, "json", NULL, "print results on stdout as one JSON document",
              .only = OF_CHECK | OF_SPEED),
};

static const char *const settings[] = {"data", "out", "max_bad", "seed", "threads", "augment.", NULL};

COMMAND(
    data, "inspect a data set, check it, pack it, or select a part of it", CLI_OPTIONS(options),
    CLI_SUBCOMMANDS(subcommands), CLI_VALUES(data_options, line), .defaults = defaults, .check = check,
    .settings = settings,
    .text = "Data sets, for --data:\n" CREAM_DATASET_FORMATS(
        CREAM_DATASET_HELP) "\ncheck ends with exit code 3 where the data set has an unreadable image.\n");
