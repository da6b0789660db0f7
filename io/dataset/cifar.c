/* `cifar10:PATH`, `cifar100:PATH`: PATH is the folder with the files of the binary version or of the Python version, or
 * the folder that contains it. Labels of cifar100 are the fine ones. The names of the classes come from a file beside the
 * images; without that file classes have numbers.
 */
#include "cifar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cifar_python.h"
#include "formats.h"
#include "io/base/file.h"

enum {
  SIDE = 32,
  PIXELS = 3 * SIDE * SIDE,
  MAX_CLASSES = 100,
  MAX_BYTES = 1 << 28,       /* of a file of images */
  MAX_NAMES_BYTES = 1 << 16, /* of the file of class names */
};

typedef enum kind { BINARY, PYTHON, KINDS } kind;

typedef struct version {
  const char *format;
  int classes, labels;   /* labels: bytes before the pixels in the binary version */
  const char *label_key; /* of the Python version */
  const char *name_key;
  const char *folder[KINDS];         /* the folder in the archive */
  const char *names[KINDS];          /* the file of class names */
  const char *files[CREAM_PARTS][6]; /* without the ending .bin of the binary version */
} version;

static const char *const endings[KINDS] = {[BINARY] = ".bin", [PYTHON] = ""};

static const version cifar10 = {
    .format = "cifar10",
    .classes = 10,
    .labels = 1,
    .label_key = "labels",
    .name_key = "label_names",
    .folder = {[BINARY] = "cifar-10-batches-bin", [PYTHON] = "cifar-10-batches-py"},
    .names = {[BINARY] = "batches.meta.txt", [PYTHON] = "batches.meta"},
    .files = {{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
              {"test_batch"}},
};

static const version cifar100 = {
    .format = "cifar100",
    .classes = 100,
    .labels = 2,
    .label_key = "fine_labels",
    .name_key = "fine_label_names",
    .folder = {[BINARY] = "cifar-100-binary", [PYTHON] = "cifar-100-python"},
    .names = {[BINARY] = "fine_label_names.txt", [PYTHON] = "meta"},
    .files = {{"train"}, {"test"}},
};

cream_status cream_cifar_add(cream_raster *set, cream_part part, const char *name, const uint8_t *data,
                             size_t size, int labels, int classes, cream_error *err) {
  size_t record = (size_t)labels + PIXELS, count = size / record, first;
  if (count == 0 || size % record)
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%s: got %zu bytes, expected a multiple of %zu; use the complete binary version of CIFAR", name, size,
        record);
  for (size_t i = 0; i < count; i++)
    if (data[i * record + (size_t)labels - 1] >= classes)
      return cream_fail(err, CREAM_BAD_DATA, "%s: image %zu: got label %d, expected 0 to %d", name, i,
                        data[i * record + (size_t)labels - 1], classes - 1);
  cream_status status = cream_raster_extend(set, part, count, &first, err);
  if (status) return status;
  for (size_t i = 0; i < count; i++, data += record) {
    set->parts[part].labels[first + i] = data[labels - 1];
    memcpy(set->parts[part].pixels + (first + i) * PIXELS, data + labels, PIXELS);
  }
  return CREAM_OK;
}

static cream_status add_file(cream_raster *set, cream_part part, const version *v, kind which,
                             const char *path, cream_error *err) {
  char *data;
  size_t size;
  cream_status status = cream_file_read(path, MAX_BYTES, &data, &size, err);
  if (status) {
    if (err) err->status = CREAM_BAD_DATA;
    return CREAM_BAD_DATA;
  }
  const uint8_t *content = (const uint8_t *)data;
  status = which == BINARY
               ? cream_cifar_add(set, part, path, content, size, v->labels, v->classes, err)
               : cream_cifar_python_add(set, part, path, content, size, v->label_key, v->classes, err);
  free(data);
  return status;
}

/* Splits text, in place, into one name per line, without blank lines; false unless there is one per class. */
static bool read_names(char *text, int classes, const char **names) {
  int count = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
    if (count == classes) return false;
    names[count++] = line;
  }
  return count == classes;
}

static cream_status finish(cream_raster *set, const version *v, kind which, const char *folder,
                           cream_dataset **out, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME + 128], *text = NULL;
  const char *lines[MAX_CLASSES], *const *names = NULL;
  const char **pickled = NULL;
  size_t size;
  snprintf(path, sizeof path, "%s/%s", folder, v->names[which]);
  cream_status (*read)(const char *, size_t, char **, size_t *, cream_error *) =
      which == PYTHON ? cream_file_read : cream_file_read_text;
  bool found = read(path, MAX_NAMES_BYTES, &text, &size, NULL) == CREAM_OK;
  if (found && which == PYTHON)
    names = pickled = cream_cifar_python_names((const uint8_t *)text, size, v->name_key, v->classes);
  else if (found && read_names(text, v->classes, lines))
    names = lines;
  cream_status status = cream_raster_finish(set, names, v->classes, out, err);
  free(pickled);
  free(text);
  return status;
}

/* Finds the folder of the version by its first file: below the place, or the place itself. */
static cream_status find(const version *v, const char *place, kind *which, char *folder, size_t size,
                         cream_error *err) {
  for (int k = 0; k < KINDS; k++)
    for (int inside = 1; inside >= 0; inside--) {
      char path[CREAM_MAX_FILE_NAME + 128];
      snprintf(folder, size, "%s%s%s", place, inside ? "/" : "", inside ? v->folder[k] : "");
      snprintf(path, sizeof path, "%s/%s%s", folder, v->files[CREAM_PART_TRAIN][0], endings[k]);
      *which = (kind)k;
      if (cream_is_file(path)) return CREAM_OK;
    }
  const char *first = v->files[CREAM_PART_TRAIN][0];
  return cream_fail(
      err, CREAM_BAD_DATA,
      "%s: there is neither %s.bin, of the binary version, nor %s, of the Python version; expected the "
      "unpacked folder %s or %s, or the folder that contains it",
      place, first, first, v->folder[BINARY], v->folder[PYTHON]);
}

static cream_status open_version(const version *v, const char *place, cream_dataset **out, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME + 64], path[CREAM_MAX_FILE_NAME + 128];
  kind which = BINARY;
  if (!place)
    return cream_fail(err, CREAM_BAD_CONFIG, "data: got '%s', expected %s:PATH", v->format, v->format);
  if (strlen(place) >= CREAM_MAX_FILE_NAME)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "data: the path of '%s:%.60s...' is too long; expected less than %d bytes", v->format,
                      place, CREAM_MAX_FILE_NAME);
  cream_status status = find(v, place, &which, folder, sizeof folder, err);
  if (status) return status;
  cream_raster *set = cream_raster_create(v->format, place, SIDE, SIDE, 3);
  if (!set) return cream_fail_memory(err, sizeof *set, "a data set");
  for (int part = 0; part < CREAM_PARTS; part++) {
    for (int i = 0; v->files[part][i] && !status; i++) {
      snprintf(path, sizeof path, "%s/%s%s", folder, v->files[part][i], endings[which]);
      status = add_file(set, (cream_part)part, v, which, path, err);
    }
  }
  if (!status) status = finish(set, v, which, folder, out, err);
  if (status) cream_raster_free(set);
  return status;
}

cream_status cream_cifar10_open(const char *place, cream_dataset **out, cream_error *err) {
  return open_version(&cifar10, place, out, err);
}

cream_status cream_cifar100_open(const char *place, cream_dataset **out, cream_error *err) {
  return open_version(&cifar100, place, out, err);
}
