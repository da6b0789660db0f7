/* YAML and JSON files that are part of the program: the spaces in io/config/spaces, the architectures in io/config/archs.
 * CMake makes of each folder a list of EMBEDDED("name", bytes...), NAME.inc. */
#ifndef CREAM_IO_BUILTIN_H
#define CREAM_IO_BUILTIN_H

#include <stdbool.h>

#include "yaml.h"

typedef struct cream_builtin {
  const char *name;
  const unsigned char *text;
  size_t size;
} cream_builtin;

/* What EMBEDDED stands for where a list of cream_builtin is wanted, and where one of names. */
#define CREAM_BUILTIN(name, ...)                                                                             \
  {name, (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})},
#define CREAM_BUILTIN_NAME(name, ...) name,

/* The document of that name in a list of `count`, else that in that file. `kind` ("space") stands in errors:
 * CREAM_BAD_CONFIG, naming the built-in ones, for a word (without / and .) that is neither. */
cream_status cream_builtin_open(const cream_builtin *, int count, const char *kind, const char *name_or_path,
                                cream_yaml **, bool *is_builtin, cream_error *);

#endif
