/* The words by which metrics.jsonl names events and evaluations. Format: docs/formats.md. */
#ifndef CREAM_IO_EVENT_NAMES_H
#define CREAM_IO_EVENT_NAMES_H

#include <stdbool.h>

#include "core/base/event.h"

/* Every kind of event: X(KIND, word). */
#define CREAM_EVENT_LIST(X)                                                                                  \
  X(START, "start")                                                                                          \
  X(STEP, "step")                                                                                            \
  X(META, "meta")                                                                                            \
  X(SCORE, "score")                                                                                          \
  X(BOARD, "board")                                                                                          \
  X(EPOCH, "epoch")                                                                                          \
  X(EVAL, "eval")                                                                                            \
  X(SELECT, "select")                                                                                        \
  X(NOTE, "note")

/* What an evaluation measures: X(NAME, word, prefix of the tags in TensorBoard). */
#define CREAM_EVAL_LIST(X)                                                                                   \
  X(HELDOUT, "heldout", "heldout")             /* the trained weights on the held-out images */              \
  X(HELDOUT_EMA, "heldout-ema", "heldout_ema") /* the averaged weights on the held-out images */             \
  X(TEST, "test", "test")                      /* the network on the test images */                          \
  X(TEST_TRAINED, "test-trained",                                                                            \
    "test_trained") /* the same with the trained weights, where averaged ones were written */                \
  X(TEST_AVERAGED, "test-averaged", "test_averaged") /* and with the averaged ones, where trained ones were */

typedef enum cream_eval {
#define CREAM_EVAL_ENUM(name, word, tag) CREAM_EVAL_##name,
  CREAM_EVAL_LIST(CREAM_EVAL_ENUM)
#undef CREAM_EVAL_ENUM
} cream_eval;

const char *cream_event_word(cream_event_kind);
/* False, with *kind unchanged, if no kind of event has that word. */
bool cream_event_parse(const char *word, cream_event_kind *kind);
/* False, with *eval unchanged, if no evaluation has that word (a cream_event's `split`); it may be NULL. */
bool cream_eval_parse(const char *word, cream_eval *eval);

#endif
