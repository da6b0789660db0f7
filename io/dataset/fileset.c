#include "fileset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "classes.h"
#include "core/base/data.h"

/* Of ImageNet: torchvision and timm normalise all images with them. */
static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f}, imagenet_std[3] = {0.229f, 0.224f, 0.225f};

typedef struct image_list {
  uint32_t *names; /* offsets in the block of names */
  int32_t *labels;
  size_t count, capacity;
} image_list;

struct cream_fileset {
  cream_dataset dataset;
  char *format, *root;
  char *names;
  size_t used, capacity;
  image_list parts[CREAM_PARTS];
};

/* ---- the text after the colon ----------------------------------------------------------------------- */

/* False: no option, so the text belongs to the path. *expected: what a malformed value should be, else NULL. */
static bool read_option(const char *option, cream_fileset_place *place, const char **expected) {
  char *end = NULL;
  *expected = NULL;
  errno = 0;
  if (strncmp(option, "val=", 4) == 0) {
    place->split = true;
    place->all = strcmp(option + 4, "all") == 0;
    if (place->all) return true;
    place->val = strtod(option + 4, &end);
    if (end == option + 4 || *end || !(place->val > 0 && place->val < 1))
      *expected = "a share between 0 and 1, or all";
  } else if (strncmp(option, "seed=", 5) == 0) {
    place->split = true;
    place->seed = strtoull(option + 5, &end, 10);
    if (option[5] < '0' || option[5] > '9' || *end || errno) *expected = "an unsigned 64-bit integer";
  } else if (strncmp(option, "labels=", 7) == 0) {
    place->names = strcmp(option + 7, "names") == 0;
    if (!place->names) *expected = "names";
  } else {
    return false;
  }
  return true;
}

cream_status cream_fileset_parse(const char *format, const char *spec, cream_fileset_place *place,
                                 cream_error *err) {
  *place = (cream_fileset_place){.val = 0.2};
  if (!spec) return cream_fail(err, CREAM_BAD_CONFIG, "data: got '%s', expected %s:PATH", format, format);
  if (strlen(spec) >= sizeof place->path)
    return cream_fail(err, CREAM_BAD_CONFIG,
                      "data: the path of '%s:%.60s...' is too long; expected at most %d bytes", format, spec,
                      CREAM_MAX_FILE_NAME - 1);
  strcpy(place->path, spec);
  for (char *comma; (comma = strrchr(place->path, ',')); *comma = 0) {
    const char *expected;
    if (!read_option(comma + 1, place, &expected)) break;
    if (expected)
      return cream_fail(err, CREAM_BAD_CONFIG, "data: '%s:%.300s': got '%.60s', expected %s", format, spec,
                        comma + 1, expected);
  }
  if (!place->path[0])
    return cream_fail(err, CREAM_BAD_CONFIG, "data: '%s:%.300s' has no path; expected %s:PATH", format, spec,
                      format);
  return CREAM_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static char *path_of(const cream_dataset *dataset, cream_part part, size_t index, char *text, size_t size) {
  const cream_fileset *self = (const cream_fileset *)dataset;
  const char *name = self->names + self->parts[part].names[index];
  bool below = name[0] != '/' && self->root[0];
  snprintf(text, size, "%s%s%s", below ? self->root : "", below ? "/" : "", name);
  return text;
}

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  char path[CREAM_MAX_FILE_NAME + 256];
  return cream_image_read(path_of(dataset, part, index, path, sizeof path), least_side, image, err);
}

static void destroy(cream_dataset *dataset) {
  cream_fileset_free((cream_fileset *)dataset);
}

/* ---- building --------------------------------------------------------------------------------------- */

cream_fileset *cream_fileset_create(const char *format, const char *root) {
  cream_fileset *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->format = strdup(format);
  self->root = strdup(root);
  if (self->format && self->root) return self;
  cream_fileset_free(self);
  return NULL;
}

void cream_fileset_free(cream_fileset *self) {
  if (!self) return;
  free(self->format);
  free(self->root);
  free(self->names);
  for (int part = 0; part < CREAM_PARTS; part++) {
    free(self->parts[part].names);
    free(self->parts[part].labels);
  }
  cream_classes_free(&self->dataset);
  free(self);
}

void cream_fileset_give_names(cream_fileset *self, char *block, size_t size) {
  CREAM_ASSERT(!self->names && size <= UINT32_MAX);
  self->names = block;
  self->used = self->capacity = size;
}

/* Makes room for `count` images in total. */
static cream_status reserve(image_list *part, size_t count, cream_error *err) {
  if (count <= part->capacity) return CREAM_OK;
  size_t capacity = part->capacity + part->capacity / 2 + 64;
  if (capacity < count) capacity = count;
  uint32_t *names = realloc(part->names, capacity * sizeof *names);
  if (names) part->names = names;
  int32_t *labels = realloc(part->labels, capacity * sizeof *labels);
  if (labels) part->labels = labels;
  if (!names || !labels) return cream_fail_memory(err, capacity * sizeof *names, "the names of images");
  part->capacity = capacity;
  return CREAM_OK;
}

cream_status cream_fileset_add_at(cream_fileset *self, cream_part part, size_t offset, int32_t label,
                                  cream_error *err) {
  CREAM_ASSERT(offset < self->used);
  image_list *to = &self->parts[part];
  cream_status status = reserve(to, to->count + 1, err);
  if (status) return status;
  to->names[to->count] = (uint32_t)offset;
  to->labels[to->count++] = label;
  return CREAM_OK;
}

cream_status cream_fileset_add(cream_fileset *self, cream_part part, const char *name, int32_t label,
                               cream_error *err) {
  size_t size = strlen(name) + 1, offset = self->used;
  if (size > UINT32_MAX - offset)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%s: the names of the images take more than 4 GB; split the data set", self->root);
  if (size > self->capacity - self->used) {
    size_t capacity = self->capacity + self->capacity / 2 + size + 4096;
    char *names = realloc(self->names, capacity);
    if (!names) return cream_fail_memory(err, capacity, "the names of images");
    self->names = names;
    self->capacity = capacity;
  }
  memcpy(self->names + offset, name, size);
  self->used += size;
  return cream_fileset_add_at(self, part, offset, label, err);
}

cream_notes *cream_fileset_notes(cream_fileset *self) {
  return &self->dataset.notes;
}

int32_t *cream_fileset_labels(cream_fileset *self, cream_part part, size_t *count) {
  *count = self->parts[part].count;
  return self->parts[part].labels;
}

cream_status cream_fileset_split(cream_fileset *self, int classes, const cream_fileset_place *place,
                                 cream_error *err) {
  image_list *train = &self->parts[CREAM_PART_TRAIN], *test = &self->parts[CREAM_PART_TEST];
  if (place->all) {
    const image_list images = *train;
    *train = *test;
    *test = images;
    return CREAM_OK;
  }
  size_t count = train->count, moved = (size_t)llround(place->val * (double)count);
  CREAM_ASSERT(test->count == 0);
  cream_status status = reserve(test, moved, err);
  if (status) return status;
  uint32_t *order = malloc((count + 1) * sizeof *order);
  if (!order) return cream_fail_memory(err, count * sizeof *order, "a split");
  cream_split(train->labels, count, classes, place->seed, moved, order, order + moved);
  for (size_t i = 0; i < moved; i++) {
    test->names[i] = train->names[order[i]];
    test->labels[i] = train->labels[order[i]];
  }
  for (size_t i = moved; i < count; i++) { /* ascending: order[i] >= i - moved */
    train->names[i - moved] = train->names[order[i]];
    train->labels[i - moved] = train->labels[order[i]];
  }
  free(order);
  test->count = moved;
  train->count = count - moved;
  if (!place->split)
    cream_notes_add(
        cream_fileset_notes(self),
        "%.300s has no test part: %zu of its %zu images are the test images, drawn from each class; "
        "add ,val=SHARE to choose the share, ,val=all to test on all of them",
        place->path, moved, count);
  return CREAM_OK;
}

cream_status cream_fileset_finish(cream_fileset *self, const char *place, const char *const *class_names,
                                  int classes, cream_dataset **out, cream_error *err) {
  cream_dataset *dataset = &self->dataset;
  dataset->name = self->format;
  dataset->test_only = self->parts[CREAM_PART_TRAIN].count == 0 && self->parts[CREAM_PART_TEST].count > 0;
  for (int part = 0; part < CREAM_PARTS; part++) {
    dataset->count[part] = self->parts[part].count;
    dataset->labels[part] = self->parts[part].labels;
  }
  cream_status status = cream_classes_set(dataset, place, class_names, classes, err);
  if (status) return status;
  memcpy(dataset->mean, imagenet_mean, sizeof imagenet_mean);
  memcpy(dataset->std, imagenet_std, sizeof imagenet_std);
  dataset->load = load;
  dataset->path = path_of;
  dataset->destroy = destroy;
  *out = dataset;
  return CREAM_OK;
}
