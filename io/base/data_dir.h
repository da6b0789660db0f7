/* Where the files are that come with the program. */
#ifndef CREAM_IO_DATA_DIR_H
#define CREAM_IO_DATA_DIR_H

#include <stddef.h>

/* The file of that name: below the folder that this program or library lies in (../share/cream, wherever the
 * package was moved to), where it was to be installed, or in the source tree. Where there is none, its place
 * after installation. Returns `path`. */
char *cream_data_dir_find(const char *name, char *path, size_t size);

#endif
