/* What a pickle that was read holds. */
#include <stdlib.h>

#include "pickle_graph.h"

const char *cream_pickle_kind_name(cream_pickle_kind kind) {
  static const char *const names[] = {"None",   "a bool",    "a number", "a number", "a number",
                                      "a text", "bytes",     "a tuple",  "a list",   "a dict",
                                      "a name", "an object", "an id",    "a mark"};
  return names[kind];
}

cream_pickle_ref cream_pickle_root(const cream_pickle *pickle) {
  return pickle->root;
}

uint32_t cream_pickle_count(const cream_pickle *pickle) {
  return pickle->n_values;
}

const cream_pickle_value *cream_pickle_at(const cream_pickle *pickle, cream_pickle_ref ref) {
  return &pickle->values[ref];
}

cream_pickle_ref cream_pickle_next(const cream_pickle *pickle, uint32_t *walk) {
  const cream_pickle_cell *now = &pickle->cells[*walk];
  *walk = now->next;
  return now->value;
}

const cream_pickle_value *cream_pickle_item(const cream_pickle *pickle, const cream_pickle_value *value,
                                            uint32_t i) {
  uint32_t walk = value->items.first;
  CREAM_ASSERT(i < value->items.count);
  while (i--) cream_pickle_next(pickle, &walk);
  return cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
}

bool cream_pickle_is(const cream_pickle_value *value, const char *text) {
  return (value->kind == CREAM_PICKLE_TEXT || value->kind == CREAM_PICKLE_BYTES) &&
         cream_pickle_equal(text, value->text.bytes, value->text.length);
}

const cream_pickle_value *cream_pickle_find(const cream_pickle *pickle, const cream_pickle_value *dict,
                                            const char *key) {
  const cream_pickle_value *found = NULL;
  uint32_t walk = dict->items.first;
  while (walk) {
    const cream_pickle_value *name = cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
    const cream_pickle_value *value = cream_pickle_at(pickle, cream_pickle_next(pickle, &walk));
    if (cream_pickle_is(name, key)) found = value;
  }
  return found;
}

void cream_pickle_free(cream_pickle *pickle) {
  if (!pickle) return;
  free(pickle->values);
  free(pickle->cells);
  free(pickle);
}
