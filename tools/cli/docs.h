/* What `cream docs` writes. */
#ifndef CREAM_TOOLS_DOCS_H
#define CREAM_TOOLS_DOCS_H

#include <stdio.h>

#include "describe.h"

void docs_man(FILE *);  /* docs_man.c: cream.1 */
void docs_bash(FILE *); /* docs_bash.c: a script that bash-completion loads */

#endif
