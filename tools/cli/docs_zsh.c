#include <string.h>

#include "docs.h"

/* The characters that _arguments and _describe give a meaning. */
#define IN_SPECIFICATION "[]:\\"

/* Inside single quotes. No quotes meet, which the option rcquotes would read as one. */
static void put_text(FILE *out, const char *text) {
  docs_put_text(out, text, "'\\''", IN_SPECIFICATION);
}

/* ":message:action" of an option's argument. */
static void put_argument(FILE *out, const cli_command *command, const cli_option *option,
                         const char *function) {
  const docs_argument argument = docs_argument_of(option);
  if (argument == DOCS_NONE) return;
  fputc(':', out);
  put_text(out, option->argument);
  switch (argument) {
  case DOCS_NONE:
    break;
  case DOCS_VALUE:
    fputs(":", out);
    break;
  case DOCS_FOLDER:
    fputs(":_files -/", out);
    break;
  case DOCS_BEGINNING:
    fprintf(out, ": %s_beginning", function);
    docs_put_words(out, command, option, " ", "");
    break;
  case DOCS_WORDS:
    fputs(":(", out);
    docs_put_words(out, command, option, "", " ");
    fputs(")", out);
    break;
  case DOCS_FILE:
    fprintf(out, ": %s_file", function);
    docs_put_words(out, command, option, " ", "");
    break;
  }
}

static void put_option(FILE *out, const cli_command *command, const cli_option *option,
                       const char *function) {
  const bool repeats = option->kind == CLI_SET || option->kind == CLI_CALL || option->kind == CLI_CONFIG;
  fputs("      ", out);
  if (option->letter)
    fprintf(out, "'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter, option->name);
  else
    fprintf(out, "'%s--%s%s[", repeats ? "*" : "", option->name, option->argument ? "=" : "");
  put_text(out, option->help);
  fputc(']', out);
  put_argument(out, command, option, function);
  fputs("' \\\n", out);
}

/* The call of _arguments for a command or one of its subcommands; what follows the options. */
static void put_call(FILE *out, const cli_command *command, int subcommand, const char *function) {
  const cli_option *option;
  fputs("    _arguments -s : \\\n", out);
  for (int i = 0; (option = cli_option_at(command, i)); i++)
    if (subcommand < 0 || !option->only || option->only >> subcommand & 1)
      put_option(out, command, option, function);
  if (command->names) {
    fputs("      '*:word:(", out);
    for (const char *const *name = command->names(); *name; name++) fprintf(out, "%s ", *name);
    fputs(")'\n", out);
  } else if (command->arguments) {
    fputs("      '*:file:_files'\n", out);
  } else {
    fputs("      '*: :'\n", out);
  }
}

/* A list for _describe: "name:summary". */
static void put_described(FILE *out, const char *name, const char *summary) {
  fputs("    '", out);
  put_text(out, name);
  fputc(':', out);
  put_text(out, summary);
  fputs("'\n", out);
}

/* Subcommands with `first` as the first of two words: the second word at its place. */
static void put_second_words(FILE *out, const cli_command *command, const char *first, int length) {
  fprintf(out,
          "    if (( CURRENT == 3 )) && [[ $words[2] == %.*s && $words[3] != -* ]]; then\n    described=(\n",
          length, first);
  for (int i = 0; i < command->n_subcommands; i++) {
    const char *name = command->subcommands[i].name;
    if (docs_first_word(name) == length && name[length] && !strncmp(name, first, (size_t)length))
      put_described(out, name + length + 1, command->subcommands[i].summary);
  }
  fputs("    )\n    _describe -t subcommands subcommand described\n    return\n    fi\n", out);
}

static void put_subcommands(FILE *out, const cli_command *command) {
  fputs("    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n    described=(\n", out);
  for (int i = 0; i < command->n_subcommands; i++) {
    const char *name = command->subcommands[i].name;
    char first[32];
    snprintf(first, sizeof first, "%.*s", docs_first_word(name), name);
    if (docs_begins(command, i))
      put_described(out, first, name[strlen(first)] ? command->summary : command->subcommands[i].summary);
  }
  fputs("    )\n    _describe -t subcommands subcommand described\n    return\n    fi\n", out);
  for (int i = 0; i < command->n_subcommands; i++) {
    const char *name = command->subcommands[i].name;
    if (docs_begins(command, i) && name[docs_first_word(name)])
      put_second_words(out, command, name, docs_first_word(name));
  }
}

static void put_command(FILE *out, const cli_command *command, const char *function) {
  fprintf(out, "  %s)\n", command->name);
  if (command->n_subcommands) put_subcommands(out, command);
  if (docs_divides_options(command)) {
    fputs("    case \"$words[2] $words[3]\" in\n", out);
    for (int i = 0; i < command->n_subcommands; i++) {
      docs_put_pattern(out, command->subcommands[i].name);
      fputc('\n', out);
      put_call(out, command, i, function);
      fputs("    return ;;\n", out);
    }
    fputs("    esac\n", out);
  }
  put_call(out, command, -1, function);
  fputs("    ;;\n", out);
}

void docs_zsh(FILE *out, const docs_book *book) {
  char function[64];
  docs_function(book, function, sizeof function);
  fprintf(out, "#compdef %s\n# zsh completion for %s: made by `cream docs zsh`\n\n", book->program,
          book->program);
  fprintf(out,
          "# Words that more follows, as a setting's value.\n"
          "%s_beginning() {\n  compadd -S '' -- \"$@\"\n}\n"
          "# A file, or one of the words.\n"
          "%s_file() {\n  (( $# )) && compadd -- \"$@\"\n  _files\n}\n\n"
          "%s() {\n  local -a described\n  if (( CURRENT == 2 )); then\n    described=(\n",
          function, function, function);
  for (int i = 0; book->commands[i]; i++)
    if (!book->commands[i]->hidden) put_described(out, book->commands[i]->name, book->commands[i]->summary);
  fputs("    )\n    _describe -t commands command described\n    compadd -- --help --version\n    return\n  "
        "fi\n"
        "  shift words\n  (( CURRENT-- ))\n  case $words[1] in\n",
        out);
  for (int i = 0; book->commands[i]; i++)
    if (!book->commands[i]->hidden) put_command(out, book->commands[i], function);
  fprintf(out, "  esac\n}\n\n%s \"$@\"\n", function);
}
