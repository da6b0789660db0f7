#include <stdio.h>
#include <string.h>

#include "tools/run/common.h"
#include "core/cream.h"
#include "io/weights/onnx.h"
#include "tools/run/model.h"

enum { MAX_PAIRS = 16 };

/* What a program that runs the model has to know. */
static cream_status save(const model *m, const char *out, cream_error *err) {
  cream_weights_metadata told;
  cream_status status = cream_weights_metadata_init(&told, &m->info, err);
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
  for (int i = 0; i < told.count && count < MAX_PAIRS; i++)
    if (strcmp(told.pairs[i].key, "format") != 0) pairs[count++] = told.pairs[i];
  status = cream_onnx_save(out, m->net, &path, pairs, count, err);
  cream_weights_metadata_free(&told);
  return status;
}

static cream_status export_run(const tool_options *options, cream_error *err) {
  const char *out = options->config.out;
  if (options->n_arguments != 1 || strcmp(options->arguments[0], "onnx") != 0)
    return cream_fail(err, CREAM_BAD_CONFIG, "expected a format: cream export onnx; see cream export --help");
  static model m;
  cream_status status = model_open(&m, &options->config, 1, err);
  if (status == CREAM_OK) status = save(&m, *out ? out : "net.onnx", err);
  if (status == CREAM_OK) {
    const cream_skeleton *net = &m.arch.net;
    printf("%s: ONNX opset %d, input [batch,3,%d,%d], logits [batch,%d]\n", *out ? out : "net.onnx",
           CREAM_ONNX_OPSET, net->resolution, net->resolution, net->classes);
  }
  model_close(&m);
  return status;
}

const tool tool_export = {
    .name = "export",
    .summary = "write a trained network in another form: onnx",
    .arguments = "onnx",
    .out = "file to write (default: net.onnx)",
    .options = "arch weights run config set threads out ",
    .notes = "Batch norms are folded into the convolutions. docs/export.md tells what the model has.\n",
    .run = export_run,
};
