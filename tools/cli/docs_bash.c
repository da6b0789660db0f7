#include <stdlib.h>
#include <string.h>

#include "docs.h"
#include "io/config/settings.h"

/* ---- words of a command ------------------------------------------------------------------------------ */

static void put_commands(FILE *out, const cli_command *const *commands) {
  for (; *commands; commands++)
    if (!(*commands)->hidden) fprintf(out, "%s ", (*commands)->name);
}

static size_t first_word(const char *name) {
  return strcspn(name, " ");
}

static bool same_first_word(const char *a, const char *b) {
  return first_word(a) == first_word(b) && !strncmp(a, b, first_word(a));
}

/* The first word of a subcommand, unless one before it has the same. */
static void put_first_word(FILE *out, const cli_command *command, int subcommand) {
  const char *name = command->subcommands[subcommand].name;
  for (int i = 0; i < subcommand; i++)
    if (same_first_word(command->subcommands[i].name, name)) return;
  fprintf(out, " %.*s", (int)first_word(name), name);
}

/* What follows the first word of subcommands of two words. */
static void put_second_words(FILE *out, const cli_command *command) {
  for (int i = 0; i < command->n_subcommands; i++) {
    const char *name = command->subcommands[i].name;
    if (!name[first_word(name)]) continue;
    fprintf(out, "    [ \"$COMP_CWORD\" -eq 3 ] && [ \"${COMP_WORDS[2]}\" = %.*s ] && second+=' %s'\n",
            (int)first_word(name), name, name + first_word(name) + 1);
  }
}

static void put_command(FILE *out, const cli_command *command) {
  const cli_option *option;
  fprintf(out, "  %s)\n    options='", command->name);
  for (int i = 0; (option = cli_option_at(command, i)); i++) fprintf(out, " --%s", option->name);
  fputs("'\n    subcommands='", out);
  for (int i = 0; i < command->n_subcommands; i++) put_first_word(out, command, i);
  fputs("'\n", out);
  put_second_words(out, command);
  fputs("    ;;\n", out);
}

/* ---- arguments of options ---------------------------------------------------------------------------- */

/* Words that the option's argument can be, each after a blank; none where there is no list of them. */
static void put_values(FILE *out, const cli_option *option) {
  const char *const *words = option->names ? option->names() : option->words;
  for (; words && *words; words++) fprintf(out, " %s", *words);
  for (int i = 0; option->kind == CLI_SET && cream_settings_key(i); i++)
    fprintf(out, " %s=", cream_settings_key(i));
}

/* Options whose words are written, each once: an option means the same in every command that has it. */
typedef struct seen {
  int count;
  const char *names[256];
} seen;

static bool is_seen(const seen *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (!strcmp(s->names[i], name)) return true;
  return s->count == (int)(sizeof s->names / sizeof *s->names);
}

static void put_case(FILE *out, const cli_option *option, seen *s) {
  char *text = NULL;
  size_t size = 0;
  if (is_seen(s, option->name)) return;
  FILE *words = open_memstream(&text, &size);
  if (!words) return;
  put_values(words, option);
  fclose(words);
  if (size > 0) {
    s->names[s->count++] = option->name;
    fprintf(out, "  --%s)\n    %sCOMPREPLY=($(compgen %s-W '%s' -- \"$word\"))\n    return\n    ;;\n",
            option->name, option->kind == CLI_SET ? "compopt -o nospace\n    " : "",
            option->names ? "-f " : "", text + 1);
  }
  free(text);
}

void docs_bash(FILE *out, const cli_command *const *commands) {
  fputs("# bash completion for cream: made by `cream docs bash`\n\n"
        "_cream() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= subcommands= "
        "second=\n"
        "  COMPREPLY=()\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "    COMPREPLY=($(compgen -W '",
        out);
  put_commands(out, commands);
  fputs("help --help --version' -- \"$word\"))\n    return\n  fi\n"
        "  case ${COMP_WORDS[1]} in\n  help) subcommands='",
        out);
  put_commands(out, commands);
  fputs("' ;;\n", out);
  for (int i = 0; commands[i]; i++)
    if (!commands[i]->hidden) put_command(out, commands[i]);
  fputs("  esac\n  case $before in\n", out);
  seen s = {0};
  const cli_option *option;
  for (int i = 0; commands[i]; i++)
    for (int o = 0; !commands[i]->hidden && (option = cli_option_at(commands[i], o)); o++)
      put_case(out, option, &s);
  fputs("  esac\n"
        "  if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$subcommands\" ] && [[ $word != -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$subcommands\" -- \"$word\"))\n"
        "  elif [ -n \"$second\" ] && [[ $word != -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$second\" -- \"$word\"))\n"
        "  elif [[ $word == -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
        "  else\n"
        "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "  fi\n"
        "}\n"
        "complete -o filenames -F _cream cream\n",
        out);
}
