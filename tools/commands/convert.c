/* cream convert: weights files of PyTorch, timm and cream, as safetensors with our names. */
#include "io/weights/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "convert_reading.h"
#include "core/net/memory.h"
#include "cpu/cpu.h"
#include "io/base/file.h"
#include "io/base/json.h"
#include "io/config/space_fields.h"

typedef struct convert_options {
  cli_line line;                  /* its arguments: the file to read, the file to write */
  const char *arch, *names, *key; /* NULL: not given */
  int interpolation;
  convert_given given;
  bool ema, json;
} convert_options;

/* What was done. */
typedef struct convert_result {
  cream_weights_report report;
  cream_weights_info info;
  char note[400];
  char arch[CREAM_MAX_FILE_NAME]; /* the architecture file that was written; empty: none */
} convert_result;

static const char *in_of(const convert_options *options) {
  return options->line.arguments[0];
}

static const char *out_of(const convert_options *options) {
  return options->line.arguments[1];
}

enum { KEEP, BILINEAR, BICUBIC };
static const char *const interpolations[] = {
    [KEEP] = "keep", [BILINEAR] = "bilinear", [BICUBIC] = "bicubic", NULL};

/* The interpolation that was given, or NULL. */
static const char *interpolation_of(const convert_options *options) {
  return options->interpolation == KEEP ? NULL : interpolations[options->interpolation];
}

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
  cream_status status = cream_file_read_text(path, MAX_BYTES, &text, &size, err);
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
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: no names in it, expected one a line", path);
  else
    status = cream_weights_info_set_classes(info, names, count, err);
  free(names);
  free(text);
  return status;
}

/* Completes what is not given with what ImageNet's published networks have. */
static void complete(cream_weights_info *info) {
  const cream_weights_info usual = cream_weights_info_imagenet();
  if (!info->has_normalisation) {
    info->has_normalisation = true;
    memcpy(info->mean, usual.mean, sizeof info->mean);
    memcpy(info->std, usual.std, sizeof info->std);
  }
  if (!info->interpolation[0]) strcpy(info->interpolation, usual.interpolation);
  if (!(info->test_crop > 0)) info->test_crop = usual.test_crop;
}

/* The metadata of the file, and the padding and epsilon of the network. */
static cream_status describe(const convert_options *options, const cream_weights_source *source,
                             cream_arch *arch, convert_result *result, cream_error *err) {
  const cream_weights_info *given = cream_weights_source_info(source);
  cream_weights_info *info = &result->info;
  *info = *given;
  info->class_names = NULL;
  info->n_classes = 0;
  cream_status status = convert_decide(in_of(options), &options->given, source, arch, info, result->note,
                                       sizeof result->note, err);
  if (status != CREAM_OK) return status;
  if (!given->has_normalisation && arch) complete(info);
  if (interpolation_of(options)) strcpy(info->interpolation, interpolation_of(options));
  if (!info->resolution && arch) info->resolution = arch->net.resolution;
  status = options->names ? read_names(options->names, info, err)
                          : cream_weights_info_set_classes(info, (const char *const *)given->class_names,
                                                           given->n_classes, err);
  if (status == CREAM_OK && arch && info->n_classes && info->n_classes != arch->net.classes)
    status = cream_fail(err, CREAM_BAD_CONFIG, "%s: %d names, but the network has %d classes",
                        options->names ? options->names : in_of(options), info->n_classes, arch->net.classes);
  return status;
}

static void json_channels(cream_json *json, const char *key, const float values[3]) {
  cream_json_array(json, key, false);
  for (int c = 0; c < 3; c++) cream_json_number(json, NULL, (double)values[c]);
  cream_json_end(json);
}

static void print_json(const convert_options *options, const cream_weights_source *source,
                       const convert_result *result) {
  const cream_weights_info *info = &result->info;
  cream_json json = cream_json_to(stdout);
  cream_json_object(&json, NULL, true);
  cream_json_string(&json, "out", out_of(options));
  cream_json_integer(&json, "tensors", (uint64_t)result->report.loaded);
  cream_json_integer(&json, "not_used", (uint64_t)result->report.extra);
  if (options->arch) {
    cream_json_string(&json, "names", cream_naming_word(cream_weights_source_naming(source)));
    cream_json_string(&json, "padding", cream_padding_words[info->padding]);
    cream_json_number(&json, "bn_eps", info->bn_eps);
  }
  if (info->has_normalisation) {
    json_channels(&json, "mean", info->mean);
    json_channels(&json, "std", info->std);
  }
  if (result->arch[0]) cream_json_string(&json, "arch", result->arch);
  cream_json_end(&json);
  putchar('\n');
}

static void print_text(const convert_options *options, const cream_weights_source *source,
                       const convert_result *result) {
  const cream_weights_info *info = &result->info;
  char mean[64], std[64];
  printf("%s: %d tensors\n", out_of(options), result->report.loaded);
  if (!options->arch) return;
  printf("names       %s\n", cream_naming_word(cream_weights_source_naming(source)));
  printf("network     padding %s, bn_eps %g\n", cream_padding_words[info->padding], info->bn_eps);
  printf("images      mean %s, std %s\n", convert_channels_text(info->mean, mean, sizeof mean),
         convert_channels_text(info->std, std, sizeof std));
  if (result->arch[0])
    printf("%s: use this network (--arch) with the weights: it has their padding and bn_eps\n", result->arch);
}

/* Writes OUT.arch.json, where the network is not the one of --arch. */
static cream_status save_arch(const convert_options *options, const cream_arch *arch, const cream_space *was,
                              convert_result *result, cream_error *err) {
  if (arch->net.space.padding == was->padding && arch->net.space.bn_eps == was->bn_eps) return CREAM_OK;
  static const char end[] = ".safetensors";
  size_t length = strlen(out_of(options)), tail = sizeof end - 1;
  if (length > tail && strcmp(out_of(options) + length - tail, end) == 0) length -= tail;
  int written = snprintf(result->arch, sizeof result->arch, "%.*s.arch.json", (int)length, out_of(options));
  if (written < 0 || (size_t)written >= sizeof result->arch)
    return cream_fail(err, CREAM_BAD_CONFIG, "%.60s...: the name is too long", out_of(options));
  return cream_arch_save(result->arch, &arch->net, arch->space_hash, err);
}

static cream_status save(const convert_options *options, const cream_weights_source *source, cream_arch *arch,
                         const cream_param *params, int n_params, cream_error *err) {
  convert_result result = {0};
  cream_space was = {0};
  if (arch) was = arch->net.space;
  cream_status status = describe(options, source, arch, &result, err);
  if (status == CREAM_OK)
    status = cream_weights_source_save(source, out_of(options), params, n_params, &result.info,
                                       &result.report, err);
  if (status == CREAM_OK && arch) status = save_arch(options, arch, &was, &result, err);
  if (status == CREAM_OK) {
    if (result.report.text[0]) fprintf(stderr, "%s: %s\n", in_of(options), result.report.text);
    if (result.note[0]) fprintf(stderr, "%s\n", result.note);
    if (options->json)
      print_json(options, source, &result);
    else
      print_text(options, source, &result);
  }
  cream_weights_info_free(&result.info);
  return status;
}

static cream_status open_source(const convert_options *options, const cream_skeleton *net,
                                const cream_param *params, int n_params, cream_weights_source **source,
                                cream_error *err) {
  const cream_torch_choice choice = {
      .ema = options->ema, .key = options->key, .params = params, .n_params = n_params, .net = net};
  return cream_weights_source_open(in_of(options), &choice, interpolation_of(options), source, err);
}

static cream_status create(cream_counter *counter, const cream_arch *arch, cream_net **net,
                           cream_error *err) {
  return cream_net_create(&counter->base, &arch->net, &(cream_net_options){.batch = 1}, net, err);
}

/* Names and shapes of the parameters are those of a network on the counting backend. The names, which do not depend on the
 * number of classes, are needed to read the file, which has the number of classes of a built-in network. */
static cream_status save_for(const convert_options *options, cream_error *err) {
  static cream_arch arch;
  cream_backend *backend;
  cream_net *net = NULL;
  cream_weights_source *source = NULL;
  cream_status status = cream_arch_load(options->arch, &arch, err);
  if (status == CREAM_OK) status = cream_cpu_create(&(cream_cpu_options){.threads = 1}, &backend, err);
  if (status != CREAM_OK) return status;
  cream_counter counter;
  cream_counter_init(&counter, backend);
  status = create(&counter, &arch, &net, err);
  int count;
  const cream_param *params;
  if (status == CREAM_OK) {
    params = cream_net_params(net, &count);
    status = open_source(options, &arch.net, params, count, &source, err);
  }
  if (status == CREAM_OK) {
    fit_classes(&arch, source);
    cream_net_destroy(net);
    net = NULL;
    status = create(&counter, &arch, &net, err);
  }
  if (status == CREAM_OK) {
    params = cream_net_params(net, &count);
    status = save(options, source, &arch, params, count, err);
  }
  cream_weights_source_close(source);
  cream_net_destroy(net);
  backend->destroy(backend);
  return status;
}

static cream_status convert(const convert_options *options, cream_error *err) {
  cream_weights_source *source;
  if (options->arch) return save_for(options, err);
  cream_status status = open_source(options, NULL, NULL, 0, &source, err);
  if (status != CREAM_OK) return status;
  status = save(options, source, NULL, NULL, 0, err);
  cream_weights_source_close(source);
  return status;
}

static cream_status run(const void *values, cream_error *err) {
  return convert(values, err);
}

static const cli_option options[] = {
    CLI_VALUE(convert_options, arch, NETWORK, "arch", "NAME|FILE|LIST",
              "the network that the weights are for: they are checked, and other tensors left out",
              .names = cream_arch_names),
    CLI_VALUE(convert_options, ema, NETWORK, "ema", NULL, "take the averaged weights of a checkpoint"),
    CLI_VALUE(convert_options, key, NETWORK, "key", "KEY",
              "which weights of a file with several: the keys to them, joined by dots, or a prefix of names"),
    CLI_CHOICE(convert_options, interpolation, NETWORK, "interpolation", "WORD",
               "of resizing: bilinear, bicubic, or keep that of the file", interpolations),
    CLI_CHOICE(convert_options, given.padding, NETWORK, "padding", "WORD",
               "of the network's convolutions: symmetric, same (TensorFlow's), or keep: what the file says, "
               "or --arch",
               convert_paddings),
    CLI_VALUE(convert_options, given.bn_eps, NETWORK, "bn-eps", "X",
              "epsilon of the network's batch norms: 0.001 is TensorFlow's, 1e-5 PyTorch's", .min = 0,
              .max = 1, .fallback = ""),
    CLI_VALUE(convert_options, given.mean, NETWORK, "mean", "R,G,B",
              "mean of pixel / 255 by channel, or one number for all, with which images are normalised"),
    CLI_VALUE(convert_options, given.std, NETWORK, "std", "R,G,B", "standard deviation of it"),
    CLI_VALUE(convert_options, names, NETWORK, "class-names", "FILE", "names of the classes, one a line"),
    CLI_VALUE(convert_options, json, OUTPUT, "json", NULL,
              "print what was written on stdout as one JSON document"),
};

COMMAND(
    convert, "convert a weights file of PyTorch to safetensors, and check it against a network",
    CLI_OPTIONS(options), CLI_VALUES(convert_options, line), .run = run, .arguments = "IN OUT",
    .least_arguments = 2, .most_arguments = 2,
    .missing = "expected two files: cream convert IN OUT; see cream convert --help",
    .text =
        "IN is a .pth or .pth.tar file of PyTorch (a state dict, or a checkpoint that has one), or a "
        "safetensors\n"
        "file; OUT is written as safetensors. No code of a file is run: only tensors and containers are "
        "read.\n"
        "With --arch, names and shapes have to be those of the network; the names may also be torchvision's "
        "or\n"
        "efficientnet_pytorch's. Where such names or --padding and --bn-eps say that the network pads or "
        "normalises\n"
        "as TensorFlow does, OUT gets a network file beside it, *.arch.json.\n");
