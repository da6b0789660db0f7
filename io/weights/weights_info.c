#include "weights_info.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/base/json.h"
#include "io/config/space_fields.h"

enum { MAX_RESOLUTION = 4096, MAX_CLASSES = 1 << 20 };

static const char key_format[] = "format", key_resolution[] = "resolution", key_mean[] = "mean",
                  key_std[] = "std", key_interpolation[] = "interpolation", key_crop[] = "crop_pct",
                  key_classes[] = "class_names", key_padding[] = "padding", key_eps[] = "bn_eps";

int cream_weights_classes(const cream_st_file *file) {
  const cream_st_tensor *bias = cream_st_find(file, "classifier.bias");
  return bias && bias->n_dims == 1 && bias->dims[0] > 0 && bias->dims[0] <= INT_MAX ? (int)bias->dims[0] : 0;
}

cream_weights_info cream_weights_info_imagenet(void) {
  return (cream_weights_info){.has_normalisation = true,
                              .mean = {0.485f, 0.456f, 0.406f},
                              .std = {0.229f, 0.224f, 0.225f},
                              .interpolation = "bicubic",
                              .test_crop = 0.875};
}

void cream_weights_info_free(cream_weights_info *info) {
  for (int i = 0; i < info->n_classes; i++) free(info->class_names[i]);
  free(info->class_names);
  info->class_names = NULL;
  info->n_classes = 0;
}

cream_status cream_weights_info_set_classes(cream_weights_info *info, const char *const *names, int count,
                                            cream_error *err) {
  cream_weights_info copy = {.class_names = calloc((size_t)count + 1, sizeof *copy.class_names)};
  bool whole = copy.class_names != NULL;
  for (; whole && copy.n_classes < count; copy.n_classes++)
    whole = (copy.class_names[copy.n_classes] = strdup(names[copy.n_classes])) != NULL;
  if (!whole) {
    cream_weights_info_free(&copy);
    return cream_fail_memory(err, (size_t)count * sizeof *names, "the names of the classes");
  }
  cream_weights_info_free(info);
  info->class_names = copy.class_names;
  info->n_classes = count;
  return CREAM_OK;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static cream_status wrong(cream_error *err, const char *path, const char *key, const char *text,
                          const char *expected) {
  char shown[61];
  snprintf(shown, sizeof shown, "%s", text);
  for (char *c = shown; *c; c++)
    if ((unsigned char)*c < ' ') *c = '?';
  return cream_fail(err, CREAM_BAD_DATA, "%s: metadata `%s`: got `%s`, expected %s", path, key, shown,
                    expected);
}

/* Parses a number. Returns NAN for any other text. */
static double number_of(const char *text) {
  char *end;
  double value = strtod(text, &end);
  return end == text || *end || !isfinite(value) ? NAN : value;
}

bool cream_weights_info_channels(const char *text, bool positive, float values[3]) {
  json_t *list = json_loads(text, 0, NULL);
  bool good = json_is_array(list) && json_array_size(list) == 3;
  for (size_t c = 0; good && c < 3; c++) {
    const json_t *item = json_array_get(list, c);
    double value = json_number_value(item);
    good = json_is_number(item) && fabs(value) <= 1e6 && (!positive || value > 0);
    values[c] = (float)value;
    good = good && (!positive || values[c] > 0);
  }
  json_decref(list);
  return good;
}

static cream_status read_classes(const char *path, const char *text, cream_weights_info *info,
                                 cream_error *err) {
  json_t *list = json_loads(text, 0, NULL);
  size_t count = json_is_array(list) ? json_array_size(list) : 0;
  const char **names = count && count <= MAX_CLASSES ? calloc(count, sizeof *names) : NULL;
  size_t named = 0;
  while (names && named < count && (names[named] = json_string_value(json_array_get(list, named)))) named++;
  cream_status status = CREAM_OK;
  if (!count || count > MAX_CLASSES || (names && named < count))
    status = wrong(err, path, key_classes, text, "a JSON list of names");
  else if (!names)
    status = cream_fail_memory(err, count * sizeof *names, "the names of the classes");
  else
    status = cream_weights_info_set_classes(info, names, (int)count, err);
  free(names);
  json_decref(list);
  return status;
}

/* The padding and the epsilon, which come together. */
static cream_status read_network(const char *path, const cream_st_file *file, cream_weights_info *info,
                                 cream_error *err) {
  const char *padding = cream_st_metadata(file, key_padding), *eps = cream_st_metadata(file, key_eps);
  if (!padding != !eps)
    return cream_fail(err, CREAM_BAD_DATA, "%s: metadata: got `%s` without `%s`, expected both or neither",
                      path, padding ? key_padding : key_eps, padding ? key_eps : key_padding);
  if (!padding) return CREAM_OK;
  int word = 0;
  while (cream_padding_words[word] && strcmp(cream_padding_words[word], padding)) word++;
  if (!cream_padding_words[word]) return wrong(err, path, key_padding, padding, "symmetric or same");
  info->padding = (cream_padding)word;
  info->bn_eps = number_of(eps);
  if (!(info->bn_eps >= 1e-12 && info->bn_eps <= 1))
    return wrong(err, path, key_eps, eps, "a number from 1e-12 to 1");
  return CREAM_OK;
}

cream_status cream_weights_info_check(const char *path, const cream_weights_info *info,
                                      const cream_space *space, cream_error *err) {
  if (!info->bn_eps || (info->bn_eps == space->bn_eps && info->padding == space->padding)) return CREAM_OK;
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: the weights are for `padding` %s and `bn_eps` %g, the network (--arch) has %s and %g; "
      "take the file *.arch.json that cream convert wrote beside them",
      path, cream_padding_words[info->padding], info->bn_eps, cream_padding_words[space->padding],
      space->bn_eps);
}

cream_status cream_weights_info_read(const char *path, const cream_st_file *file, const char *interpolation,
                                     cream_weights_info *info, cream_error *err) {
  *info = (cream_weights_info){0};
  cream_weights_info read = {0};
  const char *text = cream_st_metadata(file, key_format);
  if (text && strcmp(text, "pt") && strcmp(text, "np"))
    return wrong(err, path, key_format, text, "pt: other frameworks order the axes of weights differently");
  if ((text = cream_st_metadata(file, key_resolution))) {
    double value = number_of(text);
    if (!(value >= 1 && value <= MAX_RESOLUTION && value == floor(value)))
      return wrong(err, path, key_resolution, text, "a whole number from 1 to 4096 (pixels)");
    read.resolution = (int)value;
  }
  const char *mean = cream_st_metadata(file, key_mean), *std = cream_st_metadata(file, key_std);
  if (mean && !cream_weights_info_channels(mean, false, read.mean))
    return wrong(err, path, key_mean, mean, "[RED, GREEN, BLUE]");
  if (std && !cream_weights_info_channels(std, true, read.std))
    return wrong(err, path, key_std, std, "[RED, GREEN, BLUE], all above 0");
  if (!mean != !std)
    return cream_fail(err, CREAM_BAD_DATA, "%s: metadata: got `%s` without `%s`, expected both or neither",
                      path, mean ? key_mean : key_std, mean ? key_std : key_mean);
  read.has_normalisation = mean != NULL;
  if ((text = interpolation ? interpolation : cream_st_metadata(file, key_interpolation))) {
    if (strcmp(text, "bilinear") && strcmp(text, "bicubic"))
      return wrong(err, path, key_interpolation, text,
                   "bilinear or bicubic, which are all that this program can do; set it with cream convert "
                   "--interpolation");
    strcpy(read.interpolation, text);
  }
  if ((text = cream_st_metadata(file, key_crop))) {
    read.test_crop = number_of(text);
    if (!(read.test_crop > 0 && read.test_crop <= 1))
      return wrong(err, path, key_crop, text, "a number above 0, up to 1");
  }
  cream_status status = read_network(path, file, &read, err);
  if (status) return status;
  if ((text = cream_st_metadata(file, key_classes))) {
    status = read_classes(path, text, &read, err);
    if (status) return status;
  }
  *info = read;
  return CREAM_OK;
}

cream_status cream_weights_info_load(const char *path, cream_weights_info *info, cream_error *err) {
  cream_st_file *file;
  *info = (cream_weights_info){0};
  cream_status status = cream_st_open(path, &file, err);
  if (status) return status;
  status = cream_weights_info_read(path, file, NULL, info, err);
  cream_st_close(file);
  return status;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void put_channels(FILE *stream, const float values[3]) {
  cream_json json = cream_json_to(stream);
  cream_json_array(&json, NULL, false);
  for (int c = 0; c < 3; c++) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) { /* the fewest that read back as the same float */
      snprintf(text, sizeof text, "%.*g", digits, (double)values[c]);
      if (strtof(text, NULL) == values[c]) break;
    }
    cream_json_number(&json, NULL, strtod(text, NULL));
  }
  cream_json_end(&json);
}

static void put_classes(FILE *stream, const cream_weights_info *info) {
  cream_json json = cream_json_to(stream);
  cream_json_array(&json, NULL, false);
  for (int i = 0; i < info->n_classes; i++) cream_json_string(&json, NULL, info->class_names[i]);
  cream_json_end(&json);
}

/* Ends the value that was just written to the stream and records its key. */
static void end_value(FILE *stream, cream_weights_metadata *metadata, const char *key) {
  fputc(0, stream);
  metadata->pairs[metadata->count++].key = key;
}

cream_status cream_weights_metadata_init(cream_weights_metadata *metadata, const cream_weights_info *info,
                                         cream_error *err) {
  size_t size;
  *metadata = (cream_weights_metadata){0};
  FILE *stream = open_memstream(&metadata->text, &size);
  if (!stream) return cream_fail_memory(err, sizeof *info, "the metadata of weights");
  fputs("pt", stream);
  end_value(stream, metadata, key_format);
  if (info->resolution) {
    fprintf(stream, "%d", info->resolution);
    end_value(stream, metadata, key_resolution);
  }
  if (info->has_normalisation) {
    put_channels(stream, info->mean);
    end_value(stream, metadata, key_mean);
    put_channels(stream, info->std);
    end_value(stream, metadata, key_std);
  }
  if (info->interpolation[0]) {
    fputs(info->interpolation, stream);
    end_value(stream, metadata, key_interpolation);
  }
  if (info->test_crop > 0) {
    fprintf(stream, "%.15g", info->test_crop);
    end_value(stream, metadata, key_crop);
  }
  if (info->bn_eps > 0) {
    fputs(cream_padding_words[info->padding], stream);
    end_value(stream, metadata, key_padding);
    fprintf(stream, "%.15g", info->bn_eps);
    end_value(stream, metadata, key_eps);
  }
  if (info->n_classes) {
    put_classes(stream, info);
    end_value(stream, metadata, key_classes);
  }
  bool failed = ferror(stream) != 0;
  if (fclose(stream) || failed) {
    cream_weights_metadata_free(metadata);
    return cream_fail_memory(err, sizeof *info, "the metadata of weights");
  }
  const char *value = metadata->text;
  for (int i = 0; i < metadata->count; i++, value += strlen(value) + 1) metadata->pairs[i].value = value;
  return CREAM_OK;
}

void cream_weights_metadata_free(cream_weights_metadata *metadata) {
  free(metadata->text);
  *metadata = (cream_weights_metadata){0};
}
