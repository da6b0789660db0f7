#include <string.h>

#include "docs.h"

/* Text in quotes, and the end of the line. */
static void put_text(FILE *out, const char *text) {
  fputc('\'', out);
  docs_put_text(out, text, "\\'", "\\");
  fputs("'\n", out);
}

/* "complete -c PROGRAM -n CONDITION": the command, and where some are given, one of its subcommands. */
static void put_begin(FILE *out, const docs_book *book, const char *function, const cli_command *command,
                      unsigned only) {
  fprintf(out, "complete -c %s -n '_%s_is %s", book->program, function, command->name);
  for (int i = 0; i < command->n_subcommands; i++)
    if (only >> i & 1) fprintf(out, " \"%s\"", command->subcommands[i].name);
  fputc('\'', out);
}

static void put_option(FILE *out, const docs_book *book, const char *function, const cli_command *command,
                       const cli_option *option) {
  put_begin(out, book, function, command, option->only);
  fprintf(out, " -l %s", option->name);
  if (option->letter) fprintf(out, " -s %c", option->letter);
  const docs_argument argument = docs_argument_of(option);
  switch (argument) {
  case DOCS_NONE:
    break;
  case DOCS_VALUE:
    fputs(" -x", out);
    break;
  case DOCS_FOLDER:
    fputs(" -x -a '(__fish_complete_directories)'", out);
    break;
  case DOCS_BEGINNING:
  case DOCS_WORDS:
  case DOCS_FILE:
    fprintf(out, " %s -a '", argument == DOCS_FILE ? "-r -F" : "-x");
    docs_put_words(out, command, option, "", " ");
    fputc('\'', out);
    break;
  }
  fputs(" -d ", out);
  put_text(out, option->help);
}

/* A subcommand: its word, or the first and the second one. */
static void put_subcommand(FILE *out, const docs_book *book, const char *function, const cli_command *command,
                           int i) {
  const char *name = command->subcommands[i].name, *summary = command->subcommands[i].summary;
  const int first = docs_first_word(name);
  const bool two = name[first] != '\0';
  if (docs_begins(command, i)) {
    fprintf(out, "complete -c %s -n '_%s_begins %s' -a %.*s -d ", book->program, function, command->name,
            first, name);
    put_text(out, two ? command->summary : summary);
  }
  if (!two) return;
  fprintf(out, "complete -c %s -n '_%s_begins %s %.*s' -a%s -d ", book->program, function, command->name,
          first, name, name + first);
  put_text(out, summary);
}

/* Subcommands, and what the arguments can be. */
static void put_words(FILE *out, const docs_book *book, const char *function, const cli_command *command) {
  for (int i = 0; i < command->n_subcommands; i++) put_subcommand(out, book, function, command, i);
  if (command->names) {
    fprintf(out, "complete -c %s -n '_%s_begins %s' -a '", book->program, function, command->name);
    for (const char *const *name = command->names(); *name; name++) fprintf(out, "%s ", *name);
    fputs("'\n", out);
  } else if (command->arguments) {
    put_begin(out, book, function, command, 0);
    fputs(" -F\n", out);
  }
}

void docs_fish(FILE *out, const docs_book *book) {
  char function[64];
  docs_function(book, function, sizeof function);
  fprintf(out, "# fish completion for %s: made by `cream docs fish`\n\n", book->program);
  fprintf(out,
          "# Whether the command is the first argument, and its subcommand one of the others, where there "
          "are some.\n"
          "function _%s_is\n  set -l words (commandline -opc)\n"
          "  test (count $words) -ge 2; and test \"$words[2]\" = \"$argv[1]\"; or return 1\n"
          "  test (count $argv) -lt 2; and return 0\n"
          "  test (count $words) -ge 3; or return 1\n"
          "  contains -- \"$words[3]\" $argv[2..-1]; and return 0\n"
          "  test (count $words) -ge 4; and contains -- \"$words[3] $words[4]\" $argv[2..-1]\nend\n"
          "# Whether these words are the arguments so far.\n"
          "function _%s_begins\n  set -l words (commandline -opc)\n"
          "  test (count $words) -ge 2; and test \"$words[2..-1]\" = \"$argv\"\nend\n"
          "function _%s_none\n  test (count (commandline -opc)) -eq 1\nend\n\n",
          function, function, function);
  fprintf(out, "complete -c %s -f\ncomplete -c %s -n _%s_none -l help -s h -d 'print the commands'\n",
          book->program, book->program, function);
  fprintf(out, "complete -c %s -n _%s_none -l version -d 'print the version'\n", book->program, function);
  for (int i = 0; book->commands[i]; i++) {
    const cli_command *command = book->commands[i];
    if (command->hidden) continue;
    fprintf(out, "complete -c %s -n _%s_none -a %s -d ", book->program, function, command->name);
    put_text(out, command->summary);
    put_words(out, book, function, command);
    const cli_option *option;
    for (int o = 0; (option = cli_option_at(command, o)); o++)
      put_option(out, book, function, command, option);
  }
}
