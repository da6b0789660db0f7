/* The list of search strategies (docs/strategies.md). A line X(NAME, word) gives the constant CREAM_STRATEGY_NAME of
 * the enum cream_strategy (config.h), the word of the setting search.strategy, and the entry of the table
 * search_strategy_word, which core/search/strategy_word.c defines (core/search/strategy.h). */
#ifndef CREAM_CORE_STRATEGIES_H
#define CREAM_CORE_STRATEGIES_H

#define CREAM_STRATEGIES(X)                                                                                  \
  X(CREAM, cream)                                                                                            \
  X(SPOS, spos)                                                                                              \
  X(RANDOM, random)                                                                                          \
  X(FAIR, fair)                                                                                              \
  X(SANDWICH, sandwich)

#endif
