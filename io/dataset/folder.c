/* `folder:PATH[,val=SHARE][,seed=N]`: images in a folder per class. PATH has train/CLASS/... and one of val/,
 * validation/, valid/, test/ with some of these classes; or it has CLASS/... itself, of which a share is set aside for
 * testing. As with torchvision's ImageFolder, classes are sorted by the bytes of their names, images are the files with
 * an image extension at any depth, and links are followed. Names with a leading dot are skipped. CREAM_BAD_DATA: no
 * class, a class without images, a class of the test part without training images, a folder that cannot be read, or a
 * link to a folder that is broken or leads back to a parent.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "fileset.h"
#include "formats.h"
#include "io/base/name.h"

/* torchvision's IMG_EXTENSIONS. The content of a file is checked when the image is loaded. */
static const char *const extensions[] = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                         ".pgm", ".tif",  ".tiff", ".webp"};

typedef enum entry_kind { ENTRY_FOLDER, ENTRY_FILE, ENTRY_BROKEN, ENTRY_OTHER } entry_kind;

typedef struct listing {
  struct dirent **entries; /* sorted by bytes */
  int count;
} listing;

/* The folders from that of the class to the current one, to detect circular links. */
typedef struct ancestor {
  const struct ancestor *above;
  dev_t device;
  ino_t number;
} ancestor;

typedef struct walker {
  cream_fileset *set;
  cream_part part;
  size_t root;                          /* length of the path of the data set */
  char path[CREAM_MAX_FILE_NAME + 256]; /* the current file or folder */
  size_t added, skipped;                /* images and other files of the class */
} walker;

static cream_status fail_at(const char *path, const char *problem, cream_error *err) {
  char text[360];
  return cream_fail(err, CREAM_BAD_DATA, "%s: %s", cream_name_show(path, text, sizeof text), problem);
}

/* ---- folders ---------------------------------------------------------------------------------------- */

static int visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static cream_status list(const char *path, listing *out, cream_error *err) {
  out->count = scandir(path, &out->entries, visible, by_bytes);
  if (out->count >= 0) return CREAM_OK;
  *out = (listing){0};
  char problem[160];
  snprintf(problem, sizeof problem, "the folder cannot be read: %s", strerror(errno));
  return fail_at(path, problem, err);
}

static void listing_free(listing *listed) {
  for (int i = 0; i < listed->count; i++) free(listed->entries[i]);
  free(listed->entries);
  *listed = (listing){0};
}

/* Appends an entry to the path; *before: the former length of the path. */
static cream_status enter(walker *self, const char *name, size_t *before, cream_error *err) {
  *before = strlen(self->path);
  if (*before + strlen(name) + 2 > sizeof self->path) return fail_at(self->path, strerror(ENAMETOOLONG), err);
  self->path[*before] = '/';
  strcpy(self->path + *before + 1, name);
  return CREAM_OK;
}

/* Follows links. */
static entry_kind kind_of(const char *path, const struct dirent *entry) {
  if (entry->d_type == DT_REG) return ENTRY_FILE;
  if (entry->d_type == DT_DIR) return ENTRY_FOLDER;
  struct stat info;
  if (stat(path, &info)) return ENTRY_BROKEN;
  return S_ISDIR(info.st_mode) ? ENTRY_FOLDER : S_ISREG(info.st_mode) ? ENTRY_FILE : ENTRY_OTHER;
}

static bool is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_image(const char *name) {
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
    if (strcasecmp(dot, extensions[i]) == 0) return true;
  return false;
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static cream_status walk(walker *, int32_t label, const ancestor *above, cream_error *);

static cream_status take(walker *self, const struct dirent *entry, int32_t label, const ancestor *here,
                         bool folders, cream_error *err) {
  size_t before;
  cream_status status = enter(self, entry->d_name, &before, err);
  if (status) return status;
  bool image = is_image(entry->d_name);
  switch (kind_of(self->path, entry)) {
  case ENTRY_FOLDER:
    if (folders) status = walk(self, label, here, err);
    break;
  case ENTRY_BROKEN:
    if (!image) {
      if (!folders) status = fail_at(self->path, "the link is broken; remove it", err);
      break;
    }
    /* A broken link to an image counts as an image that cannot be used. */
    /* fall through */
  case ENTRY_FILE:
    if (folders) break;
    if (image) status = cream_fileset_add(self->set, self->part, self->path + self->root + 1, label, err);
    self->added += image;
    self->skipped += !image;
    break;
  case ENTRY_OTHER:
    break;
  }
  self->path[before] = 0;
  return status;
}

/* Adds the images of the folder at the path: its files, then those of its subfolders. */
static cream_status walk(walker *self, int32_t label, const ancestor *above, cream_error *err) {
  struct stat info;
  if (stat(self->path, &info)) return fail_at(self->path, strerror(errno), err);
  ancestor here = {above, info.st_dev, info.st_ino};
  for (const ancestor *a = above; a; a = a->above)
    if (a->device == here.device && a->number == here.number)
      return fail_at(self->path, "the link leads back to a parent folder; remove it", err);
  listing listed;
  cream_status status = list(self->path, &listed, err);
  for (int folders = 0; folders < 2; folders++)
    for (int i = 0; i < listed.count && !status; i++)
      status = take(self, listed.entries[i], label, &here, folders, err);
  listing_free(&listed);
  return status;
}

/* Lists the folders at the path, sorted by name: the classes. */
static cream_status list_classes(walker *self, listing *out, cream_error *err) {
  cream_status status = list(self->path, out, err);
  if (status) return status;
  int kept = 0;
  for (int i = 0; i < out->count; i++) {
    struct dirent *entry = out->entries[i];
    size_t before;
    entry_kind kind = ENTRY_OTHER;
    if (!status) status = enter(self, entry->d_name, &before, err);
    if (!status) {
      kind = kind_of(self->path, entry);
      if (kind == ENTRY_BROKEN) status = fail_at(self->path, "the link is broken; remove it", err);
      self->path[before] = 0;
    }
    if (kind == ENTRY_FOLDER)
      out->entries[kept++] = entry;
    else
      free(entry);
  }
  out->count = kept;
  if (!status && kept == 0) status = fail_at(self->path, "no folders; expected one per class", err);
  if (status) listing_free(out);
  return status;
}

static cream_status walk_class(walker *self, const char *name, int32_t label, cream_error *err) {
  size_t before;
  cream_status status = enter(self, name, &before, err);
  if (status) return status;
  self->added = self->skipped = 0;
  status = walk(self, label, NULL, err);
  if (!status && self->added == 0)
    status = fail_at(self->path,
                     self->skipped ? "a class without images; expected files with an image extension"
                                   : "a class without images; add some or remove the folder",
                     err);
  self->path[before] = 0;
  return status;
}

/* Returns the index of a class, by binary search, or -1. */
static int find_class(const listing *classes, const char *name) {
  int low = 0, high = classes->count;
  while (low < high) {
    int middle = low + (high - low) / 2, order = strcmp(name, classes->entries[middle]->d_name);
    if (order == 0) return middle;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return -1;
}

/* Adds the images of the classes at the path. `known`: the classes of the training part. */
static cream_status walk_part(walker *self, cream_part part, const listing *known, cream_error *err) {
  listing found;
  cream_status status = list_classes(self, &found, err);
  if (status) return status;
  self->part = part;
  for (int i = 0; i < found.count && !status; i++) {
    const char *name = found.entries[i]->d_name;
    int label = find_class(known, name);
    if (label >= 0) {
      status = walk_class(self, name, label, err);
    } else {
      size_t before;
      status = enter(self, name, &before, err);
      if (!status)
        status = fail_at(self->path,
                         "a class without training images; remove it or add it to the training part", err);
    }
  }
  listing_free(&found);
  return status;
}

/* ---- the data set ----------------------------------------------------------------------------------- */

/* Sets the path to the folder of the test part; false: there is none. */
static bool find_test_part(walker *self) {
  for (const char *const *name = cream_test_part_names; *name; name++) {
    snprintf(self->path + self->root, sizeof self->path - self->root, "/%s", *name);
    if (is_folder(self->path)) return true;
  }
  return false;
}

static cream_status walk_two_parts(walker *self, listing *classes, const cream_fileset_place *place,
                                   cream_error *err) {
  if (place->split)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "data: 'folder:%.300s' has its own test part, expected neither val= nor seed=; remove them",
        place->path);
  if (!find_test_part(self)) {
    self->path[self->root] = 0;
    return fail_at(self->path,
                   "train/ without a test part; expected val/, validation/, valid/ or test/; "
                   "to test on a share of train/, use folder:PATH/train,val=0.2",
                   err);
  }
  char test[sizeof self->path];
  strcpy(test, self->path);
  strcpy(self->path + self->root, "/train");
  cream_status status = list_classes(self, classes, err);
  if (!status) status = walk_part(self, CREAM_PART_TRAIN, classes, err);
  strcpy(self->path, test);
  if (!status) status = walk_part(self, CREAM_PART_TEST, classes, err);
  return status;
}

static cream_status walk_one_part(walker *self, listing *classes, const cream_fileset_place *place,
                                  cream_error *err) {
  cream_status status = list_classes(self, classes, err);
  if (!status) status = walk_part(self, CREAM_PART_TRAIN, classes, err);
  if (!status) status = cream_fileset_split(self->set, classes->count, place, err);
  return status;
}

static cream_status build(walker *self, const cream_fileset_place *place, cream_dataset **out,
                          cream_error *err) {
  listing classes = {0};
  strcpy(self->path, place->path);
  self->root = strlen(self->path);
  strcpy(self->path + self->root, "/train");
  bool two = is_folder(self->path);
  self->path[self->root] = 0;
  cream_status status =
      two ? walk_two_parts(self, &classes, place, err) : walk_one_part(self, &classes, place, err);
  size_t bytes = ((size_t)classes.count + 1) * sizeof(char *);
  const char **names = malloc(bytes);
  if (!names && !status) status = cream_fail_memory(err, bytes, "the names of the classes");
  for (int i = 0; i < classes.count && names; i++) names[i] = classes.entries[i]->d_name;
  if (!status) status = cream_fileset_finish(self->set, place->path, names, classes.count, out, err);
  free(names);
  listing_free(&classes);
  return status;
}

cream_status cream_folder_open(const char *place, cream_dataset **out, cream_error *err) {
  cream_fileset_place read;
  cream_status status = cream_fileset_parse("folder", place, &read, err);
  if (status) return status;
  walker *self = calloc(1, sizeof *self);
  if (self) self->set = cream_fileset_create("folder", read.path);
  if (!self || !self->set) {
    free(self);
    return cream_fail_memory(err, sizeof *self, "a data set");
  }
  status = build(self, &read, out, err);
  if (status) cream_fileset_free(self->set);
  free(self);
  return status;
}
