/* What --help prints. */
#ifndef CREAM_TOOLS_HELP_H
#define CREAM_TOOLS_HELP_H

#include <stdio.h>

#include "command.h"

/* subcommand: an index, or -1 for the command as a whole. */
void cli_help(FILE *, const cli_command *, int subcommand);
/* "[options] IMAGE...": what follows a command's name, and that of its subcommand. Returns `text`. */
char *cli_usage(const cli_command *, int subcommand, char *text, size_t size);
/* "Exit codes: 0 done, ..." */
void cli_print_exit_codes(FILE *);

#endif
