/* `voc:FOLDER[,train=NAMES][,test=NAMES]`: Pascal VOC. FOLDER has Annotations/NAME.xml, JPEGImages/NAME.EXTENSION and the
 * lists ImageSets/Main/{train,val,trainval,test}.txt of names. Where there is test.txt, train and val are the training part
 * and test is the test part; else train and val. Without lists all annotations are one part.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "box_formats.h"
#include "io/base/file.h"
#include "listing.h"
#include "voc_xml.h"

enum { MAX_XML = 1 << 26 };

/* An object before all names of classes are known. */
typedef struct voc_box {
  cream_part part;
  size_t image, number;
  char *name, *file; /* the file is one of voc_reader.files */
  double edges[4];
  bool difficult;
} voc_box;

typedef struct voc_reader {
  cream_box_builder *builder;
  const char *folder;
  cream_listing images; /* of JPEGImages, by name */
  cream_listing files;  /* of the annotations read so far */
  cream_listing names[CREAM_PARTS];
  voc_box *boxes;
  size_t count, room;
  int64_t next_id;
  bool from_zero; /* an edge is 0: pixels are counted from 0 */
} voc_reader;

/* ---- names of the images ----------------------------------------------------------------------------- */

static bool is_xml(const char *name) {
  return !strcmp(cream_extension(name), ".xml");
}

/* Leaves NAME of a line NAME -1, 0 or 1, as the lists of classes have them. */
static void drop_mark(const voc_reader *self, char *line) {
  char path[CREAM_BOX_MAX_PATH], *last = strrchr(line, ' ');
  if (!last || !(!strcmp(last, " 1") || !strcmp(last, " -1") || !strcmp(last, " 0"))) return;
  snprintf(path, sizeof path, "%s/Annotations/%s.xml", self->folder, line);
  if (cream_is_file(path)) return; /* the mark belongs to the name */
  while (last > line && last[-1] == ' ') last--;
  *last = '\0';
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Removes names that a list has twice, or that two lists have; the first one stays in its place. */
static cream_status drop_repeated(cream_listing *list, cream_error *err) {
  char **sorted = malloc((list->count + 1) * sizeof *sorted);
  if (!sorted) return cream_fail_memory(err, list->count * sizeof *sorted, "names of images");
  size_t n = 0, kept = 0;
  memcpy(sorted, list->names, list->count * sizeof *sorted);
  if (list->count) qsort(sorted, list->count, sizeof *sorted, by_bytes);
  for (size_t i = 0; i < list->count; i++)
    if (!n || strcmp(sorted[n - 1], sorted[i])) sorted[n++] = sorted[i];
  uint8_t *seen = calloc(n + 1, 1);
  for (size_t i = 0; seen && i < list->count; i++) {
    char **at = bsearch(&list->names[i], sorted, n, sizeof *sorted, by_bytes);
    if (seen[at - sorted]++) continue;
    char *name = list->names[i];
    list->names[i] = list->names[kept];
    list->names[kept++] = name;
  }
  cream_status status = seen ? CREAM_OK : cream_fail_memory(err, n, "names of images");
  while (seen && list->count > kept) free(list->names[--list->count]);
  free(seen);
  free(sorted);
  return status;
}

/* Adds the lists named A+B. */
static cream_status add_lists(voc_reader *self, cream_part part, const char *words, cream_error *err) {
  cream_status status = CREAM_OK;
  for (const char *word = words; *word && !status;) {
    char path[CREAM_BOX_MAX_PATH];
    size_t length = strcspn(word, "+");
    snprintf(path, sizeof path, "%s/ImageSets/Main/%.*s.txt", self->folder, (int)length, word);
    status = cream_listing_of_file(&self->names[part], path, err);
    word += length + (word[length] == '+');
  }
  for (size_t i = 0; i < self->names[part].count; i++) drop_mark(self, self->names[part].names[i]);
  return status ? status : drop_repeated(&self->names[part], err);
}

static bool has_list(const voc_reader *self, const char *word) {
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/ImageSets/Main/%s.txt", self->folder, word);
  return cream_is_file(path);
}

/* All annotations, where there are no lists. */
static cream_status add_all(voc_reader *self, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  cream_listing files = {0};
  snprintf(path, sizeof path, "%s/Annotations", self->folder);
  cream_status status = cream_listing_of_folder(&files, path, is_xml, err);
  for (size_t i = 0; i < files.count && !status; i++) {
    const char *name = files.names[i] + strlen(path) + 1;
    status =
        cream_listing_add(&self->names[CREAM_PART_TRAIN], name, (size_t)(cream_extension(name) - name), err);
  }
  cream_listing_free(&files);
  cream_box_builder_undivided(self->builder);
  return status;
}

static cream_status find_names(voc_reader *self, const cream_box_place *place, cream_error *err) {
  const char *train = place->train, *test = place->test;
  bool tested = has_list(self, "test");
  if (!*train) {
    bool both = has_list(self, "train") && has_list(self, "val");
    if (tested || *test)
      train = both                         ? "train+val"
              : has_list(self, "trainval") ? "trainval"
              : has_list(self, "train")    ? "train"
                                           : "";
    else
      train = has_list(self, "train") ? "train" : has_list(self, "trainval") ? "trainval" : "";
  }
  if (!*test) test = tested ? "test" : has_list(self, "val") ? "val" : "";
  if (!*train && !*test) return add_all(self, err);
  if (!*test) cream_box_builder_undivided(self->builder);
  cream_status status = add_lists(self, CREAM_PART_TRAIN, train, err);
  return status ? status : add_lists(self, CREAM_PART_TEST, test, err);
}

/* ---- an annotation ----------------------------------------------------------------------------------- */

/* Compares a name with the file name of an image without its extension. */
static int compare_stem(const void *key, const void *element) {
  const char *name = key, *path = *(char *const *)element;
  size_t length = (size_t)(cream_extension(path) - path);
  int order = strncmp(name, path, length);
  return order ? order : name[length] != '\0';
}

static int by_stem(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  size_t n = (size_t)(cream_extension(x) - x), m = (size_t)(cream_extension(y) - y);
  int order = memcmp(x, y, n < m ? n : m);
  return order ? order : n != m ? (n < m ? -1 : 1) : strcmp(x, y);
}

/* The path of the image of an annotation: by its name, else by the file name that it states. */
static void image_path(const voc_reader *self, const char *name, const cream_voc_annotation *annotation,
                       char *path, size_t size) {
  char key[CREAM_BOX_MAX_PATH];
  snprintf(key, sizeof key, "%s/JPEGImages/%s", self->folder, name);
  char **found =
      bsearch(key, self->images.names, self->images.count, sizeof *self->images.names, compare_stem);
  if (found)
    snprintf(path, size, "%s", *found);
  else
    snprintf(path, size, "%s/JPEGImages/%s%s", self->folder,
             annotation->filename && *annotation->filename ? annotation->filename : name,
             annotation->filename && *annotation->filename ? "" : ".jpg");
}

static cream_status add_boxes(voc_reader *self, cream_part part, size_t image, cream_voc_annotation *from,
                              cream_error *err) {
  if (self->count + from->count > self->room) {
    size_t room = 2 * self->room + from->count + 64;
    voc_box *boxes = realloc(self->boxes, room * sizeof *boxes);
    if (!boxes) return cream_fail_memory(err, room * sizeof *boxes, "boxes");
    self->boxes = boxes;
    self->room = room;
  }
  for (size_t i = 0; i < from->count; i++) {
    cream_voc_object *object = &from->objects[i];
    voc_box *box = &self->boxes[self->count++];
    *box = (voc_box){.part = part,
                     .image = image,
                     .number = i + 1,
                     .name = object->name,
                     .file = self->files.names[self->files.count - 1],
                     .difficult = object->difficult};
    memcpy(box->edges, object->edges, sizeof box->edges);
    object->name = NULL;
    if (box->edges[0] == 0 || box->edges[1] == 0) self->from_zero = true;
  }
  return CREAM_OK;
}

static cream_status add_image(voc_reader *self, cream_part part, const char *name, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH], image[CREAM_BOX_MAX_PATH + 64];
  char *text;
  size_t size, index;
  cream_error reason;
  snprintf(path, sizeof path, "%s/Annotations/%s.xml", self->folder, name);
  int64_t id = ++self->next_id;
  if (!cream_is_file(path)) {
    cream_box_builder_problem(self->builder, CREAM_BOX_UNDESCRIBED, "%.280s", path);
    return CREAM_OK;
  }
  if (cream_file_read(path, MAX_XML, &text, &size, &reason))
    return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
  cream_voc_annotation annotation;
  cream_status status = cream_voc_parse(path, text, size, &annotation, err);
  free(text);
  if (!status) status = cream_listing_add(&self->files, path, strlen(path), err);
  if (!status) {
    image_path(self, name, &annotation, image, sizeof image);
    status = cream_box_builder_image(self->builder, part, image, annotation.width, annotation.height, id,
                                     &index, err);
  }
  if (!status && index != CREAM_BOX_NO_IMAGE) status = add_boxes(self, part, index, &annotation, err);
  cream_voc_annotation_free(&annotation);
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* The names of the classes, sorted by their bytes. */
static cream_status add_classes(voc_reader *self, cream_error *err) {
  char **names = malloc((self->count + 1) * sizeof *names);
  if (!names) return cream_fail_memory(err, self->count * sizeof *names, "the classes");
  size_t n = 0;
  for (size_t i = 0; i < self->count; i++)
    if (self->boxes[i].name && *self->boxes[i].name) names[n++] = self->boxes[i].name;
  if (n) qsort(names, n, sizeof *names, by_bytes);
  cream_status status = CREAM_OK;
  int64_t category = 0;
  for (size_t i = 0; i < n && !status; i++)
    if (i == 0 || strcmp(names[i], names[i - 1]))
      status = cream_box_builder_class(self->builder, self->folder, names[i], ++category, err);
  free(names);
  return status;
}

/* Pixels are counted from 1, and both edges belong to a box: the first pixel alone is 1, 1, 1, 1. */
static cream_status place_boxes(voc_reader *self, cream_error *err) {
  cream_status status = add_classes(self, err);
  const double first = self->from_zero ? 0 : 1;
  for (size_t i = 0; i < self->count && !status; i++) {
    const voc_box *box = &self->boxes[i];
    const cream_box_entry entry = {.x1 = box->edges[0] - first,
                                   .y1 = box->edges[1] - first,
                                   .x2 = box->edges[2],
                                   .y2 = box->edges[3],
                                   .label =
                                       box->name ? cream_box_builder_label(self->builder, box->name) : -1,
                                   .crowd = box->difficult,
                                   .where = box->file,
                                   .number = box->number};
    status = cream_box_builder_box(self->builder, box->part, box->image, &entry, err);
  }
  if (!status && self->from_zero)
    cream_notes_add(cream_box_builder_notes(self->builder),
                    "%.300s: boxes begin at 0, so pixels are counted from 0, not from 1 as in Pascal VOC",
                    self->folder);
  return status;
}

static cream_status read_all(voc_reader *self, const cream_box_place *place, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/Annotations", self->folder);
  if (!cream_is_folder(path))
    return cream_fail(err, CREAM_BAD_DATA,
                      "data: %.300s has no folder Annotations; expected Annotations, JPEGImages and mostly "
                      "ImageSets/Main, as in Pascal VOC",
                      self->folder);
  snprintf(path, sizeof path, "%s/JPEGImages", self->folder);
  cream_status status = find_names(self, place, err);
  if (!status && cream_is_folder(path))
    status = cream_listing_of_folder(&self->images, path, cream_listing_is_image, err);
  if (self->images.count) qsort(self->images.names, self->images.count, sizeof *self->images.names, by_stem);
  for (int part = 0; part < CREAM_PARTS; part++)
    for (size_t i = 0; i < self->names[part].count && !status; i++)
      status = add_image(self, (cream_part)part, self->names[part].names[i], err);
  return status ? status : place_boxes(self, err);
}

cream_status cream_boxes_read_voc(const cream_box_place *place, cream_box_builder *builder,
                                  cream_error *err) {
  voc_reader self = {.builder = builder, .folder = place->paths};
  cream_status status = read_all(&self, place, err);
  for (size_t i = 0; i < self.count; i++) free(self.boxes[i].name);
  free(self.boxes);
  for (int part = 0; part < CREAM_PARTS; part++) cream_listing_free(&self.names[part]);
  cream_listing_free(&self.images);
  cream_listing_free(&self.files);
  return status;
}
