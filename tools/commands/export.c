#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/cream.h"
#include "export.h"
#include "io/weights/onnx.h"
#include "io/weights/onnx_int8.h"
#include "tools/run/class_match.h"
#include "tools/run/int8.h"
#include "tools/run/model.h"
#include "tools/run/network.h"
#include "tools/run/run_options.h"

enum { MAX_PAIRS = 16, CALIBRATION_BATCH = 32 };

typedef struct export_options {
  run_options run;
  int8_options int8;
} export_options;

cream_status export_save(const cream_model *m, const cream_int8 *int8, const cream_detect_limits *suppress,
                         const char *out, cream_error *err) {
  cream_weights_metadata metadata;
  cream_status status = cream_weights_metadata_init(&metadata, &m->info, err);
  if (status != CREAM_OK) return status;
  cream_path path = cream_skeleton_first_path(&m->arch.net);
  char layers[1024], macs[32];
  cream_path_format(&m->arch.net, &path, layers, sizeof layers);
  snprintf(macs, sizeof macs, "%.0f", cream_arch_cost(&m->arch.net).macs);
  cream_pair pairs[MAX_PAIRS] = {{"program", "cream"},
                                 {"version", CREAM_VERSION},
                                 {"architecture", m->arch.net.space.name},
                                 {"layers", layers},
                                 {"macs", macs}};
  int count = 5;
  for (int i = 0; i < metadata.count && count < MAX_PAIRS; i++)
    if (strcmp(metadata.pairs[i].key, "format") != 0) pairs[count++] = metadata.pairs[i];
  status = int8 ? cream_onnx_save_int8(out, int8, m->net, pairs, count, err)
                : cream_onnx_save(out, m->net, &path, suppress, pairs, count, err);
  cream_weights_metadata_free(&metadata);
  return status;
}

/* Quantises the network with images of the data. */
static cream_status quantise(cream_model *m, const export_options *options, cream_int8 **int8,
                             cream_error *err) {
  const cream_config *config = &options->run.config;
  run_data data;
  cream_status status = run_data_open_to_test(config, &data, err);
  if (status != CREAM_OK) return status;
  cream_arch arch = m->arch;
  arch.builtin = false; /* its number of classes is that of the weights */
  status = class_match_test(config, &data, err);
  if (status == CREAM_OK) status = run_check_classes(&arch, &data, err);
  if (status == CREAM_OK)
    status = int8_create(&options->int8, m->net, &data, config, m->info.mean, m->info.std, int8, err);
  run_data_close(&data);
  return status;
}

static cream_status run(const void *values, cream_error *err) {
  const export_options *options = values;
  const run_options *common = &options->run;
  const char *out = *common->config.out ? common->config.out : "net.onnx";
  if (strcmp(common->line.arguments[0], "onnx") != 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "unknown format \"%.40s\", expected a format: cream export onnx",
                      common->line.arguments[0]);
  static cream_model m;
  cream_int8 *int8 = NULL;
  cream_status status = model_open(&m, &common->config, options->int8.on ? CALIBRATION_BATCH : 1, err);
  if (status == CREAM_OK && options->int8.on) status = quantise(&m, options, &int8, err);
  if (status == CREAM_OK) status = export_save(&m, int8, NULL, out, err);
  if (status == CREAM_OK) {
    const cream_skeleton *net = &m.arch.net;
    printf("%s: ONNX opset %d, input [batch,3,%d,%d], logits [batch,%d]", out, CREAM_ONNX_OPSET,
           net->resolution, net->resolution, net->classes);
    if (int8) printf(", 8 bits calibrated on %zu images", int8->images);
    putchar('\n');
  }
  cream_int8_destroy(int8);
  cream_model_close(&m);
  return status;
}

/* Without --int8, no data is read; with it, the data has to be named. */
static void defaults(void *values) {
  export_options *options = values;
  run_options_defaults(values);
  options->run.config.data[0] = '\0';
  options->int8 = INT8_UNSET;
}

static cream_status check(void *values, cream_error *err) {
  export_options *options = values;
  return int8_check(&options->int8, &options->run.config, err);
}

static const cli_option options[] = {
    RUN_ARCH,
    RUN_WEIGHTS,
    RUN_DATA,
    INT8_ROWS(export_options, int8,
              "write a quantised model: 8-bit integers in place of floats; needs --data"),
    RUN_SEED,
    RUN_FOLDER,
    RUN_CONFIG,
    RUN_SET,
    RUN_THREADS,
    RUN_SETTING(OUTPUT, "out", "out", "FILE", "file to write", .fallback = "net.onnx"),
};

static const char *const settings[] = {"arch",
                                       "weights",
                                       "data",
                                       "max_bad",
                                       "seed",
                                       "out",
                                       RUN_DEVICE_SETTINGS,
                                       "augment.interpolation",
                                       "augment.test_crop",
                                       NULL};

static const char *const *names(void) {
  static const char *const all[] = {"onnx", NULL};
  return all;
}

COMMAND(export, "export a trained network to another format: onnx", CLI_OPTIONS(options),
        CLI_VALUES(export_options, run.line), .defaults = defaults, .check = check, .run = run,
        .settings = settings, .arguments = "onnx", .names = names, .least_arguments = 1, .most_arguments = 1,
        .missing = "expected a format: cream export onnx; see cream export --help",
        .text = "Batch norms are folded into the convolutions. docs/export.md describes the model.\n");
