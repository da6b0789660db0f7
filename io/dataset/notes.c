#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cream_notes_add(cream_notes *notes, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char **lines = realloc(notes->lines, ((size_t)notes->count + 1) * sizeof *lines);
  if (!lines) return;
  notes->lines = lines;
  lines[notes->count] = strdup(text);
  if (lines[notes->count]) notes->count++;
}

void cream_notes_free(cream_notes *notes) {
  for (int i = 0; i < notes->count; i++) free(notes->lines[i]);
  free(notes->lines);
  *notes = (cream_notes){0};
}
