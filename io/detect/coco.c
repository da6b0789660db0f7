/* `coco:IMAGES,JSON[,IMAGES,JSON]`: images in a folder, and the annotations of COCO's detection in a file; the second pair
 * is the test part. Classes are the categories, in the order of their ids.
 */
#include "coco.h"

#include <stdlib.h>
#include <string.h>

#include "box_formats.h"
#include "json_text.h"

/* Ids of a file, sorted. */
typedef struct known_id {
  int64_t id;
  size_t value; /* of an image: its index in the part; of a category: its label */
} known_id;

typedef struct id_list {
  known_id *ids; /* [count] */
  size_t count;
} id_list;

typedef struct coco_file {
  cream_box_builder *builder;
  cream_part part;
  const char *folder, *name;
  const json_t *root;
  id_list images, categories;
} coco_file;

static int by_id(const void *a, const void *b) {
  const known_id *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

static const known_id *find(const id_list *list, int64_t id) {
  return bsearch(&(known_id){.id = id}, list->ids, list->count, sizeof *list->ids, by_id);
}

/* Sorts a list. CREAM_BAD_DATA: an id occurs twice. */
static cream_status sort_ids(const coco_file *self, id_list *list, const char *what, cream_error *err) {
  if (list->count) qsort(list->ids, list->count, sizeof *list->ids, by_id);
  for (size_t i = 1; i < list->count; i++)
    if (list->ids[i].id == list->ids[i - 1].id)
      return cream_fail(err, CREAM_BAD_DATA, "%.300s: %s: two have the id %lld; expected different ids",
                        self->name, what, (long long)list->ids[i].id);
  return CREAM_OK;
}

/* The list of the document with this key, and memory for the ids of its items. */
static cream_status open_list(const coco_file *self, const char *key, const json_t **items, id_list *list,
                              cream_error *err) {
  *items = json_object_get(self->root, key);
  if (!json_is_array(*items))
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.300s: no list \"%s\"; expected COCO annotations: images, annotations, categories",
                      self->name, key);
  list->ids = malloc((json_array_size(*items) + 1) * sizeof *list->ids);
  return list->ids ? CREAM_OK
                   : cream_fail_memory(err, json_array_size(*items) * sizeof *list->ids, "annotations");
}

static cream_status id_of(const coco_file *self, const char *key, size_t i, const json_t *item, int64_t *id,
                          cream_error *err) {
  if (cream_json_whole(json_object_get(item, "id"), id)) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA, "%.300s: %s[%zu] has no id; expected a whole number", self->name,
                    key, i);
}

static cream_status read_categories(coco_file *self, cream_error *err) {
  const json_t *items;
  id_list *list = &self->categories;
  cream_status status = open_list(self, "categories", &items, list, err);
  for (size_t i = 0; !status && i < json_array_size(items); i++) {
    list->ids[i].value = i;
    list->count = i + 1;
    status = id_of(self, "categories", i, json_array_get(items, i), &list->ids[i].id, err);
  }
  if (!status) status = sort_ids(self, list, "categories", err);
  bool first = cream_box_builder_classes(self->builder) == 0;
  for (size_t i = 0; !status && i < list->count; i++) {
    const char *name = json_string_value(json_object_get(json_array_get(items, list->ids[i].value), "name"));
    if (!name) name = "";
    if (first) status = cream_box_builder_class(self->builder, self->name, name, list->ids[i].id, err);
    int label = status ? -1 : cream_box_builder_label(self->builder, name);
    list->ids[i].value = (size_t)label;
    if (!status && label < 0)
      status =
          cream_fail(err, CREAM_BAD_DATA,
                     "%.250s: category '%.80s' is not in the training part; expected the same categories",
                     self->name, name);
  }
  return status;
}

static cream_status read_images(coco_file *self, cream_error *err) {
  const json_t *items;
  id_list *list = &self->images;
  cream_status status = open_list(self, "images", &items, list, err);
  for (size_t i = 0; !status && i < json_array_size(items); i++) {
    const json_t *item = json_array_get(items, i);
    const char *file = json_string_value(json_object_get(item, "file_name"));
    int64_t width = 0, height = 0;
    char path[CREAM_BOX_MAX_PATH];
    status = id_of(self, "images", i, item, &list->ids[i].id, err);
    if (status) break;
    if (!file || !*file)
      return cream_fail(err, CREAM_BAD_DATA, "%.300s: images[%zu] has no file_name", self->name, i);
    bool sized = cream_json_whole(json_object_get(item, "width"), &width) &&
                 cream_json_whole(json_object_get(item, "height"), &height) && width > 0 && height > 0 &&
                 width <= INT32_MAX && height <= INT32_MAX;
    if (*file == '/')
      snprintf(path, sizeof path, "%s", file);
    else
      snprintf(path, sizeof path, "%s/%s", self->folder, file);
    status = cream_box_builder_image(self->builder, self->part, path, sized ? (int)width : 0,
                                     sized ? (int)height : 0, list->ids[i].id, &list->ids[i].value, err);
    list->count = i + 1;
  }
  return status ? status : sort_ids(self, list, "images", err);
}

/* x, y, width and height; false: not four numbers. */
static bool read_box(const json_t *item, double box[4]) {
  const json_t *list = json_object_get(item, "bbox");
  if (json_array_size(list) != 4) return false;
  for (size_t i = 0; i < 4; i++) {
    if (!json_is_number(json_array_get(list, i))) return false;
    box[i] = json_number_value(json_array_get(list, i));
  }
  return true;
}

static cream_status add_annotation(coco_file *self, const json_t *item, size_t i, cream_error *err) {
  int64_t image_id = 0, category_id = 0;
  double box[4];
  const json_t *crowd = json_object_get(item, "iscrowd");
  bool of_image = cream_json_whole(json_object_get(item, "image_id"), &image_id);
  const known_id *image = of_image ? find(&self->images, image_id) : NULL;
  bool of_category = cream_json_whole(json_object_get(item, "category_id"), &category_id);
  const known_id *category = of_category ? find(&self->categories, category_id) : NULL;
  if (!image) {
    cream_box_builder_problem(self->builder, CREAM_BOX_STRAY, "%.200s: annotations[%zu]: image_id %lld",
                              self->name, i, (long long)image_id);
  } else if (!category) {
    cream_box_builder_problem(self->builder, CREAM_BOX_CATEGORY, "%.200s: annotations[%zu]: category_id %lld",
                              self->name, i, (long long)category_id);
  } else if (!read_box(item, box)) {
    cream_box_builder_problem(self->builder, CREAM_BOX_NUMBERS, "%.200s: annotations[%zu]: bbox", self->name,
                              i);
  } else {
    const cream_box_entry entry = {.x1 = box[0],
                                   .y1 = box[1],
                                   .x2 = box[0] + box[2],
                                   .y2 = box[1] + box[3],
                                   .label = (int32_t)category->value,
                                   .crowd = json_is_true(crowd) ||
                                            (json_is_number(crowd) && json_number_value(crowd) != 0),
                                   .area = json_number_value(json_object_get(item, "area")),
                                   .where = self->name,
                                   .number = i + 1};
    return cream_box_builder_box(self->builder, self->part, image->value, &entry, err);
  }
  return CREAM_OK;
}

/* Marks the annotations whose id an earlier one has, [count]. Annotations without an id are not compared. */
static cream_status find_repeated(const known_id *ids, size_t count, uint8_t *repeated, cream_error *err) {
  known_id *sorted = malloc((count + 1) * sizeof *sorted);
  if (!sorted) return cream_fail_memory(err, count * sizeof *sorted, "annotations");
  memcpy(sorted, ids, count * sizeof *sorted);
  if (count) qsort(sorted, count, sizeof *sorted, by_id);
  for (size_t i = 1, first = 0; i < count; i++) {
    if (sorted[i].id != sorted[first].id) {
      first = i;
      continue;
    }
    size_t later = sorted[i].value > sorted[first].value ? i : first;
    repeated[sorted[later].value] = 1;
    if (later == first) first = i;
  }
  free(sorted);
  return CREAM_OK;
}

static cream_status read_annotations(coco_file *self, cream_error *err) {
  const json_t *items;
  id_list list = {0};
  cream_status status = open_list(self, "annotations", &items, &list, err);
  size_t count = json_array_size(items);
  uint8_t *repeated = status ? NULL : calloc(count + 1, 1);
  if (!status && !repeated) status = cream_fail_memory(err, count, "annotations");
  for (size_t i = 0; !status && i < count; i++)
    if (cream_json_whole(json_object_get(json_array_get(items, i), "id"), &list.ids[list.count].id))
      list.ids[list.count++].value = i;
  if (!status) status = find_repeated(list.ids, list.count, repeated, err);
  for (size_t i = 0; !status && i < count; i++) {
    if (repeated[i])
      cream_box_builder_problem(self->builder, CREAM_BOX_REPEATED, "%.200s: annotations[%zu]", self->name, i);
    else
      status = add_annotation(self, json_array_get(items, i), i, err);
  }
  free(repeated);
  free(list.ids);
  return status;
}

static cream_status add_document(cream_box_builder *builder, cream_part part, const char *images,
                                 const char *name, const json_t *root, cream_error *err) {
  coco_file self = {.builder = builder, .part = part, .folder = images, .name = name, .root = root};
  cream_status status = read_categories(&self, err);
  if (!status) status = read_images(&self, err);
  if (!status) status = read_annotations(&self, err);
  free(self.images.ids);
  free(self.categories.ids);
  return status;
}

cream_status cream_coco_add(cream_box_builder *builder, cream_part part, const char *images, const char *name,
                            char *text, size_t size, cream_error *err) {
  json_t *root;
  cream_status status = cream_json_parse(name, text, size, &root, err);
  if (status) return status;
  status = add_document(builder, part, images, name, root, err);
  json_decref(root);
  return status;
}

static cream_status add_file(cream_box_builder *builder, cream_part part, const char *images,
                             const char *file, cream_error *err) {
  json_t *root;
  cream_status status = cream_json_read(file, &root, err);
  if (status) return status;
  status = add_document(builder, part, images, file, root, err);
  json_decref(root);
  return status;
}

cream_status cream_boxes_read_coco(const cream_box_place *place, cream_box_builder *builder,
                                   cream_error *err) {
  char paths[sizeof place->paths], *at[4] = {paths, NULL, NULL, NULL};
  int n = 1;
  strcpy(paths, place->paths);
  for (char *comma = paths; (comma = strchr(comma, ',')); n++) {
    *comma++ = '\0';
    if (n < 4) at[n] = comma;
  }
  bool paired = n == 2 || n == 4;
  for (int i = 0; i < n && i < 4; i++) paired = paired && *at[i];
  if (!paired || *place->train || *place->test)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "data: got 'coco:%.250s', expected coco:IMAGES,JSON or coco:IMAGES,JSON,IMAGES,JSON with "
        "the test part second",
        place->paths);
  cream_status status = add_file(builder, CREAM_PART_TRAIN, at[0], at[1], err);
  if (n == 2)
    cream_box_builder_undivided(builder);
  else if (!status)
    status = add_file(builder, CREAM_PART_TEST, at[2], at[3], err);
  return status;
}
