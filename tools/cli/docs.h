/* What `cream docs` writes, made from the tables of the commands. `commands` ends in NULL; hidden ones are left out. */
#ifndef CREAM_TOOLS_DOCS_H
#define CREAM_TOOLS_DOCS_H

#include <stdio.h>

#include "command.h"

void docs_man(FILE *, const cli_command *const *commands); /* docs_man.c: cream.1 */
void docs_bash(FILE *,
               const cli_command *const *commands); /* docs_bash.c: a script that bash-completion loads */
void docs_settings(FILE *,
                   const cli_command *const *commands); /* docs_settings.c: the tables of docs/settings.md */

#endif
