#include "report_json.h"

#include <math.h>
#include <string.h>

const json_t *report_member(const json_t *object, const char *path) {
  char key[64];
  while (object && *path) {
    size_t length = strcspn(path, ".");
    snprintf(key, sizeof key, "%.*s", (int)length, path);
    object = json_object_get(object, key);
    path += length + (path[length] == '.');
  }
  return object;
}

double report_number(const json_t *object, const char *path) {
  const json_t *value = report_member(object, path);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *report_text(const json_t *object, const char *path) {
  const char *text = json_string_value(report_member(object, path));
  return text ? text : "";
}
