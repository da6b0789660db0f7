/* The data files that are installed with the program. */
#ifndef CREAM_IO_DATA_DIR_H
#define CREAM_IO_DATA_DIR_H

#include <stddef.h>

/* Sets `path` to the first readable file with that name: relative to the folder of this program or library
 * (../share/cream, so that an installation can be moved), in the folder chosen at build time, or in the source tree. If
 * there is none, to the path in the folder chosen at build time. Returns `path`, cut to `size`. */
char *cream_data_dir_find(const char *name, char *path, size_t size);

#endif
