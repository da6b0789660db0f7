/* cream docs: the manual page and the completion of bash, made when the program is built. */
#include "docs.h"

#include <stdio.h>
#include <string.h>

static cream_status command(int argc, const char **argv, cream_error *err) {
  if (argc == 2 && !strcmp(argv[1], "man"))
    docs_man(stdout);
  else if (argc == 2 && !strcmp(argv[1], "bash"))
    docs_bash(stdout);
  else if (argc == 2 && !strcmp(argv[1], "--help"))
    printf("docs: %s\n\nUsage: cream docs man|bash\n", tool_docs.summary);
  else
    return cream_fail(err, CREAM_BAD_CONFIG, "expected cream docs man, or bash");
  return CREAM_OK;
}

const tool tool_docs = {
    .name = "docs",
    .summary = "the manual page, or the completion of bash, on stdout",
    .hidden = true,
    .command = command,
};
