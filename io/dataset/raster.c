#include "raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "classes.h"

static size_t plane_of(const cream_raster *self) {
  return (size_t)self->width * (size_t)self->height;
}

static cream_status load(const cream_dataset *dataset, cream_part part, size_t index, int least_side,
                         cream_image *image, cream_error *err) {
  (void)least_side;
  const cream_raster *self = (const cream_raster *)dataset;
  cream_status status = cream_image_resize(image, self->width, self->height, err);
  if (status) return status;
  size_t plane = plane_of(self), step = self->channels == 3 ? plane : 0;
  const uint8_t *source = self->parts[part].pixels + index * plane * (size_t)self->channels;
  for (size_t p = 0; p < plane; p++)
    for (size_t c = 0; c < 3; c++) image->pixels[3 * p + c] = source[c * step + p];
  return CREAM_OK;
}

static char *path_of(const cream_dataset *dataset, cream_part part, size_t index, char *text, size_t size) {
  snprintf(text, size, "%s:%s/%zu", ((const cream_raster *)dataset)->place,
           part == CREAM_PART_TRAIN ? "train" : "test", index);
  return text;
}

static void destroy(cream_dataset *dataset) {
  cream_raster_free((cream_raster *)dataset);
}

cream_raster *cream_raster_create(const char *format, const char *place, int width, int height,
                                  int channels) {
  cream_raster *self = calloc(1, sizeof *self);
  char *copy = strdup(place);
  if (!self || !copy) {
    free(self);
    free(copy);
    return NULL;
  }
  self->dataset = (cream_dataset){.name = format, .load = load, .path = path_of, .destroy = destroy};
  self->place = copy;
  self->width = width;
  self->height = height;
  self->channels = channels;
  return self;
}

void cream_raster_free(cream_raster *self) {
  if (!self) return;
  for (int part = 0; part < CREAM_PARTS; part++) {
    free(self->parts[part].pixels);
    free(self->parts[part].labels);
  }
  cream_classes_free(&self->dataset);
  free(self->place);
  free(self);
}

cream_status cream_raster_extend(cream_raster *self, cream_part which, size_t count, size_t *first,
                                 cream_error *err) {
  cream_raster_part *part = &self->parts[which];
  size_t image_bytes = plane_of(self) * (size_t)self->channels, all = part->count + count;
  uint8_t *pixels = realloc(part->pixels, all * image_bytes + 1);
  if (pixels) part->pixels = pixels;
  int32_t *labels = realloc(part->labels, (all + 1) * sizeof *labels);
  if (labels) part->labels = labels;
  if (!pixels || !labels) return cream_fail_memory(err, all * image_bytes, "images");
  *first = part->count;
  part->count = all;
  return CREAM_OK;
}

static void measure(cream_raster *self) {
  const cream_raster_part *train = &self->parts[CREAM_PART_TRAIN];
  size_t plane = plane_of(self);
  for (int c = 0; c < 3; c++) {
    uint64_t sum = 0, squares = 0;
    for (size_t i = 0; i < train->count; i++) {
      const uint8_t *source =
          train->pixels + (i * (size_t)self->channels + (size_t)(c % self->channels)) * plane;
      for (size_t p = 0; p < plane; p++) {
        sum += source[p];
        squares += (uint64_t)source[p] * source[p];
      }
    }
    double n = (double)train->count * (double)plane, mean = (double)sum / n / 255;
    double variance = (double)squares / n / (255.0 * 255.0) - mean * mean;
    self->dataset.mean[c] = (float)mean;
    self->dataset.std[c] = variance > 1e-6 ? (float)sqrt(variance) : 1; /* all values equal: not scaled */
  }
}

cream_status cream_raster_finish(cream_raster *self, const char *const *class_names, int classes,
                                 cream_dataset **out, cream_error *err) {
  for (int part = 0; part < CREAM_PARTS; part++) {
    self->dataset.count[part] = self->parts[part].count;
    self->dataset.labels[part] = self->parts[part].labels;
  }
  cream_status status = cream_classes_set(&self->dataset, self->place, class_names, classes, err);
  if (status) return status;
  measure(self);
  *out = &self->dataset;
  return CREAM_OK;
}
