#include "box_write.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/base/file.h"
#include "io/image/image.h"
#include "listing.h"

static const struct {
  cream_box_writer *write;
  const char *images[CREAM_PARTS]; /* folders */
} formats[CREAM_BOX_FORMAT_COUNT] = {
#define FORMAT(name, train, test, usage, summary)                                                            \
  [CREAM_BOX_FORMAT_##                                                                                       \
      name] = {cream_boxes_write_##name, {[CREAM_PART_TRAIN] = train, [CREAM_PART_TEST] = test}},
    CREAM_BOX_FORMATS(FORMAT)
#undef FORMAT
};

const char *const cream_box_format_words[] = {
#define WORD(name, train, test, usage, summary) #name,
    CREAM_BOX_FORMATS(WORD)
#undef WORD
        NULL};

/* ---- names of the images ----------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Orders names by what precedes their extensions. */
static int by_stem(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  size_t n = (size_t)(cream_extension(x) - x), m = (size_t)(cream_extension(y) - y);
  int order = memcmp(x, y, n < m ? n : m);
  return order ? order : (n > m) - (n < m);
}

/* The file names of all images, which differ also without their extensions: where two would not, all have a number before
 * them. */
static cream_status choose_names(const cream_box_set *set, cream_listing names[CREAM_PARTS],
                                 cream_error *err) {
  size_t all = set->parts[0].count + set->parts[1].count, n = 0;
  const char **sorted = malloc((all + 1) * sizeof *sorted);
  if (!sorted) return cream_fail_memory(err, all * sizeof *sorted, "names of images");
  for (int p = 0; p < CREAM_PARTS; p++)
    for (size_t i = 0; i < set->parts[p].count; i++) sorted[n++] = base_name(set->parts[p].images[i].path);
  if (n) qsort(sorted, n, sizeof *sorted, by_stem);
  bool numbered = false;
  for (size_t i = 1; i < n; i++) numbered = numbered || by_stem(&sorted[i - 1], &sorted[i]) == 0;
  free(sorted);
  cream_status status = CREAM_OK;
  n = 0;
  for (int p = 0; p < CREAM_PARTS; p++)
    for (size_t i = 0; i < set->parts[p].count && !status; i++) {
      char name[2 * NAME_MAX];
      const char *base = base_name(set->parts[p].images[i].path);
      int length = numbered ? snprintf(name, sizeof name, "%06zu-%s", ++n, base)
                            : snprintf(name, sizeof name, "%s", base);
      status = cream_listing_add(&names[p], name, (size_t)length, err);
    }
  return status;
}

/* ---- the images -------------------------------------------------------------------------------------- */

static cream_status place_image(const char *from, const char *to, bool copy, cream_error *err) {
  char *data;
  size_t size;
  if (copy) {
    cream_status status = cream_file_read(from, CREAM_MAX_IMAGE_BYTES, &data, &size, err);
    if (status) return status;
    status = cream_file_write(to, data, size, err);
    free(data);
    return status;
  }
  char *target = realpath(from, NULL);
  if (!target) return cream_fail(err, CREAM_FAILED, "%.300s: cannot be found: %s", from, strerror(errno));
  int failed = symlink(target, to);
  free(target);
  if (!failed) return CREAM_OK;
  return cream_fail(err, CREAM_FAILED, "%.300s: cannot be linked: %s; copy the images with --copy", to,
                    strerror(errno));
}

static cream_status place_images(const cream_box_set *set, cream_box_format format, const char *folder,
                                 const cream_listing names[CREAM_PARTS], bool copy, cream_error *err) {
  char path[CREAM_BOX_MAX_PATH];
  cream_status status = CREAM_OK;
  for (int p = 0; p < CREAM_PARTS && !status; p++) {
    if (!set->parts[p].count) continue;
    snprintf(path, sizeof path, "%s/%s", folder, formats[format].images[p]);
    status = cream_make_directories(path, err);
    for (size_t i = 0; i < set->parts[p].count && !status; i++) {
      snprintf(path, sizeof path, "%s/%s/%s", folder, formats[format].images[p], names[p].names[i]);
      status = place_image(set->parts[p].images[i].path, path, copy, err);
    }
  }
  return status;
}

/* ---- the folder -------------------------------------------------------------------------------------- */

/* Whether a folder may be replaced: it does not exist, or is empty. */
static cream_status check_free(const char *folder, cream_error *err) {
  struct stat info;
  if (lstat(folder, &info)) return CREAM_OK;
  DIR *open = opendir(folder);
  int entries = 0;
  while (open && readdir(open)) entries++;
  if (open) closedir(open);
  if (open && entries <= 2) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "--out: %.300s %s; expected a new or an empty folder", folder,
                    open ? "has files in it" : "is no folder");
}

/* Removes what was written so far: files, links and folders. */
static void remove_all(const char *path) {
  struct stat info;
  DIR *open = lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? opendir(path) : NULL;
  for (struct dirent *entry; open && (entry = readdir(open));) {
    char below[CREAM_BOX_MAX_PATH];
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below) remove_all(below);
  }
  if (open) closedir(open);
  remove(path);
}

/* A name beside `place` that nothing has: a process of the same number that was killed may have left its folder. */
static void name_temporary(const char *place, char *temporary, size_t size) {
  struct stat info;
  int made = 0;
  do snprintf(temporary, size, "%s.tmp-%ld-%d", place, (long)getpid(), made++);
  while (lstat(temporary, &info) == 0);
}

static cream_status write_all(const cream_box_set *set, cream_box_format format, const char *temporary,
                              const char *folder, bool copy, char *spec, size_t size, cream_error *err) {
  cream_listing names[CREAM_PARTS] = {{0}, {0}};
  cream_status status = choose_names(set, names, err);
  if (!status) status = place_images(set, format, temporary, names, copy, err);
  char *const *const lists[CREAM_PARTS] = {names[0].names, names[1].names};
  if (!status) status = formats[format].write(set, temporary, lists, folder, spec, size, err);
  for (int p = 0; p < CREAM_PARTS; p++) cream_listing_free(&names[p]);
  return status;
}

cream_status cream_box_set_write(const cream_box_set *set, cream_box_format format, const char *folder,
                                 bool copy, char *spec, size_t size, cream_error *err) {
  char temporary[CREAM_MAX_FILE_NAME + 64], place[CREAM_MAX_FILE_NAME];
  int n = snprintf(place, sizeof place, "%s", folder);
  while (n > 1 && n < (int)sizeof place && place[n - 1] == '/') place[--n] = '\0';
  if (n <= 0 || n >= (int)sizeof place)
    return cream_fail(err, CREAM_BAD_CONFIG, "--out: the path of '%.60s' is empty or too long", folder);
  name_temporary(place, temporary, sizeof temporary);
  cream_status status = check_free(place, err);
  if (status) return status;
  status = cream_make_directories(temporary, err);
  if (!status) status = write_all(set, format, temporary, place, copy, spec, size, err);
  if (!status && rename(temporary, place))
    status = cream_fail(err, CREAM_FAILED, "cannot write %.300s: %s", place, strerror(errno));
  if (status) remove_all(temporary);
  return status;
}
