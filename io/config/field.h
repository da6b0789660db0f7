/* Fields of plain structs by name: one table entry reads a field from YAML, checks it, prints it and
 * describes what it takes. Settings and spaces are such tables. */
#ifndef CREAM_IO_FIELD_H
#define CREAM_IO_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/space/range.h"
#include "io/base/json.h"
#include "yaml.h"

typedef enum cream_field_type {
  CREAM_FIELD_INT,
  CREAM_FIELD_UINT64, /* any value */
  CREAM_FIELD_DOUBLE,
  CREAM_FIELD_BOOL,
  CREAM_FIELD_TEXT,    /* char array */
  CREAM_FIELD_WORD,    /* enum, one of `words` */
  CREAM_FIELD_RANGE,   /* cream_range as MIN:MAX, or "any" */
  CREAM_FIELD_INTS,    /* array; the rest after the given ones is 0 */
  CREAM_FIELD_DOUBLES, /* likewise */
  CREAM_FIELD_MAP,     /* read by the table's owner, as is a list */
  CREAM_FIELD_LIST,
} cream_field_type;

typedef struct cream_field {
  const char *key;
  cream_field_type type;
  size_t offset, size;      /* in the struct */
  double min, max;          /* of numbers and of items */
  const char *const *words; /* by value of the enum; ends in NULL */
  bool required;
} cream_field;

/* Initialisers of a field that belongs to a member; the type follows from the member's. */
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

/* Sets the field of `target` from a value; on failure `target` is unchanged. */
cream_status cream_field_read(const cream_field *, const cream_yaml_value *, void *target, cream_error *);
/* Reads every field that the map has. Unknown, repeated and missing required keys are errors; on failure
 * fields before the faulty one may be set. */
cream_status cream_fields_read(const cream_field *, int count, const cream_yaml_value *map, void *target,
                               cream_error *);
/* The same of a map that has to have every field. */
cream_status cream_fields_read_all(const cream_field *, int count, const cream_yaml_value *map, void *target,
                                   cream_error *);
/* The field's value as YAML on one line; reading it gives the same value. */
void cream_field_print(const cream_field *, const void *target, FILE *);
/* "{key: value, ...}" of all fields but maps and lists. */
void cream_fields_print(const cream_field *, int count, const void *target, FILE *);
/* All fields but maps, lists of those, ranges and 64-bit numbers as members of the open object; reading them gives the same values. */
void cream_fields_json(cream_json *, const cream_field *, int count, const void *target);
/* The same as an object of its own. */
void cream_fields_json_object(cream_json *, const char *key, const cream_field *, int count,
                              const void *target);
/* What the field takes: "a whole number from 1 to 8". Returns `text`. */
char *cream_field_expected(const cream_field *, char *text, size_t size);
/* Single-quoted where plain text would mean something else. */
void cream_yaml_print_text(const char *text, FILE *);

#endif
