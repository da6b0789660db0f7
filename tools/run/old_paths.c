#include "old_paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/base/file.h"

/* The data that was not found, its run, and the folder where that was started ("": not known). */
static struct {
  char data[sizeof((cream_config *)0)->data], run[CREAM_MAX_FILE_NAME], started[PATH_MAX];
} missing;

/* The folder where a run was started whose folder, now at `folder`, was given as --out `out`; false: not known. */
static bool find_start(const char *folder, const char *out, char start[PATH_MAX]) {
  while (out[0] == '.' && out[1] == '/') out += 2 + strspn(out + 2, "/");
  size_t length = strlen(out);
  while (length && out[length - 1] == '/') length--;
  if (!length || *out == '/' || !realpath(folder, start)) return false;
  size_t whole = strlen(start);
  if (whole <= length || start[whole - length - 1] != '/' || memcmp(start + whole - length, out, length) != 0)
    return false;
  size_t end = whole - length - 1;
  start[end ? end : 1] = '\0';
  return true;
}

/* Whether a file or folder is there. options: what follows a comma may be options of a data set. */
static bool is_there(const char *folder, const char *place, bool options) {
  char path[2 * PATH_MAX];
  int written = snprintf(path, sizeof path, "%s/%s", folder, place);
  if (written < 0 || (size_t)written >= sizeof path) return false;
  while (access(path, F_OK)) {
    char *comma = options ? strrchr(path + strlen(folder), ',') : NULL;
    if (!comma) return false;
    *comma = '\0';
  }
  return true;
}

/* Puts the folder before the path, which begins at `at`, if it fits. */
static void prepend(char *text, size_t size, size_t at, const char *folder) {
  char whole[2 * PATH_MAX];
  int length = snprintf(whole, sizeof whole, "%.*s%s/%s", (int)at, text, folder, text + at);
  if (length > 0 && (size_t)length < sizeof whole && (size_t)length < size) strcpy(text, whole);
}

static void find_file(char *path, size_t size, const char *start) {
  if (!*path || *path == '/' || is_there(".", path, false) || !is_there(start, path, false)) return;
  prepend(path, size, 0, start);
}

void old_paths_find(cream_config *config, const char *folder) {
  char start[PATH_MAX] = "";
  bool known = find_start(folder, config->out, start);
  const char *colon = strchr(config->data, ':');
  if (known) {
    find_file(config->space, sizeof config->space, start);
    find_file(config->search.latency.table, sizeof config->search.latency.table, start);
    find_file(config->rank.table, sizeof config->rank.table, start);
    find_file(config->rank.truth, sizeof config->rank.truth, start);
    find_file(config->search.oracle, sizeof config->search.oracle, start);
  }
  if (!colon || !colon[1] || colon[1] == '/' || is_there(".", colon + 1, true)) return;
  if (known && is_there(start, colon + 1, true)) {
    prepend(config->data, sizeof config->data, (size_t)(colon + 1 - config->data), start);
    return;
  }
  snprintf(missing.data, sizeof missing.data, "%s", config->data);
  snprintf(missing.run, sizeof missing.run, "%s", folder);
  snprintf(missing.started, sizeof missing.started, "%s", known ? start : "");
}

cream_status old_paths_check(const cream_config *config, cream_error *err) {
  char here[PATH_MAX];
  if (!*missing.data || strcmp(config->data, missing.data) != 0) return CREAM_OK;
  if (!getcwd(here, sizeof here)) strcpy(here, "the current folder");
  bool elsewhere = *missing.started && strcmp(missing.started, here) != 0;
  return cream_fail(
      err, CREAM_BAD_CONFIG,
      "data: %.200s in %.200s/config.yaml is a relative path, and there is no such file in %.200s%s%.200s; "
      "give the data with --data",
      missing.data, missing.run, here, elsewhere ? " or in " : "", elsewhere ? missing.started : "");
}
