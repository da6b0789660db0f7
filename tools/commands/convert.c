/* cream convert: weights files of others, and our own, as safetensors with our names. */
#include "io/weights/convert.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/memory.h"
#include "cpu/cpu.h"
#include "tools/cli/describe.h"
#include "tools/run/common.h"

typedef struct convert_options {
  char *arch, *names; /* popt's, to be freed; NULL: not given */
  int ema, json, help;
  const char *in, *out;
} convert_options;

/* A built-in network gets the number of classes that the weights have. */
static void fit_classes(cream_arch *arch, const cream_weights_source *source) {
  const cream_st_tensor *classifier = cream_weights_source_find(source, "classifier.weight");
  if (arch->builtin && classifier && classifier->n_dims == 2 && classifier->dims[0] > 0 &&
      classifier->dims[0] <= 1 << 20)
    arch->net.classes = arch->net.space.head.classes = (int)classifier->dims[0];
}

/* The names of the classes, one a line. */
static cream_status read_names(const char *path, cream_weights_info *info, cream_error *err) {
  enum { MAX_BYTES = 1 << 24 };
  char *text;
  size_t size;
  cream_status status = cream_file_read(path, MAX_BYTES, &text, &size, err);
  if (status != CREAM_OK) return status;
  int count = 0;
  const char **names = calloc(size + 1, sizeof *names);
  char *rest = text, *line;
  while (names && (line = strsep(&rest, "\n"))) {
    line[strcspn(line, "\r")] = 0;
    if (*line) names[count++] = line;
  }
  if (!names)
    status = cream_fail_memory(err, size * sizeof *names, "the names of the classes");
  else if (count == 0)
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: no names in it; expected one a line", path);
  else
    status = cream_weights_info_set_classes(info, names, count, err);
  free(names);
  free(text);
  return status;
}

/* What goes into the header. */
static cream_status describe(const convert_options *options, const cream_weights_source *source,
                             const cream_arch *arch, cream_weights_info *info, cream_error *err) {
  const cream_weights_info *given = cream_weights_source_info(source);
  *info = *given;
  info->class_names = NULL;
  info->n_classes = 0;
  if (!given->has_normalisation && arch) *info = cream_weights_info_imagenet();
  if (!info->resolution && arch) info->resolution = arch->net.resolution;
  cream_status status = options->names
                            ? read_names(options->names, info, err)
                            : cream_weights_info_set_classes(info, (const char *const *)given->class_names,
                                                             given->n_classes, err);
  if (status == CREAM_OK && arch && info->n_classes && info->n_classes != arch->net.classes)
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: %d names, but the network has %d classes",
                        options->names ? options->names : options->in, info->n_classes, arch->net.classes);
  return status;
}

static void print_json(const convert_options *options, const cream_weights_report *report) {
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "out", options->out);
  cream_json_integer(&json, "tensors", (uint64_t)report->loaded);
  cream_json_integer(&json, "not_used", (uint64_t)report->extra);
  cream_json_end(&json);
  putchar('\n');
}

static cream_status save(const convert_options *options, const cream_weights_source *source,
                         const cream_arch *arch, const cream_param *params, int n_params, cream_error *err) {
  cream_weights_info info;
  cream_weights_report report = {0};
  cream_status status = describe(options, source, arch, &info, err);
  if (status == CREAM_OK)
    status = cream_weights_source_save(source, options->out, params, n_params, &info, &report, err);
  cream_weights_info_free(&info);
  if (status != CREAM_OK) return status;
  if (report.text[0]) fprintf(stderr, "%s: %s\n", options->in, report.text);
  if (options->json)
    print_json(options, &report);
  else
    printf("%s: %d tensors\n", options->out, report.loaded);
  return CREAM_OK;
}

/* The parameters' names and shapes come of a network that is only counted. */
static cream_status save_for(const convert_options *options, const cream_weights_source *source,
                             cream_error *err) {
  static cream_arch arch;
  cream_backend *backend;
  cream_net *net = NULL;
  cream_status status = cream_arch_load(options->arch, &arch, err);
  if (status == CREAM_OK) status = cream_cpu_create(&(cream_cpu_options){.threads = 1}, &backend, err);
  if (status != CREAM_OK) return status;
  fit_classes(&arch, source);
  cream_counter counter;
  cream_counter_init(&counter, backend);
  status = cream_net_create(&counter.base, &arch.net, &(cream_net_options){.batch = 1}, &net, err);
  if (status == CREAM_OK) {
    int count;
    const cream_param *params = cream_net_params(net, &count);
    status = save(options, source, &arch, params, count, err);
  }
  cream_net_destroy(net);
  backend->destroy(backend);
  return status;
}

static cream_status convert(const convert_options *options, cream_error *err) {
  cream_weights_source *source;
  cream_status status = cream_weights_source_open(options->in, options->ema != 0, &source, err);
  if (status != CREAM_OK) return status;
  status = options->arch ? save_for(options, source, err) : save(options, source, NULL, NULL, 0, err);
  cream_weights_source_close(source);
  return status;
}

static void print_help(poptContext context) {
  printf("convert: %s\n\n", tool_convert.summary);
  poptPrintHelp(context, stdout, 0);
  printf("\nIN is a .pth or .pth.tar file of PyTorch (state dict, or checkpoint of timm's form), or a\n"
         "safetensors file; OUT is written as safetensors. Nothing in a file is run: only tensors and\n"
         "containers are read. With --arch, names and shapes have to be the network's.\n"
         "\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 bad data.\n");
}

static cream_status command(int argc, const char **argv, cream_error *err) {
  convert_options options = {0};
  const struct poptOption table[] = {
      {"arch", 0, POPT_ARG_STRING, &options.arch, 0,
       "the network that the weights are for: they are checked, and others left out", "NAME|FILE|LIST"},
      {"ema", 0, POPT_ARG_NONE, &options.ema, 0, "the averaged weights of a checkpoint", NULL},
      {"class-names", 0, POPT_ARG_STRING, &options.names, 0, "names of the classes, one a line", "FILE"},
      {"json", 0, POPT_ARG_NONE, &options.json, 0, "what was done as one JSON document on stdout", NULL},
      {"help", 'h', POPT_ARG_NONE, &options.help, 0, "this text", NULL},
      POPT_TABLEEND};
  argv[0] = "cream convert";
  poptContext context = describe_context(argv[0], argc, argv, table);
  if (!context) return cream_fail_memory(err, sizeof table, "the options");
  poptSetOtherOptionHelp(context, "[options] IN OUT");
  int code = poptGetNextOpt(context);
  options.in = poptGetArg(context);
  options.out = poptGetArg(context);
  const char *extra = poptPeekArg(context);
  cream_status status = CREAM_OK;
  if (code < -1)
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: %s; see cream convert --help", poptBadOption(context, 0),
                        poptStrerror(code));
  else if (options.help)
    print_help(context);
  else if (extra)
    status = cream_fail(err, CREAM_BAD_CONFIG, "unexpected argument \"%s\"; see cream convert --help", extra);
  else if (!options.out)
    status = cream_fail(err, CREAM_BAD_CONFIG, "expected two files: cream convert IN OUT");
  else
    status = convert(&options, err);
  free(options.arch);
  free(options.names);
  poptFreeContext(context);
  return status;
}

const tool tool_convert = {
    .name = "convert",
    .summary = "turn a weights file of PyTorch into safetensors, and check it against a network",
    .command = command,
};
