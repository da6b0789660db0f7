/* Writes JSON with the same bytes for the same values: keys in the order of the calls, whole numbers as
 * integers, other numbers with the fewest digits that read back the same, no-numbers (NaN) as null.
 *
 * Every call names the key of what it writes, or NULL inside an array and at the top.
 */
#ifndef CREAM_IO_JSON_H
#define CREAM_IO_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CREAM_JSON_DEPTH = 16 };

typedef struct cream_json {
  FILE *stream;
  int depth;
  struct {
    char close;
    bool lines, filled; /* an item a line; something was written */
  } level[CREAM_JSON_DEPTH];
} cream_json;

cream_json cream_json_to(FILE *);
/* `lines`: an item a line, indented; else all on one line. */
void cream_json_object(cream_json *, const char *key, bool lines);
void cream_json_array(cream_json *, const char *key, bool lines);
/* Ends the innermost object or array. */
void cream_json_end(cream_json *);
void cream_json_string(cream_json *, const char *key, const char *value);
void cream_json_number(cream_json *, const char *key, double value);
void cream_json_integer(cream_json *, const char *key, uint64_t value);
void cream_json_bool(cream_json *, const char *key, bool value);

#endif
