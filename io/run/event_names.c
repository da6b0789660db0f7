#include "event_names.h"

#include <string.h>

const char *cream_event_word(cream_event_kind kind) {
  switch (kind) {
#define WORD(name, word)                                                                                     \
  case CREAM_EVENT_##name:                                                                                   \
    return word;
    CREAM_EVENT_LIST(WORD)
#undef WORD
  }
  CREAM_ASSERT(!"a kind of event");
  return NULL;
}

bool cream_event_parse(const char *word, cream_event_kind *kind) {
#define PARSE(name, text)                                                                                    \
  if (!strcmp(word, text)) {                                                                                 \
    *kind = CREAM_EVENT_##name;                                                                              \
    return true;                                                                                             \
  }
  CREAM_EVENT_LIST(PARSE)
#undef PARSE
  return false;
}

bool cream_eval_parse(const char *word, cream_eval *eval) {
  if (!word) return false;
#define PARSE(name, text, tag)                                                                               \
  if (!strcmp(word, text)) {                                                                                 \
    *eval = CREAM_EVAL_##name;                                                                               \
    return true;                                                                                             \
  }
  CREAM_EVAL_LIST(PARSE)
#undef PARSE
  return false;
}
