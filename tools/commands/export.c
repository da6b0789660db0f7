#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/cream.h"
#include "io/weights/onnx.h"
#include "tools/run/model.h"
#include "tools/run/run_options.h"

enum { MAX_PAIRS = 16 };

/* Writes the model with the metadata that a program needs to run it. */
static cream_status save(const cream_model *m, const char *out, cream_error *err) {
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
  status = cream_onnx_save(out, m->net, &path, pairs, count, err);
  cream_weights_metadata_free(&metadata);
  return status;
}

static cream_status run(const void *values, cream_error *err) {
  const run_options *options = values;
  const char *out = *options->config.out ? options->config.out : "net.onnx";
  if (strcmp(options->line.arguments[0], "onnx") != 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "unknown format \"%.40s\", expected a format: cream export onnx",
                      options->line.arguments[0]);
  static cream_model m;
  cream_status status = model_open(&m, &options->config, 1, err);
  if (status == CREAM_OK) status = save(&m, out, err);
  if (status == CREAM_OK) {
    const cream_skeleton *net = &m.arch.net;
    printf("%s: ONNX opset %d, input [batch,3,%d,%d], logits [batch,%d]\n", out, CREAM_ONNX_OPSET,
           net->resolution, net->resolution, net->classes);
  }
  cream_model_close(&m);
  return status;
}

static const cli_option options[] = {
    RUN_ARCH,
    RUN_WEIGHTS,
    RUN_FOLDER,
    RUN_CONFIG,
    RUN_SET,
    RUN_THREADS,
    RUN_SETTING(OUTPUT, "out", "out", "FILE", "file to write", .fallback = "net.onnx"),
};

static const char *const settings[] = {
    "arch", "weights", "out", "device", "opencl.", "threads", "augment.interpolation", "augment.test_crop",
    NULL};

COMMAND(export, "export a trained network to another format: onnx", CLI_OPTIONS(options),
        CLI_VALUES(run_options, line), .defaults = run_options_defaults, .run = run, .settings = settings,
        .arguments = "onnx", .least_arguments = 1, .most_arguments = 1,
        .missing = "expected a format: cream export onnx; see cream export --help",
        .text = "Batch norms are folded into the convolutions. docs/export.md describes the model.\n");
