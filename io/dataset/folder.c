/* `folder:PATH[,val=SHARE|all][,seed=N]`: images in a folder per class. PATH has train/CLASS/... and val/CLASS/..., under
 * any of the names of folder_layout.h, with some of the training classes in val/; or val/ alone, for a test; or it has
 * CLASS/... itself, of which a share is set aside for testing. As with torchvision's ImageFolder, classes are sorted by
 * the bytes of their names, images are the files with an image extension at any depth, and links are followed. Names
 * with a leading dot are skipped. A class of the test part belongs to the training class whose name is equal in Unicode's
 * composed form. CREAM_BAD_DATA: no class, two classes whose names only differ in the Unicode form, a class without
 * training images, a folder that cannot be read, or a link to a folder that is broken or leads back to a parent.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fileset.h"
#include "folder_layout.h"
#include "formats.h"
#include "io/base/name.h"
#include "io/image/image.h"

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

enum { EXTENSION = 16, MAX_EXTENSIONS = 8, MAX_ABSENT = 8 };

/* Files that are left out, by the end of their names. */
typedef struct left_out {
  char ends[MAX_EXTENSIONS][EXTENSION]; /* "": the rest */
  size_t counts[MAX_EXTENSIONS], all;
} left_out;

typedef struct walker {
  cream_fileset *set;
  cream_part part;
  size_t root;                      /* length of the path of the data set */
  char path[CREAM_MAX_FOLDER_PATH]; /* the current file or folder */
  size_t added, skipped;            /* images and other files of the class */
  size_t direct;                    /* images of all classes that are in no subfolder */
  size_t beside;                    /* images that are in no class */
  bool dry;                         /* count, and add nothing */
  left_out others;
  /* Images of formats that this build cannot read, by their names. */
  const char *absent[MAX_ABSENT];
  size_t absent_counts[MAX_ABSENT];
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

static void leave_out(left_out *others, const char *name) {
  const char *dot = strrchr(name, '.');
  char end[EXTENSION] = "none";
  if (dot && strlen(dot) < sizeof end) {
    strcpy(end, dot);
    for (char *c = end; *c; c++) *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
  }
  others->all++;
  int i = 0;
  while (i < MAX_EXTENSIONS - 1 && others->ends[i][0] && strcmp(others->ends[i], end) != 0) i++;
  if (i < MAX_EXTENSIONS - 1) strcpy(others->ends[i], end);
  others->counts[i]++;
}

static void count_absent(walker *self, const char *name) {
  bool present;
  const char *word = cream_image_format_of_name(name, &present);
  int i = 0;
  if (!word || present) return;
  while (i < MAX_ABSENT - 1 && self->absent[i] && strcmp(self->absent[i], word) != 0) i++;
  self->absent[i] = word;
  self->absent_counts[i]++;
}

static void note_absent(const walker *self, cream_notes *notes) {
  for (int i = 0; i < MAX_ABSENT && self->absent[i]; i++)
    cream_notes_add(notes, "%zu images are %s files by their names, and this build of cream cannot read %s",
                    self->absent_counts[i], self->absent[i], self->absent[i]);
}

static void note_left_out(const walker *self, cream_notes *notes) {
  const left_out *others = &self->others;
  char list[40 * MAX_EXTENSIONS] = "", shown[4 * EXTENSION], known[120];
  for (int i = 0; i < MAX_EXTENSIONS && others->all; i++) {
    size_t used = strlen(list);
    if (!others->counts[i]) continue;
    const char *end = others->ends[i][0] ? cream_name_show(others->ends[i], shown, 24) : "others";
    snprintf(list + used, sizeof list - used, "%s%zu %s", used ? ", " : "", others->counts[i], end);
  }
  if (others->all)
    cream_notes_add(
        notes,
        "%zu files in the folders of classes are skipped, their extensions are not those of images "
        "(%s): %s",
        others->all, cream_image_extensions(known, sizeof known), list);
  if (self->beside)
    cream_notes_add(notes, "%zu images are skipped, they are beside the folders of the classes",
                    self->beside);
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static cream_status walk(walker *, int32_t label, const ancestor *above, cream_error *);

static cream_status take(walker *self, const struct dirent *entry, int32_t label, const ancestor *here,
                         bool folders, cream_error *err) {
  size_t before;
  cream_status status = enter(self, entry->d_name, &before, err);
  if (status) return status;
  bool image = cream_folder_is_image(entry->d_name);
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
    if (image && !self->dry)
      status = cream_fileset_add(self->set, self->part, self->path + self->root + 1, label, err);
    if (image && !self->dry) count_absent(self, entry->d_name);
    if (!image && !self->dry) leave_out(&self->others, entry->d_name);
    self->added += image;
    self->direct += image && !here->above;
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
    self->beside += kind == ENTRY_FILE && cream_folder_is_image(entry->d_name);
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

/* Without images of its own, a class of the test part is noted, and a class of the training part is refused. */
static cream_status walk_class(walker *self, const char *name, int32_t label, cream_error *err) {
  size_t before;
  cream_status status = enter(self, name, &before, err);
  if (status) return status;
  self->added = self->skipped = 0;
  status = walk(self, label, NULL, err);
  char text[360];
  if (!status && self->added == 0 && self->skipped == 0 && self->part == CREAM_PART_TEST)
    cream_notes_add(cream_fileset_notes(self->set), "the folder of the class %s is empty: it is not tested",
                    cream_name_show(self->path, text, sizeof text));
  else if (!status && self->added == 0)
    status = fail_at(self->path,
                     self->skipped ? "a class without images; expected files with an image extension"
                                   : "a class without images; add some or remove the folder",
                     err);
  self->path[before] = 0;
  return status;
}

/* A class of the test part that the training part lacks: accepted if the folder is empty. */
static cream_status walk_unknown(walker *self, const char *name, cream_error *err) {
  size_t before;
  char text[360];
  cream_status status = enter(self, name, &before, err);
  if (status) return status;
  self->added = self->skipped = 0;
  self->dry = true;
  status = walk(self, 0, NULL, err);
  self->dry = false;
  if (!status && self->added + self->skipped)
    status =
        fail_at(self->path, "a class without training images; remove it or add it to the training part", err);
  if (!status)
    cream_notes_add(cream_fileset_notes(self->set),
                    "the folder %s is empty and no class of the training part",
                    cream_name_show(self->path, text, sizeof text));
  self->path[before] = 0;
  return status;
}

/* Returns the index of a class, by binary search and then by its composed form, or -1. */
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
  for (int i = 0; i < classes->count; i++)
    if (cream_name_equal(classes->entries[i]->d_name, name)) return i;
  return -1;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Refuses two classes that are written alike. */
static cream_status check_forms(const char *path, const listing *classes, cream_error *err) {
  size_t bytes = ((size_t)classes->count + 1) * sizeof(char *);
  char **names = malloc(bytes), text[200], problem[400];
  int n = 0;
  while (names && n < classes->count && (names[n] = cream_name_composed(classes->entries[n]->d_name))) n++;
  cream_status status = n == classes->count ? CREAM_OK : cream_fail_memory(err, bytes, "the classes");
  if (n) qsort(names, (size_t)n, sizeof *names, by_text);
  for (int i = 1; i < n && !status; i++) {
    if (strcmp(names[i - 1], names[i]) != 0) continue;
    snprintf(problem, sizeof problem,
             "two folders have the name '%s', one in Unicode's composed form (NFC) and one in the decomposed "
             "form (NFD); put their images into one",
             cream_name_show(names[i], text, sizeof text));
    status = fail_at(path, problem, err);
  }
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
  return status;
}

/* Adds the images of the classes at the path. `known`: the classes of the training part. */
static cream_status walk_part(walker *self, cream_part part, const char *path, const listing *known,
                              cream_error *err) {
  listing found;
  strcpy(self->path, path);
  cream_status status = list_classes(self, &found, err);
  if (status) return status;
  self->part = part;
  status = check_forms(path, &found, err);
  for (int i = 0; i < found.count && !status; i++) {
    const char *name = found.entries[i]->d_name;
    int label = find_class(known, name);
    status = label >= 0 ? walk_class(self, name, label, err) : walk_unknown(self, name, err);
  }
  listing_free(&found);
  return status;
}

/* ---- the data set ----------------------------------------------------------------------------------- */

/* Adds the images of a layout; *classes are those of the training part, or of the test part if that is alone. */
static cream_status walk_layout(walker *self, const cream_folder_layout *layout, listing *classes,
                                const cream_fileset_place *place, cream_error *err) {
  if (layout->parts && place->split)
    return cream_fail(
        err, CREAM_BAD_CONFIG,
        "data: 'folder:%.300s' has its own test part, expected neither val= nor seed=; remove them",
        place->path);
  strcpy(self->path, layout->train[0] ? layout->train : layout->test);
  cream_status status = list_classes(self, classes, err);
  self->beside = 0;
  if (!status && layout->train[0]) status = walk_part(self, CREAM_PART_TRAIN, layout->train, classes, err);
  if (!status && layout->test[0]) status = walk_part(self, CREAM_PART_TEST, layout->test, classes, err);
  if (!status && !layout->parts) status = cream_fileset_split(self->set, classes->count, place, err);
  if (!status && self->direct == 0)
    cream_notes_add(
        cream_fileset_notes(self->set),
        "the images of all classes are in subfolders of the classes' folders; if those are the classes, "
        "name the folder that has them");
  return status;
}

static cream_status build(walker *self, const cream_fileset_place *place, cream_dataset **out,
                          cream_error *err) {
  listing classes = {0};
  cream_folder_layout layout;
  cream_notes *notes = cream_fileset_notes(self->set);
  self->root = strlen(place->path);
  cream_status status = cream_folder_layout_find(place->path, &layout, notes, err);
  if (!status) status = walk_layout(self, &layout, &classes, place, err);
  size_t bytes = ((size_t)classes.count + 1) * sizeof(char *);
  const char **names = malloc(bytes);
  if (!names && !status) status = cream_fail_memory(err, bytes, "the names of the classes");
  for (int i = 0; i < classes.count && names; i++) names[i] = classes.entries[i]->d_name;
  if (!status) note_absent(self, notes);
  if (!status) note_left_out(self, notes);
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
