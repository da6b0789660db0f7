#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "docs.h"
#include "io/config/arch.h"
#include "io/config/settings.h"
#include "io/config/space_yaml.h"

/* ---- words of a command ---------------------------------------------------------------------------- */

static void put_name(void *self, const struct poptOption *option) {
  fprintf(self, " --%s", option->longName);
}

static void put_modes(FILE *out, const tool *t) {
  const char *summary, *name;
  for (int i = 0; t->mode && (name = t->mode(i, &summary)); i++) fprintf(out, " %s", name);
}

static void put_commands(FILE *out, const char *pattern) {
  for (int i = 0; tools[i]; i++)
    if (!tools[i]->hidden) fprintf(out, pattern, tools[i]->name);
}

/* ---- arguments of options ---------------------------------------------------------------------------- */

static void put_list(FILE *out, const char *const *names) {
  for (; *names; names++) fprintf(out, " %s", *names);
}

/* "stop|rollback": words to choose from, in lower case. */
static bool is_choice(const char *argument) {
  if (!argument || !strchr(argument, '|')) return false;
  for (; *argument; argument++)
    if (isupper((unsigned char)*argument)) return false;
  return true;
}

/* Words of an option's argument; false: none that is known. */
static bool put_values(FILE *out, const struct poptOption *option) {
  const char *name = option->longName;
  if (is_choice(option->argDescrip)) {
    fputc(' ', out);
    for (const char *at = option->argDescrip; *at; at++) fputc(*at == '|' ? ' ' : *at, out);
  } else if (!strcmp(name, "space")) {
    put_list(out, cream_space_names());
  } else if (!strcmp(name, "arch")) {
    put_list(out, cream_arch_names());
  } else if (!strcmp(name, "set")) {
    for (int i = 0; cream_settings_key(i); i++) fprintf(out, " %s=", cream_settings_key(i));
  } else {
    return false;
  }
  return true;
}

/* Options with words of their own, each once: a command's option means the same as another's of that name. */
typedef struct seen {
  FILE *out;
  int count;
  const char *names[256];
} seen;

static void put_case(void *self, const struct poptOption *option) {
  seen *s = self;
  char *text = NULL;
  size_t size = 0;
  for (int i = 0; i < s->count; i++)
    if (!strcmp(s->names[i], option->longName)) return;
  FILE *words = open_memstream(&text, &size);
  if (!words) return;
  bool known = put_values(words, option);
  fclose(words);
  if (known && s->count < (int)(sizeof s->names / sizeof *s->names)) {
    s->names[s->count++] = option->longName;
    bool opens = option->argDescrip && strstr(option->argDescrip, "FILE");
    bool more = !strcmp(option->longName, "set");
    fprintf(s->out, "  --%s)\n    %sCOMPREPLY=($(compgen %s-W '%s' -- \"$word\"))\n    return\n    ;;\n",
            option->longName, more ? "compopt -o nospace\n    " : "", opens ? "-f " : "", text + 1);
  }
  free(text);
}

void docs_bash(FILE *out) {
  fputs("# bash completion for cream: made by `cream docs bash`\n\n"
        "_cream() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= modes=\n"
        "  COMPREPLY=()\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "    COMPREPLY=($(compgen -W '",
        out);
  put_commands(out, "%s ");
  fputs(
      "help --help --version' -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n  help) modes='",
      out);
  put_commands(out, "%s ");
  fputs("' ;;\n", out);
  for (int i = 0; tools[i]; i++) {
    if (tools[i]->hidden) continue;
    fprintf(out, "  %s)\n    options='", tools[i]->name);
    describe_options(tools[i], put_name, out);
    fputs("'\n    modes='", out);
    put_modes(out, tools[i]);
    fputs("'\n    ;;\n", out);
  }
  fputs("  esac\n  case $before in\n", out);
  seen s = {.out = out};
  for (int i = 0; tools[i]; i++)
    if (!tools[i]->hidden) describe_options(tools[i], put_case, &s);
  fputs("  esac\n"
        "  if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$modes\" ] && [[ $word != -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$modes\" -- \"$word\"))\n"
        "  elif [[ $word == -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
        "  else\n"
        "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "  fi\n"
        "}\n"
        "complete -o filenames -F _cream cream\n",
        out);
}
