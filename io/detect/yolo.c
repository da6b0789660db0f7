/* `yolo:FOLDER[,train=NAMES][,test=NAMES]`: labels as the YOLO programs have them. FOLDER has data.yaml, with the names of
 * the classes and the places of the parts, or classes.txt. The labels of an image are in a file of its name with .txt, in
 * the folder `labels` in place of the last `images` of its path, or beside it.
 */
#include "yolo.h"

#include <stdlib.h>
#include <string.h>

#include "box_formats.h"
#include "io/base/file.h"
#include "io/config/yaml.h"
#include "listing.h"

enum { MAX_LABELS = 1 << 26 };

typedef struct yolo_reader {
  cream_box_builder *builder;
  const char *folder;
  char yaml_path[CREAM_BOX_MAX_PATH];
  cream_yaml *yaml; /* NULL: there is only classes.txt */
  cream_listing images[CREAM_PARTS];
  int64_t next_id;
} yolo_reader;

/* ---- classes ----------------------------------------------------------------------------------------- */

/* The names of classes that data.yaml has, as a list or by number. */
static cream_status classes_of_yaml(yolo_reader *self, cream_error *err) {
  cream_yaml_value root = cream_yaml_root(self->yaml), names = cream_yaml_find(&root, "names");
  cream_yaml_kind kind = cream_yaml_kind_of(&names);
  if (kind != CREAM_YAML_LIST && kind != CREAM_YAML_MAP)
    return cream_fail(err, CREAM_BAD_DATA, "%.300s: no names; expected the names of the classes, as a list",
                      self->yaml_path);
  cream_status status = CREAM_OK;
  for (int i = 0; i < cream_yaml_count(&names) && !status; i++) {
    const char *key = NULL;
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    cream_yaml_value item =
        kind == CREAM_YAML_LIST ? cream_yaml_item(&names, i) : cream_yaml_pair(&names, i, &key);
    if (kind == CREAM_YAML_MAP && (!key || strcmp(key, number)))
      return cream_fail(err, CREAM_BAD_DATA, "%.250s:%d: names: got key '%.40s', expected %d: 0, 1, 2, ...",
                        self->yaml_path, item.line, key ? key : "", i);
    const char *text = cream_yaml_text(&item);
    status = cream_box_builder_class(self->builder, self->yaml_path, text ? text : "", i + 1, err);
  }
  return status;
}

static cream_status classes_of_list(yolo_reader *self, const char *path, cream_error *err) {
  cream_listing lines = {0};
  cream_status status = cream_listing_of_file(&lines, path, err);
  for (size_t i = 0; i < lines.count && !status; i++)
    status = cream_box_builder_class(self->builder, path, lines.names[i], (int64_t)i + 1, err);
  cream_listing_free(&lines);
  return status;
}

static bool is_yaml(const char *name) {
  return !strcmp(cream_extension(name), ".yaml") || !strcmp(cream_extension(name), ".yml");
}

/* Finds the file that names the classes. */
static cream_status find_classes(yolo_reader *self, cream_error *err) {
  static const char *const yamls[] = {"data.yaml", "data.yml", "dataset.yaml"};
  static const char *const lists[] = {"classes.txt", "labels/classes.txt", "obj.names"};
  char path[CREAM_BOX_MAX_PATH];
  if (is_yaml(self->folder) && cream_is_file(self->folder)) {
    snprintf(self->yaml_path, sizeof self->yaml_path, "%s", self->folder);
  } else {
    for (size_t i = 0; i < sizeof yamls / sizeof *yamls && !self->yaml_path[0]; i++) {
      snprintf(path, sizeof path, "%s/%s", self->folder, yamls[i]);
      if (cream_is_file(path)) snprintf(self->yaml_path, sizeof self->yaml_path, "%s", path);
    }
  }
  if (self->yaml_path[0]) {
    cream_error reason;
    if (cream_yaml_read(self->yaml_path, &self->yaml, &reason))
      return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
    return classes_of_yaml(self, err);
  }
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    snprintf(path, sizeof path, "%s/%s", self->folder, lists[i]);
    if (cream_is_file(path)) return classes_of_list(self, path, err);
  }
  return cream_fail(
      err, CREAM_BAD_DATA,
      "data: %.300s has neither data.yaml nor classes.txt; expected the names of the classes in "
      "one of them",
      self->folder);
}

/* ---- parts ------------------------------------------------------------------------------------------- */

/* The folder that relative paths of data.yaml begin in. */
static void base_folder(const yolo_reader *self, char *base, size_t size) {
  snprintf(base, size, "%s", self->folder);
  if (!self->yaml_path[0] || strcmp(self->folder, self->yaml_path)) return;
  char *slash = strrchr(base, '/');
  if (slash)
    *slash = '\0';
  else
    snprintf(base, size, ".");
}

/* Finds what a path of data.yaml means: as it is, below the key `path`, below the folder, or below the folder without
 * the "../" at its beginning, which Roboflow writes. False: nothing of that name exists. */
static bool resolve(const yolo_reader *self, const char *text, char *path, size_t size) {
  char base[CREAM_BOX_MAX_PATH];
  cream_yaml_value root = cream_yaml_root(self->yaml), key = cream_yaml_find(&root, "path");
  const char *prefix = cream_yaml_text(&key);
  base_folder(self, base, sizeof base);
  if (*text == '/') {
    snprintf(path, size, "%s", text);
    return cream_is_folder(path) || cream_is_file(path);
  }
  for (int way = 0; way < 4; way++) {
    const char *inner = text;
    int n = -1;
    while (way == 3 && !strncmp(inner, "../", 3)) inner += 3;
    if (way == 0 && prefix && *prefix == '/')
      n = snprintf(path, size, "%s/%s", prefix, inner);
    else if (way == 1 && prefix && *prefix != '/')
      n = snprintf(path, size, "%s/%s/%s", base, prefix, inner);
    else if (way > 1)
      n = snprintf(path, size, "%s/%s", base, inner);
    if (n > 0 && (size_t)n < size && (cream_is_folder(path) || cream_is_file(path))) return true;
  }
  return false;
}

/* Adds the images of a folder, or those that a text file lists, relative to its folder. */
static cream_status add_place(yolo_reader *self, cream_part part, const char *path, cream_error *err) {
  if (cream_is_folder(path))
    return cream_listing_of_folder(&self->images[part], path, cream_listing_is_image, err);
  cream_listing lines = {0};
  char folder[CREAM_BOX_MAX_PATH], whole[CREAM_BOX_MAX_PATH];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) *slash = '\0';
  cream_status status = cream_listing_of_file(&lines, path, err);
  for (size_t i = 0; i < lines.count && !status; i++) {
    const char *name = lines.names[i];
    while (!strncmp(name, "./", 2)) name += 2;
    int n = *name == '/' || !slash ? snprintf(whole, sizeof whole, "%s", name)
                                   : snprintf(whole, sizeof whole, "%s/%s", folder, name);
    if (n < (int)sizeof whole) status = cream_listing_add(&self->images[part], whole, (size_t)n, err);
  }
  cream_listing_free(&lines);
  return status;
}

static cream_status add_text(yolo_reader *self, cream_part part, const cream_yaml_value *value,
                             cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  const char *text = cream_yaml_text(value);
  if (!text || !*text)
    return cream_fail(err, CREAM_BAD_DATA,
                      "%.300s:%d: %s: expected a folder of images, a file that lists them, or several",
                      self->yaml_path, value->line, value->key);
  if (!resolve(self, text, path, sizeof path))
    return cream_fail(
        err, CREAM_BAD_DATA,
        "%.200s:%d: %s: '%.150s' is not there; expected a folder or a file, relative to `path` or "
        "to this file",
        self->yaml_path, value->line, value->key, text);
  return add_place(self, part, path, err);
}

/* Adds what data.yaml has below the keys A+B. */
static cream_status add_keys(yolo_reader *self, cream_part part, const char *words, cream_error *err) {
  cream_yaml_value root = cream_yaml_root(self->yaml);
  cream_status status = CREAM_OK;
  for (const char *word = words; *word && !status;) {
    char key[64];
    size_t length = strcspn(word, "+");
    snprintf(key, sizeof key, "%.*s", (int)length, word);
    word += length + (word[length] == '+');
    cream_yaml_value value = cream_yaml_find(&root, key);
    if (cream_yaml_kind_of(&value) == CREAM_YAML_LIST) {
      for (int i = 0; i < cream_yaml_count(&value) && !status; i++) {
        cream_yaml_value item = cream_yaml_item(&value, i);
        status = add_text(self, part, &item, err);
      }
    } else if (cream_yaml_kind_of(&value) == CREAM_YAML_ABSENT) {
      status = cream_fail(err, CREAM_BAD_DATA, "%.300s: no key `%s`; expected the images of that part",
                          self->yaml_path, key);
    } else {
      status = add_text(self, part, &value, err);
    }
  }
  return status;
}

static bool has_key(const yolo_reader *self, const char *key) {
  cream_yaml_value root = cream_yaml_root(self->yaml), value = cream_yaml_find(&root, key);
  return cream_yaml_kind_of(&value) == CREAM_YAML_LIST ||
         (cream_yaml_text(&value) && *cream_yaml_text(&value));
}

static cream_status parts_of_yaml(yolo_reader *self, const cream_box_place *place, cream_error *err) {
  const char *train = place->train, *test = place->test;
  if (!*train) train = has_key(self, "train") ? "train" : "";
  if (!*test) test = has_key(self, "val") ? "val" : has_key(self, "test") ? "test" : "";
  if (!*train && !*test)
    return cream_fail(err, CREAM_BAD_DATA, "%.300s: no key `train`; expected the folder of the images",
                      self->yaml_path);
  if (!*test) cream_box_builder_undivided(self->builder);
  cream_status status = add_keys(self, CREAM_PART_TRAIN, train, err);
  return status ? status : add_keys(self, CREAM_PART_TEST, test, err);
}

/* Adds images/WORD or WORD/images, whichever is there. */
static cream_status add_word(yolo_reader *self, cream_part part, const char *word, bool *found,
                             cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  snprintf(path, sizeof path, "%s/images/%s", self->folder, word);
  if (!cream_is_folder(path)) snprintf(path, sizeof path, "%s/%s/images", self->folder, word);
  *found = cream_is_folder(path);
  return *found ? add_place(self, part, path, err) : CREAM_OK;
}

/* Without data.yaml, the names of the folders say what is in them. */
static cream_status parts_of_folders(yolo_reader *self, const cream_box_place *place, cream_error *err) {
  static const char *const words[] = {"val", "valid", "validation", "test"};
  char path[CREAM_BOX_MAX_PATH];
  bool train, test = false;
  cream_status status = add_word(self, CREAM_PART_TRAIN, *place->train ? place->train : "train", &train, err);
  for (size_t i = 0; i < sizeof words / sizeof *words && !test && !status; i++)
    status = add_word(self, CREAM_PART_TEST, *place->test ? place->test : words[i], &test, err);
  if (status || (train && test)) return status;
  if ((*place->train && !train) || (*place->test && !test))
    return cream_fail(err, CREAM_BAD_DATA, "data: %.250s has no folder images/%.80s", self->folder,
                      *place->train && !train ? place->train : place->test);
  cream_box_builder_undivided(self->builder);
  if (train) return CREAM_OK;
  if (test)
    return cream_fail(err, CREAM_BAD_DATA,
                      "data: %.300s has no folder images/train; expected it beside the test part",
                      self->folder);
  snprintf(path, sizeof path, "%s/images", self->folder);
  return add_place(self, CREAM_PART_TRAIN, cream_is_folder(path) ? path : self->folder, err);
}

/* ---- an image ---------------------------------------------------------------------------------------- */

/* The file of labels of an image. */
static void labels_path(const char *image, char *path, size_t size) {
  static const char images[] = "/images/", labels[] = "/labels/";
  const char *last = NULL;
  for (const char *at = image; (at = strstr(at, images)); at++) last = at;
  int stem = (int)(cream_extension(image) - image);
  if (last)
    snprintf(path, size, "%.*s%s%.*s.txt", (int)(last - image), image, labels,
             stem - (int)(last - image) - (int)strlen(images), last + strlen(images));
  else
    snprintf(path, size, "%.*s.txt", stem, image);
}

static cream_status add_image(yolo_reader *self, cream_part part, const char *image, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH + 16];
  size_t index, size;
  char *text;
  cream_error reason;
  cream_status status =
      cream_box_builder_image(self->builder, part, image, 0, 0, ++self->next_id, &index, err);
  if (status || index == CREAM_BOX_NO_IMAGE) return status;
  labels_path(image, path, sizeof path);
  if (!cream_is_file(path)) {
    cream_box_builder_problem(self->builder, CREAM_BOX_UNLABELLED, "%.280s", path);
    return CREAM_OK;
  }
  if (cream_file_read_text(path, MAX_LABELS, &text, &size, &reason))
    return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
  status = cream_yolo_add(self->builder, part, index, path, text, size, err);
  free(text);
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static cream_status read_all(yolo_reader *self, const cream_box_place *place, cream_error *err) {
  cream_status status = find_classes(self, err);
  if (!status) status = (self->yaml ? parts_of_yaml : parts_of_folders)(self, place, err);
  for (int part = 0; part < CREAM_PARTS; part++)
    for (size_t i = 0; i < self->images[part].count && !status; i++)
      status = add_image(self, (cream_part)part, self->images[part].names[i], err);
  return status;
}

cream_status cream_boxes_read_yolo(const cream_box_place *place, cream_box_builder *builder,
                                   cream_error *err) {
  yolo_reader self = {.builder = builder, .folder = place->paths};
  cream_status status = read_all(&self, place, err);
  for (int part = 0; part < CREAM_PARTS; part++) cream_listing_free(&self.images[part]);
  cream_yaml_free(self.yaml);
  return status;
}
