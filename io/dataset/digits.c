/* `digits`, `digits:FILE`: a file in the form of io/dataset/data/digits.csv.gz, compressed or not; without FILE the one
 * that is installed with the program.
 *
 * Images are resized to any side by bilinear interpolation; grey is stored as three equal channels. Augmentation is a
 * random affine map: shift up to a tenth of the side, rotation up to 12 degrees, scale 0.9 to 1.1.
 */
#include "digits.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/data.h"
#include "core/base/elementary.h"
#include "formats.h"
#include "io/base/data_dir.h"
#include "io/base/file.h"
#include "io/base/gzip.h"

enum {
  SIDE = CREAM_DIGITS_SIDE,
  PIXELS = SIDE * SIDE,
  COUNT = CREAM_DIGITS_COUNT,
  TEST = CREAM_DIGITS_TEST,
  CLASSES = 10,
  WHITE = 16,
  MAX_BYTES = 1 << 20,
};

static const uint64_t split_seed = 8801; /* fixed: all runs are tested on the same images */

typedef struct digits {
  cream_dataset dataset;
  uint8_t pixels[COUNT][PIXELS]; /* 0..WHITE */
  uint32_t index[CREAM_PARTS][COUNT];
  int32_t labels[CREAM_PARTS][COUNT];
  char *place; /* path of the file */
} digits;

/* ---- reading ------------------------------------------------------------------------------------- */

/* Reads a line of 64 pixels and a label; *at moves past its newline. */
static cream_status read_line(const char *path, int line, const char **at, const char *end, uint8_t *pixels,
                              int32_t *label, cream_error *err) {
  for (int i = 0; i <= PIXELS; i++) {
    int limit = i < PIXELS ? WHITE : CLASSES - 1, value = 0, places = 0;
    for (; *at < end && **at >= '0' && **at <= '9' && places < 3; ++*at, places++)
      value = 10 * value + (**at - '0');
    if (places == 0 || places > 2 || value > limit)
      return cream_fail(err, CREAM_BAD_DATA, "%s:%d: value %d is wrong; expected an integer from 0 to %d",
                        path, line, i + 1, limit);
    char expected = i < PIXELS ? ',' : '\n';
    if (i == PIXELS && *at + 1 < end && **at == '\r') ++*at;
    if (*at < end ? **at != expected : i < PIXELS)
      return cream_fail(err, CREAM_BAD_DATA,
                        "%s:%d: %s after value %d; expected 64 pixels and a digit per line", path, line,
                        i < PIXELS ? "no comma" : "no end of line", i + 1);
    if (*at < end) ++*at;
    if (i < PIXELS)
      pixels[i] = (uint8_t)value;
    else
      *label = value;
  }
  return CREAM_OK;
}

static cream_status parse(const char *path, const char *text, size_t size, digits *self, int32_t *labels,
                          cream_error *err) {
  const char *at = text, *end = text + size;
  for (int i = 0; i < COUNT; i++) {
    if (at == end) return cream_fail(err, CREAM_BAD_DATA, "%s: got %d lines, expected %d", path, i, COUNT);
    cream_status status = read_line(path, i + 1, &at, end, self->pixels[i], &labels[i], err);
    if (status) return status;
  }
  if (at != end)
    return cream_fail(err, CREAM_BAD_DATA, "%s:%d: got more lines, expected %d", path, COUNT + 1, COUNT);
  return CREAM_OK;
}

/* ---- images ------------------------------------------------------------------------------------ */

/* The value, 0..WHITE, at (y, x) in pixels, whose centres are integers: bilinear inside the image, with the edge
 * pixels extended to its border; 0 outside. */
static float sample(const uint8_t *source, float y, float x) {
  if (y < -0.5f || y > SIDE - 0.5f || x < -0.5f || x > SIDE - 0.5f) return 0;
  y = fminf(fmaxf(y, 0), SIDE - 1);
  x = fminf(fmaxf(x, 0), SIDE - 1);
  int y0 = (int)y, x0 = (int)x;
  int y1 = y0 < SIDE - 1 ? y0 + 1 : y0, x1 = x0 < SIDE - 1 ? x0 + 1 : x0;
  float fy = y - (float)y0, fx = x - (float)x0;
  float top = (float)source[y0 * SIDE + x0] * (1 - fx) + (float)source[y0 * SIDE + x1] * fx;
  float bottom = (float)source[y1 * SIDE + x0] * (1 - fx) + (float)source[y1 * SIDE + x1] * fx;
  return top * (1 - fy) + bottom * fy;
}

/* Maps a point of the result to the source: source = matrix * (point - centre) + centre - shift. */
typedef struct affine {
  float matrix[2][2], shift_y, shift_x; /* shift in pixels of the source */
} affine;

static affine draw_affine(cream_rng *rng) {
  float angle = cream_rng_range(rng, -12, 12) * 0.017453293f;
  float scale = cream_rng_range(rng, 0.9f, 1.1f);
  float shift_y = cream_rng_range(rng, -0.1f, 0.1f) * SIDE;
  float shift_x = cream_rng_range(rng, -0.1f, 0.1f) * SIDE;
  float c = (float)cream_cos((double)angle) / scale, s = (float)cream_sin((double)angle) / scale;
  return (affine){{{c, -s}, {s, c}}, shift_y, shift_x};
}

static cream_status decode(const cream_dataset *dataset, cream_part part, size_t index, int side,
                           cream_rng *augment, uint8_t *pixels, cream_error *err) {
  (void)err;
  const digits *self = (const digits *)dataset;
  const uint8_t *source = self->pixels[self->index[part][index]];
  affine map = {{{1, 0}, {0, 1}}, 0, 0};
  if (augment) map = draw_affine(augment);
  const float centre = (SIDE - 1) / 2.0f, step = (float)SIDE / (float)side;
  for (int y = 0; y < side; y++) {
    float dy = ((float)y + 0.5f) * step - 0.5f - centre;
    for (int x = 0; x < side; x++) {
      float dx = ((float)x + 0.5f) * step - 0.5f - centre;
      float from_y = map.matrix[0][0] * dy + map.matrix[0][1] * dx + centre - map.shift_y;
      float from_x = map.matrix[1][0] * dy + map.matrix[1][1] * dx + centre - map.shift_x;
      memset(pixels, (int)(sample(source, from_y, from_x) * (255.0f / WHITE) + 0.5f), 3);
      pixels += 3;
    }
  }
  return CREAM_OK;
}

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  (void)least_side;
  const digits *self = (const digits *)dataset;
  const uint8_t *source = self->pixels[self->index[part][index]];
  cream_status status = cream_image_resize(image, SIDE, SIDE, err);
  for (int p = 0; p < PIXELS && !status; p++)
    memset(image->pixels + 3 * p, (int)((float)source[p] * (255.0f / WHITE) + 0.5f), 3);
  return status;
}

static char *path_of(const cream_dataset *dataset, cream_part part, size_t index, char *text, size_t size) {
  const digits *self = (const digits *)dataset;
  snprintf(text, size, "%s:%u", self->place, self->index[part][index] + 1);
  return text;
}

static void measure(digits *self) {
  double sum = 0, squares = 0;
  size_t n = self->dataset.count[CREAM_PART_TRAIN] * PIXELS;
  for (size_t i = 0; i < self->dataset.count[CREAM_PART_TRAIN]; i++) {
    for (int p = 0; p < PIXELS; p++) {
      double value = (double)self->pixels[self->index[CREAM_PART_TRAIN][i]][p] / WHITE;
      sum += value;
      squares += value * value;
    }
  }
  double mean = sum / (double)n, std = sqrt(squares / (double)n - mean * mean);
  for (int c = 0; c < 3; c++) {
    self->dataset.mean[c] = (float)mean;
    self->dataset.std[c] = (float)std;
  }
}

/* ---- the data set -------------------------------------------------------------------------------- */

static void destroy(cream_dataset *dataset) {
  free(((digits *)dataset)->place);
  free(dataset);
}

static void split(digits *self, const int32_t *labels) {
  cream_split(labels, COUNT, CLASSES, split_seed, TEST, self->index[CREAM_PART_TEST],
              self->index[CREAM_PART_TRAIN]);
  for (int part = 0; part < CREAM_PARTS; part++)
    for (size_t i = 0; i < self->dataset.count[part]; i++)
      self->labels[part][i] = labels[self->index[part][i]];
}

static cream_status read_digits(digits *self, const char *path, int32_t *labels, cream_error *err) {
  char *text = NULL;
  size_t size = 0;
  cream_status status = cream_gzip_read(path, MAX_BYTES, &text, &size, err);
  if (status) return status;
  size_t mark = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */
  status = parse(path, text + mark, size - mark, self, labels, err);
  free(text);
  bool seen[CLASSES] = {false};
  for (int i = 0; i < COUNT && !status; i++) seen[labels[i]] = true;
  for (int c = 0; c < CLASSES && !status; c++)
    if (!seen[c])
      status = cream_fail(err, CREAM_BAD_DATA, "%s: no image of digit %d; expected at least one", path, c);
  return status;
}

cream_status cream_digits_open(const char *path, cream_dataset **out, cream_error *err) {
  static const char *const class_names[CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  char found[CREAM_MAX_FILE_NAME];
  int32_t labels[COUNT] = {0};
  if (!path) path = cream_data_dir_find("digits.csv.gz", found, sizeof found);
  digits *self = calloc(1, sizeof *self);
  if (!self) return cream_fail_memory(err, sizeof *self, "the digits");
  self->dataset = (cream_dataset){.name = "digits",
                                  .classes = CLASSES,
                                  .class_names = class_names,
                                  .count = {COUNT - TEST, TEST},
                                  .labels = {self->labels[0], self->labels[1]},
                                  .load = load,
                                  .decode = decode,
                                  .path = path_of,
                                  .destroy = destroy};
  self->place = strdup(path);
  cream_status status =
      self->place ? read_digits(self, path, labels, err) : cream_fail_memory(err, strlen(path) + 1, "a path");
  if (status) {
    destroy(&self->dataset);
    return status;
  }
  split(self, labels);
  measure(self);
  *out = &self->dataset;
  return CREAM_OK;
}
