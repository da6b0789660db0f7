#include <stdlib.h>
#include <string.h>

#include "docs.h"

/* ---- words of a command ------------------------------------------------------------------------------ */

static void put_commands(FILE *out, const docs_book *book) {
  for (int i = 0; book->commands[i]; i++)
    if (!book->commands[i]->hidden) fprintf(out, "%s ", book->commands[i]->name);
}

/* Options of the command that all its subcommands have (-1), or that a subcommand has beside these. */
static void put_options(FILE *out, const cli_command *command, int subcommand) {
  const cli_option *option;
  for (int i = 0; (option = cli_option_at(command, i)); i++)
    if (subcommand < 0 ? !option->only : option->only >> subcommand & 1) fprintf(out, " --%s", option->name);
}

/* What follows the first word of subcommands of two words. */
static void put_second_words(FILE *out, const cli_command *command) {
  for (int i = 0; i < command->n_subcommands; i++) {
    const char *name = command->subcommands[i].name;
    const int first = docs_first_word(name);
    if (name[first])
      fprintf(out, "    [ \"$COMP_CWORD\" -eq 3 ] && [ \"${COMP_WORDS[2]}\" = %.*s ] && second+='%s'\n",
              first, name, name + first);
  }
}

static void put_command(FILE *out, const cli_command *command) {
  fprintf(out, "  %s)\n    options='", command->name);
  put_options(out, command, -1);
  fputs("' words='", out);
  for (int i = 0; i < command->n_subcommands; i++)
    if (docs_begins(command, i)) {
      const char *name = command->subcommands[i].name;
      fprintf(out, " %.*s", docs_first_word(name), name);
    }
  const char *const *names = command->names ? command->names() : NULL;
  for (; names && *names; names++) fprintf(out, " %s", *names);
  fputs("'\n", out);
  put_second_words(out, command);
  if (docs_divides_options(command)) {
    fputs("    case \"${COMP_WORDS[2]} ${COMP_WORDS[3]}\" in\n", out);
    for (int i = 0; i < command->n_subcommands; i++) {
      docs_put_pattern(out, command->subcommands[i].name);
      fputs(" options+='", out);
      put_options(out, command, i);
      fputs("' ;;\n", out);
    }
    fputs("    esac\n", out);
  }
  fputs("    ;;\n", out);
}

/* ---- arguments of options ---------------------------------------------------------------------------- */

/* What is offered for an argument, as bash; the caller frees it. NULL: there is no memory. */
static char *offer(const cli_command *command, const cli_option *option) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  const docs_argument argument = docs_argument_of(option);
  switch (argument) {
  case DOCS_NONE:
    break;
  case DOCS_VALUE:
    fputs(":", out);
    break;
  case DOCS_FOLDER:
    fputs("COMPREPLY=($(compgen -d -- \"$word\"))", out);
    break;
  case DOCS_BEGINNING:
    fputs("compopt -o nospace; ", out);
    __attribute__((fallthrough));
  case DOCS_WORDS:
  case DOCS_FILE:
    fprintf(out, "COMPREPLY=($(compgen %s-W '", argument == DOCS_FILE ? "-f " : "");
    docs_put_words(out, command, option, "", " ");
    fputs("' -- \"$word\"))", out);
    break;
  }
  fclose(out);
  return text;
}

/* Options whose offers are written for every command, each with its first one; others have a case of their own. */
typedef struct offers {
  int n;
  const char *names[256];
  char *texts[256];
} offers;

static void put_own_case(FILE *out, const cli_command *command, const cli_option *option, offers *all) {
  char *text = offer(command, option);
  int i = 0;
  while (i < all->n && strcmp(all->names[i], option->name) != 0) i++;
  CREAM_ASSERT(i < (int)(sizeof all->names / sizeof *all->names));
  if (text && *text && i == all->n) {
    all->names[i] = option->name;
    all->texts[i] = text;
    all->n++;
    return;
  }
  if (text && *text && strcmp(text, all->texts[i]) != 0)
    fprintf(out, "  '%s --%s')\n    %s\n    return\n    ;;\n", command->name, option->name, text);
  free(text);
}

static void put_cases(FILE *out, const docs_book *book) {
  offers all = {0};
  const cli_option *option;
  for (int c = 0; book->commands[c]; c++)
    for (int i = 0; !book->commands[c]->hidden && (option = cli_option_at(book->commands[c], i)); i++)
      put_own_case(out, book->commands[c], option, &all);
  for (int i = 0; i < all.n; i++) {
    fprintf(out, "  *' --%s')\n    %s\n    return\n    ;;\n", all.names[i], all.texts[i]);
    free(all.texts[i]);
  }
}

/* bash divides --option=value into three words. */
void docs_bash(FILE *out, const docs_book *book) {
  char function[64];
  docs_function(book, function, sizeof function);
  fprintf(out, "# bash completion for %s: made by `cream docs bash`\n\n%s() {\n", book->program, function);
  fputs("  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= words= second=\n"
        "  if [ \"$word\" = = ]; then\n"
        "    word=\n"
        "  elif [ \"$before\" = = ]; then\n"
        "    before=${COMP_WORDS[COMP_CWORD-2]}\n"
        "  fi\n"
        "  COMPREPLY=()\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "    COMPREPLY=($(compgen -W '",
        out);
  put_commands(out, book);
  fputs("--help --version' -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n", out);
  for (int i = 0; book->commands[i]; i++)
    if (!book->commands[i]->hidden) put_command(out, book->commands[i]);
  fputs("  esac\n  case \"${COMP_WORDS[1]} $before\" in\n", out);
  put_cases(out, book);
  fprintf(out,
          "  esac\n"
          "  if [[ $word == -* ]]; then\n"
          "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "  elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$words\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "  elif [ -n \"$second\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"$second\" -- \"$word\"))\n"
          "  else\n"
          "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
          "  fi\n"
          "}\n"
          "complete -o filenames -F %s %s\n",
          function, book->program);
}
