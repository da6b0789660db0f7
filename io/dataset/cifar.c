/* `cifar10:PATH`, `cifar100:PATH`: PATH is the folder with the files of the binary version, or the folder that contains
 * it. Labels of cifar100 are the fine ones. The names of the classes come from a text file beside the images; without
 * that file classes have numbers.
 */
#include "cifar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "formats.h"
#include "io/base/file.h"

enum {
  SIDE = 32,
  PIXELS = 3 * SIDE * SIDE,
  MAX_CLASSES = 100,
  MAX_BYTES = 1 << 28,       /* of a file of images */
  MAX_NAMES_BYTES = 1 << 16, /* of the file of class names */
};

typedef struct version {
  const char *format, *folder; /* the folder in the archive */
  int classes, labels;         /* labels: bytes before the pixels */
  const char *names;           /* the file of class names */
  const char *files[CREAM_PARTS][6];
} version;

static const version cifar10 = {
    .format = "cifar10",
    .folder = "cifar-10-batches-bin",
    .classes = 10,
    .labels = 1,
    .names = "batches.meta.txt",
    .files = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
               "data_batch_5.bin"},
              {"test_batch.bin"}},
};

static const version cifar100 = {
    .format = "cifar100",
    .folder = "cifar-100-binary",
    .classes = 100,
    .labels = 2,
    .names = "fine_label_names.txt",
    .files = {{"train.bin"}, {"test.bin"}},
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

static cream_status add_file(cream_raster *set, cream_part part, const version *v, const char *path,
                             cream_error *err) {
  char *data;
  size_t size;
  cream_status status = cream_file_read(path, MAX_BYTES, &data, &size, err);
  if (status) {
    if (err) err->status = CREAM_BAD_DATA;
    return CREAM_BAD_DATA;
  }
  status = cream_cifar_add(set, part, path, (const uint8_t *)data, size, v->labels, v->classes, err);
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

static cream_status finish(cream_raster *set, const version *v, const char *folder, cream_dataset **out,
                           cream_error *err) {
  char path[CREAM_MAX_FILE_NAME + 128], *text = NULL;
  const char *names[MAX_CLASSES];
  size_t size;
  snprintf(path, sizeof path, "%s/%s", folder, v->names);
  bool named = cream_file_read(path, MAX_NAMES_BYTES, &text, &size, NULL) == CREAM_OK &&
               read_names(text, v->classes, names);
  cream_status status = cream_raster_finish(set, named ? names : NULL, v->classes, out, err);
  free(text);
  return status;
}

static cream_status open_version(const version *v, const char *place, cream_dataset **out, cream_error *err) {
  char folder[CREAM_MAX_FILE_NAME + 64], path[CREAM_MAX_FILE_NAME + 128];
  if (!place)
    return cream_fail(err, CREAM_BAD_CONFIG, "data: got '%s', expected %s:PATH", v->format, v->format);
  if (strlen(place) >= CREAM_MAX_FILE_NAME)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "data: the path of '%s:%.60s...' is too long; expected less than %d bytes", v->format,
                      place, CREAM_MAX_FILE_NAME);
  snprintf(folder, sizeof folder, "%s/%s", place, v->folder);
  struct stat info;
  if (stat(folder, &info) || !S_ISDIR(info.st_mode)) strcpy(folder, place);
  cream_raster *set = cream_raster_create(v->format, place, SIDE, SIDE, 3);
  if (!set) return cream_fail_memory(err, sizeof *set, "a data set");
  cream_status status = CREAM_OK;
  for (int part = 0; part < CREAM_PARTS; part++) {
    for (int i = 0; v->files[part][i] && !status; i++) {
      snprintf(path, sizeof path, "%s/%s", folder, v->files[part][i]);
      status = add_file(set, (cream_part)part, v, path, err);
    }
  }
  if (!status) status = finish(set, v, folder, out, err);
  if (status) cream_raster_free(set);
  return status;
}

cream_status cream_cifar10_open(const char *place, cream_dataset **out, cream_error *err) {
  return open_version(&cifar10, place, out, err);
}

cream_status cream_cifar100_open(const char *place, cream_dataset **out, cream_error *err) {
  return open_version(&cifar100, place, out, err);
}
