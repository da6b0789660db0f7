/* Small data sets for detection in a scratch folder. */
#ifndef CREAM_TESTS_IO_DETECT_BOXES_H
#define CREAM_TESTS_IO_DETECT_BOXES_H

#include "tests/io/scratch.h"

#include "io/base/file.h"
#include "io/detect/box_write.h"
#include "io/image/encode.h"

static cream_error error;

static inline void make_folder(const char *name) {
  assert_int_equal(cream_make_directories(scratch(name), NULL), CREAM_OK);
}

static inline void write_text(const char *name, const char *text) {
  scratch_write(name, text, strlen(text));
}

/* A blue image with a red rectangle from x1, y1 to x2, y2. */
static inline void write_image(const char *name, int width, int height, int x1, int y1, int x2, int y2) {
  uint8_t *pixels = calloc((size_t)width * (size_t)height, 3);
  assert_non_null(pixels);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      pixels[(y * width + x) * 3 + (x >= x1 && x < x2 && y >= y1 && y < y2 ? 0 : 2)] = 255;
  FILE *stream = fopen(scratch(name), "wb");
  assert_non_null(stream);
  assert_int_equal(cream_png_encode(pixels, width, height, stream, NULL), CREAM_OK);
  assert_int_equal(fclose(stream), 0);
  free(pixels);
}

/* A specification in which each @ is the scratch folder. */
static inline const char *spec_of(const char *pattern) {
  static char spec[1024];
  size_t used = 0;
  for (; *pattern && used < sizeof spec - 1; pattern++)
    if (*pattern == '@')
      used += (size_t)snprintf(spec + used, sizeof spec - used, "%s", scratch_dir);
    else
      spec[used++] = *pattern;
  assert_true(used < sizeof spec);
  spec[used] = '\0';
  return spec;
}

static inline cream_box_set *open_set(const char *pattern, cream_box_use use) {
  cream_box_set *set = NULL;
  if (cream_box_set_open(spec_of(pattern), use, &set, &error)) fail_msg("%s", error.text);
  return set;
}

static inline void check_refused(const char *pattern, cream_box_use use, cream_status status,
                                 const char *reason) {
  cream_box_set *set = NULL;
  assert_fails(cream_box_set_open(spec_of(pattern), use, &set, &error), status, error, reason);
}

static inline void check_box(const cream_box *box, double x1, double y1, double x2, double y2, int label) {
  if (box->x1 != (float)x1 || box->y1 != (float)y1 || box->x2 != (float)x2 || box->y2 != (float)y2 ||
      box->label != label)
    fail_msg("box %g %g %g %g of %d, expected %g %g %g %g of %d", box->x1, box->y1, box->x2, box->y2,
             box->label, x1, y1, x2, y2, label);
}

#endif
