#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/status.h"

cream_json cream_json_to(FILE *stream) {
  return (cream_json){.stream = stream};
}

static void put_string(FILE *stream, const char *text) {
  fputc('"', stream);
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    if (*at == '"' || *at == '\\')
      fprintf(stream, "\\%c", *at);
    else if (*at < 0x20)
      fprintf(stream, "\\u%04x", *at);
    else
      fputc(*at, stream);
  }
  fputc('"', stream);
}

static void new_line(cream_json *json) {
  fprintf(json->stream, "\n%*s", 2 * json->depth, "");
}

static void begin_item(cream_json *json, const char *key) {
  if (json->depth) {
    bool lines = json->level[json->depth - 1].lines, filled = json->level[json->depth - 1].filled;
    if (filled) fputc(',', json->stream);
    if (lines)
      new_line(json);
    else if (filled)
      fputc(' ', json->stream);
    json->level[json->depth - 1].filled = true;
  }
  if (key) {
    put_string(json->stream, key);
    fputs(": ", json->stream);
  }
}

static void open_level(cream_json *json, const char *key, char open, char close, bool lines) {
  CREAM_ASSERT(json->depth < CREAM_JSON_DEPTH);
  begin_item(json, key);
  fputc(open, json->stream);
  json->level[json->depth].close = close;
  json->level[json->depth].lines = lines;
  json->level[json->depth].filled = false;
  json->depth++;
}

void cream_json_object(cream_json *json, const char *key, bool lines) {
  open_level(json, key, '{', '}', lines);
}

void cream_json_array(cream_json *json, const char *key, bool lines) {
  open_level(json, key, '[', ']', lines);
}

void cream_json_end(cream_json *json) {
  CREAM_ASSERT(json->depth > 0);
  json->depth--;
  if (json->level[json->depth].lines && json->level[json->depth].filled) new_line(json);
  fputc(json->level[json->depth].close, json->stream);
}

void cream_json_string(cream_json *json, const char *key, const char *value) {
  begin_item(json, key);
  put_string(json->stream, value);
}

void cream_json_number(cream_json *json, const char *key, double value) {
  begin_item(json, key);
  if (!isfinite(value)) {
    fputs("null", json->stream);
  } else if (value == floor(value) && fabs(value) < 0x1p53) {
    fprintf(json->stream, "%.0f", value + 0.0); /* -0 becomes 0 */
  } else {
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
      snprintf(text, sizeof text, "%.*g", digits, value);
      if (strtod(text, NULL) == value) break;
    }
    fputs(text, json->stream);
  }
}

void cream_json_integer(cream_json *json, const char *key, uint64_t value) {
  begin_item(json, key);
  fprintf(json->stream, "%" PRIu64, value);
}

void cream_json_bool(cream_json *json, const char *key, bool value) {
  begin_item(json, key);
  fputs(value ? "true" : "false", json->stream);
}
