/* Search spaces as YAML files, some of them built in. Format: docs/formats.md. */
#ifndef CREAM_IO_SPACE_YAML_H
#define CREAM_IO_SPACE_YAML_H

#include <stdio.h>

#include "core/space/space.h"

/* The built-in space of that name, else the space in that file. `space` is unchanged on error. */
cream_status cream_space_load(const char *name_or_path, cream_space *space, cream_error *);
/* A space from `size` bytes at `text`; `name` stands in errors. */
cream_status cream_space_parse(const char *name, const char *text, size_t size, cream_space *space,
                               cream_error *);
/* Names of the built-in spaces, NULL at the end. */
const char *const *cream_space_names(void);

/* The space as YAML, in one form for all ways to write it; reading it gives the same space. */
void cream_space_print(const cream_space *, FILE *);
/* XXH3 (128 bits, hexadecimal, most significant first) of what cream_space_print writes after the name. */
cream_status cream_space_hash(const cream_space *, char hex[33], cream_error *);

#endif
