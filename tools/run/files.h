/* Files and their names. */
#ifndef CREAM_TOOLS_FILES_H
#define CREAM_TOOLS_FILES_H

#include <stddef.h>

#include "core/base/status.h"

/* Prints the text of a file on stdout. */
cream_status files_print(const char *path, cream_error *);
/* "FOLDER/NAME"; CREAM_BAD_CONFIG where that is longer than size - 1 bytes. */
cream_status files_join(char *text, size_t size, const char *folder, const char *name, cream_error *);

#endif
