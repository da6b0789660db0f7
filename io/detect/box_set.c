#include "box_set.h"

#include <stdlib.h>

static const struct {
  const char *key, *text;
} problems[CREAM_BOX_PROBLEM_COUNT] = {
#define PROBLEM(id, key, text) [CREAM_BOX_##id] = {key, text},
    CREAM_BOX_PROBLEMS(PROBLEM)
#undef PROBLEM
};

const char *cream_box_problem_key(cream_box_problem problem) {
  return problems[problem].key;
}

const char *cream_box_problem_text(cream_box_problem problem) {
  return problems[problem].text;
}

size_t cream_box_set_without(const cream_box_set *self, cream_part part) {
  const cream_box_part *of = &self->parts[part];
  size_t without = 0;
  for (size_t i = 0; i < of->count; i++) without += of->first[i] == of->first[i + 1];
  return without;
}

void cream_box_set_free(cream_box_set *self) {
  if (!self) return;
  for (int c = 0; c < self->classes; c++) free(self->class_names[c]);
  free(self->class_names);
  free(self->categories);
  for (int p = 0; p < CREAM_PARTS; p++) {
    cream_box_part *part = &self->parts[p];
    for (size_t i = 0; i < part->count; i++) free(part->images[i].path);
    free(part->images);
    free(part->boxes);
    free(part->first);
    free(part->areas);
  }
  cream_notes_free(&self->notes);
  free(self);
}
