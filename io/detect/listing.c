#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/base/file.h"
#include "io/image/image.h"

enum { MAX_BYTES = 1 << 28, MAX_PATH = 8192, MAX_DEPTH = 16 };

void cream_listing_free(cream_listing *self) {
  for (size_t i = 0; i < self->count; i++) free(self->names[i]);
  free(self->names);
  *self = (cream_listing){0};
}

cream_status cream_listing_add(cream_listing *self, const char *name, size_t length, cream_error *err) {
  if (self->count == self->room) {
    size_t room = self->room ? 2 * self->room : 64;
    char **names = realloc(self->names, room * sizeof *names);
    if (!names) return cream_fail_memory(err, room * sizeof *names, "names of files");
    self->names = names;
    self->room = room;
  }
  self->names[self->count] = strndup(name, length);
  if (!self->names[self->count]) return cream_fail_memory(err, length, "names of files");
  self->count++;
  return CREAM_OK;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static int dirent_by_bytes(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static cream_status add_folder(cream_listing *self, const char *path, bool (*wanted)(const char *), int depth,
                               cream_error *err) {
  struct dirent **entries;
  if (depth == MAX_DEPTH)
    return cream_fail(err, CREAM_BAD_DATA, "%.400s: more than %d folders in each other; is a link circular?",
                      path, MAX_DEPTH);
  int n = scandir(path, &entries, visible, dirent_by_bytes);
  if (n < 0) return cream_fail(err, CREAM_BAD_DATA, "%.400s: cannot be read: %s", path, strerror(errno));
  cream_status status = CREAM_OK;
  for (int i = 0; i < n; i++) {
    char below[MAX_PATH];
    int length = snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
    if (!status && length < (int)sizeof below) {
      if (cream_is_folder(below))
        status = add_folder(self, below, wanted, depth + 1, err);
      else if (wanted(entries[i]->d_name))
        status = cream_listing_add(self, below, (size_t)length, err);
    }
    free(entries[i]);
  }
  free(entries);
  return status;
}

cream_status cream_listing_of_folder(cream_listing *self, const char *path, bool (*wanted)(const char *name),
                                     cream_error *err) {
  size_t before = self->count;
  cream_status status = add_folder(self, path, wanted, 0, err);
  if (self->count > before) qsort(self->names + before, self->count - before, sizeof *self->names, by_bytes);
  return status;
}

cream_status cream_listing_of_file(cream_listing *self, const char *path, cream_error *err) {
  char *text;
  size_t size;
  cream_error reason;
  if (cream_file_read_text(path, MAX_BYTES, &text, &size, &reason))
    return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
  cream_status status = CREAM_OK;
  for (char *line = text; line < text + size && !status;) {
    size_t length = strcspn(line, "\n");
    char *next = line + length + 1;
    line[length] = '\0';
    line += strspn(line, " \t\r");
    length = strlen(line);
    while (length && strchr(" \t\r", line[length - 1])) length--;
    if (length) status = cream_listing_add(self, line, length, err);
    line = next;
  }
  free(text);
  return status;
}

bool cream_listing_is_image(const char *name) {
  bool present;
  return cream_image_format_of_name(name, &present) && present;
}

const char *cream_extension(const char *name) {
  const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
  return dot && (!slash || dot > slash) ? dot : name + strlen(name);
}
