#include "json_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/base/file.h"

#define MAX_BYTES ((size_t)1 << 34)

/* The end of the string that begins at `at`, behind its closing quote. */
static char *after_string(char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++)
    if (*at == '\\') at++;
  return at < end ? at + 1 : (char *)end;
}

/* The end of the list or object that begins at `at`. */
static char *after_value(char *at, const char *end) {
  int depth = 0;
  while (at < end) {
    char c = *at;
    if (c == '"') {
      at = after_string(at, end);
      continue;
    }
    at++;
    if (c == '[' || c == '{') depth++;
    if ((c == ']' || c == '}') && --depth == 0) break;
  }
  return at;
}

static char *after_blanks(char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

/* Replaces outlines by 0; line breaks stay, for the numbers of lines in messages. */
static void drop_outlines(char *text, size_t size) {
  static const char key[] = "\"segmentation\"";
  const size_t length = sizeof key - 1;
  char *end = text + size;
  for (char *at = text; at < end;) {
    if (*at != '"') {
      at++;
      continue;
    }
    char *next = after_string(at, end);
    bool outline = (size_t)(next - at) == length && !memcmp(at, key, length);
    at = next;
    if (!outline) continue;
    next = after_blanks(at, end);
    if (next == end || *next != ':') continue;
    char *value = after_blanks(next + 1, end);
    if (value == end || (*value != '[' && *value != '{')) continue;
    at = after_value(value, end);
    for (char *c = value; c < at; c++)
      if (*c != '\n') *c = ' ';
    *value = '0';
  }
}

cream_status cream_json_parse(const char *name, char *text, size_t size, json_t **root, cream_error *err) {
  json_error_t error;
  drop_outlines(text, size);
  *root = json_loadb(text, size, 0, &error);
  if (*root) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_DATA, "%.200s:%d: not JSON: %.160s", name, error.line, error.text);
}

cream_status cream_json_read(const char *path, json_t **root, cream_error *err) {
  char *text;
  size_t size;
  cream_error reason;
  if (cream_file_read_text(path, MAX_BYTES, &text, &size, &reason))
    return cream_fail(err, CREAM_BAD_DATA, "%s", reason.text);
  cream_status status = cream_json_parse(path, text, size, root, err);
  free(text);
  return status;
}

bool cream_json_whole(const json_t *value, int64_t *number) {
  if (json_is_integer(value)) {
    *number = json_integer_value(value);
    return true;
  }
  if (!json_is_real(value)) return false;
  double real = json_real_value(value);
  if (real != floor(real) || fabs(real) > 9e15) return false;
  *number = (int64_t)real;
  return true;
}
