#include "convert.h"

#include <stdlib.h>
#include <string.h>

#include "prefix.h"
#include "torch_magic.h"

struct cream_weights_source {
  char *path;
  cream_st_file *safetensors; /* NULL for a file saved by PyTorch */
  cream_torch_file *torch;    /* NULL for safetensors */
  cream_weights_info info;
  int count, left_out; /* tensors; those without the prefix that was chosen */
  cream_st_tensor *tensors;
  float **floats; /* data of tensors that were converted to F32; else NULL */
  cream_naming naming;
  cream_param *own; /* [params of the choice]: owns the names of renamed tensors */
};

/* ---- numbers ---------------------------------------------------------------------------------------- */

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* From IEEE 754 half precision. */
static float from_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0x1f) return from_bits(sign | 0x7f800000 | mantissa << 13);
  if (exponent) return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  float small = (float)mantissa * 0x1p-24f;
  return sign ? -small : small;
}

/* Element i of a tensor of F16, BF16 or F64. */
static float float_at(const cream_st_tensor *tensor, uint64_t i) {
  const char *from = (const char *)tensor->data + i * cream_st_dtype_size(tensor->dtype);
  uint16_t bits;
  double wide;
  if (tensor->dtype == CREAM_ST_F64) {
    memcpy(&wide, from, sizeof wide);
    return (float)wide;
  }
  memcpy(&bits, from, sizeof bits);
  return tensor->dtype == CREAM_ST_F16 ? from_half(bits) : from_bits((uint32_t)bits << 16);
}

/* Converts a tensor to F32, if it has floating-point numbers of another width. */
static cream_status widen(cream_weights_source *source, int i, cream_error *err) {
  cream_st_tensor *tensor = &source->tensors[i];
  if (tensor->dtype != CREAM_ST_F16 && tensor->dtype != CREAM_ST_BF16 && tensor->dtype != CREAM_ST_F64)
    return CREAM_OK;
  uint64_t count = cream_st_count(tensor);
  source->floats[i] = malloc((count + 1) * sizeof(float));
  if (!source->floats[i]) return cream_fail_memory(err, count * sizeof(float), tensor->name);
  for (uint64_t n = 0; n < count; n++) source->floats[i][n] = float_at(tensor, n);
  tensor->data = source->floats[i];
  tensor->dtype = CREAM_ST_F32;
  return CREAM_OK;
}

/* ---- names ------------------------------------------------------------------------------------------ */

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/* The length of the wrappers' prefixes that all names share, but for those of counters. */
static size_t common_prefix(const cream_st_tensor *tensors, int count) {
  static const char *const wrappers[] = {"module.", "_orig_mod."};
  size_t skipped = 0;
  int others = 0;
  for (int i = 0; i < count; i++) others += !cream_weights_counter(tensors[i].name);
  for (bool again = others > 0; again;) {
    again = false;
    for (size_t w = 0; w < sizeof wrappers / sizeof *wrappers; w++) {
      int with = 0;
      while (with < count && (cream_weights_counter(tensors[with].name) ||
                              starts_with(tensors[with].name + skipped, wrappers[w])))
        with++;
      if (with < count) continue;
      skipped += strlen(wrappers[w]);
      again = true;
    }
  }
  return skipped;
}

/* Keeps the tensors whose names begin with a prefix, and removes it from the names. */
static void keep_prefixed(cream_weights_source *source, const char *prefix) {
  int kept = 0;
  for (int i = 0; i < source->count; i++) {
    if (!starts_with(source->tensors[i].name, prefix) || !source->tensors[i].name[strlen(prefix)]) continue;
    source->tensors[kept] = source->tensors[i];
    source->tensors[kept++].name += strlen(prefix);
  }
  source->left_out += source->count - kept;
  source->count = kept;
}

/* The linear layer of torchvision's MobileNetV3 before the classifier is a 1x1 convolution here. */
static void take_shape(cream_st_tensor *tensor, const cream_param *param) {
  if (tensor->n_dims != 2 || param->n_dims != 4) return;
  tensor->n_dims = 4;
  tensor->dims[2] = tensor->dims[3] = 1;
}

/* Gives the tensors of another scheme this program's names; others keep theirs. */
static cream_status rename_tensors(cream_weights_source *source, const cream_torch_choice *choice,
                                   cream_error *err) {
  if (source->naming == CREAM_NAMING_TIMM) return CREAM_OK;
  size_t bytes = ((size_t)choice->n_params + 1) * sizeof *source->own;
  cream_param *foreign = malloc(bytes);
  source->own = malloc(bytes);
  if (!foreign || !source->own) {
    free(foreign);
    return cream_fail_memory(err, bytes, "the names of tensors");
  }
  memcpy(foreign, choice->params, (size_t)choice->n_params * sizeof *foreign);
  memcpy(source->own, choice->params, (size_t)choice->n_params * sizeof *foreign);
  cream_naming_apply(source->naming, choice->net, foreign, choice->n_params);
  for (int t = 0; t < source->count; t++)
    for (int i = 0; i < choice->n_params; i++) {
      if (strcmp(source->tensors[t].name, foreign[i].name) != 0) continue;
      source->tensors[t].name = source->own[i].name;
      take_shape(&source->tensors[t], &source->own[i]);
      break;
    }
  free(foreign);
  return CREAM_OK;
}

/* Removes the prefix with which the names are those of the network in one of the schemes, if there is one. */
static cream_status remove_wrapper(cream_weights_source *source, const cream_torch_choice *choice,
                                   cream_error *err) {
  cream_prefixes *found = calloc(1, sizeof *found);
  const char **names = calloc((size_t)source->count + 1, sizeof *names);
  cream_status status = CREAM_OK;
  if (!found || !names) status = cream_fail_memory(err, sizeof *found, "the names of tensors");
  for (int i = 0; i < source->count && !status; i++) names[i] = source->tensors[i].name;
  if (!status)
    status = cream_prefixes_find_any(names, source->count, choice->net, choice->params, choice->n_params,
                                     found, &source->naming, err);
  if (!status && found->count > 1)
    status = cream_fail(
        err, CREAM_BAD_DATA,
        "%s: got %d sets of tensors with the names of the network, under `%s`, `%s`%s; choose one "
        "with --key PREFIX",
        source->path, found->count, found->text[0], found->text[1], found->count > 2 ? ", ..." : "");
  if (!status && found->count == 1) {
    keep_prefixed(source, found->text[0]);
    status = rename_tensors(source, choice, err);
  }
  free(names);
  free(found);
  return status;
}

/* Keeps the tensors under a prefix that was asked for; a dot is added to it. */
static cream_status take_key(cream_weights_source *source, const char *key, cream_error *err) {
  char prefix[CREAM_PREFIX_LENGTH];
  size_t length = strlen(key);
  snprintf(prefix, sizeof prefix, "%s%s", key, length && key[length - 1] == '.' ? "" : ".");
  keep_prefixed(source, prefix);
  if (source->count) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: --key: got `%.100s`, expected the key of a dict of tensors, or a prefix of names such as "
      "`%.100s`",
      source->path, key, source->left_out ? source->tensors[0].name : "model.");
}

static cream_status take_tensors(cream_weights_source *source, const cream_st_tensor *tensors, int count,
                                 const cream_torch_choice *choice, bool by_key, cream_error *err) {
  size_t skipped = choice->key && !by_key ? 0 : common_prefix(tensors, count);
  source->tensors = calloc((size_t)count + 1, sizeof *source->tensors);
  source->floats = calloc((size_t)count + 1, sizeof *source->floats);
  if (!source->tensors || !source->floats)
    return cream_fail_memory(err, (size_t)count * sizeof *tensors, "the table of tensors");
  for (int i = 0; i < count; i++) {
    if (cream_weights_counter(tensors[i].name)) continue;
    source->tensors[source->count] = tensors[i];
    source->tensors[source->count++].name += skipped;
  }
  cream_status status = CREAM_OK;
  if (choice->key && !by_key) status = take_key(source, choice->key, err);
  if (!status && choice->params) status = remove_wrapper(source, choice, err);
  for (int i = 0; i < source->count && !status; i++) status = widen(source, i, err);
  return status;
}

/* ---- files ------------------------------------------------------------------------------------------ */

static cream_status open_torch(cream_weights_source *source, const cream_torch_choice *choice,
                               cream_error *err) {
  const cream_st_tensor *tensors;
  cream_status status = cream_torch_open(source->path, choice, &source->torch, err);
  if (status) return status;
  int count = cream_torch_tensors(source->torch, &tensors);
  return take_tensors(source, tensors, count, choice, cream_torch_by_key(source->torch), err);
}

static cream_status open_safetensors(cream_weights_source *source, const cream_torch_choice *choice,
                                     const char *interpolation, cream_error *err) {
  const cream_st_tensor *tensors;
  if (choice->ema)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "%s: a safetensors file has one set of weights; omit --ema, which is for PyTorch "
                      "checkpoints",
                      source->path);
  cream_status status = cream_st_open(source->path, &source->safetensors, err);
  if (!status)
    status = cream_weights_info_read(source->path, source->safetensors, interpolation, &source->info, err);
  if (status) return status;
  int count = cream_st_tensors(source->safetensors, &tensors);
  return take_tensors(source, tensors, count, choice, false, err);
}

cream_status cream_weights_source_open(const char *path, const cream_torch_choice *choice,
                                       const char *interpolation, cream_weights_source **out,
                                       cream_error *err) {
  cream_weights_source *source = calloc(1, sizeof *source);
  if (!source || !(source->path = strdup(path))) {
    free(source);
    return cream_fail_memory(err, sizeof *source, path);
  }
  cream_status status = cream_torch_recognise(path) ? open_torch(source, choice, err)
                                                    : open_safetensors(source, choice, interpolation, err);
  if (status)
    cream_weights_source_close(source);
  else
    *out = source;
  return status;
}

void cream_weights_source_close(cream_weights_source *source) {
  if (!source) return;
  for (int i = 0; i < source->count; i++) free(source->floats[i]);
  free(source->floats);
  free(source->tensors);
  free(source->own);
  cream_weights_info_free(&source->info);
  cream_torch_close(source->torch);
  cream_st_close(source->safetensors);
  free(source->path);
  free(source);
}

int cream_weights_source_tensors(const cream_weights_source *source, const cream_st_tensor **tensors) {
  *tensors = source->tensors;
  return source->count;
}

const cream_st_tensor *cream_weights_source_find(const cream_weights_source *source, const char *name) {
  for (int i = 0; i < source->count; i++)
    if (strcmp(source->tensors[i].name, name) == 0) return &source->tensors[i];
  return NULL;
}

cream_naming cream_weights_source_naming(const cream_weights_source *source) {
  return source->naming;
}

const cream_weights_info *cream_weights_source_info(const cream_weights_source *source) {
  return &source->info;
}

static bool is_param(const cream_param *params, int n_params, const char *name) {
  for (int i = 0; i < n_params; i++)
    if (strcmp(params[i].name, name) == 0) return true;
  return false;
}

/* Fails if layers are left over: the weights are those of a larger network. */
static cream_status refuse_layers(const cream_weights_source *source, const cream_param *params, int n_params,
                                  cream_error *err) {
  enum { NAMED = 3 };
  char body[64], names[200] = "";
  int layers = 0;
  for (int naming = 0; naming < 2; naming++) { /* this program's names, then those of the file */
    if (naming && source->naming == CREAM_NAMING_TIMM) break;
    cream_naming_body(naming ? source->naming : CREAM_NAMING_TIMM, body, sizeof body);
    for (int i = 0; i < source->count; i++) {
      const char *name = source->tensors[i].name;
      if (!starts_with(name, body) || is_param(params, n_params, name)) continue;
      size_t used = strlen(names);
      if (layers++ < NAMED) snprintf(names + used, sizeof names - used, "%s%.60s", used ? ", " : "", name);
    }
  }
  if (!layers) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: %d tensors are of layers that the network lacks: %s%s; take the network (--arch) that "
      "the weights were made for",
      source->path, layers, names, layers > NAMED ? ", ..." : "");
}

cream_status cream_weights_source_save(const cream_weights_source *source, const char *path,
                                       const cream_param *params, int n_params,
                                       const cream_weights_info *info, cream_weights_report *report,
                                       cream_error *err) {
  int count = params ? n_params : source->count;
  const cream_st_tensor **found = calloc((size_t)count + 1, sizeof *found);
  cream_st_tensor *ordered = calloc((size_t)count + 1, sizeof *ordered);
  cream_weights_metadata metadata = {0};
  cream_status status = CREAM_OK;
  if (!found || !ordered)
    status = cream_fail_memory(err, (size_t)count * sizeof *ordered, "the table of tensors");
  else if (params)
    status = cream_weights_match(source->path, params, n_params, source->tensors, source->count, found,
                                 report, err);
  else
    *report = (cream_weights_report){.loaded = count};
  if (!status && params) status = refuse_layers(source, params, n_params, err);
  for (int i = 0; !status && i < count; i++) ordered[i] = params ? *found[i] : source->tensors[i];
  if (!status && source->left_out && !report->text[0])
    snprintf(report->text, sizeof report->text,
             "%d tensors not used: their names do not begin as the network's", source->left_out);
  report->extra += source->left_out;
  if (!status) status = cream_weights_metadata_init(&metadata, info, err);
  if (!status) status = cream_st_write(path, ordered, count, metadata.pairs, metadata.count, err);
  cream_weights_metadata_free(&metadata);
  free(found);
  free(ordered);
  return status;
}
