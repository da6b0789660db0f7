#include "module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the program, with a slash at its end. */
static bool program_folder(char *path) {
  ssize_t length = readlink("/proc/self/exe", path, CREAM_MODULE_PATH - 1);
  if (length < 0) return false;
  path[length] = '\0';
  char *slash = strrchr(path, '/');
  if (slash) slash[1] = '\0';
  return slash != NULL;
}

bool cream_module_find(const char *file, const char *variable, char *path) {
  const char *given = getenv(variable);
  if (given && *given) {
    snprintf(path, CREAM_MODULE_PATH, "%s", given);
    return access(path, F_OK) == 0;
  }
  char program[CREAM_MODULE_PATH];
  if (!program_folder(program)) program[0] = '\0';
  const char *const folders[][2] = {{program, "."},
                                    {program, CREAM_MODULES_FROM_PROGRAM},
                                    {CREAM_BUILD_MODULES, "."},
                                    {CREAM_INSTALLED_MODULES, "."}};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!folders[i][0][0]) continue;
    int length = snprintf(path, CREAM_MODULE_PATH, "%s/%s/%s", folders[i][0], folders[i][1], file);
    if (length < CREAM_MODULE_PATH && access(path, F_OK) == 0) return true;
  }
  return false;
}
