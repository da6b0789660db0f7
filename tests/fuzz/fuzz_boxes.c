#include "fuzz.h"

#include "io/detect/coco.h"
#include "io/detect/coco_results.h"
#include "io/detect/voc_xml.h"
#include "io/detect/yolo.h"

/* What a set that could be read must be. */
static void check_set(const cream_box_set *set) {
  for (int p = 0; p < CREAM_PARTS; p++) {
    const cream_box_part *part = &set->parts[p];
    CREAM_ASSERT(part->first[0] == 0);
    for (size_t i = 0; i < part->count; i++) CREAM_ASSERT(part->first[i] <= part->first[i + 1]);
    for (size_t b = 0; b < part->first[part->count]; b++) {
      const cream_box *box = &part->boxes[b];
      CREAM_ASSERT(box->x1 < box->x2 && box->y1 < box->y2 && box->label >= 0 && box->label < set->classes);
    }
  }
}

static void finish(cream_box_builder *builder, cream_status status, const char *results, size_t size) {
  const cream_box_place place = {.val = 0.2};
  cream_box_set *set = NULL;
  cream_error error;
  if (!status) status = cream_box_builder_finish(builder, "fuzz", &place, CREAM_BOX_LOOK, &set, &error);
  if (status) {
    cream_box_builder_free(builder);
    return;
  }
  check_set(set);
  cream_box_results found;
  char *text = fuzz_text((const uint8_t *)results, size);
  if (cream_box_results_parse("results", text, size, set, CREAM_PART_TRAIN, &found, &error) == CREAM_OK)
    cream_box_results_free(&found);
  free(text);
  cream_box_set_free(set);
}

static void try_coco(const uint8_t *data, size_t size) {
  cream_error error;
  cream_box_builder *builder = cream_box_builder_create("coco", true);
  CREAM_ASSERT(builder);
  cream_box_builder_undivided(builder);
  char *text = fuzz_text(data, size);
  cream_status status = cream_coco_add(builder, CREAM_PART_TRAIN, "images", "fuzz", text, size, &error);
  fuzz_check(status, &error);
  free(text);
  finish(builder, status, (const char *)data, size);
}

static void try_voc(const uint8_t *data, size_t size) {
  cream_error error;
  cream_voc_annotation annotation;
  fuzz_check(cream_voc_parse("fuzz", (const char *)data, size, &annotation, &error), &error);
  cream_voc_annotation_free(&annotation);
}

static void try_yolo(const uint8_t *data, size_t size) {
  cream_error error;
  size_t index;
  cream_box_builder *builder = cream_box_builder_create("yolo", true);
  CREAM_ASSERT(builder);
  CREAM_ASSERT(cream_box_builder_class(builder, "fuzz", "cat", 1, &error) == CREAM_OK);
  CREAM_ASSERT(cream_box_builder_class(builder, "fuzz", "dog", 2, &error) == CREAM_OK);
  CREAM_ASSERT(cream_box_builder_image(builder, CREAM_PART_TRAIN, "a.png", 640, 480, 1, &index, &error) ==
               CREAM_OK);
  char *text = fuzz_text(data, size);
  cream_status status = cream_yolo_add(builder, CREAM_PART_TRAIN, index, "fuzz", text, size, &error);
  fuzz_check(status, &error);
  free(text);
  finish(builder, status, "[]", 2);
}

/* The first byte chooses the format: { and [ COCO, < Pascal VOC, others YOLO. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && (data[0] == '{' || data[0] == '['))
    try_coco(data, size);
  else if (size && data[0] == '<')
    try_voc(data, size);
  else
    try_yolo(data, size);
  return 0;
}
