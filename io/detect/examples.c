#include "examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/base/file.h"
#include "io/base/json.h"
#include "io/image/encode.h"
#include "io/image/image.h"
#include "io/image/resample.h"

/* Memory of an image at a time. */
typedef struct workspace {
  cream_image image;
  cream_scratch scratch;
  uint8_t *small; /* [CREAM_EXAMPLE_SIDE, CREAM_EXAMPLE_SIDE, 3] */
} workspace;

/* The bytes as a string in base64, which the caller frees; NULL: no memory. */
static char *base64(const uint8_t *data, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = malloc((size + 2) / 3 * 4 + 1), *at = text;
  for (size_t i = 0; text && i < size; i += 3) {
    const size_t left = size - i;
    const uint32_t three =
        (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
    *at++ = digits[three >> 18];
    *at++ = digits[three >> 12 & 63];
    *at++ = left > 1 ? digits[three >> 6 & 63] : '=';
    *at++ = left > 2 ? digits[three & 63] : '=';
  }
  if (text) *at = '\0';
  return text;
}

/* The image in w->image as a small JPEG in base64. *width, *height: its size. */
static cream_status shrink(workspace *w, int *width, int *height, char **text, cream_error *err) {
  const int longer = w->image.width > w->image.height ? w->image.width : w->image.height;
  const double scale = fmin(1, (double)CREAM_EXAMPLE_SIDE / longer);
  *width = (int)fmax(1, round(scale * w->image.width));
  *height = (int)fmax(1, round(scale * w->image.height));
  const cream_resize resize = {.pixels = w->image.pixels,
                               .width = w->image.width,
                               .height = w->image.height,
                               .stride = (size_t)w->image.width * 3,
                               .out_width = *width,
                               .out_height = *height,
                               .filter = CREAM_FILTER_BILINEAR};
  uint8_t *data;
  size_t size;
  cream_status status = cream_resample(&w->scratch, &resize, w->small, err);
  if (!status)
    status = cream_jpeg_encode(w->small, *width, *height, CREAM_EXAMPLE_QUALITY, &data, &size, err);
  if (status) return status;
  *text = base64(data, size);
  free(data);
  return *text ? CREAM_OK : cream_fail_memory(err, size / 3 * 4, "an image in base64");
}

/* Four edges, the class, and the last number: a score, or whether it is a crowd. */
static void put_box(cream_json *json, const cream_box *box, double last) {
  cream_json_array(json, NULL, false);
  cream_json_number(json, NULL, box->x1);
  cream_json_number(json, NULL, box->y1);
  cream_json_number(json, NULL, box->x2);
  cream_json_number(json, NULL, box->y2);
  cream_json_integer(json, NULL, (uint64_t)box->label);
  cream_json_number(json, NULL, last);
  cream_json_end(json);
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static cream_status put_image(cream_json *json, workspace *w, const cream_box_part *part, size_t i,
                              const cream_box *found, size_t n_found, double least, cream_error *err) {
  int width, height;
  char *jpeg;
  cream_status status = cream_image_read(part->images[i].path, 0, &w->image, err);
  if (status) return status == CREAM_BAD_DATA ? CREAM_OK : status;
  status = shrink(w, &width, &height, &jpeg, err);
  if (status) return status;
  cream_json_object(json, NULL, true);
  cream_json_string(json, "file", file_name(part->images[i].path));
  cream_json_integer(json, "width", (uint64_t)w->image.width);
  cream_json_integer(json, "height", (uint64_t)w->image.height);
  cream_json_integer(json, "small_width", (uint64_t)width);
  cream_json_integer(json, "small_height", (uint64_t)height);
  cream_json_string(json, "jpeg", jpeg);
  free(jpeg);
  cream_json_array(json, "annotated", false);
  for (size_t b = part->first[i]; b < part->first[i + 1]; b++)
    put_box(json, &part->boxes[b], part->boxes[b].crowd);
  cream_json_end(json);
  cream_json_array(json, "found", false);
  for (size_t b = 0; b < n_found; b++)
    if (found[b].score > (float)least) put_box(json, &found[b], found[b].score);
  cream_json_end(json);
  cream_json_end(json);
  return CREAM_OK;
}

static cream_status put_all(cream_json *json, workspace *w, const cream_box_set *set, cream_part of,
                            const cream_box *boxes, const size_t *first, double least, cream_error *err) {
  const cream_box_part *part = &set->parts[of];
  const size_t n = part->count < CREAM_EXAMPLES ? part->count : CREAM_EXAMPLES;
  cream_status status = CREAM_OK;
  cream_json_object(json, NULL, true);
  cream_json_string(json, "format", "cream-examples");
  cream_json_integer(json, "version", 1);
  cream_json_integer(json, "of", part->count);
  cream_json_number(json, "score", least);
  cream_json_array(json, "classes", false);
  for (int c = 0; c < set->classes; c++) cream_json_string(json, NULL, set->class_names[c]);
  cream_json_end(json);
  cream_json_array(json, "images", true);
  for (size_t k = 0; k < n && !status; k++) {
    const size_t i = part->count * k / n;
    status = put_image(json, w, part, i, boxes + first[i], first[i + 1] - first[i], least, err);
  }
  cream_json_end(json);
  cream_json_end(json);
  return status;
}

cream_status cream_box_examples_write(const char *path, const cream_box_set *set, cream_part of,
                                      const cream_box *boxes, const size_t *first, double least,
                                      cream_error *err) {
  const size_t bytes = (size_t)CREAM_EXAMPLE_SIDE * CREAM_EXAMPLE_SIDE * 3;
  workspace w = {.small = malloc(bytes)};
  cream_file file;
  if (!w.small) return cream_fail_memory(err, bytes, "an image");
  cream_status status = cream_file_create(&file, path, err);
  if (!status) {
    cream_json json = cream_json_to(file.stream);
    status = put_all(&json, &w, set, of, boxes, first, least, err);
    fputc('\n', file.stream);
    if (status)
      cream_file_abandon(&file);
    else
      status = cream_file_commit(&file, err);
  }
  cream_image_free(&w.image);
  cream_scratch_free(&w.scratch);
  free(w.small);
  return status;
}
