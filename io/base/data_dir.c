#define _GNU_SOURCE /* dladdr, realpath */
#include "data_dir.h"

#include "core/base/status.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef CREAM_INSTALLED_DATA
#define CREAM_INSTALLED_DATA "/usr/local/share/cream"
#endif
#ifndef CREAM_DATA_NAME
#define CREAM_DATA_NAME "cream"
#endif
#ifndef CREAM_SOURCE_DATA
#define CREAM_SOURCE_DATA "io/dataset/data"
#endif

/* Sets `folder` to the folder of the file that this code was loaded from, links resolved, or "" if it is unknown. */
static char *own_folder(char folder[PATH_MAX]) {
  Dl_info info;
  /* a program found on PATH has no folder in its name */
  const char *named = dladdr(&cream_data_dir_find, &info) ? info.dli_fname : NULL;
  if (!(named && strchr(named, '/') && realpath(named, folder)) && !realpath("/proc/self/exe", folder))
    folder[0] = '\0';
  char *slash = strrchr(folder, '/');
  if (slash) *slash = '\0';
  return folder;
}

char *cream_data_dir_find(const char *name, char *path, size_t size) {
  char folder[PATH_MAX];
  CREAM_ASSERT(path);
  own_folder(folder);
  static const char *const below[] = {"../share", "../../share"}; /* from bin and lib; from lib/TRIPLET */
  for (size_t i = 0; *folder && i < sizeof below / sizeof *below; i++) {
    int length = snprintf(path, size, "%s/%s/" CREAM_DATA_NAME "/%s", folder, below[i], name);
    if (length > 0 && (size_t)length < size && !access(path, R_OK)) return path;
  }
  snprintf(path, size, "%s/%s", CREAM_INSTALLED_DATA, name);
  if (!access(path, R_OK)) return path;
  if (*CREAM_SOURCE_DATA) snprintf(path, size, "%s/%s", CREAM_SOURCE_DATA, name);
  if (access(path, R_OK)) snprintf(path, size, "%s/%s", CREAM_INSTALLED_DATA, name);
  return path;
}
