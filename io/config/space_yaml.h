/* Search spaces as YAML files, some of which are built in. Format: docs/formats.md. */
#ifndef CREAM_IO_SPACE_YAML_H
#define CREAM_IO_SPACE_YAML_H

#include <stdio.h>

#include "core/space/space.h"

/* Loads a built-in space by its name, or else a space file. CREAM_BAD_CONFIG, with file, line and key, for anything that is
 * missing, unknown or out of bounds; CREAM_FAILED for a file that cannot be read. `space` is unchanged on error. */
cream_status cream_space_load(const char *name_or_path, cream_space *space, cream_error *);
/* The same for `size` bytes at `text`; errors name `name` as the file. */
cream_status cream_space_parse(const char *name, const char *text, size_t size, cream_space *space,
                               cream_error *);
/* The names of the built-in spaces; ends in NULL. */
const char *const *cream_space_names(void);

/* Prints the space as YAML in a canonical form; reading it gives the same space. */
void cream_space_print(const cream_space *, FILE *);
/* The XXH3 hash (128 bits, hexadecimal, big-endian) of what cream_space_print writes after the name. CREAM_FAILED without
 * memory. */
cream_status cream_space_hash(const cream_space *, char hex[33], cream_error *);

#endif
