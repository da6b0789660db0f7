/* What commands take, told to whoever describes them: the manual page and the shell's completion are made of
 * the tables that the commands themselves read their options with. */
#ifndef CREAM_TOOLS_DESCRIBE_H
#define CREAM_TOOLS_DESCRIBE_H

#include <popt.h>

#include "options.h"

/* poptGetContext for a command's options. While describe_options runs: the table is taken note of, and
 * NULL. */
poptContext describe_context(const char *name, int argc, const char **argv, const struct poptOption *table);

typedef void describe_option(void *self, const struct poptOption *);

/* Calls `each` for every option of a command, in the order of --help. Nothing else of the command happens. */
void describe_options(const tool *, describe_option *each, void *self);

#endif
