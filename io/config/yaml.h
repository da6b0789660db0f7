/* Reading YAML: a document in memory, its values by dotted key, and errors that say where. Every error is
 * CREAM_BAD_CONFIG (of a file that cannot be read: cream_file_read's) and reads
 *   FILE:LINE: key `search.epochs`: got `x`, expected a whole number from 1 to 100000
 */
#ifndef CREAM_IO_YAML_H
#define CREAM_IO_YAML_H

#include <stddef.h>

#include "core/base/status.h"

enum { CREAM_YAML_MAX_BYTES = 1 << 20, CREAM_YAML_MAX_KEY = 160 };

typedef struct cream_yaml cream_yaml;

typedef enum cream_yaml_kind {
  CREAM_YAML_ABSENT,
  CREAM_YAML_TEXT,
  CREAM_YAML_LIST,
  CREAM_YAML_MAP
} cream_yaml_kind;

/* A value of a document, which it does not own. Of an absent value, `line` is that of the map it is missing
 * from. */
typedef struct cream_yaml_value {
  const cream_yaml *yaml;
  int node;                     /* libyaml's number of the node; 0: absent */
  int line;                     /* from 1 */
  char key[CREAM_YAML_MAX_KEY]; /* "stages[1].channels"; "" for the whole document */
} cream_yaml_value;

/* The one document of a file, or of `size` bytes at `text`; `name` stands in errors, and "" leaves the place
 * out. An empty one has an absent root. Syntax errors, more than CREAM_YAML_MAX_BYTES and a second document
 * are errors. */
cream_status cream_yaml_read(const char *path, cream_yaml **, cream_error *);
cream_status cream_yaml_parse(const char *name, const char *text, size_t size, cream_yaml **, cream_error *);
void cream_yaml_free(cream_yaml *);
/* "" or the name that errors begin with. */
const char *cream_yaml_name(const cream_yaml *);

cream_yaml_value cream_yaml_root(const cream_yaml *);
cream_yaml_kind cream_yaml_kind_of(const cream_yaml_value *);
/* Items of a list, pairs of a map, otherwise 0. */
int cream_yaml_count(const cream_yaml_value *);
cream_yaml_value cream_yaml_item(const cream_yaml_value *list, int i);
/* The value of pair i, its dotted key the map's and the pair's. NULL in *key where the key is no text. */
cream_yaml_value cream_yaml_pair(const cream_yaml_value *map, int i, const char **key);
cream_yaml_value cream_yaml_find(const cream_yaml_value *map, const char *key);
/* The text of a scalar without control characters; else NULL. Lives as long as the document. */
const char *cream_yaml_text(const cream_yaml_value *);

/* Fails where the value is of another kind. */
cream_status cream_yaml_expect(const cream_yaml_value *, cream_yaml_kind, cream_error *);
/* Fails with the value's place and key, then the formatted text. */
cream_status cream_yaml_fail(const cream_yaml_value *, cream_error *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails with what stands there, what was `expected` and (not NULL) the word nearest to it. */
cream_status cream_yaml_unexpected(const cream_yaml_value *, const char *expected, const char *nearest,
                                   cream_error *);
/* Pair i of a map: its key is text, and no earlier pair has the same. */
cream_status cream_yaml_check_key(const cream_yaml_value *map, int i, cream_error *);

/* The candidate nearest to a word by edit distance, if near enough to be meant. A candidate that ends in
 * ".word" or starts with "word." is nearly the word. */
typedef struct cream_nearest {
  const char *word;
  const char *best; /* NULL: none so far */
  int distance;
} cream_nearest;

cream_nearest cream_nearest_to(const char *word);
void cream_nearest_offer(cream_nearest *, const char *candidate);

#endif
