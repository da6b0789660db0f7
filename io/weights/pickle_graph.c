#include "pickle_graph.h"

#include <stdlib.h>

#include "io/base/words.h"

#define KINDS(X)                                                                                             \
  X(CREAM_PICKLE_NONE, "None")                                                                               \
  X(CREAM_PICKLE_BOOL, "a bool")                                                                             \
  X(CREAM_PICKLE_INT, "a number")                                                                            \
  X(CREAM_PICKLE_BIG_INT, "a number")                                                                        \
  X(CREAM_PICKLE_FLOAT, "a number")                                                                          \
  X(CREAM_PICKLE_TEXT, "a text")                                                                             \
  X(CREAM_PICKLE_BYTES, "bytes")                                                                             \
  X(CREAM_PICKLE_TUPLE, "a tuple")                                                                           \
  X(CREAM_PICKLE_LIST, "a list")                                                                             \
  X(CREAM_PICKLE_DICT, "a dict")                                                                             \
  X(CREAM_PICKLE_NAME, "a name")                                                                             \
  X(CREAM_PICKLE_CALL, "an object")                                                                          \
  X(CREAM_PICKLE_PERSISTENT, "an id")                                                                        \
  X(CREAM_PICKLE_OBJECT, "an object")                                                                        \
  X(CREAM_PICKLE_MARK, "a mark")
static CREAM_WORDS(kind_words, CREAM_PICKLE_KIND_COUNT, KINDS);

const char *cream_pickle_kind_name(cream_pickle_kind kind) {
  return kind_words[kind];
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
