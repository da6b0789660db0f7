/* cream docs: pages that are made from the tables of the commands. */
#include "tools/cli/docs.h"

#include "commands.h"

static cream_status run_man(const void *values, cream_error *err) {
  (void)values, (void)err;
  docs_man(stdout, command_list);
  return CREAM_OK;
}

static cream_status run_bash(const void *values, cream_error *err) {
  (void)values, (void)err;
  docs_bash(stdout, command_list);
  return CREAM_OK;
}

static cream_status run_settings(const void *values, cream_error *err) {
  (void)values, (void)err;
  docs_settings(stdout, command_list);
  return CREAM_OK;
}

static const cli_subcommand subcommands[] = {
    {"man", "the manual page", run_man},
    {"bash", "the completion of bash", run_bash},
    {"settings", "the tables of docs/settings.md", run_settings},
};

COMMAND(docs, "print pages made from the tables of the commands", CLI_SUBCOMMANDS(subcommands),
        .size = sizeof(cli_line), .hidden = true);
