/* cream detect data sheet. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "detect.h"
#include "io/base/file.h"
#include "io/detect/box_loader.h"
#include "io/detect/draw.h"
#include "io/image/encode.h"

enum { GAP = 4, QUALITY = 90 };

typedef struct sheet {
  int width, height, columns, side;
  uint8_t *pixels;
} sheet;

/* Copies the image of a batch of one to its place, and draws its boxes there. */
static void place(sheet *s, const cream_box_batch *batch, size_t at) {
  const size_t row = (size_t)s->side * 3;
  const size_t left = GAP + at % (size_t)s->columns * (size_t)(s->side + GAP);
  const size_t top = GAP + at / (size_t)s->columns * (size_t)(s->side + GAP);
  for (size_t y = 0; y < (size_t)s->side; y++)
    memcpy(s->pixels + ((top + y) * (size_t)s->width + left) * 3, batch->pixels + y * row, row);
  for (size_t b = 0; b < batch->first[1]; b++) {
    cream_box box = batch->boxes[b];
    box.x1 += (float)left;
    box.x2 += (float)left;
    box.y1 += (float)top;
    box.y2 += (float)top;
    cream_draw_box(s->pixels, s->width, s->height, &box, s->side >= 256 ? 2 : 1);
  }
}

static bool is_jpeg(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static cream_status write_sheet(const char *path, const sheet *s, cream_error *err) {
  cream_file file;
  uint8_t *data;
  size_t size;
  cream_status status;
  if (is_jpeg(path)) {
    status = cream_jpeg_encode(s->pixels, s->width, s->height, QUALITY, &data, &size, err);
    if (status) return status;
    status = cream_file_write(path, data, size, err);
    free(data);
    return status;
  }
  status = cream_file_create(&file, path, err);
  if (status) return status;
  status = cream_png_encode(s->pixels, s->width, s->height, file.stream, err);
  if (!status) return cream_file_commit(&file, err);
  cream_file_abandon(&file);
  return status;
}

static cream_status fill(const detect_options *options, const cream_box_set *set, const uint32_t *images,
                         size_t n, sheet *s, cream_error *err) {
  cream_box_source *source;
  const cream_box_loader_options loading = {.part = (cream_part)options->part,
                                            .indices = images,
                                            .count = n,
                                            .batch = 1,
                                            .side = options->side,
                                            .seed = (uint64_t)options->seed,
                                            .train = options->augment,
                                            .augment = cream_box_augment_defaults(),
                                            .workers = options->threads};
  cream_status status = cream_box_loader_create(set, &loading, &source, err);
  if (status) return status;
  for (size_t i = 0; i < n && !status; i++) {
    cream_box_batch batch;
    status = source->read(source, 0, i, &batch, err);
    if (!status) place(s, &batch, i);
  }
  cream_box_source_destroy(source);
  return status;
}

static void print_classes(const cream_box_set *set, const detect_counts *counts) {
  for (int c = 0; c < set->classes; c++) {
    uint8_t colour[3];
    cream_draw_colour(c, colour);
    printf("#%02x%02x%02x    %s: %zu boxes\n", colour[0], colour[1], colour[2], set->class_names[c],
           counts->of_class[c]);
  }
}

static cream_status draw(const detect_options *options, const cream_box_set *set, cream_error *err) {
  const cream_box_part *part = &set->parts[options->part];
  size_t n = (size_t)options->count < part->count ? (size_t)options->count : part->count;
  if (!n)
    return cream_fail(err, CREAM_BAD_DATA, "data: %.300s: no %s images; choose the other --part",
                      options->data, cream_part_name((cream_part)options->part));
  sheet s = {.side = options->side, .columns = 1};
  while ((size_t)s.columns * (size_t)s.columns < n) s.columns++;
  s.width = GAP + s.columns * (s.side + GAP);
  s.height = GAP + (int)((n + (size_t)s.columns - 1) / (size_t)s.columns) * (s.side + GAP);
  const size_t bytes = (size_t)s.width * (size_t)s.height * 3;
  uint32_t *images = malloc(n * sizeof *images);
  detect_counts counts = detect_count(set, (cream_part)options->part);
  s.pixels = malloc(bytes);
  cream_status status = CREAM_OK;
  if (images && s.pixels && counts.of_class) {
    memset(s.pixels, 255, bytes);
    for (size_t i = 0; i < n; i++) images[i] = (uint32_t)(part->count * i / n); /* evenly spread */
    status = fill(options, set, images, n, &s, err);
    if (!status) status = write_sheet(options->out, &s, err);
    if (!status) print_classes(set, &counts);
  } else {
    status = cream_fail_memory(err, bytes, "the sheet");
  }
  free(images);
  free(s.pixels);
  free(counts.of_class);
  return status;
}

cream_status detect_sheet(const detect_options *options, cream_error *err) {
  cream_box_set *set;
  cream_status status = cream_box_set_open(options->data, CREAM_BOX_LOOK, &set, err);
  if (status) return status;
  status = draw(options, set, err);
  cream_box_set_free(set);
  return status;
}
