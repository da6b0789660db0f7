#include <string.h>

#include "docs.h"
#include "io/config/settings.h"

docs_argument docs_argument_of(const cli_option *option) {
  if (!option->argument) return DOCS_NONE;
  if (option->kind == CLI_SET) return DOCS_BEGINNING;
  if (option->words) {
    const char *first = option->words[0];
    return first && first[strlen(first) - 1] == '=' ? DOCS_BEGINNING : DOCS_WORDS;
  }
  if (option->names || strstr(option->argument, "FILE")) return DOCS_FILE;
  return strstr(option->argument, "DIR") ? DOCS_FOLDER : DOCS_VALUE;
}

void docs_put_words(FILE *out, const cli_command *command, const cli_option *option, const char *before,
                    const char *after) {
  const char *const *words = option->names ? option->names() : option->words;
  for (; words && *words; words++) fprintf(out, "%s%s%s", before, *words, after);
  const char *key;
  for (int i = 0; option->kind == CLI_SET && (key = cream_settings_key(i)); i++)
    if (cli_reads_setting(command, key)) fprintf(out, "%s%s=%s", before, key, after);
}

char *docs_function(const docs_book *book, char *text, size_t size) {
  snprintf(text, size, "_%s", book->program);
  for (char *at = text; *at; at++)
    if (*at == '-') *at = '_';
  return text;
}

void docs_put_text(FILE *out, const char *text, const char *quote, const char *escaped) {
  for (; *text; text++) {
    if (*text == '\'') {
      fputs(quote, out);
      continue;
    }
    if (strchr(escaped, *text)) fputc('\\', out);
    fputc(*text, out);
  }
}

int docs_first_word(const char *name) {
  return (int)strcspn(name, " ");
}

bool docs_begins(const cli_command *command, int i) {
  const char *name = command->subcommands[i].name;
  const int first = docs_first_word(name);
  for (int before = 0; before < i; before++) {
    const char *other = command->subcommands[before].name;
    if (docs_first_word(other) == first && !strncmp(other, name, (size_t)first)) return false;
  }
  return true;
}

void docs_put_pattern(FILE *out, const char *name) {
  const bool two = name[docs_first_word(name)] != '\0';
  fprintf(out, two ? "    '%s')" : "    '%s '*)", name);
}

bool docs_divides_options(const cli_command *command) {
  for (int i = 0; i < command->n_options; i++)
    if (command->options[i].only) return true;
  return false;
}
