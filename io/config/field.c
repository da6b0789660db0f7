#include "field.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- numbers and words ------------------------------------------------------------------------------- */

static bool parse_whole(const char *text, double min, double max, int *out) {
  char *end;
  if (!text[0] || text[strspn(text, "+-0123456789")]) return false;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || *end || (double)value < min || (double)value > max) return false;
  *out = (int)value;
  return true;
}

static bool parse_uint64(const char *text, uint64_t *out) {
  if (!text[0] || text[strspn(text, "0123456789")]) return false;
  errno = 0;
  uint64_t value = strtoull(text, NULL, 10);
  if (errno) return false;
  *out = value;
  return true;
}

/* Parses a number that ends at `stop` ('\0' or ':'); *rest, if not NULL, is set to the text after it. */
static bool parse_double(const char *text, char stop, double min, double max, double *out,
                         const char **rest) {
  char *end;
  size_t length = strspn(text, "+-.0123456789eE");
  if (!length || text[length] != stop) return false;
  double value = strtod(text, &end);
  if (end != text + length || !(value >= min && value <= max)) return false;
  *out = value + 0.0; /* no negative zero */
  if (rest) *rest = end + 1;
  return true;
}

static bool parse_bool(const char *text, bool *out) {
  bool yes = strcmp(text, "true") == 0;
  if (!yes && strcmp(text, "false") != 0) return false;
  *out = yes;
  return true;
}

static bool parse_range(const char *text, double max, cream_range *out) {
  cream_range range = {0};
  const char *rest;
  if (strcmp(text, "any") != 0) {
    if (!parse_double(text, ':', 0, max, &range.min, &rest)) return false;
    if (!parse_double(rest, '\0', range.min, max, &range.max, NULL) || range.max <= 0) return false;
  }
  *out = range;
  return true;
}

static bool parse_word(const char *text, const char *const *words, unsigned *out) {
  for (unsigned i = 0; words[i]; i++)
    if (strcmp(text, words[i]) == 0) {
      *out = i;
      return true;
    }
  return false;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static size_t item_size(const cream_field *field) {
  return field->type == CREAM_FIELD_INTS ? sizeof(int) : sizeof(double);
}

static size_t append(char *text, size_t size, size_t length, const char *piece) {
  int n = length < size ? snprintf(text + length, size - length, "%s", piece) : 0;
  return length + (size_t)n;
}

char *cream_field_expected(const cream_field *field, char *text, size_t size) {
  size_t capacity = field->size / item_size(field), length;
  switch (field->type) {
  case CREAM_FIELD_INT:
    snprintf(text, size, "a whole number from %.0f to %.0f", field->min, field->max);
    break;
  case CREAM_FIELD_UINT64:
    snprintf(text, size, "a whole number from 0 to %" PRIu64, UINT64_MAX);
    break;
  case CREAM_FIELD_DOUBLE:
    snprintf(text, size, "a number from %.15g to %.15g", field->min, field->max);
    break;
  case CREAM_FIELD_BOOL:
    snprintf(text, size, "true or false");
    break;
  case CREAM_FIELD_TEXT:
    snprintf(text, size, "text of at most %zu bytes", field->size - 1);
    break;
  case CREAM_FIELD_RANGE:
    snprintf(text, size, "MIN:MAX (0 <= MIN <= MAX, 0 < MAX <= %.15g) or any", field->max);
    break;
  case CREAM_FIELD_INTS:
    snprintf(text, size, "a list of at most %zu whole numbers from %.0f to %.0f", capacity, field->min,
             field->max);
    break;
  case CREAM_FIELD_DOUBLES:
    snprintf(text, size, "a list of at most %zu numbers from %.15g to %.15g", capacity, field->min,
             field->max);
    break;
  case CREAM_FIELD_WORD:
    length = append(text, size, 0, "one of ");
    for (int i = 0; field->words[i]; i++) {
      if (i) length = append(text, size, length, ", ");
      length = append(text, size, length, field->words[i]);
    }
    break;
  case CREAM_FIELD_MAP:
    snprintf(text, size, "a map of keys and values");
    break;
  case CREAM_FIELD_LIST:
    snprintf(text, size, "a list");
    break;
  }
  return text;
}

static cream_status fail_field(const cream_field *field, const cream_yaml_value *value, cream_error *err) {
  char expected[240];
  const char *text = cream_yaml_text(value);
  cream_nearest nearest = cream_nearest_to(text ? text : "");
  if (field->type == CREAM_FIELD_WORD)
    for (int i = 0; field->words[i]; i++) cream_nearest_offer(&nearest, field->words[i]);
  cream_field_expected(field, expected, sizeof expected);
  return cream_yaml_unexpected(value, expected, nearest.best, err);
}

static cream_status read_list(const cream_field *field, const cream_yaml_value *value, void *to,
                              cream_error *err) {
  size_t size = item_size(field), count = (size_t)cream_yaml_count(value);
  char items[1024] = {0};
  CREAM_ASSERT(field->size <= sizeof items);
  if (cream_yaml_kind_of(value) != CREAM_YAML_LIST) return fail_field(field, value, err);
  if (count > field->size / size)
    return cream_yaml_fail(value, err, "got %zu items, expected at most %zu", count, field->size / size);
  cream_field item_field = *field;
  item_field.type = field->type == CREAM_FIELD_INTS ? CREAM_FIELD_INT : CREAM_FIELD_DOUBLE;
  item_field.offset = 0;
  item_field.size = size;
  for (size_t i = 0; i < count; i++) {
    cream_yaml_value item = cream_yaml_item(value, (int)i);
    cream_status status = cream_field_read(&item_field, &item, items + i * size, err);
    if (status) return status;
  }
  memcpy(to, items, field->size);
  return CREAM_OK;
}

cream_status cream_field_read(const cream_field *field, const cream_yaml_value *value, void *target,
                              cream_error *err) {
  void *to = (char *)target + field->offset;
  if (field->type == CREAM_FIELD_MAP) return cream_yaml_expect(value, CREAM_YAML_MAP, err);
  if (field->type == CREAM_FIELD_LIST) return cream_yaml_expect(value, CREAM_YAML_LIST, err);
  if (field->type == CREAM_FIELD_INTS || field->type == CREAM_FIELD_DOUBLES)
    return read_list(field, value, to, err);

  const char *text = cream_yaml_text(value);
  bool good = false;
  if (text) switch (field->type) {
    case CREAM_FIELD_INT:
      good = parse_whole(text, field->min, field->max, to);
      break;
    case CREAM_FIELD_UINT64:
      good = parse_uint64(text, to);
      break;
    case CREAM_FIELD_DOUBLE:
      good = parse_double(text, '\0', field->min, field->max, to, NULL);
      break;
    case CREAM_FIELD_BOOL:
      good = parse_bool(text, to);
      break;
    case CREAM_FIELD_RANGE:
      good = parse_range(text, field->max, to);
      break;
    case CREAM_FIELD_WORD:
      good = parse_word(text, field->words, to);
      break;
    case CREAM_FIELD_TEXT:
      good = strlen(text) < field->size;
      if (good) memcpy(to, text, strlen(text) + 1);
      break;
    case CREAM_FIELD_INTS:
    case CREAM_FIELD_DOUBLES:
    case CREAM_FIELD_MAP:
    case CREAM_FIELD_LIST:
      break; /* handled above */
    }
  return good ? CREAM_OK : fail_field(field, value, err);
}

static cream_status read_fields(const cream_field *fields, int count, const cream_yaml_value *map, bool all,
                                void *target, cream_error *err) {
  cream_status status = cream_yaml_expect(map, CREAM_YAML_MAP, err);
  for (int i = 0; !status && i < cream_yaml_count(map); i++) {
    const char *key;
    cream_yaml_value value = cream_yaml_pair(map, i, &key);
    if ((status = cream_yaml_check_key(map, i, err))) break;
    cream_nearest nearest = cream_nearest_to(key);
    int f = 0;
    for (; f < count && strcmp(fields[f].key, key) != 0; f++) cream_nearest_offer(&nearest, fields[f].key);
    if (f < count)
      status = cream_field_read(&fields[f], &value, target, err);
    else if (nearest.best)
      status = cream_yaml_fail(&value, err, "no such key, did you mean `%s`?", nearest.best);
    else
      status = cream_yaml_fail(&value, err, "no such key");
  }
  for (int f = 0; !status && f < count; f++) {
    cream_yaml_value value = cream_yaml_find(map, fields[f].key);
    if ((fields[f].required || all) && !value.node) status = fail_field(&fields[f], &value, err);
  }
  return status;
}

cream_status cream_fields_read(const cream_field *fields, int count, const cream_yaml_value *map,
                               void *target, cream_error *err) {
  return read_fields(fields, count, map, false, target, err);
}

cream_status cream_fields_read_all(const cream_field *fields, int count, const cream_yaml_value *map,
                                   void *target, cream_error *err) {
  return read_fields(fields, count, map, true, target, err);
}

/* ---- printing ---------------------------------------------------------------------------------------- */

/* The shortest decimals that read back as the same number. */
static void print_double(double value, FILE *file) {
  char text[40];
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  fputs(text, file);
}

/* The number of items without the zeros at the end. */
static size_t used_items(const cream_field *field, const void *from) {
  const int *ints = from;
  const double *doubles = from;
  bool whole = field->type == CREAM_FIELD_INTS;
  size_t count = field->size / item_size(field);
  while (count > 0 && (whole ? ints[count - 1] == 0 : doubles[count - 1] == 0)) count--;
  return count;
}

static void print_list(const cream_field *field, const void *from, FILE *file) {
  const int *ints = from;
  const double *doubles = from;
  bool whole = field->type == CREAM_FIELD_INTS;
  size_t count = used_items(field, from);
  fputc('[', file);
  for (size_t i = 0; i < count; i++) {
    if (i) fputs(", ", file);
    if (whole)
      fprintf(file, "%d", ints[i]);
    else
      print_double(doubles[i], file);
  }
  fputc(']', file);
}

void cream_field_print(const cream_field *field, const void *target, FILE *file) {
  const void *from = (const char *)target + field->offset;
  const cream_range *range = from;
  switch (field->type) {
  case CREAM_FIELD_INT:
    fprintf(file, "%d", *(const int *)from);
    break;
  case CREAM_FIELD_UINT64:
    fprintf(file, "%" PRIu64, *(const uint64_t *)from);
    break;
  case CREAM_FIELD_DOUBLE:
    print_double(*(const double *)from, file);
    break;
  case CREAM_FIELD_BOOL:
    fputs(*(const bool *)from ? "true" : "false", file);
    break;
  case CREAM_FIELD_TEXT:
    cream_yaml_print_text(from, file);
    break;
  case CREAM_FIELD_WORD:
    fputs(field->words[*(const unsigned *)from], file);
    break;
  case CREAM_FIELD_RANGE:
    if (range->max == 0) {
      fputs("any", file);
    } else {
      print_double(range->min, file);
      fputc(':', file);
      print_double(range->max, file);
    }
    break;
  case CREAM_FIELD_INTS:
  case CREAM_FIELD_DOUBLES:
    print_list(field, from, file);
    break;
  case CREAM_FIELD_MAP:
  case CREAM_FIELD_LIST:
    break;
  }
}

static void put_list(cream_json *json, const cream_field *field, const void *from) {
  const int *ints = from;
  const double *doubles = from;
  bool whole = field->type == CREAM_FIELD_INTS;
  cream_json_array(json, field->key, false);
  for (size_t i = 0, count = used_items(field, from); i < count; i++)
    cream_json_number(json, NULL, whole ? ints[i] : doubles[i]);
  cream_json_end(json);
}

void cream_fields_json(cream_json *json, const cream_field *fields, int count, const void *target) {
  for (int f = 0; f < count; f++) {
    const void *from = (const char *)target + fields[f].offset;
    switch (fields[f].type) {
    case CREAM_FIELD_INT:
      cream_json_number(json, fields[f].key, *(const int *)from);
      break;
    case CREAM_FIELD_DOUBLE:
      cream_json_number(json, fields[f].key, *(const double *)from);
      break;
    case CREAM_FIELD_BOOL:
      cream_json_bool(json, fields[f].key, *(const bool *)from);
      break;
    case CREAM_FIELD_TEXT:
      cream_json_string(json, fields[f].key, from);
      break;
    case CREAM_FIELD_WORD:
      cream_json_string(json, fields[f].key, fields[f].words[*(const unsigned *)from]);
      break;
    case CREAM_FIELD_INTS:
    case CREAM_FIELD_DOUBLES:
      put_list(json, &fields[f], from);
      break;
    case CREAM_FIELD_UINT64:
    case CREAM_FIELD_RANGE:
    case CREAM_FIELD_MAP:
    case CREAM_FIELD_LIST:
      break;
    }
  }
}

void cream_fields_json_object(cream_json *json, const char *key, const cream_field *fields, int count,
                              const void *target) {
  cream_json_object(json, key, false);
  cream_fields_json(json, fields, count, target);
  cream_json_end(json);
}

void cream_fields_print(const cream_field *fields, int count, const void *target, FILE *file) {
  const char *separator = "{";
  for (int f = 0; f < count; f++) {
    if (fields[f].type == CREAM_FIELD_MAP || fields[f].type == CREAM_FIELD_LIST) continue;
    fprintf(file, "%s%s: ", separator, fields[f].key);
    cream_field_print(&fields[f], target, file);
    separator = ", ";
  }
  fputc('}', file);
}
