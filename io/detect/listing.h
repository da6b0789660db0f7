/* Lists of names: the files below a folder, and the lines of a text file. */
#ifndef CREAM_IO_LISTING_H
#define CREAM_IO_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* Initialise with {0}. */
typedef struct cream_listing {
  char **names; /* [count], owned */
  size_t count, room;
} cream_listing;

void cream_listing_free(cream_listing *);
/* Adds a copy of a name of `length` bytes. */
cream_status cream_listing_add(cream_listing *, const char *name, size_t length, cream_error *);
/* Adds the files of a folder that `wanted` accepts by name, and of the folders in it, as `path` and their own path there,
 * sorted by bytes. Names that begin with a dot are skipped. CREAM_BAD_DATA: a folder cannot be read. */
cream_status cream_listing_of_folder(cream_listing *, const char *path, bool (*wanted)(const char *name),
                                     cream_error *);
/* Adds the lines of a text file that are not empty, without blanks around them. CREAM_BAD_DATA: it cannot be read. */
cream_status cream_listing_of_file(cream_listing *, const char *path, cream_error *);

/* Whether a file has the extension of an image that this build reads. */
bool cream_listing_is_image(const char *name);
/* The extension of a name, from its dot on, or "". */
const char *cream_extension(const char *name);

#endif
