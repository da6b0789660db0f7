#include "core/base/strategies.h"

#include <string.h>

#include "strategy.h"

#define DECLARE(name, word) extern const search_strategy search_strategy_##word;
CREAM_STRATEGIES(DECLARE)

#define ENTRY(name, word) [CREAM_STRATEGY_##name] = &search_strategy_##word,
static const search_strategy *const strategies[] = {CREAM_STRATEGIES(ENTRY)};
_Static_assert(sizeof strategies / sizeof *strategies == CREAM_STRATEGY_COUNT, "a table for each strategy");

const search_strategy *search_strategy_at(cream_strategy strategy) {
  CREAM_ASSERT(strategy < CREAM_STRATEGY_COUNT);
  return strategies[strategy];
}

const char *cream_strategy_name(cream_strategy strategy) {
  return search_strategy_at(strategy)->name;
}

const char *cream_strategy_summary(cream_strategy strategy) {
  return search_strategy_at(strategy)->summary;
}

bool cream_strategy_find(const char *name, cream_strategy *strategy) {
  for (*strategy = 0; *strategy < CREAM_STRATEGY_COUNT; ++*strategy)
    if (!strcmp(strategies[*strategy]->name, name)) return true;
  return false;
}

bool cream_strategy_has_supernet(cream_strategy strategy) {
  return !search_strategy_at(strategy)->restore_best;
}

int cream_search_batch_paths(const cream_search_config *config, const cream_skeleton *skeleton) {
  return search_strategy_at(config->strategy)->batch_paths(config, skeleton);
}
