/* The commands: one line here and one file for each. */
#ifndef CREAM_TOOLS_COMMANDS_H
#define CREAM_TOOLS_COMMANDS_H

#include <stdio.h>

#include "tools/cli/command.h"

/* In the order in which they are listed. */
#define COMMANDS(X)                                                                                          \
  X(search)                                                                                                  \
  X(retrain)                                                                                                 \
  X(extract)                                                                                                 \
  X(test)                                                                                                    \
  X(convert)                                                                                                 \
  X(profile)                                                                                                 \
  X(latency)                                                                                                 \
  X(bench)                                                                                                   \
  X(data)                                                                                                    \
  X(detect)                                                                                                  \
  X(settings)                                                                                                \
  X(devices)                                                                                                 \
  X(runs)                                                                                                    \
  X(report)                                                                                                  \
  X(watch)                                                                                                   \
  X(rank)                                                                                                    \
  X(table)                                                                                                   \
  X(compare)                                                                                                 \
  X(predict)                                                                                                 \
  X(export)                                                                                                  \
  X(docs)                                                                                                    \
  X(probe)                                                                                                   \
  X(version)                                                                                                 \
  X(help)

#define COMMAND_DECLARE(name_) extern const cli_command command_##name_;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#define COMMAND_NUMBER(name_) COMMAND_NUMBER_##name_,
enum { COMMANDS(COMMAND_NUMBER) N_COMMANDS };
#undef COMMAND_NUMBER

/* The definition of a command: its name and summary, then further members. It compiles only for a command of the list,
 * and with a summary. */
#define COMMAND(name_, summary_, ...)                                                                        \
  _Static_assert(COMMAND_NUMBER_##name_ < N_COMMANDS, "a command of the list");                              \
  _Static_assert(sizeof(summary_ "") > 1, "a command has a summary");                                        \
  const cli_command command_##name_ = {.name = #name_, .summary = summary_, __VA_ARGS__}

extern const cli_command *const command_list[]; /* [N_COMMANDS], and NULL */

/* The command of that name, or NULL. */
const cli_command *command_find(const char *name);
/* Prints what `cream --help` prints. */
void command_usage(FILE *);

#endif
