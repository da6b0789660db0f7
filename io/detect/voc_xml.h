/* Reads an annotation of Pascal VOC: one XML file for each image. */
#ifndef CREAM_IO_VOC_XML_H
#define CREAM_IO_VOC_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct cream_voc_object {
  char *name;
  double edges[4]; /* xmin, ymin, xmax, ymax as they stand there; NaN: not a number, or missing */
  bool difficult;
} cream_voc_object;

typedef struct cream_voc_annotation {
  char *filename;    /* NULL: none */
  int width, height; /* 0: not stated */
  cream_voc_object *objects;
  size_t count, room;
} cream_voc_annotation;

/* Parses a file of `size` bytes; `name` is used in messages. The caller frees *annotation, also on failure. What is not
 * needed is skipped, as the parts of an object. CREAM_BAD_DATA, with the line: no XML, a document type (which could refer
 * to other files), or a root other than `annotation`. */
cream_status cream_voc_parse(const char *name, const char *text, size_t size,
                             cream_voc_annotation *annotation, cream_error *);
void cream_voc_annotation_free(cream_voc_annotation *);

#endif
