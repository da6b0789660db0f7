#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "box_formats.h"
#include "io/base/file.h"

static const struct {
  const char *name, *usage;
  cream_box_reader *read;
} formats[CREAM_BOX_FORMAT_COUNT] = {
#define FORMAT(name, train, test, usage, summary)                                                            \
  [CREAM_BOX_FORMAT_##name] = {#name, usage, cream_boxes_read_##name},
    CREAM_BOX_FORMATS(FORMAT)
#undef FORMAT
};

/* ---- the text after the colon ------------------------------------------------------------------------ */

/* Copies a list of names; false where it is empty or too long. */
static bool take_names(const char *value, char *names, size_t size) {
  return *value && (size_t)snprintf(names, size, "%s", value) < size;
}

/* False: no option, so the text belongs to the paths. *expected: what a malformed value should be, else NULL. */
static bool read_option(const char *option, cream_box_place *place, const char **expected) {
  char *end = NULL;
  *expected = NULL;
  errno = 0;
  if (!strncmp(option, "val=", 4)) {
    place->split = true;
    place->all = !strcmp(option + 4, "all");
    if (place->all) return true;
    place->val = strtod(option + 4, &end);
    if (end == option + 4 || *end || !(place->val > 0 && place->val < 1))
      *expected = "a share between 0 and 1, or all";
  } else if (!strncmp(option, "seed=", 5)) {
    place->split = true;
    place->seed = strtoull(option + 5, &end, 10);
    if (option[5] < '0' || option[5] > '9' || *end || errno) *expected = "an unsigned 64-bit integer";
  } else if (!strncmp(option, "train=", 6)) {
    if (!take_names(option + 6, place->train, sizeof place->train))
      *expected = "names of lists, as train+val";
  } else if (!strncmp(option, "test=", 5)) {
    if (!take_names(option + 5, place->test, sizeof place->test)) *expected = "names of lists, as test";
  } else {
    return false;
  }
  return true;
}

static cream_status parse(const char *spec, const char *paths, const char *usage, cream_box_place *place,
                          cream_error *err) {
  *place = (cream_box_place){.val = 0.2};
  if (strlen(paths) >= sizeof place->paths)
    return cream_fail(err, CREAM_BAD_CONFIG, "data: '%.60s...' is too long; expected at most %zu bytes", spec,
                      sizeof place->paths - 1);
  strcpy(place->paths, paths);
  for (char *comma; (comma = strrchr(place->paths, ',')); *comma = 0) {
    const char *expected;
    if (!read_option(comma + 1, place, &expected)) break;
    if (expected)
      return cream_fail(err, CREAM_BAD_CONFIG, "data: '%.300s': got '%.60s', expected %s", spec, comma + 1,
                        expected);
  }
  if (place->paths[0]) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "data: got '%.300s', expected %s", spec, usage);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* The format that a text begins with, up to a colon; CREAM_BOX_FORMAT_COUNT: none. */
static cream_box_format format_of(const char *spec) {
  const char *colon = strchr(spec, ':');
  size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
  int i = 0;
  while (i < CREAM_BOX_FORMAT_COUNT &&
         !(strlen(formats[i].name) == length && !strncasecmp(formats[i].name, spec, length)))
    i++;
  return (cream_box_format)i;
}

/* Finds the format and parses what follows it. */
static cream_status parse_spec(const char *spec, cream_box_format *format, cream_box_place *place,
                               cream_error *err) {
  const char *colon = strchr(spec, ':');
  *format = format_of(spec);
  if (*format != CREAM_BOX_FORMAT_COUNT)
    return parse(spec, colon ? colon + 1 : "", formats[*format].usage, place, err);
  char known[256] = "";
  for (int i = 0; i < CREAM_BOX_FORMAT_COUNT; i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", formats[i].usage);
  }
  return cream_fail(err, CREAM_BAD_CONFIG, "data: unknown format '%.200s'; expected one of: %s", spec, known);
}

cream_status cream_box_spec_absolute(const char *spec, char *text, size_t size, cream_error *err) {
  cream_box_format format;
  cream_box_place place;
  char folder[CREAM_MAX_FILE_NAME];
  cream_status status = parse_spec(spec, &format, &place, err);
  if (status) return status;
  if (!getcwd(folder, sizeof folder))
    return cream_fail(err, CREAM_FAILED, "cannot find the current folder: %s", strerror(errno));
  const char *options = strchr(spec, ':') + 1 + strlen(place.paths);
  const bool several = strchr(formats[format].usage, ',') != NULL; /* paths, separated by commas */
  size_t used = (size_t)snprintf(text, size, "%s:", formats[format].name);
  for (const char *at = place.paths; at && used < size;) {
    const char *comma = several ? strchr(at, ',') : NULL;
    int length = comma ? (int)(comma - at) : (int)strlen(at);
    used += (size_t)snprintf(text + used, size - used, "%s%s%.*s%s", *at == '/' ? "" : folder,
                             *at == '/' ? "" : "/", length, at, comma ? "," : "");
    at = comma ? comma + 1 : NULL;
  }
  if (used < size) used += (size_t)snprintf(text + used, size - used, "%s", options);
  if (used < size) return CREAM_OK;
  return cream_fail(err, CREAM_BAD_CONFIG, "data: '%.60s...' is longer than %zu bytes with absolute paths",
                    spec, size - 1);
}

cream_status cream_box_set_open(const char *spec, cream_box_use use, cream_box_set **set, cream_error *err) {
  cream_box_format format;
  cream_box_place place;
  cream_status status = parse_spec(spec, &format, &place, err);
  if (status) return status;
  cream_box_builder *builder = cream_box_builder_create(formats[format].name, use == CREAM_BOX_TRUTH);
  if (!builder) return cream_fail_memory(err, sizeof **set, "the data set");
  status = formats[format].read(&place, builder, err);
  if (!status) status = cream_box_builder_finish(builder, spec, &place, use, set, err);
  if (status) cream_box_builder_free(builder);
  return status;
}
