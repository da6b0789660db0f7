/* The topics of `cream help`: pages about concepts, made from the lists and tables of the program. */
#ifndef CREAM_TOOLS_HELP_TOPICS_H
#define CREAM_TOOLS_HELP_TOPICS_H

#include <stdio.h>

/* X(name, word, summary): a topic is a line here, and topic_NAME in help_topics.c. */
#define HELP_TOPICS(X)                                                                                       \
  X(settings, "settings", "where the values of settings come from, and which commands read them")            \
  X(data, "data", "data sets and image formats")                                                             \
  X(spaces, "spaces", "the built-in search spaces")                                                          \
  X(networks, "networks", "the built-in networks")                                                           \
  X(strategies, "strategies", "how a supernet is trained and a network is chosen from it")                   \
  X(devices, "devices", "what a run computes on, and how a device is chosen")                                \
  X(ranks, "ranks", "several processes that work on one run")                                                \
  X(bars, "bars", "results that make a command fail, for continuous integration")                            \
  X(exit_codes, "exit-codes", "what the exit codes mean")                                                    \
  X(environment, "environment", "the environment variables that the program reads")

#define HELP_TOPIC(name, word, summary) HELP_TOPIC_##name,
typedef enum help_topic { HELP_TOPICS(HELP_TOPIC) HELP_TOPIC_COUNT } help_topic;
#undef HELP_TOPIC

/* NULL after the last one. */
const char *help_topic_word(int topic);
const char *help_topic_summary(int topic);
void help_topic_print(FILE *, help_topic);

#endif
