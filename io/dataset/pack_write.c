#include <errno.h>
#include <stdlib.h>

#include "io/base/file.h"
#include "io/base/parallel.h"
#include "io/image/encode.h"
#include "io/image/resample.h"
#include "pack_internal.h"

/* An image ready to be written. */
typedef struct item {
  uint8_t *data;
  size_t size;
  int width, height;
  cream_status status;
  cream_error error;
} item;

typedef struct thread_memory {
  cream_image image;
  cream_scratch scratch;
} thread_memory;

typedef struct packer {
  const cream_dataset *dataset;
  const cream_pack_options *options;
  cream_file file;
  uint64_t at; /* bytes written */
  uint8_t *index;
  size_t count[CREAM_PARTS];
  /* The images being read: items[0] is image `first` of `part`. */
  cream_part part;
  size_t first;
  item *items;
  thread_memory *memory; /* [threads] */
} packer;

enum { ITEMS_PER_THREAD = 16 };

/* ---- one image, on any thread --------------------------------------------------------------------- */

static cream_status shrink(const packer *self, thread_memory *memory, item *out, cream_error *err) {
  const cream_image *image = &memory->image;
  int shorter = image->width < image->height ? image->width : image->height, wanted = self->options->shorter;
  bool smaller = wanted < shorter;
  out->width = smaller ? (int)((double)wanted * image->width / shorter) : image->width;
  out->height = smaller ? (int)((double)wanted * image->height / shorter) : image->height;
  out->size = (size_t)out->width * (size_t)out->height * 3;
  out->data = malloc(out->size);
  if (!out->data) return cream_fail_memory(err, out->size, "packing an image");
  if (!smaller) {
    memcpy(out->data, image->pixels, out->size);
    return CREAM_OK;
  }
  cream_resize job = {.pixels = image->pixels,
                      .width = image->width,
                      .height = image->height,
                      .stride = (size_t)image->width * 3,
                      .out_width = out->width,
                      .out_height = out->height,
                      .filter = CREAM_FILTER_BICUBIC};
  return cream_resample(&memory->scratch, &job, out->data, err);
}

static cream_status compress(const packer *self, item *out, cream_error *err) {
  uint8_t *pixels = out->data;
  out->data = NULL;
  cream_status status =
      cream_jpeg_encode(pixels, out->width, out->height, self->options->quality, &out->data, &out->size, err);
  free(pixels);
  return status;
}

static void prepare(void *context, int thread, size_t i) {
  packer *self = context;
  item *out = &self->items[i];
  thread_memory *memory = &self->memory[thread];
  *out = (item){0};
  out->status =
      self->dataset->load(self->dataset, self->part, self->first + i, 0, &memory->image, &out->error);
  if (!out->status) out->status = shrink(self, memory, out, &out->error);
  if (!out->status && self->options->kind == CREAM_PACK_JPEG) out->status = compress(self, out, &out->error);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static cream_status put(packer *self, const void *data, size_t size, cream_error *err) {
  self->at += size;
  if (fwrite(data, 1, size, self->file.stream) == size) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "cannot write %s: %s", self->file.path, strerror(errno ? errno : EIO));
}

static cream_status pad(packer *self, cream_error *err) {
  static const uint8_t zeros[CREAM_PACK_ALIGNMENT];
  return put(self, zeros, (size_t)(-self->at % CREAM_PACK_ALIGNMENT), err);
}

static cream_status put_item(packer *self, const item *it, int32_t label, cream_error *err) {
  if (it->size > UINT32_MAX)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: an image of %d x %d pixels is too large to be packed; lower --shorter",
                      self->dataset->name, it->width, it->height);
  cream_status status = pad(self, err);
  uint8_t *entry = self->index + (self->count[0] + self->count[1]) * CREAM_PACK_ENTRY;
  pack_put(entry + PACK_ENTRY_OFFSET, self->at, 8);
  pack_put(entry + PACK_ENTRY_CHECKSUM, XXH3_64bits(it->data, it->size), 8);
  pack_put(entry + PACK_ENTRY_WIDTH, (uint64_t)it->width, 4);
  pack_put(entry + PACK_ENTRY_HEIGHT, (uint64_t)it->height, 4);
  pack_put(entry + PACK_ENTRY_SIZE, it->size, 4);
  pack_put(entry + PACK_ENTRY_LABEL, (uint64_t)label, 4);
  if (!status) status = put(self, it->data, it->size, err);
  if (!status) self->count[self->part]++;
  return status;
}

/* Writes the first n items in order; frees all, also on failure. */
static cream_status put_items(packer *self, size_t n, cream_error *err) {
  cream_status status = CREAM_OK;
  for (size_t i = 0; i < n; i++) {
    item *it = &self->items[i];
    size_t number = self->first + i;
    if (status) {
      /* Only free the rest. */
    } else if (it->status == CREAM_OK) {
      status = put_item(self, it, self->dataset->labels[self->part][number], err);
    } else if (it->status == CREAM_BAD_DATA && self->options->skipped) {
      status = cream_skipped_add(self->options->skipped, self->part, number, &it->error, err);
    } else {
      status = it->status;
      if (err) *err = it->error;
    }
    free(it->data);
  }
  return status;
}

static cream_status put_part(packer *self, cream_part part, size_t done, size_t all, cream_error *err) {
  size_t count = self->dataset->count[part], room = (size_t)self->options->threads * ITEMS_PER_THREAD;
  cream_status status = CREAM_OK;
  self->part = part;
  for (self->first = 0; self->first < count && !status; self->first += room) {
    size_t n = count - self->first < room ? count - self->first : room;
    cream_parallel(self->options->threads, n, prepare, self);
    status = put_items(self, n, err);
    if (!status && self->options->stop && *self->options->stop)
      status = cream_fail(err, CREAM_INTERRUPTED, "interrupted after %zu of %zu images; nothing was written",
                          done + self->first + n, all);
    if (!status && self->options->progress)
      self->options->progress(self->options->context, done + self->first + n, all);
  }
  return status;
}

/* Returns the class names as one block of *size bytes, which the caller frees; NULL: out of memory. */
static char *join_names(const cream_dataset *dataset, size_t *size) {
  *size = 0;
  for (int c = 0; c < dataset->classes; c++) *size += strlen(dataset->class_names[c]) + 1;
  char *names = malloc(*size + 1), *at = names;
  for (int c = 0; c < dataset->classes && names; c++) at = stpcpy(at, dataset->class_names[c]) + 1;
  return names;
}

static void fill_header(const packer *self, uint8_t header[CREAM_PACK_HEADER]) {
  const cream_dataset *dataset = self->dataset;
  pack_put(header + PACK_AT_MAGIC, CREAM_PACK_MAGIC, 8);
  pack_put(header + PACK_AT_VERSION, CREAM_PACK_VERSION, 4);
  pack_put(header + PACK_AT_KIND, self->options->kind, 4);
  pack_put(header + PACK_AT_CLASSES, (uint64_t)dataset->classes, 4);
  pack_put(header + PACK_AT_SHORTER, (uint64_t)self->options->shorter, 4);
  for (int part = 0; part < CREAM_PARTS; part++)
    pack_put(header + PACK_AT_COUNTS + 8 * part, self->count[part], 8);
  for (int c = 0; c < 3; c++) {
    pack_put_float(header + PACK_AT_MEAN + 4 * c, dataset->mean[c]);
    pack_put_float(header + PACK_AT_MEAN + 4 * (c + 3), dataset->std[c]);
  }
}

/* Writes names and index, and the header at the beginning of the file. */
static cream_status put_rest(packer *self, cream_error *err) {
  uint8_t header[CREAM_PACK_HEADER] = {0};
  size_t names_size, index_size = (self->count[0] + self->count[1]) * CREAM_PACK_ENTRY;
  char *names = join_names(self->dataset, &names_size);
  if (!names) return cream_fail_memory(err, names_size, "the names of the classes");
  cream_status status = pad(self, err);
  fill_header(self, header);
  pack_put(header + PACK_AT_NAMES, self->at, 8);
  pack_put(header + PACK_AT_INDEX, self->at + names_size, 8);
  pack_put(header + PACK_AT_CHECKSUM, pack_checksum(names, names_size, self->index, index_size, header), 8);
  if (!status) status = put(self, names, names_size, err);
  if (!status) status = put(self, self->index, index_size, err);
  free(names);
  if (!status && fseek(self->file.stream, 0, SEEK_SET) != 0)
    status =
        cream_fail(err, CREAM_FAILED, "cannot write %s: %s", self->file.path, strerror(errno ? errno : EIO));
  return status ? status : put(self, header, sizeof header, err);
}

static cream_status put_all(packer *self, size_t all, cream_error *err) {
  const uint8_t header[CREAM_PACK_HEADER] = {0};
  cream_status status = put(self, header, sizeof header, err);
  if (!status) status = put_part(self, CREAM_PART_TRAIN, 0, all, err);
  if (!status) status = put_part(self, CREAM_PART_TEST, self->dataset->count[CREAM_PART_TRAIN], all, err);
  if (!status && (!self->count[0] || !self->count[1]))
    status =
        cream_fail(err, CREAM_BAD_DATA, "%s: no %s image can be used; expected at least one",
                   self->dataset->name, cream_part_name(self->count[0] ? CREAM_PART_TEST : CREAM_PART_TRAIN));
  return status ? status : put_rest(self, err);
}

cream_status cream_pack_write(const char *path, const cream_dataset *dataset,
                              const cream_pack_options *options, cream_error *err) {
  CREAM_ASSERT(options->shorter > 0 && options->threads > 0);
  packer self = {.dataset = dataset, .options = options};
  size_t all = dataset->count[0] + dataset->count[1], threads = (size_t)options->threads;
  self.index = malloc(all * CREAM_PACK_ENTRY + 1);
  self.items = calloc(threads * ITEMS_PER_THREAD, sizeof *self.items);
  self.memory = calloc(threads, sizeof *self.memory);
  cream_status status = self.index && self.items && self.memory
                            ? cream_file_create(&self.file, path, err)
                            : cream_fail_memory(err, all * CREAM_PACK_ENTRY, "packing");
  if (!status) {
    status = put_all(&self, all, err);
    if (status)
      cream_file_abandon(&self.file);
    else
      status = cream_file_commit(&self.file, err);
  }
  for (size_t i = 0; self.memory && i < threads; i++) {
    cream_image_free(&self.memory[i].image);
    cream_scratch_free(&self.memory[i].scratch);
  }
  free(self.memory);
  free(self.items);
  free(self.index);
  return status;
}
