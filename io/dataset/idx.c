/* `idx:PATH`: MNIST and related data sets. PATH is a folder, or the beginning of file names as in
 * idx:emnist/emnist-letters, with {train,t10k}-{images-idx3,labels-idx1}-ubyte. Also accepted are .gz files, `test` for
 * `t10k`, a dot for the hyphen before idx, a folder raw/ with the files, and the folder in which torchvision puts
 * MNIST/raw/, FashionMNIST/raw/ or KMNIST/raw/, if it has only one of them. Classes are the labels of the training
 * images in ascending order.
 */
#include "idx.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats.h"
#include "io/base/file.h"
#include "io/base/gzip.h"
#include "raster.h"

enum {
  UNSIGNED_BYTE = 8,
  VALUES = 256,
  MAX_SIDE = 8192,
  LABEL_TEXT = 12,
};

static const size_t max_bytes = (size_t)1 << 31; /* of a file, decompressed */

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

cream_status cream_idx_parse(const char *name, const uint8_t *data, size_t size, int dimensions,
                             cream_idx *idx, cream_error *err) {
  size_t header = 4 + 4 * (size_t)dimensions;
  if (size < header)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got %zu bytes, expected an IDX file with a header of %zu bytes", name, size,
                      header);
  uint32_t magic = big_endian(data), expected = UNSIGNED_BYTE << 8 | (uint32_t)dimensions;
  if (magic != expected)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got magic number 0x%08x, expected 0x%08x: %s as unsigned bytes", name, magic,
                      expected, dimensions == 1 ? "labels" : "images");
  uint32_t count = big_endian(data + 4), height = 1, width = 1;
  if (dimensions == 3) {
    height = big_endian(data + 8);
    width = big_endian(data + 12);
  }
  if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE)
    return cream_fail(err, CREAM_BAD_DATA, "%s: got images of %u x %u, expected sides of 1 to %d", name,
                      width, height, MAX_SIDE);
  uint64_t values = (uint64_t)count * height * width;
  if (values != size - header)
    return cream_fail(err, CREAM_BAD_DATA, "%s: got %zu bytes of values, expected %llu as in the header",
                      name, size - header, (unsigned long long)values);
  *idx = (cream_idx){data + header, count, (int)height, (int)width};
  return CREAM_OK;
}

/* ---- files ------------------------------------------------------------------------------------------ */

typedef struct idx_file {
  char path[CREAM_MAX_FILE_NAME + 128];
  char *data;
  cream_idx idx;
} idx_file;

/* Finds a file of images or labels (`what`) of a part under any of its names. */
static cream_status find(const char *place, cream_part part, const char *what, char *path, size_t size,
                         cream_error *err) {
  static const char *const places[] = {"/", "/raw/", "-"}, *const hyphens[] = {"-", "."},
                           *const ends[] = {"", ".gz"}, *const parts[] = {"train", "t10k", "test"};
  size_t first = part == CREAM_PART_TRAIN ? 0 : 1, last = part == CREAM_PART_TRAIN ? 0 : 2;
  for (size_t p = 0; p < 3; p++)
    for (size_t name = first; name <= last; name++)
      for (size_t h = 0; h < 2; h++)
        for (size_t e = 0; e < 2; e++) {
          snprintf(path, size, "%s%s%s-%s%sidx%d-ubyte%s", place, places[p], parts[name], what, hyphens[h],
                   what[0] == 'i' ? 3 : 1, ends[e]);
          if (access(path, F_OK) == 0) return CREAM_OK;
        }
  return cream_fail(err, CREAM_BAD_DATA, "%s: not found: %s-%s-idx%d-ubyte, with or without .gz", place,
                    parts[first], what, what[0] == 'i' ? 3 : 1);
}

static cream_status read_file(const char *place, cream_part part, const char *what, idx_file *file,
                              cream_error *err) {
  size_t size;
  cream_status status = find(place, part, what, file->path, sizeof file->path, err);
  if (!status) status = cream_gzip_read(file->path, max_bytes, &file->data, &size, err);
  if (status) return status;
  return cream_idx_parse(file->path, (const uint8_t *)file->data, size, what[0] == 'i' ? 3 : 1, &file->idx,
                         err);
}

/* ---- the data set ----------------------------------------------------------------------------------- */

static cream_status add_part(cream_raster **set, const char *place, cream_part part, const idx_file *images,
                             const idx_file *labels, cream_error *err) {
  const cream_idx *pixels = &images->idx;
  if (pixels->count != labels->idx.count)
    return cream_fail(err, CREAM_BAD_DATA, "%s has %zu images, but %s has %zu labels; expected equal numbers",
                      images->path, pixels->count, labels->path, labels->idx.count);
  if (!*set) *set = cream_raster_create("idx", place, pixels->width, pixels->height, 1);
  if (!*set) return cream_fail_memory(err, sizeof **set, "a data set");
  if (pixels->width != (*set)->width || pixels->height != (*set)->height)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got images of %d x %d, expected %d x %d like the training images", images->path,
                      pixels->width, pixels->height, (*set)->width, (*set)->height);
  size_t first;
  cream_status status = cream_raster_extend(*set, part, pixels->count, &first, err);
  if (status) return status;
  cream_raster_part *to = &(*set)->parts[part];
  memcpy(to->pixels, pixels->values, pixels->count * (size_t)pixels->width * (size_t)pixels->height);
  for (size_t i = 0; i < pixels->count; i++) to->labels[i] = labels->idx.values[i];
  return CREAM_OK;
}

static cream_status read_part(cream_raster **set, const char *place, cream_part part, cream_error *err) {
  idx_file images = {0}, labels = {0};
  cream_status status = read_file(place, part, "images", &images, err);
  if (!status) status = read_file(place, part, "labels", &labels, err);
  if (!status) status = add_part(set, place, part, &images, &labels, err);
  free(images.data);
  free(labels.data);
  return status;
}

/* Renumbers labels as 0, 1, 2, ... in the order of the training labels; names[i]: the former label of class i. */
static cream_status number_classes(cream_raster *set, const char *place, const char **names,
                                   char (*texts)[LABEL_TEXT], int *classes, cream_error *err) {
  int class_of[VALUES];
  bool seen[VALUES] = {false};
  *classes = 0;
  for (size_t i = 0; i < set->parts[CREAM_PART_TRAIN].count; i++)
    seen[set->parts[CREAM_PART_TRAIN].labels[i]] = true;
  for (int v = 0; v < VALUES; v++) {
    class_of[v] = *classes;
    if (!seen[v]) continue;
    snprintf(texts[*classes], sizeof *texts, "%d", v);
    names[*classes] = texts[*classes];
    ++*classes;
  }
  for (int part = 0; part < CREAM_PARTS; part++) {
    int32_t *labels = set->parts[part].labels;
    for (size_t i = 0; i < set->parts[part].count; i++) {
      if (!seen[labels[i]])
        return cream_fail(err, CREAM_BAD_DATA,
                          "%s: test image %zu has label %d, which no training image has; remove it", place, i,
                          labels[i]);
      labels[i] = class_of[labels[i]];
    }
  }
  return CREAM_OK;
}

/* Enters the folder of a set that torchvision downloaded into the place. */
static cream_status enter_set(const char *place, char *inside, size_t size, cream_error *err) {
  static const char *const sets[] = {"MNIST", "FashionMNIST", "KMNIST"};
  const char *found = NULL;
  char path[CREAM_MAX_FILE_NAME + 128];
  snprintf(inside, size, "%s", place);
  if (find(place, CREAM_PART_TRAIN, "images", path, sizeof path, NULL) == CREAM_OK) return CREAM_OK;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    char folder[CREAM_MAX_FILE_NAME + 32];
    snprintf(folder, sizeof folder, "%s/%s", place, sets[i]);
    if (find(folder, CREAM_PART_TRAIN, "images", path, sizeof path, NULL)) continue;
    if (found)
      return cream_fail(err, CREAM_BAD_DATA, "%s has the sets %s and %s; expected one, name its folder",
                        place, found, sets[i]);
    found = sets[i];
  }
  if (found) snprintf(inside, size, "%s/%s", place, found);
  return CREAM_OK;
}

cream_status cream_idx_open(const char *place, cream_dataset **out, cream_error *err) {
  cream_raster *set = NULL;
  const char *names[VALUES];
  char texts[VALUES][LABEL_TEXT];
  int classes;
  if (!place) return cream_fail(err, CREAM_BAD_CONFIG, "data: got 'idx', expected idx:PATH");
  if (strlen(place) >= CREAM_MAX_FILE_NAME)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "data: the path of 'idx:%.60s...' is too long; expected less than %d bytes", place,
                      CREAM_MAX_FILE_NAME);
  char inside[CREAM_MAX_FILE_NAME + 32];
  cream_status status = enter_set(place, inside, sizeof inside, err);
  if (!status) status = read_part(&set, inside, CREAM_PART_TRAIN, err);
  if (!status) status = read_part(&set, inside, CREAM_PART_TEST, err);
  if (!status) status = number_classes(set, place, names, texts, &classes, err);
  if (!status) status = cream_raster_finish(set, names, classes, out, err);
  if (status) cream_raster_free(set);
  return status;
}
