/* Tables that describe the fields of plain structs by name. One entry is enough to read a field from YAML, check it,
 * print it and describe its values. Settings, spaces and architectures are such tables. */
#ifndef CREAM_IO_FIELD_H
#define CREAM_IO_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/space/range.h"
#include "io/base/json.h"
#include "io/base/words.h"
#include "yaml.h"

typedef enum cream_field_type {
  CREAM_FIELD_INT,
  CREAM_FIELD_UINT64, /* any value */
  CREAM_FIELD_DOUBLE,
  CREAM_FIELD_BOOL,
  CREAM_FIELD_TEXT,    /* char array */
  CREAM_FIELD_WORD,    /* enum; one of `words` */
  CREAM_FIELD_RANGE,   /* cream_range as MIN:MAX, or "any" */
  CREAM_FIELD_INTS,    /* array; items that the file does not give are 0 */
  CREAM_FIELD_DOUBLES, /* the same */
  CREAM_FIELD_MAP,     /* any map; the owner of the table reads it */
  CREAM_FIELD_LIST,    /* any list; the same */
} cream_field_type;

typedef struct cream_field {
  const char *key;
  cream_field_type type;
  size_t offset, size;      /* in the struct, in bytes */
  double min, max;          /* inclusive bounds of a number, or of the items of a list */
  const char *const *words; /* CREAM_FIELD_WORD: the enum's words (io/base/words.h) */
  bool required;
} cream_field;

/* Initialisers of the type, offset and size of a field. The type follows from the type of the struct's member. */
#define CREAM_FIELD(owner, member)                                                                           \
  .type = _Generic(((owner *)0)->member,                                                            \
      int: CREAM_FIELD_INT,                                                                         \
      uint64_t: CREAM_FIELD_UINT64,                                                                 \
      double: CREAM_FIELD_DOUBLE,                                                                   \
      bool: CREAM_FIELD_BOOL,                                                                       \
      char *: CREAM_FIELD_TEXT,                                                                     \
      unsigned: CREAM_FIELD_WORD,                                                                   \
      cream_range: CREAM_FIELD_RANGE,                                                               \
      int *: CREAM_FIELD_INTS,                                                                      \
      double *: CREAM_FIELD_DOUBLES),                                                               \
  .offset = offsetof(owner, member), .size = sizeof(((owner *)0)->member)

/* Sets the field of `target` from a value. Returns CREAM_BAD_CONFIG for a value of another type or out of bounds;
 * `target` is unchanged then. */
cream_status cream_field_read(const cream_field *, const cream_yaml_value *, void *target, cream_error *);
/* Sets the fields of `target` that the map gives. An unknown or duplicate key, a missing required key and a bad value
 * are errors (CREAM_BAD_CONFIG); fields before the faulty one may be set then. */
cream_status cream_fields_read(const cream_field *, int count, const cream_yaml_value *map, void *target,
                               cream_error *);
/* The same, but every field is required. */
cream_status cream_fields_read_all(const cream_field *, int count, const cream_yaml_value *map, void *target,
                                   cream_error *);
/* Prints the value of the field as YAML on one line; reading it gives the same value. */
void cream_field_print(const cream_field *, const void *target, FILE *);
/* Prints "{key: value, ...}" of all fields except maps and lists. */
void cream_fields_print(const cream_field *, int count, const void *target, FILE *);
/* Writes all fields except maps, lists of maps, ranges and 64-bit numbers as members of the open object; reading them
 * gives the same values. */
void cream_fields_json(cream_json *, const cream_field *, int count, const void *target);
/* The same as a new object. */
void cream_fields_json_object(cream_json *, const char *key, const cream_field *, int count,
                              const void *target);
/* Describes the values of the field: "a whole number from 1 to 8". Returns `text`, cut to `size`. */
char *cream_field_expected(const cream_field *, char *text, size_t size);

#endif
