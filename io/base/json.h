/* Writes JSON. The same values give the same bytes: keys are in the order of the calls, whole numbers are integers, other
 * numbers have the fewest digits that read back as the same value, NaN and infinity are null.
 *
 * Every call takes the key of the value it writes, or NULL inside an array and at the top level.
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
    bool lines, filled; /* one item per line; not empty */
  } level[CREAM_JSON_DEPTH];
} cream_json;

cream_json cream_json_to(FILE *);
/* `lines`: one item per line, indented; otherwise all on one line. */
void cream_json_object(cream_json *, const char *key, bool lines);
void cream_json_array(cream_json *, const char *key, bool lines);
/* Ends the innermost object or array. */
void cream_json_end(cream_json *);
void cream_json_string(cream_json *, const char *key, const char *value);
void cream_json_number(cream_json *, const char *key, double value);
void cream_json_integer(cream_json *, const char *key, uint64_t value);
void cream_json_bool(cream_json *, const char *key, bool value);

#endif
