/* The parser of the command line. */
#ifndef CREAM_TOOLS_OPTIONS_H
#define CREAM_TOOLS_OPTIONS_H

#include "command.h"

typedef struct cli_parsed {
  const cli_command *command;
  void *values; /* command->size bytes; NULL: --help was asked for and has been printed */
  struct cli_given *given;
} cli_parsed;

/* Reads argv[1..], argv[0] being the command's name. argv has to outlive the result, which cli_free ends in any case. */
cream_status cli_parse(const cli_command *, int argc, const char **argv, cli_parsed *, cream_error *);
/* Runs the command, or the subcommand that was given. */
cream_status cli_run(const cli_parsed *, cream_error *);
void cli_free(cli_parsed *);

/* The argument of the last option of that name on the command line; NULL: it was not given. */
const char *cli_given_last(const cli_given *, const char *name);

#endif
