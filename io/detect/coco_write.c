/* images/, annotations/train.json, annotations/val.json */
#include <stdlib.h>

#include "box_write.h"
#include "io/base/file.h"
#include "io/base/json.h"

static void put_images(cream_json *json, const cream_box_part *part, char *const *names) {
  cream_json_array(json, "images", true);
  for (size_t i = 0; i < part->count; i++) {
    cream_json_object(json, NULL, false);
    cream_json_number(json, "id", (double)part->images[i].id);
    cream_json_string(json, "file_name", names[i]);
    cream_json_integer(json, "width", (uint64_t)part->images[i].width);
    cream_json_integer(json, "height", (uint64_t)part->images[i].height);
    cream_json_end(json);
  }
  cream_json_end(json);
}

void cream_json_bbox(cream_json *json, const cream_box *box) {
  double x = cream_shortest(box->x1, 0), y = cream_shortest(box->y1, 0);
  cream_json_array(json, "bbox", false);
  cream_json_number(json, NULL, x);
  cream_json_number(json, NULL, y);
  cream_json_number(json, NULL, cream_shortest(box->x2, x));
  cream_json_number(json, NULL, cream_shortest(box->y2, y));
  cream_json_end(json);
}

static void put_annotations(cream_json *json, const cream_box_set *set, const cream_box_part *part) {
  cream_json_array(json, "annotations", true);
  for (size_t i = 0; i < part->count; i++)
    for (size_t b = part->first[i]; b < part->first[i + 1]; b++) {
      cream_json_object(json, NULL, false);
      cream_json_integer(json, "id", b + 1);
      cream_json_number(json, "image_id", (double)part->images[i].id);
      cream_json_number(json, "category_id", (double)set->categories[part->boxes[b].label]);
      cream_json_bbox(json, &part->boxes[b]);
      cream_json_number(json, "area", part->areas[b]);
      cream_json_integer(json, "iscrowd", part->boxes[b].crowd);
      cream_json_end(json);
    }
  cream_json_end(json);
}

static cream_status write_part(const cream_box_set *set, const char *path, cream_part part,
                               char *const *names, cream_error *err) {
  cream_file file;
  cream_status status = cream_file_create(&file, path, err);
  if (status) return status;
  cream_json json = cream_json_to(file.stream);
  cream_json_object(&json, NULL, true);
  put_images(&json, &set->parts[part], names);
  cream_json_array(&json, "categories", true);
  for (int c = 0; c < set->classes; c++) {
    cream_json_object(&json, NULL, false);
    cream_json_number(&json, "id", (double)set->categories[c]);
    cream_json_string(&json, "name", set->class_names[c]);
    cream_json_end(&json);
  }
  cream_json_end(&json);
  put_annotations(&json, set, &set->parts[part]);
  cream_json_end(&json);
  fputc('\n', file.stream);
  return cream_file_commit(&file, err);
}

cream_status cream_boxes_write_coco(const cream_box_set *set, const char *folder,
                                    char *const *const names[CREAM_PARTS], const char *place, char *spec,
                                    size_t size, cream_error *err) {
  static const char *const files[CREAM_PARTS] = {[CREAM_PART_TRAIN] = "train", [CREAM_PART_TEST] = "val"};
  char path[CREAM_BOX_MAX_PATH];
  bool both = set->parts[0].count && set->parts[1].count;
  snprintf(path, sizeof path, "%s/annotations", folder);
  cream_status status = cream_make_directories(path, err);
  size_t used = (size_t)snprintf(spec, size, "coco:");
  for (int part = 0; part < CREAM_PARTS && !status; part++) {
    if (!set->parts[part].count) continue;
    snprintf(path, sizeof path, "%s/annotations/%s.json", folder, files[part]);
    status = write_part(set, path, (cream_part)part, names[part], err);
    used += (size_t)snprintf(spec + used, size - used, "%s%s/images,%s/annotations/%s.json",
                             both && part ? "," : "", place, place, files[part]);
    if (used >= size) used = size - 1;
  }
  return status;
}
