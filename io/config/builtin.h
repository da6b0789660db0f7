/* YAML and JSON files that are built into the program: the spaces in io/config/spaces and the architectures in
 * io/config/archs. CMake turns each folder into a list of EMBEDDED("name", bytes...), NAME.inc. */
#ifndef CREAM_IO_BUILTIN_H
#define CREAM_IO_BUILTIN_H

#include <stdbool.h>

#include "yaml.h"

typedef struct cream_builtin {
  const char *name;
  const unsigned char *text;
  size_t size;
} cream_builtin;

/* Definitions of EMBEDDED for a list of cream_builtin, and for a list of names. */
#define CREAM_BUILTIN(name, ...)                                                                             \
  {name, (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})},
#define CREAM_BUILTIN_NAME(name, ...) name,

/* Opens the built-in document with that name in a list of `count`, or else the file. `kind` ("space") is used in errors:
 * CREAM_BAD_CONFIG, listing the built-in names, for a word without / and . that is neither a name nor a file. */
cream_status cream_builtin_open(const cream_builtin *, int count, const char *kind, const char *name_or_path,
                                cream_yaml **, bool *is_builtin, cream_error *);

#endif
