/* Reads JSON files of annotations. */
#ifndef CREAM_IO_JSON_TEXT_H
#define CREAM_IO_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* Parses a document, `size` bytes that are changed. The values of all keys "segmentation" are left out (0 takes their
 * place): outlines are most of a COCO file, and boxes do without them. `name` is used in messages; the caller ends *root
 * with json_decref. CREAM_BAD_DATA, with the line: no JSON. */
cream_status cream_json_parse(const char *name, char *text, size_t size, json_t **root, cream_error *);
/* The same for a file. CREAM_BAD_DATA also where it cannot be read. */
cream_status cream_json_read(const char *path, json_t **root, cream_error *);

/* Whether a value is a whole number, also as 3.0. */
bool cream_json_whole(const json_t *value, int64_t *number);

#endif
