/* cream data show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "io/base/file.h"
#include "io/image/encode.h"
#include "io/image/transform.h"

enum { GAP = 4, MAX_COLUMNS = CREAM_TRANSFORMS + 2 };

/* A column of the sheet: images as in a test, or changed by some of the transforms. */
typedef struct column {
  unsigned only; /* 0: a test's */
  char title[240];
} column;

typedef struct sheet {
  int width, height;
  uint8_t *pixels;
} sheet;

static int choose_columns(const cream_transforms *transforms, column *columns) {
  int n = 0;
  columns[n++] = (column){0, "as in a test"};
  for (int i = 0; i < CREAM_TRANSFORMS; i++) {
    char text[200];
    if (!*cream_transform_describe(transforms, (cream_transform)i, text, sizeof text)) continue;
    columns[n].only = 1u << i;
    snprintf(columns[n].title, sizeof columns[n].title, "%s: %s", cream_transform_name((cream_transform)i),
             text);
    n++;
  }
  if (n > 1) columns[n++] = (column){~0u, "all together"};
  return n;
}

static void place(sheet *s, const uint8_t *pixels, int side, int row, int at) {
  int left = GAP + at * (side + GAP), top = GAP + row * (side + GAP);
  for (int y = 0; y < side; y++)
    memcpy(s->pixels + ((size_t)(top + y) * (size_t)s->width + (size_t)left) * 3,
           pixels + (size_t)y * (size_t)side * 3, (size_t)side * 3);
}

/* A row: one image in every column. */
static cream_status fill_row(const data_options *options, const cream_dataset *dataset,
                             const cream_transforms *transforms, const column *columns, int n, size_t index,
                             int row, sheet *s, cream_error *err) {
  size_t bytes = (size_t)options->side * (size_t)options->side * 3;
  cream_image image = {0};
  cream_transform_memory memory = {0};
  uint8_t *pixels = malloc(bytes);
  if (!pixels) return cream_fail_memory(err, bytes, "an image");
  cream_status status = dataset->load(dataset, CREAM_PART_TRAIN, index, 0, &image, err);
  for (int i = 0; i < n && !status; i++) {
    cream_rng rng = cream_rng_at(options->config.seed, CREAM_RNG_AUGMENT, index);
    cream_transform_work work =
        cream_transform_begin(transforms, columns[i].only ? &rng : NULL, columns[i].only);
    status = cream_transform_finish(&work, &image, &memory, pixels, err);
    if (!status) place(s, pixels, options->side, row, i);
  }
  free(pixels);
  cream_image_free(&image);
  cream_transform_memory_free(&memory);
  return status;
}

static cream_status write_sheet(const char *path, const sheet *s, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  status = cream_png_encode(s->pixels, s->width, s->height, file.stream, err);
  if (!status) return cream_file_commit(&file, err);
  cream_file_abandon(&file);
  return status;
}

/* Images evenly spread over the training part, which may be ordered by class. */
static size_t image_of_row(const cream_dataset *dataset, int row, int rows) {
  return dataset->count[CREAM_PART_TRAIN] * (size_t)row / (size_t)rows;
}

cream_status data_show(const data_options *options, const cream_dataset *dataset, cream_error *err) {
  cream_transforms transforms;
  cream_status status = cream_transforms_init(&transforms, &options->config.augment, options->side,
                                              dataset->mean, dataset->std, err);
  if (status) return status;
  transforms.config.flip = transforms.config.flip > 0;
  transforms.config.erase = transforms.config.erase > 0;
  column columns[MAX_COLUMNS];
  int n = choose_columns(&transforms, columns), rows = options->count;
  if ((size_t)rows > dataset->count[CREAM_PART_TRAIN]) rows = (int)dataset->count[CREAM_PART_TRAIN];
  sheet s = {.width = GAP + n * (options->side + GAP), .height = GAP + rows * (options->side + GAP)};
  size_t bytes = (size_t)s.width * (size_t)s.height * 3;
  s.pixels = malloc(bytes);
  if (!s.pixels) return cream_fail_memory(err, bytes, "the sheet");
  memset(s.pixels, 255, bytes);
  for (int row = 0; row < rows && !status; row++)
    status =
        fill_row(options, dataset, &transforms, columns, n, image_of_row(dataset, row, rows), row, &s, err);
  if (!status) status = write_sheet(options->config.out, &s, err);
  free(s.pixels);
  for (int i = 0; i < n && !status; i++) printf("column %d    %s\n", i + 1, columns[i].title);
  return status;
}
