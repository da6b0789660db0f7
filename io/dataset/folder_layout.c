#include "folder_layout.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/base/name.h"
#include "io/image/image.h"

enum { MAX_DEPTH = 4, DECORATION = 64 };

typedef struct child {
  char *name;
  bool exact;    /* the name is a word for a part */
  bool part;     /* the name has a word for a part */
  cream_part of; /* that part */
  int rank;
  char decoration[DECORATION]; /* the other words of the name */
} child;

/* The folders in a folder, sorted by bytes. */
typedef struct content {
  child *children;
  int count;
  bool images; /* there are image files beside the folders */
} content;

static cream_status fail_at(const char *path, const char *problem, cream_error *err) {
  char text[360];
  return cream_fail(err, CREAM_BAD_DATA, "%s: %s", cream_name_show(path, text, sizeof text), problem);
}

bool cream_folder_is_image(const char *name) {
  bool present;
  return cream_image_format_of_name(name, &present) != NULL;
}

/* ---- names ------------------------------------------------------------------------------------------ */

/* Reads a word: letters, of which only the first may be a capital after small ones. Returns its end. */
static const char *take_word(const char *at, char *word, size_t size) {
  size_t length = 0;
  const char *start = at;
  for (; isalpha((unsigned char)*at); at++) {
    if (at > start && isupper((unsigned char)*at) && islower((unsigned char)at[-1])) break;
    if (length + 1 < size) word[length++] = (char)tolower((unsigned char)*at);
  }
  word[length] = 0;
  return at;
}

/* Finds the word for a part in a name with exactly one of them. */
static void classify(child *c) {
  c->exact = cream_part_of_word(c->name, &c->of, &c->rank);
  c->part = c->exact;
  if (c->exact) return;
  int found = 0;
  size_t used = 0;
  for (const char *at = c->name; *at;) {
    char word[32];
    cream_part part;
    int rank;
    if (!isalpha((unsigned char)*at)) {
      if ((unsigned char)*at >= 0x80) return;
      at++;
      continue;
    }
    at = take_word(at, word, sizeof word);
    if (cream_part_of_word(word, &part, &rank)) {
      c->of = part;
      c->rank = rank;
      found++;
    } else if (used + strlen(word) + 2 < sizeof c->decoration) {
      used += (size_t)snprintf(c->decoration + used, sizeof c->decoration - used, "%s ", word);
    }
  }
  c->part = found == 1;
}

/* ---- folders ---------------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b) {
  return strcmp(((const child *)a)->name, ((const child *)b)->name);
}

static void content_free(content *self) {
  for (int i = 0; i < self->count; i++) free(self->children[i].name);
  free(self->children);
  *self = (content){0};
}

static cream_status join(char path[CREAM_MAX_FOLDER_PATH], const char *folder, const char *name,
                         cream_error *err) {
  char whole[CREAM_MAX_FOLDER_PATH];
  int length = snprintf(whole, sizeof whole, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof whole) return fail_at(folder, strerror(ENAMETOOLONG), err);
  memcpy(path, whole, (size_t)length + 1);
  return CREAM_OK;
}

static cream_status add(content *self, const char *path, const struct dirent *entry, cream_error *err) {
  char whole[CREAM_MAX_FOLDER_PATH];
  struct stat info;
  cream_status status = join(whole, path, entry->d_name, err);
  if (status) return status;
  if (entry->d_type == DT_REG || stat(whole, &info) || !S_ISDIR(info.st_mode)) {
    self->images |= cream_folder_is_image(entry->d_name);
    return CREAM_OK;
  }
  child *children = realloc(self->children, ((size_t)self->count + 1) * sizeof *children);
  char *name = strdup(entry->d_name);
  if (children) self->children = children;
  if (!children || !name) {
    free(name);
    return cream_fail_memory(err, sizeof *children, "the names of folders");
  }
  children[self->count] = (child){.name = name};
  classify(&children[self->count++]);
  return CREAM_OK;
}

static cream_status look(const char *path, content *out, cream_error *err) {
  *out = (content){0};
  DIR *folder = opendir(path);
  if (!folder) {
    char problem[160];
    snprintf(problem, sizeof problem, "the folder cannot be read: %s", strerror(errno));
    return fail_at(path, problem, err);
  }
  cream_status status = CREAM_OK;
  for (struct dirent *entry; !status && (entry = readdir(folder));)
    if (entry->d_name[0] != '.') status = add(out, path, entry, err);
  closedir(folder);
  if (status)
    content_free(out);
  else if (out->count)
    qsort(out->children, (size_t)out->count, sizeof *out->children, by_bytes);
  return status;
}

/* The number of folders in a folder, 0 if it cannot be read, and whether there are images beside them. */
static void count(const char *path, const char *name, int *folders, bool *images) {
  char whole[CREAM_MAX_FOLDER_PATH];
  content found = {0};
  if (!join(whole, path, name, NULL)) look(whole, &found, NULL);
  *folders = found.count;
  *images = found.images;
  content_free(&found);
}

/* ---- parts ------------------------------------------------------------------------------------------ */

/* Returns the first folder of a part, by the rank of its word. */
static const child *find_exact(const content *in, cream_part part) {
  const child *best = NULL;
  for (int i = 0; i < in->count; i++) {
    const child *c = &in->children[i];
    if (c->exact && c->of == part && (!best || c->rank < best->rank)) best = c;
  }
  return best;
}

/* Finds two folders whose names are alike but for the word for the part. */
static bool find_pair(const content *in, const child **train, const child **test) {
  *train = find_exact(in, CREAM_PART_TRAIN);
  *test = find_exact(in, CREAM_PART_TEST);
  if (*train && *test) return true;
  for (int i = 0; i < in->count; i++) {
    const child *a = &in->children[i];
    if (!a->part || a->exact || a->of != CREAM_PART_TRAIN) continue;
    const child *best = NULL;
    for (int j = 0; j < in->count; j++) {
      const child *b = &in->children[j];
      if (!b->part || b->exact || b->of != CREAM_PART_TEST || strcmp(a->decoration, b->decoration) != 0)
        continue;
      if (!best || b->rank < best->rank) best = b;
    }
    if (!best) continue;
    *train = a;
    *test = best;
    return true;
  }
  return false;
}

/* Enters folders that have only one folder and nothing else, which itself has folders. `wrapped`: also where the name of
 * that folder says nothing about the part. */
static cream_status enter(char path[CREAM_MAX_FOLDER_PATH], bool wrapped, cream_notes *notes,
                          cream_error *err) {
  bool entered = false;
  cream_status status = CREAM_OK;
  for (int depth = 0; depth < MAX_DEPTH && !status; depth++) {
    content in;
    int folders = 0;
    bool images = false;
    status = look(path, &in, err);
    if (!status && in.count == 1 && !in.images && (wrapped || in.children[0].part))
      count(path, in.children[0].name, &folders, &images);
    bool inside = folders && !images;
    if (inside) status = join(path, path, in.children[0].name, err);
    content_free(&in);
    if (!inside) break;
    entered = true;
  }
  char text[360];
  if (entered && !status)
    cream_notes_add(notes, "the classes are the folders in %s", cream_name_show(path, text, sizeof text));
  return status;
}

static cream_status fail_without_test(const char *path, const child *train, cream_error *err) {
  char problem[400];
  snprintf(problem, sizeof problem,
           "%.80s/ without a test part; expected val/, validation/, valid/ or test/; to test on a share of "
           "%.80s/, "
           "use folder:PATH/%.80s,val=0.2",
           train->name, train->name, train->name);
  return fail_at(path, problem, err);
}

static cream_status fail_without_train(const char *path, const child *test, cream_error *err) {
  char problem[300];
  snprintf(problem, sizeof problem,
           "%.80s/ without a training part; expected train/ beside it; to test only, use "
           "folder:PATH/%.80s,val=all",
           test->name, test->name);
  return fail_at(path, problem, err);
}

static bool all_parts(const content *in) {
  for (int i = 0; i < in->count; i++)
    if (!in->children[i].exact) return false;
  return true;
}

/* A folder that has parts is no class. */
static cream_status check_classes(const char *path, const content *in, cream_error *err) {
  for (int i = 0; i < in->count; i++) {
    char whole[CREAM_MAX_FOLDER_PATH], text[200], problem[400];
    content below;
    if (join(whole, path, in->children[i].name, NULL) || look(whole, &below, NULL)) continue;
    const child *train, *test;
    bool pair = find_pair(&below, &train, &test);
    if (pair)
      snprintf(problem, sizeof problem,
               "it has the parts %.60s/ and %.60s/, so it is no class; expected PATH/%.60s/CLASS/..., or "
               "folder:%.100s",
               train->name, test->name, train->name, cream_name_show(whole, text, sizeof text));
    content_free(&below);
    if (pair) return fail_at(whole, problem, err);
  }
  return CREAM_OK;
}

static cream_status set_part(char out[CREAM_MAX_FOLDER_PATH], const char *path, const child *part,
                             bool wrapped, cream_notes *notes, cream_error *err) {
  cream_status status = join(out, path, part->name, err);
  return status ? status : enter(out, wrapped, notes, err);
}

/* Decides about one folder. *deeper: the only folder in it may have the set. */
static cream_status decide(const char *path, const content *in, cream_folder_layout *out, bool *deeper,
                           cream_notes *notes, cream_error *err) {
  const child *train, *test;
  int folders;
  bool images;
  *deeper = false;
  if (find_pair(in, &train, &test)) {
    out->parts = true;
    cream_status status = set_part(out->train, path, train, true, notes, err);
    return status ? status : set_part(out->test, path, test, false, notes, err);
  }
  if (train) {
    count(path, train->name, &folders, &images);
    if (folders || in->count == 1) return fail_without_test(path, train, err);
  }
  if (test) {
    count(path, test->name, &folders, &images);
    if (folders && !all_parts(in)) return fail_without_train(path, test, err);
    if (folders) {
      out->parts = true;
      return set_part(out->test, path, test, false, notes, err);
    }
  }
  if (in->count == 1 && !in->images) {
    count(path, in->children[0].name, &folders, &images);
    *deeper = folders > 0 && !images;
    if (*deeper) return CREAM_OK;
  }
  snprintf(out->train, sizeof out->train, "%s", path);
  return check_classes(path, in, err);
}

cream_status cream_folder_layout_find(const char *path, cream_folder_layout *out, cream_notes *notes,
                                      cream_error *err) {
  char at[CREAM_MAX_FOLDER_PATH], text[360];
  bool deeper = true;
  cream_status status = CREAM_OK;
  *out = (cream_folder_layout){0};
  snprintf(at, sizeof at, "%s", path);
  for (int depth = 0; deeper && !status; depth++) {
    content in;
    status = look(at, &in, err);
    if (status) return status;
    status = decide(at, &in, out, &deeper, notes, err);
    if (deeper && depth == MAX_DEPTH)
      status = fail_at(
          path, "no classes within 4 levels of folders; expected CLASS/IMAGE or train/CLASS/IMAGE", err);
    if (deeper && !status) status = join(at, at, in.children[0].name, err);
    if (deeper && !status)
      cream_notes_add(notes, "the set is that of the folder %s", cream_name_show(at, text, sizeof text));
    content_free(&in);
  }
  return status;
}
