/* `pack:FILE`: a file of packed images. Header, names and index are verified when it is opened, the bytes of an image
 * when it is loaded.
 */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes.h"
#include "formats.h"
#include "pack_internal.h"

typedef struct pack {
  cream_dataset dataset;
  char *path;
  const uint8_t *map;
  size_t size;
  cream_pack_kind kind;
  uint64_t names_at, index_at;
  const uint8_t *index[CREAM_PARTS];
  int32_t *labels;
} pack;

static const uint8_t *entry_of(const pack *self, cream_part part, size_t index) {
  return self->index[part] + index * CREAM_PACK_ENTRY;
}

static char *path_of(const cream_dataset *dataset, cream_part part, size_t index, char *text, size_t size) {
  const pack *self = (const pack *)dataset;
  snprintf(text, size, "%s: %s image %zu", self->path, cream_part_name(part), index);
  return text;
}

/* Copies the crop of image->crop, or the whole image. */
static cream_status copy_pixels(const uint8_t *pixels, int width, int height, cream_image *image,
                                cream_error *err) {
  cream_image_crop all = {.width = width, .height = height}, *part = image->crop ? image->crop : &all;
  if (image->crop) part->choose(part, width, height);
  cream_status status = cream_image_resize(image, part->width, part->height, err);
  if (status) return status;
  size_t row = (size_t)part->width * 3, stride = (size_t)width * 3;
  const uint8_t *from = pixels + (size_t)part->top * stride + (size_t)part->left * 3;
  for (int y = 0; y < part->height; y++)
    memcpy(image->pixels + (size_t)y * row, from + (size_t)y * stride, row);
  image->left = part->left;
  image->top = part->top;
  image->shrink = 1;
  return CREAM_OK;
}

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  const pack *self = (const pack *)dataset;
  const uint8_t *entry = entry_of(self, part, index);
  const uint8_t *data = self->map + pack_get(entry + PACK_ENTRY_OFFSET, 8);
  size_t size = (size_t)pack_get(entry + PACK_ENTRY_SIZE, 4);
  char name[512];
  path_of(dataset, part, index, name, sizeof name);
  if (XXH3_64bits(data, size) != pack_get(entry + PACK_ENTRY_CHECKSUM, 8))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: the bytes do not match their checksum; pack the data set again", name);
  switch (self->kind) {
  case CREAM_PACK_RAW:
    return copy_pixels(data, (int)pack_get(entry + PACK_ENTRY_WIDTH, 4),
                       (int)pack_get(entry + PACK_ENTRY_HEIGHT, 4), image, err);
  case CREAM_PACK_JPEG:
    return cream_image_decode(data, size, name, least_side, image, err);
  case CREAM_PACK_KINDS:
    break;
  }
  CREAM_ASSERT(false);
}

static void destroy(cream_dataset *dataset) {
  pack *self = (pack *)dataset;
  if (self->map) munmap((void *)self->map, self->size);
  cream_classes_free(&self->dataset);
  free(self->labels);
  free(self->path);
  free(self);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static cream_status map_file(pack *self, cream_error *err) {
  int file = open(self->path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file < 0 || fstat(file, &info)) {
    int error = errno;
    if (file >= 0) close(file);
    return cream_fail(err, CREAM_FAILED, "cannot open %s: %s", self->path, strerror(error));
  }
  if (!S_ISREG(info.st_mode) || info.st_size < CREAM_PACK_HEADER) {
    close(file);
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: not a file of packed images; expected one made by cream data pack", self->path);
  }
  self->size = (size_t)info.st_size;
  void *map = mmap(NULL, self->size, PROT_READ, MAP_SHARED, file, 0);
  int error = errno;
  close(file);
  if (map == MAP_FAILED)
    return cream_fail(err, CREAM_FAILED, "cannot map %s: %s", self->path, strerror(error));
  self->map = map;
  return CREAM_OK;
}

static cream_status damaged(const pack *self, const char *what, cream_error *err) {
  return cream_fail(err, CREAM_BAD_DATA, "%s: damaged packed images: %s", self->path, what);
}

static cream_status read_header(pack *self, cream_error *err) {
  const uint8_t *header = self->map;
  if (pack_get(header + PACK_AT_MAGIC, 8) != CREAM_PACK_MAGIC)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: not a file of packed images; expected one made by cream data pack", self->path);
  uint64_t version = pack_get(header + PACK_AT_VERSION, 4), kind = pack_get(header + PACK_AT_KIND, 4);
  if (version != CREAM_PACK_VERSION)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: got version %u of packed images, expected %d; pack them again", self->path,
                      (unsigned)version, CREAM_PACK_VERSION);
  if (kind >= CREAM_PACK_KINDS) return damaged(self, "unknown kind of images", err);
  self->kind = (cream_pack_kind)kind;
  uint64_t counts[CREAM_PARTS], classes = pack_get(header + PACK_AT_CLASSES, 4);
  self->names_at = pack_get(header + PACK_AT_NAMES, 8);
  self->index_at = pack_get(header + PACK_AT_INDEX, 8);
  if (self->names_at < CREAM_PACK_HEADER || self->names_at > self->index_at || self->index_at > self->size)
    return damaged(self, "it is truncated, or offsets are out of range", err);
  uint64_t room = (self->size - self->index_at) / CREAM_PACK_ENTRY;
  for (int part = 0; part < CREAM_PARTS; part++) {
    counts[part] = pack_get(header + PACK_AT_COUNTS + 8 * part, 8);
    if (counts[part] == 0 || counts[part] > room) return damaged(self, "wrong number of images", err);
  }
  if ((counts[0] + counts[1]) * CREAM_PACK_ENTRY != self->size - self->index_at)
    return damaged(self, "the index has the wrong size", err);
  if (classes == 0 || classes > CREAM_PACK_MAX_CLASSES) return damaged(self, "wrong number of classes", err);
  const uint8_t *names = self->map + self->names_at, *index = self->map + self->index_at;
  uint64_t checksum =
      pack_checksum(names, (size_t)(index - names), index, self->size - (size_t)self->index_at, header);
  if (checksum != pack_get(header + PACK_AT_CHECKSUM, 8))
    return damaged(self, "header and index do not match their checksum", err);
  self->dataset.classes = (int)classes;
  for (int c = 0; c < 3; c++) {
    self->dataset.mean[c] = pack_get_float(header + PACK_AT_MEAN + 4 * c);
    self->dataset.std[c] = pack_get_float(header + PACK_AT_MEAN + 4 * (c + 3));
    if (!(self->dataset.mean[c] >= 0 && self->dataset.mean[c] <= 1 && self->dataset.std[c] > 0 &&
          self->dataset.std[c] <= 1))
      return damaged(self, "mean or deviation out of range", err);
  }
  for (int part = 0; part < CREAM_PARTS; part++) self->dataset.count[part] = (size_t)counts[part];
  return CREAM_OK;
}

static cream_status read_names(pack *self, cream_error *err) {
  const char *names = (const char *)self->map + self->names_at;
  size_t size = (size_t)(self->index_at - self->names_at);
  const char **list = malloc(((size_t)self->dataset.classes + 1) * sizeof *list);
  if (!list) return cream_fail_memory(err, (size_t)self->dataset.classes * sizeof *list, "names of classes");
  size_t at = 0;
  int n = 0;
  for (; n < self->dataset.classes && at < size; n++) {
    list[n] = names + at;
    at += strnlen(names + at, size - at) + 1;
  }
  cream_status status = n == self->dataset.classes && at == size
                            ? cream_classes_set(&self->dataset, self->path, list, n, err)
                            : damaged(self, "wrong names of classes", err);
  free(list);
  return status;
}

static cream_status check_entry(const pack *self, const uint8_t *entry, cream_error *err) {
  uint64_t offset = pack_get(entry + PACK_ENTRY_OFFSET, 8), size = pack_get(entry + PACK_ENTRY_SIZE, 4);
  uint64_t width = pack_get(entry + PACK_ENTRY_WIDTH, 4), height = pack_get(entry + PACK_ENTRY_HEIGHT, 4);
  if (offset < CREAM_PACK_HEADER || offset > self->names_at || size > self->names_at - offset)
    return damaged(self, "the offset of an image is out of range", err);
  if (width == 0 || height == 0 || width * height > CREAM_MAX_PIXELS)
    return damaged(self, "an image has an impossible size", err);
  if (self->kind == CREAM_PACK_RAW && size != width * height * 3)
    return damaged(self, "the bytes of an image do not match its width and height", err);
  if (pack_get(entry + PACK_ENTRY_LABEL, 4) >= (uint64_t)self->dataset.classes)
    return damaged(self, "a label is out of range", err);
  return CREAM_OK;
}

static cream_status read_index(pack *self, cream_error *err) {
  size_t count = self->dataset.count[0] + self->dataset.count[1];
  const uint8_t *entry = self->map + self->index_at;
  self->labels = malloc((count + 1) * sizeof *self->labels);
  if (!self->labels) return cream_fail_memory(err, count * sizeof *self->labels, "labels");
  self->index[0] = entry;
  self->index[1] = entry + self->dataset.count[0] * CREAM_PACK_ENTRY;
  self->dataset.labels[0] = self->labels;
  self->dataset.labels[1] = self->labels + self->dataset.count[0];
  for (size_t i = 0; i < count; i++, entry += CREAM_PACK_ENTRY) {
    cream_status status = check_entry(self, entry, err);
    if (status) return status;
    self->labels[i] = (int32_t)pack_get(entry + PACK_ENTRY_LABEL, 4);
  }
  return CREAM_OK;
}

cream_status cream_pack_open(const char *path, cream_dataset **out, cream_error *err) {
  if (!path) return cream_fail(err, CREAM_BAD_CONFIG, "data: got 'pack', expected pack:FILE");
  pack *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "packed images");
  self->dataset = (cream_dataset){.name = "pack", .load = load, .path = path_of, .destroy = destroy};
  self->path = strdup(path);
  cream_status status = self->path ? map_file(self, err) : cream_fail_memory(err, strlen(path), "a path");
  if (!status) status = read_header(self, err);
  if (!status) status = read_index(self, err);
  if (!status) status = read_names(self, err);
  if (status) {
    destroy(&self->dataset);
    return status;
  }
  *out = &self->dataset;
  return CREAM_OK;
}
