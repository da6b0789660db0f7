/* cream docs: pages that are made from the tables of the commands. */
#include "tools/cli/docs.h"

#include <stdio.h>

#include "commands.h"
#include "help_topics.h"
#include "io/base/file.h"

typedef struct docs_options {
  cli_line line;
  const char *program, *out;
} docs_options;

static docs_book book_of(const docs_options *options) {
  return (docs_book){options->program, command_list, help_topic_word, help_topic_summary};
}

/* One page as a file of the folder. */
static cream_status write_page(const docs_options *options, const cli_command *command, cream_error *err) {
  const docs_book book = book_of(options);
  char name[CREAM_MAX_FILE_NAME];
  cream_file file;
  snprintf(name, sizeof name, "%s/%s%s%s.1", options->out, options->program, command ? "-" : "",
           command ? command->name : "");
  cream_status status = cream_file_create(&file, name, err);
  if (status != CREAM_OK) return status;
  docs_man(file.stream, &book, command);
  return cream_file_commit(&file, err);
}

static cream_status run_man(const void *values, cream_error *err) {
  const docs_options *options = values;
  const docs_book book = book_of(options);
  if (!options->out) {
    docs_man(stdout, &book, NULL);
    return CREAM_OK;
  }
  cream_status status = cream_make_directories(options->out, err);
  if (status == CREAM_OK) status = write_page(options, NULL, err);
  for (int i = 0; command_list[i] && status == CREAM_OK; i++)
    if (!command_list[i]->hidden) status = write_page(options, command_list[i], err);
  return status;
}

static cream_status print(const void *values, void (*page)(FILE *, const docs_book *)) {
  const docs_book book = book_of(values);
  page(stdout, &book);
  return CREAM_OK;
}

static cream_status run_bash(const void *values, cream_error *err) {
  (void)err;
  return print(values, docs_bash);
}

static cream_status run_zsh(const void *values, cream_error *err) {
  (void)err;
  return print(values, docs_zsh);
}

static cream_status run_fish(const void *values, cream_error *err) {
  (void)err;
  return print(values, docs_fish);
}

static cream_status run_settings(const void *values, cream_error *err) {
  (void)err;
  return print(values, docs_settings);
}

static void defaults(void *values) {
  ((docs_options *)values)->program = "cream";
}

enum { MAN, BASH, ZSH, FISH, SETTINGS };
static const cli_subcommand subcommands[] = {
    [MAN] = {"man", "the manual page of the program; with --out, the pages of the commands too", run_man},
    [BASH] = {"bash", "the completion of bash", run_bash},
    [ZSH] = {"zsh", "the completion of zsh", run_zsh},
    [FISH] = {"fish", "the completion of fish", run_fish},
    [SETTINGS] = {"settings", "the tables of docs/settings.md", run_settings},
};

static const cli_option options[] = {
    CLI_VALUE(docs_options, program, OUTPUT, "program", "NAME", "name of the installed program",
              .only = 1u << MAN | 1u << BASH | 1u << ZSH | 1u << FISH),
    CLI_VALUE(docs_options, out, OUTPUT, "out", "DIR", "folder for the pages", .only = 1u << MAN),
};

COMMAND(docs, "print pages made from the tables of the commands", CLI_OPTIONS(options),
        CLI_SUBCOMMANDS(subcommands), CLI_VALUES(docs_options, line), .defaults = defaults, .hidden = true);
