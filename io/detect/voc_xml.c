#include "voc_xml.h"

#include <expat.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The elements whose text is read: X(ID, path below the root). */
#define FIELDS(X)                                                                                            \
  X(FILENAME, "/annotation/filename")                                                                        \
  X(WIDTH, "/annotation/size/width")                                                                         \
  X(HEIGHT, "/annotation/size/height")                                                                       \
  X(NAME, "/annotation/object/name")                                                                         \
  X(DIFFICULT, "/annotation/object/difficult")                                                               \
  X(XMIN, "/annotation/object/bndbox/xmin")                                                                  \
  X(YMIN, "/annotation/object/bndbox/ymin")                                                                  \
  X(XMAX, "/annotation/object/bndbox/xmax")                                                                  \
  X(YMAX, "/annotation/object/bndbox/ymax")

#define FIELD_ID(id, path) FIELD_##id,
typedef enum field { FIELDS(FIELD_ID) N_FIELDS } field;
#undef FIELD_ID

static const char *const paths[N_FIELDS] = {
#define FIELD_PATH(id, path) [FIELD_##id] = path,
    FIELDS(FIELD_PATH)
#undef FIELD_PATH
};

enum { MAX_PATH = 256, MAX_TEXT = 4096, MAX_DEPTH = 64 };

typedef struct voc_parser {
  XML_Parser xml;
  cream_voc_annotation *out;
  char path[MAX_PATH]; /* of the present element; too long ones are cut, and match nothing */
  size_t ends[MAX_DEPTH], depth;
  char text[MAX_TEXT];
  size_t used;
  const char *problem; /* NULL: none so far */
  bool memory;
} voc_parser;

static void stop(voc_parser *self, const char *problem) {
  if (!self->problem) self->problem = problem;
  XML_StopParser(self->xml, XML_FALSE);
}

static void fail_memory(voc_parser *self) {
  self->memory = true;
  stop(self, "out of memory");
}

static void add_object(voc_parser *self) {
  cream_voc_annotation *out = self->out;
  if (out->count == out->room) {
    size_t room = out->room ? 2 * out->room : 16;
    cream_voc_object *objects = realloc(out->objects, room * sizeof *objects);
    if (!objects) {
      fail_memory(self);
      return;
    }
    out->objects = objects;
    out->room = room;
  }
  out->objects[out->count++] = (cream_voc_object){.edges = {NAN, NAN, NAN, NAN}};
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes) {
  voc_parser *self = context;
  (void)attributes;
  if (self->depth == MAX_DEPTH) {
    stop(self, "elements inside more than 64 others");
    return;
  }
  size_t from = self->depth ? self->ends[self->depth - 1] : 0;
  int n = snprintf(self->path + from, MAX_PATH - from, "/%s", name);
  self->ends[self->depth++] = from + (size_t)n < MAX_PATH ? from + (size_t)n : MAX_PATH - 1;
  self->used = 0;
  if (self->depth == 1 && strcmp(name, "annotation"))
    stop(self, "expected the element `annotation` around all others");
  if (!strcmp(self->path, "/annotation/object")) add_object(self);
}

static void on_text(void *context, const XML_Char *text, int length) {
  voc_parser *self = context;
  size_t n = (size_t)length, room = MAX_TEXT - 1 - self->used;
  if (n > room) n = room;
  memcpy(self->text + self->used, text, n);
  self->used += n;
}

/* The text without blanks around it. */
static char *trimmed(voc_parser *self) {
  char *from = self->text;
  self->text[self->used] = '\0';
  from += strspn(from, " \t\r\n");
  for (char *end = from + strlen(from); end > from && strchr(" \t\r\n", end[-1]);) *--end = '\0';
  return from;
}

static double number(const char *text) {
  char *end;
  double value = strtod(text, &end);
  return end == text || *end ? NAN : value;
}

/* A size; 0: none. */
static int whole(const char *text) {
  double value = number(text);
  return value >= 1 && value <= INT_MAX && value == floor(value) ? (int)value : 0;
}

static void take_text(voc_parser *self, char **target, const char *text) {
  free(*target);
  *target = strdup(text);
  if (!*target) fail_memory(self);
}

static void take(voc_parser *self, field at) {
  cream_voc_annotation *out = self->out;
  cream_voc_object *object = out->count ? &out->objects[out->count - 1] : NULL;
  const char *text = trimmed(self);
  switch (at) {
  case FIELD_FILENAME:
    take_text(self, &out->filename, text);
    return;
  case FIELD_WIDTH:
    out->width = whole(text);
    return;
  case FIELD_HEIGHT:
    out->height = whole(text);
    return;
  case FIELD_NAME:
    take_text(self, &object->name, text);
    return;
  case FIELD_DIFFICULT:
    object->difficult = !strcmp(text, "1") || !strcmp(text, "true");
    return;
  case FIELD_XMIN:
  case FIELD_YMIN:
  case FIELD_XMAX:
  case FIELD_YMAX:
    object->edges[at - FIELD_XMIN] = number(text);
    return;
  case N_FIELDS:
    return;
  }
}

static void on_end(void *context, const XML_Char *name) {
  voc_parser *self = context;
  (void)name;
  for (int i = 0; i < N_FIELDS; i++)
    if (!strcmp(self->path, paths[i])) take(self, (field)i);
  self->depth--;
  self->path[self->depth ? self->ends[self->depth - 1] : 0] = '\0';
  self->used = 0;
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                       int internal) {
  (void)name;
  (void)system;
  (void)public;
  (void)internal;
  stop(context, "a document type, which annotations do not need");
}

cream_status cream_voc_parse(const char *name, const char *text, size_t size,
                             cream_voc_annotation *annotation, cream_error *err) {
  voc_parser self = {.out = annotation};
  *annotation = (cream_voc_annotation){0};
  if (size > INT_MAX) return cream_fail(err, CREAM_BAD_DATA, "%.300s: more than 2 GB", name);
  self.xml = XML_ParserCreate(NULL);
  if (!self.xml) return cream_fail_memory(err, size, "annotations");
  XML_SetUserData(self.xml, &self);
  XML_SetElementHandler(self.xml, on_start, on_end);
  XML_SetCharacterDataHandler(self.xml, on_text);
  XML_SetStartDoctypeDeclHandler(self.xml, on_doctype);
  bool good = XML_Parse(self.xml, text, (int)size, 1) == XML_STATUS_OK;
  cream_status status = CREAM_OK;
  if (self.memory)
    status = cream_fail_memory(err, size, "annotations");
  else if (!good)
    status = cream_fail(err, CREAM_BAD_DATA, "%.300s:%lu: not an annotation of Pascal VOC: %s", name,
                        XML_GetCurrentLineNumber(self.xml),
                        self.problem ? self.problem : XML_ErrorString(XML_GetErrorCode(self.xml)));
  XML_ParserFree(self.xml);
  return status;
}

void cream_voc_annotation_free(cream_voc_annotation *self) {
  free(self->filename);
  for (size_t i = 0; i < self->count; i++) free(self->objects[i].name);
  free(self->objects);
  *self = (cream_voc_annotation){0};
}
