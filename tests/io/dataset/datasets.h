/* Data set files in a scratch folder, and what the tests of several formats ask of a data set. */
#ifndef CREAM_TESTS_IO_DATASET_DATASETS_H
#define CREAM_TESTS_IO_DATASET_DATASETS_H

#include "tests/io/image/images.h"

#include <unistd.h>

#include "io/base/file.h"
#include "io/dataset/formats.h"
#include "io/dataset/skipped_images.h"

static cream_error error;
static cream_image image;

static inline int teardown(void **state) {
  cream_image_free(&image);
  return scratch_teardown(state);
}

static inline const char *spec_of(const char *format, const char *name, const char *options) {
  static char spec[400];
  snprintf(spec, sizeof spec, "%s:%s%s", format, scratch(name), options);
  return spec;
}

static inline cream_dataset *open_set(const char *format, const char *name, const char *options) {
  cream_dataset *set = NULL;
  if (cream_dataset_open(spec_of(format, name, options), &set, &error)) fail_msg("%s", error.text);
  return set;
}

static inline void check_refused(const char *format, const char *name, const char *options,
                                 cream_status status, const char *reason) {
  cream_dataset *set = NULL;
  assert_fails(cream_dataset_open(spec_of(format, name, options), &set, &error), status, error, reason);
}

static inline void make_folder(const char *name) {
  assert_int_equal(cream_make_directories(scratch(name), NULL), CREAM_OK);
}

static inline void write_text(const char *name, const char *text) {
  scratch_write(name, text, strlen(text));
}

/* A folder with `count` images of widths `width`, `width` + 1, ... */
static inline void make_class(const char *folder, int count, int width) {
  char name[200];
  make_folder(folder);
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%s/%d.%s", folder, i, i % 2 ? "PNG" : "jpg");
    image_write(name, i % 2 ? image_png(width + i, 9, 1) : image_jpeg(width + i, 9, 1));
  }
}

static inline void check_path(const cream_dataset *set, cream_part part, size_t index, const char *expected) {
  char path[CREAM_MAX_FILE_NAME];
  assert_ptr_equal(set->path(set, part, index, path, sizeof path), path);
  assert_string_equal(path, expected);
}

static inline size_t count_label(const cream_dataset *set, cream_part part, int label) {
  size_t count = 0;
  for (size_t i = 0; i < set->count[part]; i++) count += set->labels[part][i] == label;
  return count;
}

static inline bool noted(const cream_dataset *set, const char *text) {
  for (int i = 0; i < set->notes.count; i++)
    if (strstr(set->notes.lines[i], text)) return true;
  return false;
}

/* Every format of the decoder has its extensions; what this build cannot read is noted. */

#endif
