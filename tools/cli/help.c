#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "io/config/settings.h"

enum { COLUMN = 28, WIDTH = 100 }; /* where the help lines begin and end */

static const cli_option help_option = {
    .name = "help", .letter = 'h', .help = "print this text", .kind = CLI_HELP, .group = CLI_GROUP_OUTPUT};

const cli_option *cli_option_at(const cli_command *command, int i) {
  if (i < command->n_options) return &command->options[i];
  return i == command->n_options ? &help_option : NULL;
}

bool cli_reads_setting(const cli_command *command, const char *key) {
  for (const char *const *only = command->settings; only && *only; only++) {
    size_t length = strlen(*only);
    bool prefix = length && (*only)[length - 1] == '.';
    if (prefix ? !strncmp(key, *only, length) : !strcmp(key, *only)) return true;
  }
  return false;
}

#define TITLE(name, title) [CLI_GROUP_##name] = title,
static const char *const titles[CLI_N_GROUPS] = {CLI_GROUPS(TITLE)};
#undef TITLE

const char *cli_group_title(cli_group group) {
  return titles[group];
}

const cli_exit_code cli_exit_codes[] = {
    {0, "done", "done"},
    {1, "failed", "failed: files, memory, the device; a bar of --require that was missed"},
    {2, "wrong usage or configuration", "wrong usage or configuration"},
    {3, "bad data", "a data set, image or weights file that cannot be used"},
    {130, "interrupted", "stopped by a signal, with everything written"},
    {0, NULL, NULL}};

void cli_print_exit_codes(FILE *out) {
  fputs("Exit codes:", out);
  for (const cli_exit_code *code = cli_exit_codes; code->meaning; code++)
    fprintf(out, "%s %d %s", code == cli_exit_codes ? "" : ",", code->code, code->meaning);
  fputs(".\n", out);
}

/* ---- an option --------------------------------------------------------------------------------------- */

char *cli_option_default(const cli_command *command, const cli_option *option, char *text, size_t size) {
  text[0] = '\0';
  if (option->fallback) {
    snprintf(text, size, "%s", option->fallback);
    return text;
  }
  char *values = calloc(1, command->size);
  if (!values) return text;
  if (command->defaults) command->defaults(values);
  const void *target = values + option->offset;
  switch (option->kind) {
  case CLI_INT:
    snprintf(text, size, "%d", *(const int *)target);
    break;
  case CLI_DOUBLE:
    snprintf(text, size, "%g", *(const double *)target);
    break;
  case CLI_TEXT:
    if (*(const char *const *)target) snprintf(text, size, "%s", *(const char *const *)target);
    break;
  case CLI_WORD:
    snprintf(text, size, "%s", option->words[*(const int *)target]);
    break;
  case CLI_SETTING:
    cream_settings_get(target, option->key, text, size);
    break;
  case CLI_BOOL:
  case CLI_SET:
  case CLI_CONFIG:
  case CLI_CALL:
  case CLI_HELP:
    break;
  }
  free(values);
  return text;
}

char *cli_option_text(const cli_command *command, const cli_option *option, int subcommand, char *text,
                      size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; subcommand < 0 && option->only && i < command->n_subcommands; i++)
    if (option->only >> i & 1)
      used +=
          (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", command->subcommands[i].name);
  char value[128];
  cli_option_default(command, option, value, sizeof value);
  snprintf(text + used, size - used, *value ? "%s%s (default: %s)" : "%s%s", used ? ": " : "", option->help,
           value);
  return text;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* Words of `text` from the present column to WIDTH, further lines beginning at COLUMN. */
static void print_wrapped(FILE *out, const char *text) {
  int at = COLUMN;
  while (*text) {
    int length = (int)strcspn(text, " ");
    if (at > COLUMN && at + 1 + length > WIDTH) {
      fprintf(out, "\n%*s", COLUMN, "");
      at = COLUMN;
    }
    at += fprintf(out, "%s%.*s", at > COLUMN ? " " : "", length, text);
    text += length + (text[length] == ' ');
  }
  fputc('\n', out);
}

static void print_option(FILE *out, const cli_command *command, const cli_option *option, int subcommand) {
  char text[640], letter[8] = "";
  if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
  int used = fprintf(out, "  %s--%s%s%s", letter, option->name, option->argument ? "=" : "",
                     option->argument ? option->argument : "");
  if (used + 2 > COLUMN)
    fprintf(out, "\n%*s", COLUMN, "");
  else
    fprintf(out, "%*s", COLUMN - used, "");
  print_wrapped(out, cli_option_text(command, option, subcommand, text, sizeof text));
}

static bool is_shown(const cli_option *option, int subcommand) {
  return subcommand < 0 || !option->only || option->only >> subcommand & 1;
}

static void print_group(FILE *out, const cli_command *command, cli_group group, int subcommand) {
  const cli_option *option;
  bool begun = false;
  for (int i = 0; (option = cli_option_at(command, i)); i++) {
    if (option->group != group || !is_shown(option, subcommand)) continue;
    if (!begun) fprintf(out, "\n%s:\n", titles[group]);
    begun = true;
    print_option(out, command, option, subcommand);
  }
}

char *cli_usage(const cli_command *command, int subcommand, char *text, size_t size) {
  const char *name = subcommand >= 0          ? command->subcommands[subcommand].name
                     : command->n_subcommands ? "SUBCOMMAND"
                                              : "";
  snprintf(text, size, "%s%s[options]%s%s", name, *name ? " " : "", command->arguments ? " " : "",
           command->arguments ? command->arguments : "");
  return text;
}

/* The width of the column of the subcommands' names. */
static int subcommand_width(const cli_command *command) {
  size_t width = 10;
  for (int i = 0; i < command->n_subcommands; i++) {
    size_t length = strlen(command->subcommands[i].name);
    if (length + 2 > width) width = length + 2;
  }
  return (int)width;
}

void cli_help(FILE *out, const cli_command *command, int subcommand) {
  char usage[160];
  if (subcommand < 0)
    fprintf(out, "%s: %s\n\n", command->name, command->summary);
  else
    fprintf(out, "%s %s: %s\n\n", command->name, command->subcommands[subcommand].name,
            command->subcommands[subcommand].summary);
  fprintf(out, "Usage: cream %s %s\n", command->name, cli_usage(command, subcommand, usage, sizeof usage));
  if (subcommand < 0 && command->n_subcommands) fprintf(out, "\nSubcommands:\n");
  for (int i = 0; subcommand < 0 && i < command->n_subcommands; i++)
    fprintf(out, "  %-*s%s\n", subcommand_width(command), command->subcommands[i].name,
            command->subcommands[i].summary);
  for (int group = 0; group < CLI_N_GROUPS; group++) print_group(out, command, (cli_group)group, subcommand);
  if (command->text) fprintf(out, "\n%s", command->text);
  if (command->settings) {
    fputs("\nSettings that it reads, for --set and --config, with their defaults:\n", out);
    cream_settings_help(out, command->settings);
  }
  fputc('\n', out);
  cli_print_exit_codes(out);
}
