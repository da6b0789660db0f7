/* What a search strategy is: one constant table, defined by SEARCH_STRATEGY in a file of its own and listed in
 * core/base/strategies.h. search.c runs the steps and calls the functions of the table. */
#ifndef CREAM_CORE_STRATEGY_H
#define CREAM_CORE_STRATEGY_H

#include "core/base/event.h"
#include "core/base/strategies.h"
#include "core/net/state.h"
#include "search.h"

/* The meta network of a strategy, in device memory. */
typedef struct search_meta {
  size_t inputs;
  cream_buf theta; /* [inputs] weights, then a bias */
} search_meta;

/* `name`, `summary`, `batch_paths`, `step` and `finish` are mandatory; the other members may be zero. Functions that
 * take a cream_search find the strategy's own memory in search->strategy_state: `state_size` zeroed bytes, allocated
 * before `check` and freed after `close`. */
typedef struct search_strategy {
  const char *name;    /* the word of the setting search.strategy */
  const char *summary; /* one line for --help */
  bool teaches;        /* paths learn from a teacher, so that an external one can teach too (search_learn) */
  size_t state_size;   /* of search->strategy_state; 0: none, which is then NULL */

  /* Paths that are trained on every batch, >= 1. */
  int (*batch_paths)(const cream_search_config *, const cream_skeleton *);
  /* Fails with CREAM_BAD_CONFIG on settings that the strategy cannot work with. Targets and the number of steps are
   * known; nothing is allocated. */
  cream_status (*check)(cream_search *, cream_error *);
  /* The largest batch of a forward pass; NULL: search.batch. */
  int (*net_batch)(const cream_search *);
  /* Allocates what the strategy needs, last in the creation of a search. */
  cream_status (*open)(cream_search *, cream_error *);
  /* Releases it, also after an `open` that failed or was never called. */
  void (*close)(cream_search *);

  /* One training step: draws paths, runs them on each own part of the step (search_begin_part), and updates the weights.
   * Sets search->path, and loss, hard, soft and accuracy (and rho where there was a teacher) of the event, whose lr is that
   * of the schedule. All ranks draw the same paths. */
  cream_status (*step)(cream_search *, cream_event *, cream_error *);
  /* After the step was counted and its event emitted. */
  cream_status (*after)(cream_search *, cream_event *, cream_error *);
  /* At the end of an epoch. */
  cream_status (*epoch)(cream_search *, cream_error *);
  /* The step after which a path can first enter a board; NULL: boards are made by `finish`. */
  uint64_t (*board_opens)(const cream_search *);
  /* After the training: every board must then hold a path inside the limits of its target. */
  cream_status (*finish)(cream_search *, cream_error *);
  /* Only of a strategy without a supernet, whose paths do not share weights: puts the weights and statistics of the
   * first entry of a target's board into the net. */
  void (*restore_best)(cream_search *, int target);

  /* Adds the parts of the strategy's memory that one step leaves for the next. Their names and order are the format
   * of checkpoints. */
  void (*state)(cream_search *, cream_state *);
  /* After these parts and the boards were restored. CREAM_BAD_DATA: no search can have these values. */
  cream_status (*restored)(cream_search *, cream_error *);
  /* The meta network that is trained; NULL: there is none. */
  search_meta (*meta)(const cream_search *);
} search_strategy;

/* Defines the table of strategy `word`. The mandatory functions are arguments, so that leaving one out does not
 * compile; other members follow as designated initialisers. Neither does a word that core/base/strategies.h does not
 * list. */
#define SEARCH_STRATEGY(word, summary_, batch_paths_, step_, finish_, ...)                                   \
  _Static_assert(SEARCH_STRATEGY_LISTED_##word, "not listed");                                               \
  const search_strategy search_strategy_##word = {.name = #word,                                             \
                                                  .summary = "" summary_,                                    \
                                                  .batch_paths = batch_paths_,                               \
                                                  .step = step_,                                             \
                                                  .finish = finish_,                                         \
                                                  __VA_ARGS__}

#define SEARCH_STRATEGY_LISTED(name, word) SEARCH_STRATEGY_LISTED_##word = 1,
enum { CREAM_STRATEGIES(SEARCH_STRATEGY_LISTED) };
#undef SEARCH_STRATEGY_LISTED

/* The table of a strategy. */
const search_strategy *search_strategy_at(cream_strategy);

#endif
