/* Reads YAML: a document in memory, its values by dotted key, and errors with file, line and key. Every error is
 * CREAM_BAD_CONFIG, except where the file cannot be read (cream_file_read), and has the form
 *   FILE:LINE: key `search.epochs`: got `x`, expected a whole number from 1 to 100000
 */
#ifndef CREAM_IO_YAML_H
#define CREAM_IO_YAML_H

#include <stddef.h>
#include <stdio.h>

#include "core/base/status.h"

enum { CREAM_YAML_MAX_BYTES = 1 << 20, CREAM_YAML_MAX_KEY = 160 };

typedef struct cream_yaml cream_yaml;

typedef enum cream_yaml_kind {
  CREAM_YAML_ABSENT,
  CREAM_YAML_TEXT,
  CREAM_YAML_LIST,
  CREAM_YAML_MAP,
  CREAM_YAML_KIND_COUNT
} cream_yaml_kind;

/* A value of a document. It does not own the document. If it is absent, `line` is the line of the map that lacks it. */
typedef struct cream_yaml_value {
  const cream_yaml *yaml;
  int node;                     /* index in libyaml's document, from 1; 0: absent */
  int line;                     /* from 1 */
  char key[CREAM_YAML_MAX_KEY]; /* "stages[1].channels"; "" for the whole document */
} cream_yaml_value;

/* Reads the only document of a file, or of `size` bytes at `text`; the caller frees it with cream_yaml_free. Errors name
 * the file, or `name`; an empty `name` leaves file and line out. An empty document has an absent root. Bad syntax, more
 * than CREAM_YAML_MAX_BYTES and a second document are errors. */
cream_status cream_yaml_read(const char *path, cream_yaml **, cream_error *);
cream_status cream_yaml_parse(const char *name, const char *text, size_t size, cream_yaml **, cream_error *);
void cream_yaml_free(cream_yaml *);
/* The name that errors begin with, or "". */
const char *cream_yaml_name(const cream_yaml *);

cream_yaml_value cream_yaml_root(const cream_yaml *);
cream_yaml_kind cream_yaml_kind_of(const cream_yaml_value *);
/* The number of items of a list or pairs of a map; 0 for any other value. */
int cream_yaml_count(const cream_yaml_value *);
cream_yaml_value cream_yaml_item(const cream_yaml_value *list, int i);
/* The value of pair i. *key is the pair's key, NULL if it is not text; value.key is the full dotted key. */
cream_yaml_value cream_yaml_pair(const cream_yaml_value *map, int i, const char **key);
/* The value of a key, absent if the map does not have it. */
cream_yaml_value cream_yaml_find(const cream_yaml_value *map, const char *key);
/* The text of a scalar without control characters, or NULL. Lives as long as the document. */
const char *cream_yaml_text(const cream_yaml_value *);

/* Fails if the kind of the value is another one. */
cream_status cream_yaml_expect(const cream_yaml_value *, cream_yaml_kind, cream_error *);
/* Fails with file, line and key of the value, then the formatted text. */
cream_status cream_yaml_fail(const cream_yaml_value *, cream_error *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails with the value, what was `expected` and the nearest valid word (NULL: none). */
cream_status cream_yaml_unexpected(const cream_yaml_value *, const char *expected, const char *nearest,
                                   cream_error *);
/* Fails if the key of pair i is not text or is the key of an earlier pair. */
cream_status cream_yaml_check_key(const cream_yaml_value *map, int i, cream_error *);

/* Prints a scalar, in single quotes where plain text would mean something else. */
void cream_yaml_print_text(const char *text, FILE *);

/* The candidate nearest to a word by edit distance, if it is near enough to be a likely typing error. A candidate that
 * ends in ".word" or starts with "word." counts as distance 1. */
typedef struct cream_nearest {
  const char *word;
  const char *best; /* NULL: none */
  int distance;
} cream_nearest;

cream_nearest cream_nearest_to(const char *word);
void cream_nearest_offer(cream_nearest *, const char *candidate);

#endif
