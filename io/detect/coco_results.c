#include "coco_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "box_write.h"
#include "io/base/file.h"
#include "json_text.h"

void cream_box_results_free(cream_box_results *self) {
  free(self->boxes);
  free(self->first);
  *self = (cream_box_results){0};
}

/* ---- reading ----------------------------------------------------------------------------------------- */

typedef struct placed_box {
  cream_box box;
  uint32_t image;
} placed_box;

/* The index of an image of the part, whose images are sorted by id; count: none. */
static size_t find_image(const cream_box_part *part, int64_t id) {
  size_t low = 0, high = part->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (part->images[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < part->count && part->images[low].id == id ? low : part->count;
}

static int find_class(const cream_box_set *set, int64_t category) {
  for (int c = 0; c < set->classes; c++)
    if (set->categories[c] == category) return c;
  return -1;
}

/* x, y, width, height and score; false: not five finite numbers, or a negative size. */
static bool read_numbers(const json_t *item, double numbers[5]) {
  const json_t *list = json_object_get(item, "bbox"), *score = json_object_get(item, "score");
  if (json_array_size(list) != 4 || !json_is_number(score)) return false;
  for (size_t i = 0; i < 4; i++)
    numbers[i] = json_is_number(json_array_get(list, i)) ? json_number_value(json_array_get(list, i)) : NAN;
  numbers[4] = json_number_value(score);
  for (int i = 0; i < 5; i++)
    if (!isfinite((float)numbers[i])) return false;
  return numbers[2] >= 0 && numbers[3] >= 0;
}

static cream_status read_one(const char *name, const cream_box_set *set, const cream_box_part *part,
                             const json_t *item, size_t i, placed_box *out, cream_error *err) {
  int64_t image_id = 0, category_id = 0;
  double n[5];
  if (!cream_json_whole(json_object_get(item, "image_id"), &image_id) ||
      !cream_json_whole(json_object_get(item, "category_id"), &category_id))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.250s: detection %zu: expected image_id, category_id, bbox and score", name, i);
  size_t image = find_image(part, image_id);
  if (image == part->count)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.250s: detection %zu: no image has the id %lld; expected results of the same data",
                      name, i, (long long)image_id);
  if (!read_numbers(item, n))
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%.250s: detection %zu: expected bbox, x, y, width and height, and score as finite numbers", name, i);
  *out = (placed_box){.box = {.x1 = (float)n[0],
                              .y1 = (float)n[1],
                              .x2 = (float)(n[0] + n[2]),
                              .y2 = (float)(n[1] + n[3]),
                              .label = find_class(set, category_id),
                              .score = (float)n[4]},
                      .image = (uint32_t)image};
  return CREAM_OK;
}

/* Orders detections by image; those of an image stay in their order. */
static void group(const placed_box *placed, size_t n, size_t images, cream_box_results *results) {
  for (size_t i = 0; i < n; i++) results->first[placed[i].image + 2]++;
  for (size_t i = 0; i < images; i++) results->first[i + 2] += results->first[i + 1];
  for (size_t i = 0; i < n; i++) results->boxes[results->first[placed[i].image + 1]++] = placed[i].box;
}

static cream_status read_list(const char *name, const json_t *root, const cream_box_set *set,
                              const cream_box_part *part, cream_box_results *results, cream_error *err) {
  if (!json_is_array(root))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.300s: not a list; expected COCO results, [{\"image_id\": ..., ...}]", name);
  const size_t count = json_array_size(root);
  placed_box *placed = malloc((count + 1) * sizeof *placed);
  results->boxes = malloc((count + 1) * sizeof *results->boxes);
  results->first = calloc(part->count + 2, sizeof *results->first);
  cream_status status = CREAM_OK;
  size_t n = 0;
  if (!placed || !results->boxes || !results->first)
    status = cream_fail_memory(err, count * sizeof *placed, "detections");
  for (size_t i = 0; i < count && !status; i++) {
    status = read_one(name, set, part, json_array_get(root, i), i, &placed[n], err);
    if (!status && placed[n].box.label < 0)
      results->unknown++;
    else
      n++;
  }
  if (!status) group(placed, n, part->count, results);
  free(placed);
  return status;
}

cream_status cream_box_results_parse(const char *name, char *text, size_t size, const cream_box_set *set,
                                     cream_part part, cream_box_results *results, cream_error *err) {
  json_t *root;
  *results = (cream_box_results){0};
  cream_status status = cream_json_parse(name, text, size, &root, err);
  if (status) return status;
  status = read_list(name, root, set, &set->parts[part], results, err);
  json_decref(root);
  if (status) cream_box_results_free(results);
  return status;
}

cream_status cream_box_results_read(const char *path, const cream_box_set *set, cream_part part,
                                    cream_box_results *results, cream_error *err) {
  json_t *root;
  *results = (cream_box_results){0};
  cream_status status = cream_json_read(path, &root, err);
  if (status) return status;
  status = read_list(path, root, set, &set->parts[part], results, err);
  json_decref(root);
  if (status) cream_box_results_free(results);
  return status;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

void cream_box_results_put(cream_json *json, int64_t image_id, int64_t category_id, const cream_box *box,
                           const char *file, const char *category) {
  cream_json_object(json, NULL, false);
  cream_json_number(json, "image_id", (double)image_id);
  if (file) cream_json_string(json, "file_name", file);
  cream_json_number(json, "category_id", (double)category_id);
  if (category) cream_json_string(json, "category", category);
  cream_json_bbox(json, box);
  cream_json_number(json, "score", cream_shortest(box->score, 0));
  cream_json_end(json);
}

cream_status cream_box_results_write(const char *path, const cream_box_set *set, cream_part part,
                                     const cream_box *boxes, const size_t *first, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_array(&json, NULL, true);
  for (size_t i = 0; i < set->parts[part].count; i++)
    for (size_t b = first[i]; b < first[i + 1]; b++)
      cream_box_results_put(&json, set->parts[part].images[i].id, set->categories[boxes[b].label], &boxes[b],
                            NULL, NULL);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}

cream_coco_input cream_box_results_input(const cream_box_set *set, cream_part part, const cream_box *found,
                                         const size_t *first_found) {
  const cream_box_part *of = &set->parts[part];
  return (cream_coco_input){.images = of->count,
                            .classes = set->classes,
                            .truth = of->boxes,
                            .first_truth = of->first,
                            .areas = of->areas,
                            .found = found,
                            .first_found = first_found};
}
