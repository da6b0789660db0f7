#include <string.h>

#include "docs.h"
#include "help.h"
#include "io/config/settings.h"

/* Text in a cell of a table. */
static void put(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '|') fputc('\\', out);
    fputc(*text, out);
  }
}

static void put_option(FILE *out, const cli_command *command, const cli_option *option) {
  char text[640];
  fprintf(out, "| `--%s", option->name);
  if (option->argument) fputc('=', out);
  if (option->argument) put(out, option->argument);
  fputc('`', out);
  if (option->letter) fprintf(out, ", `-%c`", option->letter);
  fputs(" | ", out);
  put(out, cli_option_text(command, option, -1, text, sizeof text));
  fputs(" |\n", out);
}

static void put_command(FILE *out, const cli_command *command) {
  char usage[160];
  fprintf(out, "### cream %s\n\n`cream %s %s`: %s.\n\n", command->name, command->name,
          cli_usage(command, -1, usage, sizeof usage), command->summary);
  for (int i = 0; i < command->n_subcommands; i++)
    fprintf(out, "- `%s`: %s\n", command->subcommands[i].name, command->subcommands[i].summary);
  if (command->n_subcommands) fputc('\n', out);
  fputs("| option | meaning |\n| --- | --- |\n", out);
  const cli_option *option;
  for (int i = 0; (option = cli_option_at(command, i)); i++) put_option(out, command, option);
  fputc('\n', out);
  if (!command->settings) return;
  fputs("Settings that it reads:", out);
  for (const char *const *key = command->settings; *key; key++) {
    bool group = (*key)[strlen(*key) - 1] == '.';
    fprintf(out, "%s `%s%s`", key == command->settings ? "" : ",", *key, group ? "*" : "");
  }
  fputs(".\n\n", out);
}

void docs_settings(FILE *out, const docs_book *book) {
  fputs("## All settings\n\n", out);
  cream_settings_describe(out);
  fputs("\n## Options of the commands\n\n", out);
  for (int i = 0; book->commands[i]; i++)
    if (!book->commands[i]->hidden) put_command(out, book->commands[i]);
}
