/* Modules that the program opens at run time: shared objects for what it does not need to start. */
#ifndef CREAM_CORE_MODULE_H
#define CREAM_CORE_MODULE_H

#include <stdbool.h>
#include <stddef.h>

enum { CREAM_MODULE_PATH = 4096 };

/* The path of a module's file: that of the environment variable where it is set; else the first that exists beside the
 * program, in the modules' folder of an installation that was moved, in the build folder, or where the build installs.
 * path[CREAM_MODULE_PATH]. False: there is no such file. */
bool cream_module_find(const char *file, const char *variable, char *path);

#endif
